"""Pictures into mp4 and back, and into JPEG: for videos, recordings and datasets alike."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoder of ffmpeg and its options."""

    encoder: str
    options: Mapping[str, str]


FOR_BROWSERS = Codec("libx264", {"crf": "26", "preset": "veryfast", "threads": "1"})
"""Plays everywhere."""
FOR_LEARNING = Codec("libsvtav1", {"g": "2", "crf": "30", "preset": "12", "svtav1-params": "lp=1"})
"""LeRobot's choice: every other frame stands alone, so that any frame is read in two. Two thirds of a core's time more
than h264 of the same options, a tenth smaller."""
FOR_LEARNING_WITHOUT_AV1 = Codec("libx264", {"g": "2", "bf": "0", "crf": "23", "preset": "veryfast", "threads": "1"})
"""bf: no frame waits for a later one, so that clips follow each other without a gap."""


def learning_codec() -> Codec:
    """`FOR_LEARNING`, or its h264 sister where the installed PyAV was built without SVT-AV1."""
    import av

    return FOR_LEARNING if FOR_LEARNING.encoder in av.codecs_available else FOR_LEARNING_WITHOUT_AV1


TASKS = Path("/proc/self/task")
"""A folder for each thread of this process, where the system has them."""


@contextmanager
def _scheduled_as_before() -> Iterator[None]:
    """Around whatever may open an encoder, be it by closing a file. As root, SVT-AV1 makes its threads and the one that
    calls it real-time ones of the highest priority: they, and every process and thread begun later, would leave the
    rest of the machine no time. Threads that were there go on as they did, new ones as their caller did."""
    if not (hasattr(os, "sched_getscheduler") and TASKS.is_dir()):
        yield
        return
    own, before = _schedule(0), {thread: _schedule(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads() if _schedule(0) != own else ():
            with suppress(ProcessLookupError):  # it may have ended
                policy, priority = before.get(thread, own)
                if _schedule(thread) != (policy, priority):
                    os.sched_setscheduler(thread, policy, os.sched_param(priority))


def _threads() -> list[int]:
    """The threads of this process."""
    return [int(thread.name) for thread in TASKS.iterdir()]


def _schedule(thread: int) -> tuple[int, int]:
    """Policy and priority of a thread, of the caller's for 0; those of ordinary ones where it has ended."""
    try:
        return os.sched_getscheduler(thread), os.sched_getparam(thread).sched_priority
    except ProcessLookupError:
        return os.SCHED_OTHER, 0


class Clip:
    """Frames that were encoded by themselves and belong to no video yet: `VideoWriter.append` takes them all."""

    def __init__(self, fps: int, codec: Codec = FOR_BROWSERS) -> None:
        self.fps, self.codec = fps, codec
        self.packets: list[Any] = []
        self.shape: tuple[int, ...] | None = None
        self.frames = 0

    @_scheduled_as_before()
    def add(self, frame: np.ndarray) -> None:
        """Add a frame. frame: uint8[H, W, 3], both even, the same in all frames. Raises ValueError for another."""
        if self.shape is None:
            self.shape = _even_shape(frame)
            self._encoder = _encoder(self.codec, self.fps, self.shape)
        self.packets += self._encoder.encode(_picture(frame, self.shape, self.frames))
        self.frames += 1

    @_scheduled_as_before()
    def end(self) -> None:
        """Take what is still in the encoder; no frame may follow."""
        self.packets += self._encoder.encode(None) if self.frames else []


class VideoWriter:
    """An mp4 that grows frame by frame, or clip by clip; frame i stands at i / fps seconds. Close it, or use it in a
    `with`."""

    def __init__(self, target: Path | BinaryIO, fps: int, codec: Codec = FOR_BROWSERS) -> None:
        """target: a file to make, or a seekable binary stream."""
        import av

        _quiet()
        is_file = isinstance(target, Path)
        index_first = {"movflags": "+faststart"} if is_file else {}  # plays while it loads; needs a file to rewrite
        self._container = av.open(str(target) if is_file else target, "w", format="mp4", options=index_first)
        self._stream = self._container.add_stream(codec.encoder, rate=fps, options=dict(codec.options))
        self._stream.pix_fmt = "yuv420p"
        self._shape: tuple[int, ...] | None = None
        self._is_encoding = False
        self.frames = 0

    @_scheduled_as_before()
    def add(self, frame: np.ndarray) -> None:
        """Add a frame. frame: uint8[H, W, 3], both even, the same in all frames. Raises ValueError for another."""
        if self._shape is None:
            self._begin(_even_shape(frame))
        self._container.mux(self._stream.encode(_picture(frame, self._shape, self.frames)))
        self._is_encoding = True
        self.frames += 1

    @_scheduled_as_before()
    def append(self, clip: Clip) -> None:
        """Append the frames of a clip that has ended, after those that are there. clip: of the same fps and codec."""
        if not clip.frames:
            return
        if self._shape is None:
            self._begin(clip.shape)
        if clip.shape != self._shape:
            raise ValueError(f"video: expected frames of shape {self._shape}, got a clip of {clip.shape}")
        for packet in clip.packets:
            packet.pts, packet.dts = packet.pts + self.frames, packet.dts + self.frames  # in frames, as encoded
            packet.stream = self._stream
            self._container.mux(packet)
        self.frames += clip.frames

    def _begin(self, shape: tuple[int, ...]) -> None:
        self._shape = shape
        self._stream.height, self._stream.width = shape[:2]

    @_scheduled_as_before()
    def close(self) -> None:
        """Write what is still in the encoder; the file cannot be read before. ValueError without frames."""
        try:
            if not self.frames:
                raise ValueError("video: expected at least one frame, got none; let the camera watch before it is over")
            self._container.mux(self._stream.encode(None) if self._is_encoding else [])
        finally:
            self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._give_up()

    @_scheduled_as_before()
    def _give_up(self) -> None:
        self._container.close()


def _encoder(codec: Codec, fps: int, shape: tuple[int, ...]) -> Any:
    """An encoder of frames of a shape, its headers meant for a container."""
    import av

    _quiet()
    made = av.CodecContext.create(codec.encoder, "w")
    made.height, made.width, made.pix_fmt = *shape[:2], "yuv420p"
    made.framerate, made.time_base = Fraction(fps), Fraction(1, fps)
    made.options = dict(codec.options)
    made.flags |= av.codec.context.Flags.global_header
    return made


def _quiet() -> None:
    os.environ.setdefault("SVT_LOG", "1")  # errors only: SVT-AV1 greets on stderr whenever it starts


def _even_shape(frame: np.ndarray) -> tuple[int, ...]:
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.shape[0] % 2 or frame.shape[1] % 2:
        raise ValueError(f"video: expected uint8[H, W, 3] of even height and width, got {frame.shape}; see `even`")
    return frame.shape


def _picture(frame: np.ndarray, shape: tuple[int, ...], index: int) -> Any:
    """What an encoder takes. Raises ValueError for a frame of another shape."""
    import av

    if frame.shape != shape:
        raise ValueError(f"video: expected frames of shape {shape}, got {frame.shape} at frame {index}")
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")


def encode(frames: Sequence[np.ndarray], fps: int) -> bytes:
    """An h264 mp4 of frames uint8[H, W, 3] of one even size. Raises ValueError without frames."""
    buffer = io.BytesIO()
    with VideoWriter(buffer, fps) as video:
        for frame in frames:
            video.add(frame)
    return buffer.getvalue()


def decode(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Each frame of a video: its time in seconds and uint8[H, W, 3]. Raises ValueError for what is no video."""
    import av

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            for frame in container.decode(stream):
                yield float(frame.pts * stream.time_base), frame.to_ndarray(format="rgb24")
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f"{path}: expected a video that can be decoded, got {error}") from error


def video_facts(path: Path) -> dict[str, int | str | bool]:
    """What LeRobot's info.json says of a video: size, codec, pixel format, rate."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {"video.height": stream.height, "video.width": stream.width,
                "video.codec": stream.codec.canonical_name, "video.pix_fmt": stream.pix_fmt,
                "video.is_depth_map": False, "video.fps": int(stream.base_rate), "video.channels": 3,
                "has_audio": False}


def even(image: np.ndarray) -> np.ndarray:
    """The image without its last row or column where their number is odd: yuv420p halves the colours."""
    return image[:image.shape[0] // 2 * 2, :image.shape[1] // 2 * 2]


def jpeg(image: np.ndarray, quality: int = 80) -> bytes:
    """The bytes of uint8[H, W, 3] as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=quality)
    return buffer.getvalue()
