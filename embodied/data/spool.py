"""The spool of a session: what its robot and its server write while it runs, readable whatever kills them.

A folder of four files, each with one writer: meta.json (whoever creates it), rows.bin and frames.bin (the world's
process), events.jsonl (the server). A row is written last, after the pictures it points to, and carries its own CRC.
Both writers share the lock of the file `lock` for as long as they live: nobody else may publish or remove the folder.
Recording never stops a robot: a full disk or spool ends the recording, `fault` says why, and the calls return False.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import threading
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.files import whole_folder, write_json
from embodied.data.locks import HeldError, Hold
from envs.interface import JOINT_READINGS

META, ROWS, FRAMES, EVENTS, LOCK = "meta.json", "rows.bin", "frames.bin", "events.jsonl", "lock"
MAX_BYTES = 1 << 30
"""Of rows and pictures of one session: two VGA cameras at 5 Hz take about an hour and a half of motion to fill it."""
MAX_EVENT_BYTES = 64 << 20
FREE_BYTES = 256 << 20
"""Recording ends when the disk has less than this left."""
_ROWS_BETWEEN_LOOKS = 32  # at the free space


class SpoolError(ValueError):
    """A folder that is no spool."""


@dataclass(frozen=True, slots=True)
class SpoolMeta:
    """What a spool says of itself. session: of the caller's choice; publication uses `task`, `robot`, `joint_names`,
    `video_camera`, `created_unix_s` where they are given."""

    joint_count: int
    cameras: tuple[str, ...]
    fps: int
    session: Mapping[str, Any]
    max_bytes: int = MAX_BYTES

    @property
    def row_type(self) -> np.dtype:
        """One row; crc: of the bytes before it. unix_s: wall clock, which also orders rows among the events."""
        joints = [(name, "<f4", (self.joint_count,)) for name in JOINT_READINGS]
        return np.dtype([("time_s", "<f8"), ("unix_s", "<f8"), *joints, ("gripper_width_m", "<f4"),
                         ("tool_pose", "<f4", (7,)), ("frame_at", "<u8", (len(self.cameras),)),
                         ("frame_bytes", "<u4", (len(self.cameras),)), ("crc", "<u4")])


@dataclass
class Spool:
    """One writer's hold of a spool: the world's process calls `frame` and `row`, the server's `event`."""

    path: Path
    meta: SpoolMeta
    fault: str | None = None
    """Why nothing is recorded any more."""
    _hold: Hold | None = None
    _pictures: dict[str, tuple[int, int]] = field(default_factory=dict)  # camera -> offset, length of its newest
    _row_count: int = 0
    _event_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def create(cls, path: Path, joint_count: int, cameras: Sequence[str], fps: int, meta: Mapping[str, Any],
               max_bytes: int = MAX_BYTES) -> Spool:
        """A new spool. Raises FileExistsError where there is one, ValueError for what cannot be recorded."""
        if joint_count < 1 or fps < 1 or int(fps) != fps or len(set(cameras)) != len(cameras):
            raise ValueError(f"spool: expected joints, a whole fps >= 1 and different cameras, got {joint_count} "
                             f"joints, fps {fps}, cameras {list(cameras)}")
        path = Path(path)
        facts = {"joint_count": joint_count, "cameras": list(cameras), "fps": int(fps), "session": dict(meta),
                 "max_bytes": max_bytes}
        with whole_folder(path) as draft:  # held before anybody can find it
            hold = _shared(draft)
            write_json(draft / META, facts)
        return cls(path, read_meta(path), _hold=hold)

    @classmethod
    def open(cls, path: Path) -> Spool:
        """The same spool for its other writer, or for one that goes on after a crash; one that is being published takes
        nothing more. Raises SpoolError."""
        path = Path(path)
        meta = read_meta(path)
        try:
            return cls(path, meta, _hold=_shared(path))
        except (HeldError, FileNotFoundError):
            return cls(path, meta, fault="somebody publishes it; its server is gone")

    def frame(self, camera: str, jpeg: bytes) -> bool:
        """Whether the picture was kept; it belongs to the rows after it, until the camera's next."""
        if camera not in self.meta.cameras:
            raise ValueError(f"spool: expected a camera of {list(self.meta.cameras)}, got {camera!r}")
        if self._ends_motion(len(jpeg)):
            return False
        at = self._append(self._frames, jpeg)
        if at is not None:
            self._pictures[camera] = at, len(jpeg)
        return at is not None

    def row(self, *, time_s: float, joint_pos: np.ndarray, joint_vel: np.ndarray, setpoint: np.ndarray,
            gripper_width_m: float, tool_pose: np.ndarray) -> bool:
        """Whether the row was kept: not where a number is not finite, which `read_spool` counts among the lost ones.
        time_s: simulated; it may go back after a reset.

        joint_pos, joint_vel, setpoint: float[J]. tool_pose: float[7], position m and quaternion.
        """
        row = np.zeros((), self.meta.row_type)
        row["time_s"], row["unix_s"] = time_s, time.time()
        row["joint_pos"], row["joint_vel"], row["setpoint"] = joint_pos, joint_vel, setpoint
        row["gripper_width_m"], row["tool_pose"] = gripper_width_m, tool_pose
        if self._ends_motion(row.nbytes):
            return False
        for index, camera in enumerate(self.meta.cameras):
            row["frame_at"][index], row["frame_bytes"][index] = self._pictures.get(camera, (0, 0))
        row["crc"] = _crc(row.tobytes())
        self._row_count += 1
        return self._append(self._rows, row.tobytes()) is not None and bool(_is_finite(row))

    def event(self, event: Mapping[str, Any]) -> bool:
        """Whether the event was kept; any thread of one process may call it. Telemetry is not: the rows hold it."""
        if event.get("type") == "telemetry":
            return False
        line = json.dumps(dict(event), allow_nan=False).encode() + b"\n"
        with self._lock:
            if self.fault is None and self._event_bytes + len(line) > MAX_EVENT_BYTES:
                self.fault = f"expected at most {MAX_EVENT_BYTES} bytes of events; the later ones are not recorded"
            if self.fault is not None:
                return False
            return self._keep(line)

    def _keep(self, line: bytes) -> bool:
        try:
            handle = self._events
        except OSError as error:
            self.fault = f"the spool cannot be written: {error}"
            return False
        self._event_bytes += len(line)
        return self._append(handle, line) is not None

    def close(self) -> None:
        """Flush what this writer wrote to the disk; harmless when repeated, and `read_spool` needs none.
        Raises OSError where the disk fails; this writer's hold is over then too."""
        with self._lock:
            self.fault = self.fault or "it was closed"
            with contextlib.ExitStack() as ends:  # the lock last, and every one of them whatever the disk says
                if self._hold is not None:
                    ends.callback(self._hold.release)
                for name in ("_rows", "_frames", "_events"):
                    handle = self.__dict__.pop(name, None)
                    if handle is not None:
                        ends.callback(os.close, handle)
                        ends.callback(os.fsync, handle)

    def _ends_motion(self, extra_bytes: int) -> bool:
        """Whether rows and pictures are over, after a look at the room that is left."""
        if self.fault is None:
            try:
                self.fault = self._lack(extra_bytes)
            except OSError as error:
                self.fault = f"the spool cannot be written: {error}"
        return self.fault is not None

    def _lack(self, extra_bytes: int) -> str | None:
        """What is missing for that many bytes more; None where there is room."""
        used = os.fstat(self._rows).st_size + os.fstat(self._frames).st_size
        if used + extra_bytes > self.meta.max_bytes:
            return f"the spool is full: {used} of {self.meta.max_bytes} bytes"
        if self._row_count % _ROWS_BETWEEN_LOOKS == 0 and shutil.disk_usage(self.path).free < FREE_BYTES:
            return f"the disk has less than {FREE_BYTES >> 20} MiB left; free some"
        return None

    def _append(self, handle: int, content: bytes) -> int | None:
        """Where the content begins in its file; None when it could not be written, which ends the recording."""
        at = os.fstat(handle).st_size
        try:
            written = os.write(handle, content)
            if written == len(content):
                return at
            self.fault = f"the disk took {written} of {len(content)} bytes; free some"
        except OSError as error:
            self.fault = f"the disk took nothing: {error.strerror}"
        return None

    @cached_property
    def _rows(self) -> int:
        """The handle of rows.bin, a torn last row of an earlier writer cut off: later ones would be read askew."""
        handle = self._handle(ROWS)
        size = os.fstat(handle).st_size
        os.ftruncate(handle, size - size % self.meta.row_type.itemsize)
        return handle

    @cached_property
    def _frames(self) -> int:
        return self._handle(FRAMES)

    @cached_property
    def _events(self) -> int:
        handle = self._handle(EVENTS)
        self._event_bytes = os.fstat(handle).st_size
        if self._event_bytes:
            os.write(handle, b"\n")  # ends a torn last line of an earlier writer
        return handle

    def _handle(self, name: str) -> int:
        return os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


