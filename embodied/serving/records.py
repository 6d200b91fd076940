"""What the client gives back: plain records of what a server says; a later one may say more.

The standard library and numpy, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """An instruction and what came of it. end: None while it goes on, else "success", "done", "refused: ..." and so on.

    is_success: judged by the simulator, None where it knows no goal of such words. steps: skill, arguments, status,
    reason, duration_s of each.
    """

    run_id: str
    instruction: str
    end: str | None = None
    is_success: bool | None = None
    steps: tuple[dict[str, Any], ...] = ()
    hint: str = ""
    understood: dict[str, str] | None = None
    """What the words were last taken to mean: goal, in the goal language, and words, in English; None: nobody says."""
    self_report: dict[str, Any] | None = None
    """What the robot says at the end, by what it sees: holds, whether all that was wanted does, and words."""

    @property
    def answer(self) -> str | None:
        """The answer in words, where a question about the scene was asked."""
        return self._after("answered: ")

    @property
    def refusal(self) -> str | None:
        """Why the robot would not, where it refused."""
        return self._after("refused: ")

    def _after(self, prefix: str) -> str | None:
        return self.end.removeprefix(prefix) if self.end is not None and self.end.startswith(prefix) else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that a question may be answered with. reply: words that choose it. object: its name in the plan's
    objects; box: center, size, yaw; camera, pixel: where it is seen; all None where it is not in sight."""

    reply: str
    object: str | None = None
    box: dict[str, Any] | None = None
    camera: str | None = None
    pixel: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the robot wants to know before it does anything."""

    text: str
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a skill or a motion went. status: "done", "failed", "timeout" or "refused"; duration_s: simulated."""

    status: str
    reason: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Moved(Outcome):
    """limited: control periods that the safety filter bent to a limit. joint_pos: float64[J], where it got to."""

    limited: int
    joint_pos: np.ndarray


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop, in seconds of the server's monotonic clock, as `last_motion_s` of the state is. confirmed_s: when the
    world said that nothing more passes; None: latched, not confirmed yet, a safety event of kind "confirmed" follows,
    unless the world has crashed or is never made, where nothing moves."""

    number: int
    kind: str
    latched_s: float
    confirmed_s: float | None


@dataclass(frozen=True, slots=True)
class RobotState:
    """What the robot reports: J joints in rad or m, tool_pose position m and quaternion x y z w.

    objects: what is in sight, each with name, looks ("red block"), camera, pixel, box and outlines.
    """

    time_s: float
    joint_pos: np.ndarray  # float64[J]
    joint_vel: np.ndarray  # float64[J], rad/s or m/s
    setpoint: np.ndarray  # float64[J]
    tool_pose: np.ndarray  # float64[7]
    gripper_width_m: float
    objects: list[dict[str, Any]]


def made(kind: type, values: Mapping[str, Any]) -> Any:
    """A record of the fields it knows: a later server may say more."""
    return kind(**{f.name: values[f.name] for f in fields(kind) if f.name in values})


def question_of(event: Event) -> Question:
    """The question of an event of that type."""
    return Question(event["text"], tuple(made(Choice, choice) for choice in event.get("choices", ())))
