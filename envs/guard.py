"""A wrapper that ends an episode when its environment returns what its own space does not allow: NaN, infinity, another
dtype or shape. Vector environments pass all of it on without a word."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class UnsoundObservationError(ValueError):
    """The first observation of an episode cannot be trusted: there is nothing to begin with."""


class Guard(gymnasium.Wrapper):
    """Any environment; its steps as they are while they are sound.

    A step with an unsound observation or reward ends the episode: the last sound observation once more, reward 0,
    truncated, and info["outcome"] failed, its reason "nonfinite: ..." or "malformed: ..." with the key. Values out of
    bounds pass: many environments are a little careless there, and nothing breaks of it. Raises UnsoundObservationError
    from `reset`.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self._last: Any = None

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**kwargs)
        if trouble := fault(self.observation_space, observation):
            raise UnsoundObservationError(f"{trouble}, in the first observation of seed {kwargs.get('seed')}; leave "
                                          f"this seed out, or mend the environment")
        self._last = observation
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        observation, reward, terminated, truncated, info = self.env.step(action)
        trouble = fault(self.observation_space, observation) or _fault_of_reward(reward)
        if trouble is None:
            self._last = observation
            return observation, reward, terminated, truncated, info
        outcome = {"status": "failed", "reason": trouble, "duration_s": 0.0}
        return copy.deepcopy(self._last), 0.0, False, True, {**info, "is_success": False, "outcome": outcome}


def fault(space: gymnasium.Space, value: Any) -> str | None:
    """What is wrong with a value of a space, a clause that names the key; None when it can be trusted."""
    return next(_faults(space, value, "observation"), None)


def _faults(space: gymnasium.Space, value: Any, key: str) -> Iterator[str]:
    if isinstance(space, spaces.Dict):
        if not isinstance(value, Mapping) or set(value) != set(space.spaces):
            found = sorted(value) if isinstance(value, Mapping) else type(value).__name__
            yield f"malformed: {key} is {found}, expected keys {sorted(space.spaces)}"
            return
        for name, part in space.spaces.items():
            yield from _faults(part, value[name], name if key == "observation" else f"{key}.{name}")
    elif isinstance(space, spaces.Tuple):
        if not isinstance(value, tuple) or len(value) != len(space.spaces):
            yield f"malformed: {key} is {type(value).__name__}, expected a tuple of {len(space.spaces)}"
            return
        for i, (part, inner) in enumerate(zip(space.spaces, value, strict=True)):
            yield from _faults(part, inner, f"{key}[{i}]")
    elif isinstance(space, spaces.Box):
        yield from _faults_of_box(space, value, key)
    elif not space.contains(value):
        yield f"malformed: {key} is {str(value)[:40]!r}, expected one of {space}"


def _faults_of_box(space: spaces.Box, value: Any, key: str) -> Iterator[str]:
    dtype, shape = getattr(value, "dtype", type(value).__name__), getattr(value, "shape", None)
    if dtype != space.dtype or shape != space.shape:
        yield f"malformed: {key} is {dtype}{list(shape or ())}, expected {space.dtype}{list(space.shape)}"
    elif not np.isfinite(value).all():
        yield f"nonfinite: {key} holds {np.count_nonzero(~np.isfinite(value))} values of NaN or infinity"


def _fault_of_reward(reward: Any) -> str | None:
    try:
        return None if np.isfinite(float(reward)) else f"nonfinite: the reward is {reward}"
    except (TypeError, ValueError):
        return f"malformed: the reward is {str(reward)[:40]!r}, expected a number"
