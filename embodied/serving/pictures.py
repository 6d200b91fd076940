"""Pictures from strangers: checked by their headers before a pixel is decoded, and brought to one form.

Pillow decodes; sizes are capped long before memory is at risk. Everything unfit is an ApiError 422.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from embodied.data.episodes import DEPTH_STEP_M
from embodied.serving.errors import ApiError
from embodied.serving.views import LEARNED_PX, LEAST_PX, fitted, stride_of, thinned, unfit
from envs.interface import Camera, Observation, PlainView

MAX_BYTES = 6 << 20
"""What fits a request's body as base64."""
MAX_PIXELS = 4_000_000
"""Of one picture: it takes 16 MiB while it is decoded, and what is kept of it is small."""
MAX_SIDE, LEAST_SIDE = 4096, 16
KINDS = ("PNG", "JPEG", "WEBP")
_URL_HEAD = 100  # characters before the comma of a data URL
_PIECE = 1 << 18  # of base64, a multiple of 4: decoding holds the interpreter
NOTE = "embodied"
"""PNG text chunk that says which camera a picture is from, and how it stands."""
_NOTE_CHARACTERS = 4096
_NO_BODY = np.zeros(9), np.array([0, 0, 0, 0, 0, 0, 1.0]), 0.0, 0.0
"""Joints, tool, gripper and time of whoever only sends pictures."""


def from_url(url: str) -> bytes:
    """The bytes of a data URL. Other URLs are never fetched: a server that fetches what strangers name can be sent
    anywhere."""
    start = url.find(",", 0, _URL_HEAD) + 1
    head, size = url[:max(0, start - 1)], len(url) - start
    if not head.startswith("data:image/") or not head.endswith(";base64"):
        raise unfit("expected a URL data:image/...;base64,...; others are not fetched")
    if size > MAX_BYTES * 4 // 3 + 4:
        raise unfit(f"expected at most {MAX_BYTES} bytes")
    if url.find("=", start, len(url) - 2) >= 0:
        raise unfit("expected base64")
    try:
        return b"".join(base64.b64decode(url[at:at + _PIECE], validate=True) for at in range(start, len(url), _PIECE))
    except (binascii.Error, ValueError):
        raise unfit("expected base64") from None


class Picture(NamedTuple):
    """uint8[H, W, 3], or uint16[H, W] of a 16-bit grey PNG, upright; its NOTE, {} without one; which pixels were kept,
    every `stride`-th from the first one on."""

    pixels: np.ndarray  # uint8[H, W, 3] or uint16[H, W]
    note: Mapping[str, Any]
    stride: int = 1


def decode(content: bytes) -> Picture:
    """The picture, no larger than the planner needs it. Raises ApiError 422."""
    from PIL import Image, ImageOps, PngImagePlugin

    if len(content) > MAX_BYTES:
        raise unfit(f"expected at most {MAX_BYTES} bytes, got {len(content)}")
    try:
        PngImagePlugin.MAX_TEXT_MEMORY = PngImagePlugin.MAX_TEXT_CHUNK  # texts unpack to a thousand times their size
        with Image.open(io.BytesIO(content), formats=KINDS) as image:
            _check_size(*image.size)
            note = _note(getattr(image, "text", {}) if image.format == "PNG" else {})
            stride = stride_of(*image.size)
            if image.mode in ("I;16", "I;16B", "I"):
                return Picture(np.asarray(image)[::stride, ::stride].clip(0, 65535).astype(np.uint16), note, stride)
            plain = image.convert("RGBA") if image.mode == "P" else image
            upright = ImageOps.exif_transpose(plain).convert("RGB")
            return Picture(np.asarray(upright)[::stride, ::stride].copy(), note, stride)
    except ApiError:
        raise
    except Exception:  # Pillow raises nearly anything for a broken file
        raise unfit(f"expected one of {', '.join(KINDS)}, whole and sound") from None


