"""A domain as a gymnasium environment whose action is one skill call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from envs.interface import Box, Outcome, Referent, SkillCall
from envs.joint_env import WorldEnv
from envs.sensors.labels import masks
from envs.skills.measure import box_at
from envs.skills.perform import perform
from envs.skills.situation import Hand, Situation
from envs.spaces import AnyText

_SETTLE_S = 0.6


class SkillEnv(WorldEnv):
    """action: {"skill", "box", "camera", "pixel"}. A box that is not all zeros says where the referent was measured;
    else the pixel of that camera is lifted through the last depth image. Where skills of the domain take text, "text"
    holds it. Whatever comes is answered by an Outcome."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012  one frame a call

    def __init__(self, domain: str = "tabletop", task: str | None = None, *, labels: int = 0, disturbances: float = 0.0,
                 **kwargs: Any) -> None:
        """labels: how many asks info["labels"] answers; 0 for none. PRIVILEGED: for training and judging.
        disturbances: chance that, after a call, somebody else changes the scene; info["disturbance"] says how."""
        super().__init__(domain, task, has_images=True, **kwargs)
        self._label_count = labels
        self._disturbances, self._disturbed = _share(disturbances), None
        self._skills = tuple(self.domain.signatures)
        self._camera_names = tuple(self.domain.views(self.robot))
        self.action_space = gymnasium.spaces.Dict(self._action_parts())
        self.hand = Hand()
        self._watcher: Callable[[np.ndarray], None] | None = None
        self._watch_periods, self._watch_size, self._period = 1, (480, 640), 0

    def _action_parts(self) -> dict[str, gymnasium.Space]:
        parts = {"skill": gymnasium.spaces.Discrete(len(self._skills)),
                 "box": gymnasium.spaces.Box(-1.0, 1.0, (7,), np.float32),
                 "camera": gymnasium.spaces.Discrete(len(self._camera_names)),
                 "pixel": gymnasium.spaces.MultiDiscrete([self._image_size] * 2)}
        kinds = {p.kind for s in self.domain.signatures.values() for p in s.parameters}
        return {**parts, "text": AnyText()} if "text" in kinds else parts

    def encode(self, call: SkillCall) -> dict[str, Any]:
        """The action of a call. A box goes before a pixel; words mean nothing to a skill that takes an object. Raises
        ValueError for a skill that the domain has not."""
        if call.skill not in self._skills:
            raise ValueError(f"expected a skill of {list(self._skills)}, got {call.skill!r}")
        action = {"skill": np.int64(self._skills.index(call.skill)), "box": np.zeros(7, np.float32),
                  "camera": np.int64(0), "pixel": np.zeros(2, np.int32)}
        if "text" in self.action_space.spaces:
            action["text"] = next((a for a in call.arguments if isinstance(a, str)), "")
        referent = next((a for a in call.arguments if isinstance(a, Referent)), None)
        if referent is not None and referent.box is not None:
            action["box"] = referent.box.as_vector()
        elif referent is not None and referent.pixel is not None:
            action["camera"] = np.int64(self._camera_names.index(referent.camera or self._camera_names[0]))
            action["pixel"] = np.array(referent.pixel, np.int32)
        return action

    def _begin(self) -> None:
        self.hand = Hand()
        self._asks_rng = np.random.default_rng(self._seed_of_labels)
        self._events_rng = np.random.default_rng([self._seed_of_labels, 1])
        self._disturbed = None
        self._period = 0
        self._show()

    def step(self, action: Mapping[str, Any]) -> tuple[dict, float, bool, bool, dict]:
        self.world.doze()
        outcome = self._do(action)
        self._disturbed = self._disturb()
        self.world.settle(_SETTLE_S)
        reward = self._reward()
        report = {"status": outcome.status, "reason": outcome.reason, "duration_s": outcome.duration_s}
        return self._observe(), reward, self.is_success, False, {**self._info(), "outcome": report}

    def _do(self, action: Mapping[str, Any]) -> Outcome:
        """How the action went; refused before anything moves if it makes no sense."""
        try:
            skill = self._skills[_whole(action["skill"])]
            argument = self._argument(self._kind(skill), action)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            return Outcome("refused", "the action is malformed", 0.0)
        if isinstance(argument, Complaint):
            return Outcome("refused", argument.reason, 0.0)
        signature = self.domain.signatures[skill]
        situation = Situation(self.robot, self.seen, self.hand, self.glance)
        return perform(signature.controller or skill, situation, argument, signature.timeout_s, on_period=self._show)

    def _disturb(self) -> str | None:
        """What somebody else did to the scene just now."""
        if self.domain.disturb is None or self._events_rng.random() >= self._disturbances:
            return None
        return self.domain.disturb(self.world, self.scene, self._events_rng)

    def _kind(self, skill: str) -> str | None:
        """Kind of a skill's parameter, None without one."""
        parameters = self.domain.signatures[skill].parameters
        return parameters[0].kind if parameters else None

    def _argument(self, kind: str | None, action: Mapping[str, Any]) -> Box | str | Complaint | None:
        """What the skill acts on. Raises an error of Python's for a malformed action."""
        vector = np.asarray(action["box"], dtype=np.float64).reshape(7)
        camera = self._camera_names[_whole(action["camera"])]
        column, row = (_whole(v) for v in np.asarray(action["pixel"]).reshape(2))
        if kind == "text":
            return str(action["text"])
        if kind is None:
            return None
        if vector.any():
            return Box.from_vector(vector)
        found = box_at(self.seen, camera, (column, row))
        return Complaint(found) if isinstance(found, str) else found

    def _show(self) -> None:
        """A frame to the watcher, when one is due."""
        if self._watcher is not None and self._period % self._watch_periods == 0:
            self._watcher(self._onlook(self._watch_size))
        self._period += 1

    def watch(self, callback: Callable[[np.ndarray], None] | None, fps: float = 10,
              size: tuple[int, int] = (480, 640)) -> None:
        """Calls back with frames uint8[H, W, 3] at fps of simulated time, from resets and motions; None stops it."""
        self._watcher, self._watch_size = callback, tuple(size)
        self._watch_periods, self._period = max(1, round(self.robot.config.control_hz / fps)), 0

    def _remembered(self) -> dict[str, Any]:
        return {**super()._remembered(), "held": self.hand.held, "asks_rng": self._asks_rng.bit_generator.state,
                "events_rng": self._events_rng.bit_generator.state}

    def _remember(self, kept: Mapping[str, Any]) -> None:
        super()._remember(kept)
        self.hand.held, self._asks_rng.bit_generator.state = kept["held"], kept["asks_rng"]
        self._events_rng.bit_generator.state = kept["events_rng"]

    def _info(self) -> dict[str, Any]:
        info = {**super()._info(), **({"disturbance": self._disturbed} if self._disturbances else {})}
        return {**info, "labels": self._labels()} if self._label_count else info

    def _labels(self) -> dict[str, Any]:
        """Truth about the present scene. PRIVILEGED."""
        held, names = self.held_name, self.world.names()
        return {"masks": masks(self.pictures, self.world, held), "names": names,
                "poses": np.stack([self._pose(name) for name in names]), "held": held,
                "asks": self.domain.sample_asks(self.world, self.scene, self._asks_rng, self._label_count, held,
                                                self.instruction)}

    @property
    def held_name(self) -> str | None:
        """Name of what both fingers touch. PRIVILEGED."""
        return self.robot.held_name()

    def expert_plan(self) -> list[SkillCall]:
        """The calls that are left to do, with true boxes. ORACLE."""
        calls = self.domain.remaining_calls(self.world, self.scene, self.held_name)
        return [SkillCall(skill, self._expert_arguments(skill, argument)) for skill, argument in calls]

    def _expert_arguments(self, skill: str, argument: str) -> tuple[Referent | str, ...]:
        kind = self._kind(skill)
        if kind is None:
            return ()
        return (argument,) if kind == "text" else (Referent(argument, box=self.world.box(argument)),)

    def blame_view(self) -> dict[str, Any]:
        """What a judge compares a decision with. PRIVILEGED."""
        held = self.held_name
        rng = np.random.default_rng(0)  # the first ask is the scene's own and draws nothing
        ask = self.domain.sample_asks(self.world, self.scene, rng, 1, held, self.instruction)[0]
        names = self.world.names()
        return {"names": names, "boxes": {name: self.world.box(name) for name in names}, "held": held,
                "wanted": ask["calls"], "any_order": ask["any_order"]}


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why an action has no argument to act on, as a clause."""

    reason: str


def _share(value: float) -> float:
    """The value. Raises ValueError outside [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"disturbances: expected a chance in [0, 1], got {value}")
    return float(value)


def _whole(value: Any) -> int:
    """A whole number >= 0 from a number or array of one. Raises ValueError for anything else."""
    number = np.asarray(value, dtype=np.float64).item()
    if not np.isfinite(number) or number < 0 or number != int(number):
        raise ValueError(f"expected a whole number >= 0, got {value!r}")
    return int(number)