@dataclass(frozen=True, slots=True)
class SpoolContents:
    """What a spool holds: sound rows in the order they were written, and sound events."""

    path: Path
    meta: SpoolMeta
    rows: np.ndarray  # meta.row_type[N]
    events: tuple[Mapping[str, Any], ...]
    lost_rows: int  # torn, damaged, or with a number that is not finite

    def picture(self, row: int, camera: str) -> bytes | None:
        """The JPEG of a camera at a row; None where it had none yet."""
        index = self.meta.cameras.index(camera)
        size = int(self.rows["frame_bytes"][row, index])
        if not size:
            return None
        with open(self.path / FRAMES, "rb") as file:
            file.seek(int(self.rows["frame_at"][row, index]))
            return file.read(size)


def left(path: Path) -> Hold:
    """The lock of a spool that others wrote and left: its writers are all gone. Raises HeldError where one lives, or
    somebody publishes it, or nobody can tell, FileNotFoundError where it is gone."""
    return Hold.take(path / LOCK, is_made=True)


def finished(path: Path) -> Hold:
    """The lock of a spool that this process's own session has finished, for whoever publishes or removes it: it needs
    no proof that the writers are gone, so it comes also where there are no locks. Raises HeldError, FileNotFoundError.
    """
    return Hold.own(path / LOCK, is_made=True)


