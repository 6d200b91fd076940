"""Futures as pictures: one branching film strip, and a page that needs no other file."""

from __future__ import annotations

import io
from html import escape

from PIL import Image, ImageDraw, ImageFont

from embodied.evaluation.futures import FRAME_PX, Future, Futures
from embodied.evaluation.page import data_uri, page, section

NOTICE = "Simulation only: each plan was carried out in an exact fork of the simulator. The twin is made of what was " \
         "perceived, and of nothing else."
_GAP, _TEXT_PX, _BRANCH_PX = 8, 44, 60
_INK, _SOFT, _PAPER, _GOOD, _BAD = "#1d1f24", "#667085", "#ffffff", "#16783c", "#b0281e"


def strip(found: Futures) -> bytes:
    """A PNG: the moment on the left, a row for each plan, likelier ones above."""
    height, width = FRAME_PX
    row_px = height + _TEXT_PX + _GAP
    most = max((len(one.frames) for one in found.futures), default=1)
    size = (width + _BRANCH_PX + most * (width + _GAP) + _GAP, len(found.futures) * row_px + _TEXT_PX)
    canvas = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=15)
    middle = (canvas.height - height) // 2
    draw.text((_GAP, 10), f"\u201c{found.instruction}\u201d", fill=_INK, font=ImageFont.load_default(size=20))
    canvas.paste(Image.fromarray(found.frame), (_GAP, middle))
    for number, future in enumerate(found.futures):
        top = _TEXT_PX + number * row_px
        draw.line([(width + _GAP, middle + height // 2), (width + _BRANCH_PX // 2, middle + height // 2),
                   (width + _BRANCH_PX // 2, top + _TEXT_PX + height // 2),
                   (width + _BRANCH_PX, top + _TEXT_PX + height // 2)], fill=_color(future, found), width=3)
        _row(canvas, draw, font, future, found, (width + _BRANCH_PX, top))
    content = io.BytesIO()
    canvas.save(content, "PNG", optimize=True)
    return content.getvalue()


def _row(canvas: Image.Image, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont, future: Future, found: Futures,
         at: tuple[int, int]) -> None:
    """One plan's words and pictures, from its upper left corner on."""
    (left, top), (_, width) = at, FRAME_PX
    draw.text((left, top), f"{share(future)}  {_words(future)}", fill=_INK, font=font)
    draw.text((left, top + 20), "  ".join(_said(future, found)), fill=_color(future, found), font=font)
    for place, frame in enumerate(future.frames):
        canvas.paste(Image.fromarray(frame), (left + place * (width + _GAP), top + _TEXT_PX))


def html(found: Futures) -> str:
    """The whole page."""
    rows = "\n".join(_figure(future, found) for future in found.futures)
    picture = f'<img alt="the branching film strip" style="width:100%" src="{data_uri("image/png", strip(found))}">'
    return page(f"futures of \u201c{found.instruction}\u201d", [
        f'<h1>\u201c{escape(found.instruction)}\u201d</h1><p class="soft">{escape(NOTICE)}</p>',
        section("From one moment", picture), section("Plan by plan", f'<div class="gallery">{rows}</div>')])


def _figure(future: Future, found: Futures) -> str:
    """A plan, its end as a picture, and what was said of it."""
    content = io.BytesIO()
    Image.fromarray(future.frames[-1]).save(content, "PNG")
    calls = "".join(f"<li>{escape(call)}: {escape(outcome)}</li>"
                    for call, outcome in zip(future.calls, future.outcomes, strict=True))
    said = "<br>".join(map(escape, _said(future, found)))
    kind = "" if future.is_success else ' class="loss"'
    return (f'<figure{kind}><img alt="the end" src="{data_uri("image/png", content.getvalue())}"><figcaption>'
            f"<b>{escape(share(future))}</b> {escape(_words(future))}<ol>{calls}</ol>{said}</figcaption></figure>")


def share(future: Future) -> str:
    """The policy's probability of the plan's words."""
    if future.probability is None:
        return "no model was asked:"
    return f"{future.probability:.1%}" if future.probability >= 0.001 else "< 0.1%"


def _words(future: Future) -> str:
    """The plan in words."""
    if future.plan.refusal is not None:
        return f"refuses: {future.plan.refusal}"
    return ", ".join(future.calls) or "does nothing"


def happened(future: Future, found: Futures) -> str:
    """What came of a plan, in words that claim no more than was judged."""
    if not found.is_judged:
        return "nobody judges these words"
    return "success" if future.is_success else f"{future.progress:.0%} done"


def _said(future: Future, found: Futures) -> list[str]:
    """What the twin predicted, and what happened."""
    twin = "twin: nothing to say" if future.foresight is None else (
        f"twin: {future.foresight.after:.0%} done" + (f", {future.foresight.failures} failed" * bool(
            future.foresight.failures)))
    return [twin, f"happened: {happened(future, found)}"]


def _color(future: Future, found: Futures) -> str:
    return _SOFT if not found.is_judged else _GOOD if future.is_success else _BAD
