"""A gymnasium environment whose physics runs in a process of its own, so that a crash costs one episode.

Observations are those of the same environment in this process, bit for bit. What it costs a step is measured by
`scripts/bench/isolation.py`: 0.9 ms at two images of 192 px.
"""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from envs.isolation.child import ATTRIBUTES
from envs.isolation.process import DiedError, WorldProcess
from envs.isolation.wire import Block

DEADLINE_S = 60.0
"""Of a call, wall time; the longest sound skill takes a tenth of it."""
_LONGEST_WORDS = 240


class PhysicsCrashError(RuntimeError):
    """The world's process died or hung where no episode could be ended for it: while it was made or reset, twice, or
    while something was asked of it. args: seed (of the last reset that had one), last command, how."""

    def __str__(self) -> str:
        seed, command, how = self.args
        return (f"physics crashed ({how}) at seed {seed} in {command}; leave this seed out, or reset() for a new "
                f"process and go on")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Moment:
    """A snapshot that lies in the world's process."""

    number: int


def isolate(env_id: str, *, deadline_s: float | None = DEADLINE_S, **kwargs: Any) -> IsolatedEnv:
    """`gymnasium.make(env_id, **kwargs)`, with all its wrappers, in a process of its own. "module:Id-v0" is imported
    there. Our own ids take the keyword `isolated=True` in `gymnasium.make` as well."""
    return IsolatedEnv(gymnasium.make, {"id": env_id, **kwargs}, deadline_s)