def _shared(path: Path) -> Hold:
    return Hold.own(path / LOCK, is_shared=True, is_made=True)


def read_meta(path: Path) -> SpoolMeta:
    """What a spool says of itself. Raises SpoolError."""
    try:
        facts = json.loads((path / META).read_text("utf-8"))
        return SpoolMeta(facts["joint_count"], tuple(facts["cameras"]), facts["fps"], facts["session"],
                         facts["max_bytes"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpoolError(f"{path}: expected the folder of a spool, got {type(error).__name__}: {error}") from error


def read_spool(path: Path) -> SpoolContents:
    """What is left of a spool, also while it is written, or after its writers were killed. Raises SpoolError."""
    path = Path(path)
    meta = read_meta(path)
    rows, whole = _read_rows(path, meta)
    return SpoolContents(path, meta, rows, tuple(_read_events(path / EVENTS)), math.ceil(whole) - len(rows))


def _read_rows(path: Path, meta: SpoolMeta) -> tuple[np.ndarray, float]:
    """Sound rows whose pictures are there, and how many rows the file is long."""
    content = (path / ROWS).read_bytes() if (path / ROWS).exists() else b""
    size = meta.row_type.itemsize
    rows = np.frombuffer(content[:len(content) // size * size], meta.row_type)
    stored = (path / FRAMES).stat().st_size if (path / FRAMES).exists() else 0
    is_stored = (rows["frame_at"] + rows["frame_bytes"] <= stored).all(1)
    is_sound = [_crc(content[i * size:(i + 1) * size]) == crc for i, crc in enumerate(rows["crc"].tolist())]
    return rows[is_stored & np.array(is_sound, bool) & _is_finite(rows)], len(content) / size


def _is_finite(rows: np.ndarray) -> np.ndarray:
    """bool of the shape of some rows: whether each has no number that is not finite."""
    numbers = [rows[name] for name in rows.dtype.names if rows.dtype[name].base.kind == "f"]
    return np.all([np.isfinite(n).all(axis=tuple(range(rows.ndim, n.ndim))) for n in numbers], axis=0)


def _read_events(path: Path) -> list[Mapping[str, Any]]:
    """The whole lines of events; a torn one is passed over."""
    events = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("type"), str):
            events.append(event)
    return events


def _crc(row: bytes) -> int:
    return zlib.crc32(row[:-4])
