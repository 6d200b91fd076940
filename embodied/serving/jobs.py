"""What a session's thread does with its world, one call at a time: scenes, skills, targets, moments to go back to.

Everything here is called in that thread, but for what only reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from embodied.agents.mind_agent import MindAgent
from embodied.planning.perception import order_largest, without_distractors
from embodied.prompt import Slot
from embodied.serving.errors import ApiError
from embodied.serving.overlay import names_of, objects_of
from embodied.serving.shared_state import SharedState
from embodied.serving.world import Setup, World
from envs.interface import Observation, Outcome, SkillCall, Transition

MAX_SNAPSHOTS = 8
MAX_HISTORY = 16  # transitions that planners know of; each has the pictures of its moment, half a megabyte


class Jobs:
    """The jobs of one session, and what they remember from one to the next."""

    def __init__(self, setup: Setup, world: World, board: SharedState, tell: Callable[..., Any]) -> None:
        """tell: (type of event, **content)."""
        self._setup, self._world, self._board, self._tell = setup, world, board, tell
        self.history: list[Transition] = []
        self.instruction = ""
        self.mind: MindAgent | None = None  # once it was asked; it remembers what was said in this scene
        self._sight: tuple[Observation, Sequence[Slot]] | None = None
        self._others: Sequence[Slot] = ()  # in sight, too, which planners never learned of
        self._snapshots: dict[str, Any] = {}

    def open(self, make: Callable[[], Any]) -> None:
        """Makes the world and its first scene."""
        self._world.env = make()
        self._world.facts = self._world.introduce()
        self.reset(self._setup.seed, self._setup.require)

    def reset(self, seed: int, require: Sequence[str]) -> None:
        """A new scene and history. Raises ValueError for a scene that cannot be, back in the session's first one, and
        ApiError 409 where the robot was stopped before it began."""
        first = self._setup.seed, self._setup.require
        try:
            self._world.raw, _ = _unless_held(lambda: self._world.reset(seed=seed,
                                                                        options={"require": tuple(require)}))
        except ValueError:
            if (seed, tuple(require)) != first:
                self.reset(*first)
            raise
        self._forget_episode()
        self.instruction = str(self._world.raw["instruction"])

    def forget(self) -> None:
        """Lets go of all that was seen: there is no world any more."""
        self._forget_episode()
        self._world.raw = None

    def _forget_episode(self) -> None:
        self.history, self._sight = [], None
        self._snapshots.clear()
        self._forget_talk()

    def _forget_talk(self) -> None:
        if self.mind is not None:
            self.mind.forget()

    def skill(self, call: SkillCall) -> dict[str, Any]:
        """How one call went."""
        before = self._observation()
        action = self._world.encode(call)
        self._tell("step", run_id=None, place=0, skill=call.skill, arguments=list(call.named[1:]))
        raw, reward, terminated, truncated, info = self._world.step(action)
        self._world.raw = raw
        self._note(before, call, info, float(reward), bool(terminated), bool(truncated))
        return dict(info["outcome"])

    def _note(self, before: Observation, call: SkillCall, info: Mapping[str, Any], *rest: Any) -> None:
        outcome = Outcome(**info["outcome"])
        self.history = [*self.history, Transition(before, call, outcome, self._observation(), *rest)][-MAX_HISTORY:]
        self._tell("outcome", run_id=None, place=0, skill=call.skill, arguments=list(call.named[1:]), **info["outcome"])

    def joints(self, targets: np.ndarray) -> dict[str, Any]:
        """How a motion to joint targets float64[J], or along float64[T, J], went."""
        return self._moved(lambda: self._world.move_joints(targets))

    def tool(self, position_m: np.ndarray, jaw_yaw_rad: float) -> dict[str, Any]:
        """How a motion of the tool to position_m, float64[3], world frame, went."""
        return self._moved(lambda: self._world.move_tool(position_m, jaw_yaw_rad))

    def _moved(self, move: Callable[[], tuple[Mapping[str, Any], dict[str, Any]]]) -> dict[str, Any]:
        before = self._board.telemetry()
        self._world.raw, report = move()
        told = self._board.telemetry()
        return {**report, "limited": told.limited - before.limited if told and before else 0,
                "joint_pos": told.joint_pos.tolist() if told else []}

    def snapshot(self) -> str:
        """Name of a moment to go back to."""
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            self._snapshots.pop(next(iter(self._snapshots)))
        name = f"snap_{secrets.token_hex(4)}"
        self._snapshots[name] = self._world.snapshot(), list(self.history), self.instruction
        return name

    def restore(self, name: str) -> None:
        """Goes back to a moment, and to what was known then. Raises KeyError, and ApiError 409 where the robot was
        stopped before it began."""
        moment, history, instruction = self._snapshots[name]
        _unless_held(lambda: self._world.restore(moment))
        self.history, self.instruction, self._sight = list(history), instruction, None
        self._forget_talk()  # what was said since is not known at that moment, and things are elsewhere

    def has_snapshot(self, name: str) -> bool:
        return name in self._snapshots

    def inspect(self, perceive: Callable[[Observation], Sequence[Slot]]) -> list[dict[str, Any]]:
        """The objects in sight, named as plans name them; what planners never learned of comes last, as thing_1 .."""
        seen = self._observation()
        found = perceive(seen)
        self.saw(seen, order_largest(without_distractors(found)))
        self._others = [slot for slot in found if slot.is_distractor]
        return objects_of(self._sight[1], seen, self._others)

    def saw(self, observation: Observation, slots: Sequence[Slot]) -> None:
        """Remembers what was in sight."""
        self._sight, self._others = (observation, slots), ()

    def slot(self, name: str) -> Slot | None:
        """The object of a name, as it was seen last."""
        slots = self._sight[1] if self._sight else ()
        return dict(zip(names_of(slots, self._others), (*slots, *self._others), strict=True)).get(name)

    def _observation(self) -> Observation:
        return Observation.from_dict(self._world.raw)


def _unless_held(change: Callable[[], Any]) -> Any:
    """What a change of the world gives. Raises ApiError 409 where its interlock let nothing through."""
    try:
        return change()
    except PermissionError as refusal:
        raise ApiError(409, "stopped", f"expected a robot that may move, {refusal}; send it again") from None
