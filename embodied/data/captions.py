"""Captions: a strip under a picture with the instruction, the step and how it went."""

from __future__ import annotations

import textwrap
from functools import cache

import numpy as np

from embodied.data.video import even

CAPTION_LINES = 3
BACKGROUND, INK = (250, 250, 248), (30, 30, 34)
OUTCOME_INK = {"done": (22, 120, 60), "failed": (176, 40, 30), "timeout": (176, 40, 30), "refused": (160, 90, 0)}


def captioned(frame: np.ndarray, title: str, step: str, status: str = "") -> np.ndarray:
    """uint8[H + caption, W, 3], both even: the frame over a strip with its instruction, step and outcome."""
    from PIL import Image, ImageDraw

    frame = even(frame)
    height, width = frame.shape[:2]
    sheet = Image.new("RGB", (width, height + caption_height_px(width)), BACKGROUND)
    sheet.paste(Image.fromarray(np.ascontiguousarray(frame)), (0, 0))
    draw, font, line_px = ImageDraw.Draw(sheet), _font(_font_px(width)), _font_px(width) * 1.3
    lines = _wrapped(title, width, 2)
    for i, line in enumerate(lines):
        draw.text((8, height + 5 + i * line_px), line, fill=INK, font=font)
    ink = OUTCOME_INK.get(status, (40, 80, 150))
    draw.text((8, height + 5 + len(lines) * line_px), _wrapped(step, width, 1)[0] if step else "", fill=ink, font=font)
    return np.asarray(sheet)


def caption_height_px(width: int) -> int:
    """Of the strip under a picture of that width; even."""
    return int(10 + CAPTION_LINES * _font_px(width) * 1.3) // 2 * 2


def _font_px(width: int) -> int:
    return max(10, width // 34)


@cache
def _font(size_px: int):
    from PIL import ImageFont

    return ImageFont.load_default(size_px)


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    """At most `lines` lines; characters that the font lacks become question marks."""
    plain = " ".join(text.split()).encode("latin-1", "replace").decode("latin-1")
    columns = int((width - 16) / (0.54 * _font_px(width)))
    return textwrap.wrap(plain, columns, max_lines=lines, placeholder=" ...") or [""]
