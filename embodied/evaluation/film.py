"""Films of episodes: h264 mp4 with a caption under the picture, stills, and strips of stills."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

CAPTION_LINES = 3
BACKGROUND, INK = (250, 250, 248), (30, 30, 34)
OUTCOME_INK = {"done": (22, 120, 60), "failed": (176, 40, 30), "timeout": (176, 40, 30), "refused": (160, 90, 0)}


class Film:
    """Frames with captions, collected while an episode runs; `add` is the callback that an environment calls."""

    def __init__(self, fps: int = 10, max_frames: int = 1200):
        self.fps, self.frames, self._max_frames = fps, [], max_frames
        self._instruction, self._step, self._status = "", "", ""

    def title(self, instruction: str) -> None:
        self._instruction = instruction

    def caption(self, step: str, status: str = "") -> None:
        """What the next frames show. status: an Outcome's status, for the colour; "" while it is under way."""
        self._step, self._status = step, status

    def add(self, frame: np.ndarray) -> None:
        """frame: uint8[H, W, 3]; kept with the caption of the moment, at most `max_frames` of them."""
        if len(self.frames) < self._max_frames:
            self.frames.append(captioned(frame, self._instruction, self._step, self._status))

    def hold(self, seconds: float = 1.0) -> None:
        """Repeats the last picture under the caption of the moment, so that an end can be read."""
        if self.frames:
            height = self.frames[-1].shape[0] - caption_height_px(self.frames[-1].shape[1])
            last = captioned(self.frames[-1][:height], self._instruction, self._step, self._status)
            self.frames += [last] * max(1, round(seconds * self.fps))

    def pictures(self) -> list[np.ndarray]:
        """The frames without their captions."""
        return [frame[:frame.shape[0] - caption_height_px(frame.shape[1])] for frame in self.frames]

    def save(self, path: Path) -> Path:
        """Writes the mp4 (yuv420p, plays in every browser)."""
        path.write_bytes(encode(self.frames, self.fps))
        return path

    def still(self, path: Path) -> Path:
        """Writes a picture of the start, the middle and the end, side by side."""
        save_png(strip(self.frames, count=3), path)
        return path


def captioned(frame: np.ndarray, title: str, step: str, status: str = "") -> np.ndarray:
    """uint8[H + caption, W, 3], both even: the frame over a strip with its instruction, step and outcome."""
    from PIL import Image, ImageDraw

    height, width = frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2
    sheet = Image.new("RGB", (width, height + caption_height_px(width)), BACKGROUND)
    sheet.paste(Image.fromarray(np.ascontiguousarray(frame[:height, :width])), (0, 0))
    draw, font, line_px = ImageDraw.Draw(sheet), _font(_font_px(width)), _font_px(width) * 1.3
    lines = _wrapped(title, width, 2)
    for i, line in enumerate(lines):
        draw.text((8, height + 5 + i * line_px), line, fill=INK, font=font)
    ink = OUTCOME_INK.get(status, (40, 80, 150))
    draw.text((8, height + 5 + len(lines) * line_px), _wrapped(step, width, 1)[0] if step else "", fill=ink, font=font)
    return np.asarray(sheet)


def caption_height_px(width: int) -> int:
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


def encode(frames: Sequence[np.ndarray], fps: int, crf: int = 26) -> bytes:
    """An h264 mp4 of frames uint8[H, W, 3] of one even size. Raises ValueError without frames."""
    import av

    if not frames:
        raise ValueError("film: expected at least one frame, got none; let the camera watch before the episode starts")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=fps, options=options)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def strip(frames: Sequence[np.ndarray], count: int = 4, height_px: int | None = None) -> np.ndarray:
    """uint8[h, sum of widths, 3]: `count` frames from first to last, side by side."""
    from PIL import Image

    picked = [frames[round(i * (len(frames) - 1) / max(1, count - 1))] for i in range(min(count, len(frames)))]
    images = [Image.fromarray(f) for f in picked]
    if height_px is not None:
        images = [i.resize((round(i.width * height_px / i.height), height_px), Image.Resampling.LANCZOS)
                  for i in images]
    return np.concatenate([np.asarray(i) for i in images], axis=1)


def save_png(image: np.ndarray, path: Path) -> Path:
    """Writes uint8[H, W, 3]."""
    from PIL import Image

    Image.fromarray(image).save(path, optimize=True)
    return path


def jpeg(image: np.ndarray, quality: int = 80) -> bytes:
    """The bytes of uint8[H, W, 3] as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()
