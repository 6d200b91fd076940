"""Environments for learners that read numbers and pictures alone, and choose by number: Stable-Baselines3's, say.

`gymnasium.make(..., instruction=False)` gives them, of both levels. Words are gone from what is observed: which things
they name is told in numbers. Nested spaces are gone, too.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from envs.interface import Box, Referent, SkillCall
from envs.joint_env import WorldEnv
from envs.skill_env import SkillEnv
from envs.skills.signatures import Parameter, Signature

POSE_NUMBERS = 10
"""Of a thing: position m, quaternion, size m; zeros where there is none."""
_FAR_M = 10.0
_NOWHERE = Box((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class NumericEnv(gymnasium.Wrapper):
    """An environment without words, nested spaces and calls that have to be spelled.

    Observations, with privileged=True: float32[B + 10 N], the body (joint positions, pose of the tool float[7], opening
    of the gripper m) and then poses of the N most things that a scene may have: those first that the instruction names,
    in its order, then the others in the order of the domain's names. What it says of corners, sides and drawers, and of
    things without naming them, is not told. Else a Dict of "body" float32[B], "named"
    float32[E], 1 for the first thing that the instruction names, 1/2 for the second, and so on, 0 for all others, and
    uint8[H, W, 3] of each camera by its name.

    Actions: of the joint level as they were, float32[J]; of the skill level a number, which means one of `choices`.
    """

    def __init__(self, env: WorldEnv) -> None:
        """Raises ValueError where no skill can be chosen by number: things are pointed at by the simulator's truth,
        which takes privileged=True, and free text has no list."""
        super().__init__(env)
        self._domain, self._is_privileged = env.domain, "entities" in env.observation_space.spaces
        self._most = env.domain.objects[1]
        parts = env.observation_space.spaces
        body = sum(int(np.prod(parts[part].shape)) for part in _BODY)
        if self._is_privileged:
            self.observation_space = _numbers(body + POSE_NUMBERS * self._most)
        else:
            pictures = dict(parts["rgb"].spaces) if "rgb" in parts else {}
            self.observation_space = spaces.Dict({"body": _numbers(body), "named": spaces.Box(
                0.0, 1.0, (len(env.domain.entity_names),), np.float32), **pictures})
        self.choices: tuple[tuple[str, tuple[int | str, ...]], ...] = ()
        """Of the skill level: the skill and its arguments, words, or the places of things among the observed poses."""
        if isinstance(env, SkillEnv):
            self.choices = tuple(_choices(env, self._most if self._is_privileged else 0))
            if not any(arguments for _, arguments in self.choices):
                remedy = "take the joint level" if self._is_privileged else "try privileged=True, or the joint level"
                raise ValueError(f"instruction=False: expected skills of {env.domain.name!r} that can be chosen by "
                                 "number, got none: free text has no list, and things are pointed at by the "
                                 f"simulator's truth; {remedy}")
            self.action_space = spaces.Discrete(len(self.choices))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another one of the same arguments, before its first reset."""
        return NumericEnv, (self.env,)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, dict]:
        """A new scene, observed in numbers."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._read(observation), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        """What the environment answers to an action, observed in numbers."""
        if self.choices:
            action = self.env.encode(self.call_of(int(action)))
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._read(observation), float(reward), terminated, truncated, info

    def call_of(self, action: int) -> SkillCall:
        """The call that a number means now, things where they truly are. PRIVILEGED."""
        skill, arguments = self.choices[action]
        return SkillCall(skill, tuple(self._referent(a) if isinstance(a, int) else a for a in arguments))

    def things(self) -> list[str]:
        """Names of the things that are there, in the order in which they are observed."""
        there = [name for name in self._domain.entity_names if name in self.env.world.names()]
        named = named_in(self.env.instruction, there)
        return [*named, *(name for name in there if name not in named)]

    def _referent(self, place: int) -> Referent:
        things = self.things()
        if place >= len(things):
            return Referent("", box=_NOWHERE)
        return Referent(things[place], box=self.env.world.box(things[place]))

    def _read(self, seen: Mapping[str, Any]) -> Any:
        body = np.concatenate([np.asarray(seen[part], np.float32).ravel() for part in _BODY])
        if self._is_privileged:
            poses = [seen["entities"][name] for name in self.things()[:self._most]]
            rest = np.zeros(POSE_NUMBERS * (self._most - len(poses)), np.float32)
            return np.concatenate([body, *poses, rest]).astype(np.float32)
        return {"body": body, "named": self._named(), **seen.get("rgb", {})}

    def _named(self) -> np.ndarray:
        """float32[E]: which things the instruction names, and in which order."""
        order = named_in(self.env.instruction, self._domain.entity_names)
        return np.array([1 / (1 + order.index(name)) if name in order else 0.0 for name in self._domain.entity_names],
                        np.float32)


def named_in(text: str, names: Sequence[str]) -> list[str]:
    """Those of the names that a text speaks of, in its order: by the whole name, or by its first word and another for
    its kind ("the blue object" is the blue block)."""
    said, found = f" {' '.join(re.findall('[a-z]+', text.lower()))} ", dict[str, int]()
    for name in names:
        first, _, kind = name.rpartition(" ")
        spoken = [name, *(f"{first} {other}" for other in _KINDS.get(kind, ()) if first)]
        places = [place for words in spoken if (place := said.find(f" {words} ")) >= 0]
        if places:
            found[name] = min(places)
    return sorted(found, key=found.__getitem__)


_KINDS = MappingProxyType({"block": ("cube", "object", "one"), "bowl": ("dish",)})
"""Kind of a thing at a table -> what it is called, too."""
_BODY = ("joint_pos", "tool_pose", "gripper_width_m")


def _numbers(count: int) -> spaces.Box:
    return spaces.Box(-_FAR_M, _FAR_M, (count,), np.float32)


def _choices(env: SkillEnv, things: int) -> list[tuple[str, tuple[int | str, ...]]]:
    """Every call that can be chosen: of skills whose arguments are things, or words of a list."""
    words = env.domain.judge.words if env.domain.judge else {}
    return [(skill.name, arguments) for skill in env.domain.language.signatures
            for arguments in itertools.product(*_values(skill, words, things))]


def _values(skill: Signature, words: Mapping[str, Sequence[str]], things: int) -> list[Sequence[int | str]]:
    """What each parameter of a skill may be."""
    return [_values_of(parameter, words, things) for parameter in skill.parameters]


def _values_of(parameter: Parameter, words: Mapping[str, Sequence[str]], things: int) -> Sequence[int | str]:
    if parameter.kind == "object":
        return range(things)
    return words.get(parameter.name, ()) if parameter.kind == "text" else ()