def _check_size(width: int, height: int) -> None:
    if not (min(width, height) >= LEAST_SIDE and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise unfit(f"expected sides of {LEAST_SIDE} to {MAX_SIDE} px and at most {MAX_PIXELS} px in all, got {width} "
                    f"x {height}")


def _note(texts: Mapping[str, str]) -> Mapping[str, Any]:
    text = str(texts.get(NOTE, ""))
    if not text:
        return {}
    try:
        note = json.loads(text) if len(text) <= _NOTE_CHARACTERS else None
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, dict):
        raise unfit(f"expected JSON of at most {_NOTE_CHARACTERS} characters in its text {NOTE!r}")
    return note


_WANTED = ("expected of each camera (front at least) a colour and a 16-bit depth PNG of one size, each with its "
           "camera, intrinsics and pose in the PNG text 'embodied' (embodied.serving.pictures.write); or one colour "
           "picture alone and without that text, of a table as the front camera sees it")


def observation_of(pictures: Sequence[Picture]) -> Observation:
    """The observation that noted pictures make: of each camera a colour and a depth image; or that of one colour
    picture without a note, see `plain_view`. Raises ApiError 422."""
    if len(pictures) == 1 and not pictures[0].note and pictures[0].pixels.ndim == 3:
        return plain_view(pictures[0].pixels)
    if not all(picture.note for picture in pictures):
        raise unfit(_WANTED)
    rgb, depth, cameras = {}, {}, {}
    for pixels, note, stride in pictures:
        name = str(note.get("camera", ""))[:24]
        if pixels.ndim == 3:
            rgb[name] = pixels
        else:
            depth[name] = pixels.astype(np.float32) * np.float32(DEPTH_STEP_M)
        cameras[name] = thinned(Camera(_matrix(note, "intrinsics", 3), _matrix(note, "pose", 4)), stride)
    if "front" not in rgb or set(rgb) != set(depth) or any(rgb[n].shape[:2] != depth[n].shape for n in rgb):
        raise unfit(_WANTED)
    return fitted(Observation(rgb, depth, cameras, *_NO_BODY))


def plain_view(pixels: np.ndarray) -> PlainView:
    """The observation of one picture without depth, uint8[H, W, 3], as if the front camera had taken it, whose view of
    the table it should be near. Raises ApiError 422 for one that is too small."""
    from envs.sensors.cameras import VIEWS, calibration

    height_px, width_px = pixels.shape[:2]
    if min(height_px, width_px) < LEAST_PX:
        raise unfit(f"expected a picture of at least {LEAST_PX} px a side once it is thinned to about {LEARNED_PX}, "
                    f"got {height_px} x {width_px}")
    camera = calibration(VIEWS["front"], height_px, width_px)
    return PlainView.of(Observation({"front": pixels}, {}, {"front": camera}, *_NO_BODY))


def _matrix(note: Mapping[str, Any], key: str, size: int) -> np.ndarray:
    values = note.get(key)
    rows = values if isinstance(values, list) and len(values) == size else []
    is_sound = rows and all(isinstance(row, list) and len(row) == size and all(
        isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e6 and math.isfinite(v) for v in row)
        for row in rows)
    if not is_sound:
        raise unfit(f"expected {size} x {size} finite numbers as {key!r} in its text {NOTE!r}")
    return np.array(rows, dtype=np.float64)


def write(seen: Observation) -> list[str]:
    """Data URLs that `observation_of` reads: of each camera a colour and a depth PNG."""
    urls = []
    for name, camera in seen.cameras.items():
        note = {"camera": name, "intrinsics": camera.intrinsics.tolist(), "pose": camera.pose.tolist()}
        steps = np.round(seen.depth[name] / DEPTH_STEP_M).clip(0, 65535).astype(np.uint16)
        urls += [png_url(pixels, note) for pixels in (seen.rgb[name], steps)]
    return urls


def png_url(pixels: np.ndarray, note: Mapping[str, Any] | None = None) -> str:
    """A PNG as a data URL. pixels: uint8[H, W, 3 or 4] or uint16[H, W]. note: written into its text `NOTE`."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if note is not None:
        info.add_text(NOTE, json.dumps(note))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info, compress_level=2)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
