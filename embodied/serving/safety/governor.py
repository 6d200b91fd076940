"""The governor: what every joint target passes before physics, whoever sent it.

Order: finite numbers of the right count; the stop latch; position, speed and acceleration of every joint; the tool's
workspace and the height of everything else; the following error. Lease, sequence and deadline come before, in the
server.

Invariant: behind every admitted command stands an escape, steps that brake within the acceleration limits and end at
rest, all inside position and workspace limits. A command is admitted only with a new escape; else the robot takes the
first step of the one it has, whose rest is an escape again. The one exception is a stop: the setpoint then stays where
it is at once, and no command follows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from embodied.serving.safety import braking
from embodied.serving.safety.envelope import Envelope
from envs.robots.robot import MotionStoppedError, NonFiniteTargetError, Robot

_ROUNDING = 1e-6  # rad or m: targets come in single precision
_SAME = 1e-9
_FAR = 1e6  # rad or m: further is no further
_INSIDE = 1.0 - 1e-9  # of a limit: the robot's own clamp then changes nothing
_SHARES = (0.5, 0.2)  # of the way from braking to what was wanted
_KEPT_VIOLATIONS = 256


class Violation(NamedTuple):
    """What a command was not let do. kind: "limited", "refused" or "stopped"."""

    kind: str
    reason: str


class Governor:
    """Lets through what stays inside an envelope; one robot's, in its world's process and thread."""

    def __init__(self, envelope: Envelope, latch: Callable[[], str | None] = lambda: None) -> None:
        """latch: asked at every command; a reason ("the emergency stop") when motion must not go on, None otherwise."""
        self.envelope, self._latch = envelope, latch
        self.admitted = 0
        self.limited: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.violations: deque[Violation] = deque(maxlen=_KEPT_VIOLATIONS)
        """The latest, each run of the same once; whoever reports them takes them out."""
        self._last_violation: Violation | None = None
        self._most = envelope.speed * envelope.period_s * _INSIDE
        self._change = envelope.acceleration * envelope.period_s**2 * _INSIDE
        self._rest = np.zeros((0, len(envelope.low)))
        self._at: np.ndarray | None = None  # the setpoint that the last command led to
        self._stop()

    @property
    def counters(self) -> dict[str, Any]:
        """Numbers of commands: admitted (limited ones among them), limited, refused, and by which reason."""
        return {"admitted": self.admitted, "limited": self.limited.total(), "refused": self.refused.total(),
                "limited_by": dict(self.limited), "refused_by": dict(self.refused)}

    def admit(self, robot: Robot, target: np.ndarray) -> np.ndarray:
        """The target, float64[J], or what of it may be done.

        Raises NonFiniteTargetError, MotionStoppedError.
        """
        now = self._continued(robot.setpoint)
        target = self._checked(target)
        if (reason := self._stopped()) is not None:
            raise self._refusal("stopped", reason, MotionStoppedError(f"stopped by {reason}"))
        step, fault = self._guarded(now, self._wanted(now, target))
        self._refuse_to_push(robot.joint_pos - now, step)
        self._goal, self._step, self._at = target, step, now + step
        self._count(now, target, fault)
        return self._at.copy()

    def _continued(self, now: np.ndarray) -> np.ndarray:
        """The setpoint; where it is not the one that was commanded last, the robot was put there, at rest."""
        if self._at is None or np.abs(now - self._at).max() > _SAME:
            self._stop()
        return now

    def _stop(self) -> None:
        """From here on the setpoint stands."""
        self._step, self._escape, self._goal = np.zeros(len(self.envelope.low)), self._rest, None

    def _checked(self, target: Any) -> np.ndarray:
        """float64[J]. Raises NonFiniteTargetError for anything else than J finite real numbers."""
        values = _numbers(target)
        if values is not None and values.shape == self._step.shape and np.isfinite(values).all():
            return values
        error = NonFiniteTargetError(f"expected {len(self._step)} finite joint targets, got {_form(values)}; the "
                                     f"command was refused")
        raise self._refusal("refused", "not finite numbers", error)

    def _stopped(self) -> str | None:
        """Why motion must not go on; a latch that cannot be read is a reason."""
        try:
            return self._latch()
        except Exception as error:  # whatever it is, nobody could stop the robot now
            return f"a stop channel that failed with {type(error).__name__}"

    def _refusal(self, kind: str, reason: str, error: Exception) -> Exception:
        """The error, noted and counted. What stops a motion stops it at once."""
        if isinstance(error, MotionStoppedError):
            self._stop()
        self.refused[reason] += 1
        self._note(Violation(kind, reason))
        return error

    def _wanted(self, now: np.ndarray, target: np.ndarray) -> np.ndarray:
        """float64[J]: the step to the target that every joint may take. What is too far, or stays where it was, is a
        place to stop at; what is near enough is passed through."""
        e = self.envelope
        way = np.minimum(np.maximum(target, e.low), e.high) - now
        gap = np.maximum(np.stack([now - e.low, e.high - now, np.abs(way)]), 0.0)
        down, up, ahead = braking.stoppable(gap, self._change)
        low = np.maximum(np.maximum(-self._most, self._step - self._change), -down)
        high = np.minimum(np.minimum(self._most, self._step + self._change), up)
        is_stop = (way < low) | (way > high) | (self._goal is not None and np.array_equal(target, self._goal))
        step = np.minimum(np.maximum(np.where(is_stop, np.sign(way) * ahead, way), low), high)
        if (low > high).any():  # by rounding, at the very edge of what can be braked
            step = np.where(low <= high, step, np.sign(self._step) * np.maximum(np.abs(self._step) - self._change, 0.0))
        return self._within_one_speed(step) if e.has_one_speed else step

    def _within_one_speed(self, step: np.ndarray) -> np.ndarray:
        return step * min(1.0, float(self._most.min()) / max(float(np.linalg.norm(step)), 1e-12))

    def _guarded(self, now: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, str | None]:
        """The step to take, and what forbade the wanted one. Sets the escape."""
        way_out = self._escape[0] if len(self._escape) else np.zeros(len(now))
        fault = self._try(now, wanted)
        if fault is None:
            return wanted, None
        for share in _SHARES:
            step = way_out + share * (wanted - way_out)
            if self._try(now, step) is None:
                return step, fault
        self._escape = self._escape[1:]
        return way_out, fault

    def _try(self, now: np.ndarray, step: np.ndarray) -> str | None:
        """What is wrong with a step and the ways to brake after it; None when one is good, which is the escape then."""
        faults = []
        for brake in (braking.each_at_once, braking.together):
            steps = brake(step, self._change)
            fault = self._fault(now + np.cumsum(steps, axis=0), steps)
            if fault is None:
                self._escape = steps[1:]
                return None
            faults.append(fault)
        return faults[0]

    def _fault(self, ends: np.ndarray, steps: np.ndarray) -> str | None:
        """Which limit is broken at setpoints float64[K, J] or half-way to one of them."""
        e = self.envelope
        if (ends[-1] < e.low - _SAME).any() or (ends[-1] > e.high + _SAME).any():
            return "position"
        tool, heights = e.body.places(np.concatenate([ends, ends - steps / 2]))
        if (tool < e.workspace.low).any() or (tool > e.workspace.high).any():
            return "workspace"
        if (heights < e.lowest_m).any():
            return "height"
        return "keep-out" if any(((tool > r.low) & (tool < r.high)).all(axis=1).any() for r in e.keep_out) else None

    def _refuse_to_push(self, error: np.ndarray, step: np.ndarray) -> None:
        """Raises MotionStoppedError where a joint is too far from where it was told to be and would go further."""
        pushing = (np.abs(error) > self.envelope.following) & (step * error < 0.0)
        if pushing.any():
            joint = int(np.argmax(pushing))
            error = MotionStoppedError(f"stopped by a following error: joint {joint + 1} is {abs(error[joint]):.2f} "
                                       f"from where it was told to be")
            raise self._refusal("stopped", "following error", error)

    def _count(self, now: np.ndarray, target: np.ndarray, fault: str | None) -> None:
        self.admitted += 1
        if np.abs(self._at - target).max() <= _ROUNDING:
            self._last_violation = None
            return
        reason = fault or self._clamp(now, target)
        self.limited[reason] += 1
        self._note(Violation("limited", reason))

    def _clamp(self, now: np.ndarray, target: np.ndarray) -> str:
        """Which of the joints' own limits a target was beyond."""
        e = self.envelope
        if (target < e.low - _ROUNDING).any() or (target > e.high + _ROUNDING).any():
            return "position"
        way = np.minimum(np.abs(target - now), _FAR)
        is_fast = (way > self._most + _ROUNDING).any() or (e.has_one_speed and np.linalg.norm(way) > self._most.min())
        return "speed" if is_fast else "acceleration"

    def _note(self, violation: Violation) -> None:
        if violation != self._last_violation:
            self.violations.append(violation)
        self._last_violation = violation


def _numbers(target: Any) -> np.ndarray | None:
    """float64 array of real numbers; None for anything else."""
    try:
        values = np.asarray(target)
    except ValueError:  # a ragged list
        return None
    if values.dtype.kind not in "fiu":
        return None
    with np.errstate(all="ignore"):  # what float64 cannot hold becomes infinite
        return values.astype(np.float64)


def _form(values: np.ndarray | None) -> str:
    """What values are, in few words whatever their number."""
    if values is None:
        return "no array of numbers"
    return f"an array of shape {values.shape} with {np.count_nonzero(~np.isfinite(values))} that are not finite"