class IsolatedEnv(gymnasium.Env):
    """Spaces, observations, rewards and errors of the environment that `make(**kwargs)` gives, made in its process.

    When that process dies, or does not answer a call within deadline_s of wall time (None: waits for ever), `step`
    gives the last observation once more, truncated, with info["outcome"] failed and info["crash"]: "seed" of the last
    reset that had one, "last_command" and "how" (a signal, an exit code, a hang). The next reset starts a new process.
    A reset that ends its process is tried once more in a new one, and then raises PhysicsCrashError; so does any other
    call, at once. Simulation never reads that clock: it is the caller who waits.

    Of the innermost environment, METHODS and ATTRIBUTES of `envs.isolation.child` can be reached. A snapshot stays in
    the process, and is lost with it.
    """

    def __init__(self, make: Callable[..., gymnasium.Env], kwargs: Mapping[str, Any],
                 deadline_s: float | None = DEADLINE_S) -> None:
        """make: a function or class that stands in a module, for it goes by its name."""
        if deadline_s is not None and not 0.0 < deadline_s < float("inf"):
            raise ValueError(f"deadline_s: expected seconds above 0, or None to wait for ever, got {deadline_s}")
        self._make, self._kwargs, self._deadline_s = make, dict(kwargs), deadline_s
        self._block = Block.make()
        self._process: WorldProcess | None = None
        self._numbers = itertools.count()
        self._dropped: list[int] = []  # moments that nobody can go back to any more
        self._seed: int | None = None
        self._crashes = 0
        self._crash: dict[str, Any] = {"seed": None, "last_command": "close()", "how": "it was closed"}
        self._last_command = "make"
        self._last: tuple[Any, dict[str, Any]] = (None, {})
        self._watching: tuple[Callable[[np.ndarray], None], tuple, dict] | None = None
        self._twice(self._start)

    @property
    def pid(self) -> int | None:
        """Of the world's process; None while there is none."""
        return self._process.pid if self._process is not None else None

    def __reduce__(self) -> tuple[Any, ...]:
        """Another one of the same arguments, in a process of its own, before its first reset."""
        return IsolatedEnv, (self._make, self._kwargs, self._deadline_s)

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Any, dict]:
        """What the environment's own reset gives. Without a seed, a process that replaces a dead one is seeded from the
        last seed and the number of crashes."""
        super().reset(seed=seed)
        self._seed = self._seed if seed is None else seed
        self._last_command = f"reset(seed={seed})" if options is None else f"reset(seed={seed}, options={options})"
        self._last = self._twice(partial(self._reset, seed, None if options is None else dict(options)))
        return self._last

    def _reset(self, seed: int | None, options: dict[str, Any] | None) -> Any:
        if self._process is None:
            self._start()
            if seed is None and self._seed is not None and self._crashes:
                seed = int(np.random.SeedSequence([self._seed, self._crashes]).generate_state(1)[0])
        return self._process.call("reset", seed=seed, options=options, on_frame=self._on_frame)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        if self._process is None:
            return self._crashed()
        self._last_command = f"step({self._words(action)})"
        try:
            observation, *rest, info = self._process.call("step", action, on_frame=self._on_frame)
        except DiedError as death:
            self._bury(death)
            return self._crashed()
        self._last = observation, info
        return observation, *rest, info

    def _crashed(self) -> tuple[Any, float, bool, bool, dict]:
        """The last step of an episode whose process is gone."""
        (observation, info), crash = copy.deepcopy(self._last), dict(self._crash)
        kept = {key: info[key] for key in ("progress", "task", "is_judged") if key in info}
        reason = f"physics crashed ({crash['how']}) at seed {crash['seed']} in {crash['last_command']}"
        outcome = {"status": "failed", "reason": reason, "duration_s": 0.0}
        return observation, 0.0, False, True, {**kept, "is_success": False, "outcome": outcome, "crash": crash}

    def render(self) -> Any:
        return self._call("render")

    def close(self) -> None:
        """Ends the process; harmless when repeated."""
        if self._process is not None:
            self._process.leave()
            self._process = None
        if self._block is not None:
            self._block.close()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._constants:
            return self._constants[name]
        if name.startswith("_") or name not in self._reach:
            raise AttributeError(f"{type(self).__name__} has no {name!r}: what the world's process offers is "
                                 f"{sorted(self._reach) if not name.startswith('_') else 'not ready yet'}")
        if name in ATTRIBUTES:
            return self._call("read", name)
        own = {"watch": self._watch, "snapshot": self._snapshot, "restore": self._restore}
        return own.get(name, partial(self._call, name))

    def _watch(self, callback: Callable[[np.ndarray], None] | None, *args: Any, **kwargs: Any) -> None:
        """As the environment's own: frames come by the pipe while a call is under way."""
        self._watching = None if callback is None else (callback, args, kwargs)
        self._call("watch", callback is not None, *args, **kwargs)

    def _snapshot(self) -> Moment:
        moment = Moment(next(self._numbers))
        dropped, self._dropped = self._dropped, []
        self._call("snapshot", moment.number, dropped)
        weakref.finalize(moment, self._dropped.append, moment.number)
        return moment

    def _restore(self, moment: Moment) -> None:
        self._call("restore", moment.number)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """What the innermost environment answers. Raises PhysicsCrashError."""
        if self._process is None:
            raise PhysicsCrashError(*self._crash.values())
        try:
            return self._process.call(name, *args, on_frame=self._on_frame, **kwargs)
        except DiedError as death:
            self._last_command = f"{name}({', '.join(map(self._words, args))})"
            self._bury(death)
            raise PhysicsCrashError(*self._crash.values()) from None

    def _on_frame(self, frame: np.ndarray) -> None:
        if self._watching is not None:
            self._watching[0](frame)

    def _start(self) -> None:
        """A new process, known by what it says of itself."""
        self._process = WorldProcess(self._make, self._kwargs, self._deadline_s, self._block)
        hello = self._process.hello()
        if self._watching is not None:
            self._process.call("watch", True, *self._watching[1], **self._watching[2])
        if not self._crashes:
            self.observation_space, self.action_space = hello.observation_space, hello.action_space
            self.metadata, self.render_mode = hello.metadata, hello.render_mode
        self._reach, self._skills, self._constants = hello.reach, hello.skills, hello.constants

    def _twice(self, call: Callable[[], Any]) -> Any:
        """What the call gives, in a new process if the first one ends over it. Raises PhysicsCrashError."""
        try:
            return call()
        except DiedError as death:
            self._bury(death)
        try:
            return call()
        except DiedError as death:
            self._bury(death)
            raise PhysicsCrashError(*self._crash.values()) from None

    def _bury(self, death: DiedError) -> None:
        """Ends what is left of the process, and notes what became of it."""
        self._process.end()
        self._process, self._crashes = None, self._crashes + 1
        self._crash = {"seed": self._seed, "last_command": self._last_command, "how": str(death)}

    def _words(self, value: Any) -> str:
        """An action or argument, as text that a person can read and repeat."""
        if isinstance(value, Mapping):
            skills = self._skills
            named = {k: skills[int(v)] if k == "skill" and _is_index(v, skills) else v for k, v in value.items()}
            text = ", ".join(f"{key}={self._words(part)}" for key, part in named.items())
        elif isinstance(value, np.ndarray):
            text = np.array2string(value, precision=6, separator=", ", threshold=32).replace("\n", "")
        else:
            text = str(value)
        return text if len(text) <= _LONGEST_WORDS else text[:_LONGEST_WORDS] + "..."


def _is_index(value: Any, names: tuple[str, ...]) -> bool:
    """Whether a value of whatever kind is the place of one of the names."""
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iu" and 0 <= value < len(names)
