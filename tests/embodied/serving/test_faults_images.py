"""Row 44 of the faults to survive: pictures that are bombs, odd, or none at all, through the chat protocol."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from embodied.serving.pictures import NOTE, write
from envs.interface import Camera, Observation
from tests.embodied.serving.served import Served
from tests.embodied.serving.test_faults_bodies import refused

MOST_MIB = 64


def chat(served: Served, *urls: str, text: str = "put the red block in the blue bowl"):
    parts = [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
    return served.client.post("/v1/chat/completions", json={
        "model": "tabletop-tiny", "messages": [{"role": "user", "content": parts}]})


def url(content: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def encoded(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def png(width: int, height: int, rows: bytes, *chunks: tuple[bytes, bytes], bits: int = 8, color: int = 0) -> bytes:
    """A PNG that says what it likes of itself."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)), *chunks,
             (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts)


def rows_of(width: int, height: int) -> bytes:
    return (b"\0" * (width + 1)) * height


BOMBS: dict[str, Callable[[], str]] = {
    "20,000 x 20,000 px in 400 KiB": lambda: url(png(20_000, 20_000, rows_of(20_000, 20_000))),
    "13,000 x 13,000 px": lambda: url(png(13_000, 13_000, rows_of(13_000, 13_000))),
    "a head of 65,535 x 65,535 px": lambda: url(png(65_535, 65_535, b"")),
    "0 x 0": lambda: url(png(0, 0, b"")),
    "1 x 100,000": lambda: url(png(1, 100_000, rows_of(1, 100_000))),
    "100,000 x 1": lambda: url(png(100_000, 1, rows_of(100_000, 1))),
    "texts that unpack to 60 MiB": lambda: url(png(64, 64, rows_of(64, 64), *[
        (b"zTXt", f"k{i}".encode() + b"\0\0" + zlib.compress(b"a" * (1 << 20), 9)) for i in range(60)])),
    "a note of 1 MiB": lambda: url(png(64, 64, rows_of(64, 64), (b"tEXt", NOTE.encode() + b"\0" + b"[" * (1 << 20)))),
    "a deep note": lambda: url(png(64, 64, rows_of(64, 64), (b"tEXt", NOTE.encode() + b"\0" + b"[" * 4000))),
    "truncated PNG": lambda: url(encoded(Image.new("RGB", (256, 256), "red"))[:-40]),
    "truncated JPEG": lambda: url(encoded(Image.effect_noise((256, 256), 90).convert("RGB"), "JPEG")[:2000], "jpeg"),
    "wrong checksums": lambda: url(png(64, 64, rows_of(64, 64)).replace(b"IDAT", b"IDAT\x01", 1)),
    "SVG": lambda: url(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "svg+xml"),
    "HTML": lambda: url(b"<html><script>alert(1)</script></html>"),
    "GIF": lambda: url(encoded(Image.new("P", (64, 64)), "GIF"), "gif"),
    "TIFF": lambda: url(encoded(Image.new("RGB", (64, 64)), "TIFF"), "tiff"),
    "BMP": lambda: url(encoded(Image.new("RGB", (64, 64)), "BMP"), "bmp"),
    "EPS, which would run": lambda: url(encoded(Image.new("RGB", (64, 64)), "EPS"), "png"),
    "empty": lambda: url(b""),
    "no base64": lambda: "data:image/png;base64,!!!!",
    "no data URL": lambda: "data:text/html,<b>",
    "a file of the server": lambda: "file:///etc/hostname",
    "an address inside": lambda: "http://127.0.0.1:1/v1/estop",
    "an address of a cloud's secrets": lambda: "http://169.254.169.254/latest/meta-data/",
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_row_44_pictures_that_are_none(lean: Served, make: Callable[[], str]):
    made = make()
    lean.forget_peak()
    before_mib = lean.rss_mib()
    refused(chat(lean, made))
    assert lean.peak_rss_mib() - before_mib < MOST_MIB


def noted(seen: Observation, **change: object) -> PngInfo:
    """What a picture of the front camera says of itself."""
    camera, info = seen.cameras["front"], PngInfo()
    info.add_text(NOTE, json.dumps({"camera": "front", "intrinsics": camera.intrinsics.tolist(),
                                    "pose": camera.pose.tolist(), **change}))
    return info


ODD: dict[str, Callable[[np.ndarray], Image.Image]] = {
    "palette": lambda rgb: Image.fromarray(rgb).convert("P"),
    "palette with transparency": lambda rgb: Image.fromarray(rgb).convert("RGBA").convert("P"),
    "grey": lambda rgb: Image.fromarray(rgb).convert("L"),
    "black and white": lambda rgb: Image.fromarray(rgb).convert("1"),
    "grey and alpha": lambda rgb: Image.fromarray(rgb).convert("LA"),
    "alpha": lambda rgb: Image.fromarray(rgb).convert("RGBA"),
}


@pytest.mark.parametrize("turn", ODD.values(), ids=ODD)
def test_row_44_odd_pictures_are_brought_to_one_form(lean: Served, views, turn: Callable):
    """Whatever kind of PNG the colours come as, the planner gets RGB."""
    instruction, seen = views
    pictures = write(seen)
    pictures[0] = url(encoded(turn(seen.rgb["front"]), pnginfo=noted(seen)))
    answer = chat(lean, *pictures, text=instruction)
    assert answer.status_code == 200, answer.text


def test_row_44_an_animation_is_its_first_picture(lean: Served, views):
    instruction, seen = views
    others = [Image.new("RGB", (192, 192))] * 3
    film = encoded(Image.fromarray(seen.rgb["front"]), save_all=True, append_images=others, pnginfo=noted(seen))
    assert chat(lean, url(film), *write(seen)[1:], text=instruction).status_code == 200


@pytest.mark.parametrize("kind", ["CMYK", "RGB", "L"])
def test_row_44_jpegs_of_any_kind_are_read_and_lack_their_note(lean: Served, kind: str):
    """A JPEG carries no calibration: alone it is looked at without, two of them are told what is missing, whatever the
    colours are in."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    content = encoded(Image.new(kind, (128, 96)), "JPEG", exif=exif.tobytes())
    assert "intrinsics" in refused(chat(lean, *[url(content, "jpeg")] * 2))["message"]
    answer = chat(lean, url(content, "jpeg"))
    assert answer.status_code == 200 and "I see no objects" in answer.text


def test_row_44_rows_that_are_missing_are_black_and_make_no_calibrated_view(lean: Served):
    torn = url(png(64, 64, rows_of(64, 8)))
    assert "intrinsics" in refused(chat(lean, torn, torn))["message"]


@pytest.mark.parametrize("change", [
    {"intrinsics": [[0, 0, 0]] * 3}, {"intrinsics": [[1e300, 0, 0]] * 3}, {"intrinsics": "NaN"},
    {"pose": [[1] * 4] * 3}, {"pose": [["1"] * 4] * 4}, {"pose": [[True] * 4] * 4},
    {"camera": "../../etc"}, {"camera": {"front": 1}}, {"camera": "a" * 5000}],
                         ids=lambda change: json.dumps(change)[:40])
def test_row_44_calibrations_that_make_no_sense(lean: Served, views, change: dict):
    instruction, seen = views
    made = url(encoded(Image.fromarray(seen.rgb["front"]), pnginfo=noted(seen, **change)))
    assert chat(lean, made, *write(seen)[1:], text=instruction).status_code in (200, 422)


@pytest.mark.weights
def test_row_44_large_views_plan_as_small_ones_do(served: Served, views):
    """Eight times the size: the same plan, no more memory, and nobody waits longer."""
    instruction, seen = views
    small = chat(served, *write(seen), text=instruction).json()["choices"][0]["message"]["content"]
    served.forget_peak()
    before_mib = served.rss_mib()
    answer = chat(served, *write(enlarged(seen, 8)), text=instruction)
    assert answer.json()["choices"][0]["message"]["content"] == small
    assert served.peak_rss_mib() - before_mib < MOST_MIB
    assert answer.elapsed.total_seconds() < 5


def enlarged(seen: Observation, times: int) -> Observation:
    def grown(image: np.ndarray) -> np.ndarray:
        return np.repeat(np.repeat(image, times, axis=0), times, axis=1)

    cameras = {name: Camera(camera.intrinsics * [[times], [times], [1]], camera.pose)
               for name, camera in seen.cameras.items()}
    return dataclasses.replace(seen, cameras=cameras, rgb={n: grown(i) for n, i in seen.rgb.items()},
                               depth={n: grown(i) for n, i in seen.depth.items()})


@pytest.mark.weights
@pytest.mark.parametrize("shape", [(17, 33), (192, 100), (64, 64), (100, 191), (1000, 70)])
def test_row_44_views_of_odd_sizes(served: Served, views, shape: tuple[int, int]):
    """Served or refused, never a fault of ours."""
    instruction, seen = views
    big = enlarged(seen, 6)
    cut = dataclasses.replace(big, rgb={n: i[:shape[0], :shape[1]] for n, i in big.rgb.items()},
                              depth={n: i[:shape[0], :shape[1]] for n, i in big.depth.items()})
    assert chat(served, *write(cut), text=instruction).status_code in (200, 422)


@pytest.mark.weights
@pytest.mark.parametrize("part", ["one camera", "no depth anywhere", "far away", "a camera of no focal length"])
def test_row_44_views_that_show_nothing(served: Served, views, part: str):
    instruction, seen = views
    if part == "one camera":
        seen = dataclasses.replace(seen, **{field: {"front": getattr(seen, field)["front"]}
                                            for field in ("rgb", "depth", "cameras")})
    elif part == "a camera of no focal length":
        cameras = {n: Camera(c.intrinsics * [[0], [0], [1]], c.pose) for n, c in seen.cameras.items()}
        seen = dataclasses.replace(seen, cameras=cameras)
    else:
        depth = {n: np.full_like(d, 0.0 if part == "no depth anywhere" else 6.5) for n, d in seen.depth.items()}
        seen = dataclasses.replace(seen, depth=depth)
    assert chat(served, *write(seen), text=instruction).status_code in (200, 422)
