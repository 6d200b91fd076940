"""Memory that the server and a world's process both see: control words one way, telemetry and pictures the other.

A stop must not wait in any queue. The server writes one byte here; the world's process reads it at every control
period, right before a joint target may reach physics. Clocks are `time.monotonic_ns`, one for all processes of a
machine.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from envs.interface import JOINT_READINGS

MAX_JOINTS = 16
MAX_CAMERAS = 6
PICTURE_BYTES = 96 << 10
"""Of one JPEG; a 480 x 360 px view takes about 25 KiB."""

NEVER_NS = np.iinfo(np.int64).max


class Halt(IntEnum):
    """Why nothing may move; `embodied.serving.latch` says what raises and lowers it."""

    NONE = 0
    STOP = 1
    ESTOP = 2


_CONTROL = np.dtype([("halt", "<u1"), ("is_paused", "<u1"), ("watched", "<u2"), ("stop_number", "<u8"),
                     ("lease_until_ns", "<i8"), ("server_until_ns", "<i8"), ("speed", "<f8"), ("watch_fps", "<f8")],
                    align=True)  # a word that lies across cache lines may be read half written
_CONFIRMED = np.dtype([("version", "<u8"), ("number", "<u8"), ("at_ns", "<i8")])
_REPORT = np.dtype([("time_s", "<f8"), ("last_motion_ns", "<i8"), ("period_end_ns", "<i8"),
                    ("motions", "<u8"), ("admitted", "<u8"), ("limited", "<u8"), ("refused", "<u8"), ("joints", "<u2"),
                    *((name, "<f8", MAX_JOINTS) for name in JOINT_READINGS),
                    ("tool_pose", "<f8", 7), ("gripper_width_m", "<f8")])
_PICTURE = np.dtype([("version", "<u8"), ("bytes", "<u4"), ("content", "<u1", PICTURE_BYTES)])
_LAYOUT = np.dtype([("control", _CONTROL), ("confirmed", _CONFIRMED), ("reported", "<u8"), ("reports", _REPORT, 2),
                    ("pictures", _PICTURE, MAX_CAMERAS)], align=True)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What the robot reported last. joint_pos, joint_vel, setpoint: float64[J], rad or m and per second."""

    time_s: float  # simulated
    joint_pos: np.ndarray
    joint_vel: np.ndarray
    setpoint: np.ndarray
    tool_pose: np.ndarray  # float64[7]
    gripper_width_m: float
    last_motion_ns: int  # monotonic: when a command that moves something was last let through
    period_end_ns: int  # monotonic: when physics was last done with a command
    motions: int
    admitted: int
    limited: int
    refused: int


class SharedState:
    """One file of shared memory; both sides map it by its path."""

    def __init__(self, path: Path, *, is_new: bool = False) -> None:
        if is_new:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            os.ftruncate(handle, _LAYOUT.itemsize)
        else:
            handle = os.open(path, os.O_RDWR)
        try:
            self._memory = mmap.mmap(handle, _LAYOUT.itemsize)
        finally:
            os.close(handle)
        self.path = path
        whole = np.frombuffer(self._memory, _LAYOUT)[0:1]
        self._control, self._confirmed, self._reported, self._reports, self._pictures = (
            whole[name] for name in _LAYOUT.names)
        if is_new:
            self._control["lease_until_ns"] = self._control["server_until_ns"] = NEVER_NS

    def remove(self) -> None:
        """Takes the file away; whoever has it mapped keeps it till its end."""
        self.path.unlink(missing_ok=True)

    def take_over(self) -> None:
        """For the one who writes from now on: what the last writer was killed in the middle of counts as not said."""
        confirmed = self._confirmed[0]
        if confirmed["version"] % 2:
            confirmed["number"] = confirmed["at_ns"] = 0
            confirmed["version"] += 1
        for picture in self._pictures[0]:
            if picture["version"] % 2:
                picture["bytes"] = 0
                picture["version"] += 1

    def __getattr__(self, name: str) -> float | int:
        if name in _CONTROL.names:
            return self._control[name][0].item()
        raise AttributeError(f"the shared state has no {name!r}; control words are {_CONTROL.names}")

    def write(self, **words: float) -> None:
        """Sets control words."""
        for name, value in words.items():
            self._control[name][0] = value

    def confirm(self, number: int, at_ns: int) -> None:
        """Publishes the world's word that of the stops up to this number nothing passes any more. One writer at a time;
        the version is odd while it writes."""
        confirmed = self._confirmed[0]
        confirmed["version"] += 1
        confirmed["number"], confirmed["at_ns"] = number, at_ns
        confirmed["version"] += 1

    def confirmed(self) -> tuple[int, int]:
        """Number of the last stop that the world has confirmed, and when (monotonic); zeros where there is none."""
        for _ in range(50):
            copy = self._confirmed[0].copy()
            if not copy["version"] % 2 and copy["version"] == self._confirmed[0]["version"]:
                return copy["number"].item(), copy["at_ns"].item()
        return 0, 0

    def report(self, **values: float | Sequence[float] | np.ndarray) -> None:
        """Publishes telemetry, what is not given as it was. It is written beside the last one, which readers have until
        it is whole: a writer that the machine puts aside in the middle keeps nobody from reading."""
        count = int(self._reported[0])
        self._reports[0, (count + 1) % 2] = self._reports[0, count % 2]
        report = self._reports[0, (count + 1) % 2]
        for name, value in values.items():
            field = report[name]
            if np.ndim(field):
                field[:len(value)] = value
                if name == "joint_pos":
                    report["joints"] = len(value)
            else:
                report[name] = value
        self._reported[0] = count + 1

    def telemetry(self) -> Telemetry | None:
        """What was reported last; None before anything was."""
        while count := int(self._reported[0]):
            copy = self._reports[0, count % 2].copy()
            if count == self._reported[0]:  # else the writer may be in it by now, with the next but one
                return _telemetry(copy)
        return None

    def show(self, camera: int, jpeg: bytes) -> bool:
        """Publishes a picture; False when it is too large to be shown."""
        if len(jpeg) > PICTURE_BYTES:
            return False
        slot = self._pictures[0][camera]
        slot["version"] += 1
        slot["content"][:len(jpeg)] = np.frombuffer(jpeg, np.uint8)
        slot["bytes"] = len(jpeg)
        slot["version"] += 1
        return True

    def picture(self, camera: int, newer_than: int = 0) -> tuple[int, bytes] | None:
        """Version and JPEG of a camera's last picture, None when there is none after that version."""
        slot = self._pictures[0][camera]
        for _ in range(20):
            version = int(slot["version"])
            if version <= newer_than:
                return None
            content = slot["content"][:int(slot["bytes"])].tobytes()
            if not version % 2 and version == int(slot["version"]):
                return (version, content) if content else None
        return None


def _telemetry(report: np.void) -> Telemetry:
    count = int(report["joints"])
    vectors = {name: report[name][:count].copy() for name in JOINT_READINGS}
    numbers = {name: report[name].item() for name in ("time_s", "gripper_width_m", "last_motion_ns", "period_end_ns",
                                                      "motions", "admitted", "limited", "refused")}
    return Telemetry(**vectors, **numbers, tool_pose=report["tool_pose"].copy())
