"""One client's robot, led through its task: plans become skill calls, calls become chunks of joint targets.

Nobody here sees the robot move. What it did is read from its clock and its joints: so many control periods after the
last chunk, so many targets of it were carried out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from embodied.planning.closed_loop import Planner
from embodied.planning.language import Plan
from embodied.serving.bridges.episodes import UNMARKED, Boundary, Marks
from envs.interface import Observation, Outcome, Rehearsal, SkillCall, Transition
from envs.skills.signatures import PlanLanguage

Rehearse = Callable[[SkillCall, Observation, tuple | None], Rehearsal]

_SETTLE_S = 0.4  # at rest after a call, before the next look
_LEAST_WIDTH_M = 0.008  # nearer fingers hold nothing
_LOST_RAD = 0.35  # off its target, an arm does not follow; at full speed motors lag by a third of this
_MAX_CALLS, _MAX_FAILURES = 20, 8  # of one prompt
_REMEMBERED = 8  # transitions of earlier prompts


@dataclass(frozen=True, slots=True)
class Chunk:
    """What comes next. actions: float32[T, J], rad or m, one a control period."""

    actions: np.ndarray
    plan: str
    skill: str  # "" while nothing is to do
    left: int  # targets of this skill that are not carried out yet
    end: str  # "" while the task goes on, "done", "refused: <clause>" or "failed: <clause>"
    hint: str
    begun: str = ""  # why a new episode begins here, "" while one goes on


@dataclass
class _Act:
    """A call that is under way."""

    call: SkillCall
    before: Observation
    rehearsal: Rehearsal
    targets: np.ndarray
    done: int = 0  # targets carried out
    given: int = 0  # targets of the last chunk


@dataclass
class Follower:
    """What is known of one robot and its task. One thread at a time."""

    planner: Planner
    language: PlanLanguage
    rehearse: Rehearse
    control_hz: float
    horizon: int
    fingers: int = 2
    """How many joints, the last ones, are fingers: they go on pulling at what they hold, wherever the arm is."""
    _boundary: Boundary = field(init=False)
    _answer_s: float = 0.0  # what the last answer took
    _prompt: str = ""
    _time_s: float = -1.0
    _act: _Act | None = None
    _todo: list[SkillCall] = field(default_factory=list)
    _history: list[Transition] = field(default_factory=list)
    _held: tuple | None = None
    _rest: np.ndarray | None = None  # where it waits while nothing is to do
    _plan_text: str = ""
    _end: str = ""
    _hint: str = ""
    _calls: int = 0
    _failures: int = 0

    def __post_init__(self) -> None:
        self._boundary = Boundary(self.fingers)

    def act(self, prompt: str, seen: Observation, marks: Marks = UNMARKED) -> Chunk:
        """The next chunk. A new prompt counts once the skill under way is over: half a grasp helps nobody. A new
        episode counts at once, and remembers nothing."""
        begun = self._boundary.cross(seen, marks, self._answer_s)
        if begun:
            self._forget()
        start_s = time.perf_counter()
        try:
            return replace(self._go_on(prompt, seen), begun=begun)
        finally:
            self._answer_s = time.perf_counter() - start_s

    def _go_on(self, prompt: str, seen: Observation) -> Chunk:
        if prompt != self._prompt:
            self._obey(prompt)
        self._note_progress(seen)
        self._time_s = seen.time_s
        while self._act is None and not self._end:
            self._begin(seen)
        return self._chunk(seen)

    def _forget(self) -> None:
        """A new episode."""
        self._prompt, self._act, self._held, self._rest = "", None, None, None
        self._history.clear()
        if hasattr(self.planner, "forget"):
            self.planner.forget()

    def _obey(self, prompt: str) -> None:
        self._prompt, self._end, self._hint, self._calls, self._failures = prompt, "", "", 0, 0
        self._todo.clear()
        if hasattr(self.planner, "begin"):
            self.planner.begin()
        kept = [t for t in self._history if t.outcome.status == "done"]  # failures of another instruction would mislead
        self._history = kept[-_REMEMBERED:]

    def _note_progress(self, seen: Observation) -> None:
        """Counts what the robot carried out since the last chunk, and ends the call when that was all."""
        act = self._act
        if act is None:
            return
        act.done += min(act.given, round((seen.time_s - self._time_s) * self.control_hz))
        target = act.targets[min(act.done, len(act.targets)) - 1]
        if act.done and self._is_lost(target, seen):
            astray = replace(act.rehearsal.outcome, status="failed", reason="the arm is not where it was told to be")
            self._finish(astray, self._held, seen)
            self._rest = np.concatenate([seen.joint_pos[:-self.fingers], target[-self.fingers:]])
        elif act.done >= len(act.targets):
            self._rest = target
            self._finish(*self._felt(act, seen), seen)

    def _is_lost(self, target: np.ndarray, seen: Observation) -> bool:
        """Whether a joint is far from where it should be: a limit, a stop, or somebody else moved it. What fingers
        hold keeps them apart, less far than this."""
        return bool((np.abs(seen.joint_pos - target) > _LOST_RAD).any())

    def _felt(self, act: _Act, seen: Observation) -> tuple[Outcome, tuple | None]:
        """How a call went as far as the fingers can tell, and what is held now."""
        outcome, held = act.rehearsal.outcome, act.rehearsal.held
        is_empty = seen.gripper_width_m < _LEAST_WIDTH_M
        if act.call.skill in self.language.grasping and outcome.status == "done" and is_empty:
            return replace(outcome, status="failed", reason="the gripper closed on nothing"), None
        return outcome, held

    def _begin(self, seen: Observation) -> None:
        """Starts the next call of the plan, of a new plan when there is none left; or says that it is over."""
        if self._calls >= _MAX_CALLS or self._failures >= _MAX_FAILURES:
            self._end = f"failed: {self._failures} of {self._calls} calls failed"
            return
        if not self._todo and not self._think(seen):
            return
        call = self._todo[0]
        rehearsal = self.rehearse(call, seen, self._held)
        self._todo.pop(0)
        self._act = _Act(call, seen, rehearsal, rehearsal.targets)
        if not len(rehearsal.targets):
            self._finish(rehearsal.outcome, rehearsal.held, seen)
            return
        rest = np.repeat(rehearsal.targets[-1:], round(_SETTLE_S * self.control_hz), axis=0)
        self._act.targets = np.concatenate([rehearsal.targets, rest])

    def _think(self, seen: Observation) -> bool:
        """Whether there is something to do."""
        plan = self.planner.plan(self._prompt, seen, tuple(self._history))
        self._todo, self._plan_text, self._hint = list(plan.calls), plan.text.strip(), plan.hint
        if not self._todo:
            self._end = end_of(plan)
        return bool(self._todo)

    def _finish(self, outcome: Outcome, held: tuple | None, after: Observation) -> None:
        """Remembers how the call went, and drops the rest of the plan when it is time to look again."""
        act, self._act, self._held = self._act, None, held
        self._history.append(Transition(act.before, act.call, outcome, after, 0.0, False, False))
        self._calls += 1
        self._failures += outcome.status != "done"
        if outcome.status != "done" or act.call.skill in self.language.placing:
            self._todo.clear()

    def _chunk(self, seen: Observation) -> Chunk:
        act = self._act
        if act is None:
            self._rest = seen.joint_pos if self._rest is None else self._rest  # once: gravity would draw it down
            targets, left = self._rest[None], 0
        else:
            targets, left = act.targets[act.done:act.done + self.horizon], len(act.targets) - act.done
            act.given = self.horizon
        padded = np.concatenate([targets, np.repeat(targets[-1:], self.horizon - len(targets), axis=0)])
        return Chunk(padded.astype(np.float32), self._plan_text, "" if act is None else act.call.skill, left, self._end,
                     self._hint)


def end_of(plan: Plan) -> str:
    """Why nothing is done now. A question ends it, too: its answer is the next prompt."""
    if plan.question is not None:
        return f"refused: {plan.question}"
    if plan.answer is not None:
        return f"answered: {plan.answer}"
    return "done" if plan.refusal is None else f"refused: {plan.refusal}"
