"""The world's side: makes an environment and answers calls until its owner is gone."""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import gymnasium
import numpy as np

from envs.isolation.wire import Block, pack

METHODS = ("encode", "expert_plan", "taught_plan", "attribution_view", "why_not", "hold", "watch", "snapshot",
           "restore", "instruct", "move_joints", "move_tool", "introduce", "refresh", "rehearse")
"""Of the innermost environment, what its owner may call, where it is there."""
ATTRIBUTES = ("renderer", "instruction", "is_success", "held_name", "is_judged")
"""The same of what may be read."""
CONSTANTS = ("language",)
"""What is read once: it stays what it is, and is known after a crash too."""
_GRACE_S = 5.0  # the owner's deadline comes first; this one is for a world whose owner is gone
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Hello:
    """What a world says of itself when it is made."""

    observation_space: gymnasium.Space
    action_space: gymnasium.Space
    metadata: dict[str, Any]
    render_mode: str | None
    reach: frozenset[str]
    """METHODS and ATTRIBUTES that it has."""
    skills: tuple[str, ...]
    """Names of the values of an action's "skill", for words about it."""
    constants: dict[str, Any]
    """CONSTANTS that it has, and their values."""


class Host:
    """Answers the calls about one environment."""

    def __init__(self, env: gymnasium.Env, connection: Connection) -> None:
        self._env, self._connection = env, connection
        self._moments: dict[int, Any] = {}
        self._calls: dict[str, Callable[..., Any]] = {
            "step": env.step, "reset": self._reset, "render": env.render, "close": env.close, "read": self._read,
            "watch": self._watch, "snapshot": self._snapshot, "restore": self._restore}
        for name in METHODS:
            if name not in self._calls and hasattr(env.unwrapped, name):
                self._calls[name] = getattr(env.unwrapped, name)

    def hello(self) -> Hello:
        inner = self._env.unwrapped
        reach = frozenset(name for name in (*METHODS, *ATTRIBUTES) if hasattr(type(inner), name)
                          or name in vars(inner))
        return Hello(self._env.observation_space, self._env.action_space, dict(self._env.metadata),
                     self._env.render_mode, reach, tuple(getattr(getattr(inner, "actions", None), "skills", ())),
                     {name: getattr(inner, name) for name in CONSTANTS if hasattr(inner, name)})

    def answer(self, name: str, args: tuple, kwargs: dict[str, Any]) -> Any:
        return self._calls[name](*args, **kwargs)

    def _reset(self, **kwargs: Any) -> Any:
        self._moments.clear()
        return self._env.reset(**kwargs)

    def _read(self, name: str) -> Any:
        if name not in ATTRIBUTES:
            raise AttributeError(f"expected one of {ATTRIBUTES}, got {name!r}")
        return getattr(self._env.unwrapped, name)

    def _watch(self, is_on: bool, *args: Any, **kwargs: Any) -> None:
        self._env.unwrapped.watch(self._show if is_on else None, *args, **kwargs)

    def _show(self, frame: np.ndarray) -> None:
        self._connection.send(("frame", frame))

    def _snapshot(self, number: int, dropped: Sequence[int]) -> None:
        """A moment stays here: its owner has the number of it. dropped: numbers of those that nobody has any more."""
        for old in dropped:
            self._moments.pop(old, None)
        self._moments[number] = self._env.unwrapped.snapshot()

    def _restore(self, number: int) -> None:
        if number not in self._moments:
            raise ValueError("restore: expected a snapshot of this episode, got an older one; take a snapshot after "
                             "reset()")
        self._env.unwrapped.restore(self._moments[number])


def serve(connection: Connection, block: Block | None, deadline_s: float | None) -> None:
    """The first message says what to make, each other one is a call; the other end closing is the end."""
    make, kwargs = connection.recv()
    try:
        host = Host(make(**kwargs), connection)
        connection.send(("value", host.hello()))
    except Exception as error:
        connection.send(("error", described(error)))
        return
    while True:
        name, args, kwargs = connection.recv()
        with _bounded(deadline_s):
            _reply(connection, lambda name=name, args=args, kwargs=kwargs: host.answer(name, args, kwargs), block)


def _reply(connection: Connection, call: Callable[[], Any], block: Block | None) -> None:
    try:
        connection.send(("value", pack(call(), block)))
    except BrokenPipeError:
        raise
    except Exception as error:  # the call's own, or of a value that cannot travel
        connection.send(("error", described(error)))


def described(error: Exception) -> tuple[str, tuple, str]:
    """Nearest built-in kind, arguments and traceback of an error: errors of other kinds may not travel."""
    kind = next(k for k in type(error).__mro__ if k.__module__ == "builtins")
    is_plain = all(isinstance(a, str | int | float | None) for a in error.args)
    args = error.args if kind is type(error) and is_plain else (f"{type(error).__name__}: {error}",)
    if kind is type(error) and not is_plain:
        args = (str(error),)
    return kind.__name__, args, "".join(traceback.format_exception(error, limit=-8))


def rebuilt(kind: str, args: tuple, trace: str) -> Exception:
    """The error of a description, what happened in the world's process as a note."""
    try:
        error = getattr(builtins, kind)(*args)
    except TypeError:  # some kinds take arguments of their own
        error = RuntimeError(f"{kind}: {args}")
    error.add_note(f"In the world's process:\n{trace}")
    return error


@contextlib.contextmanager
def _bounded(deadline_s: float | None) -> Any:
    """The kernel ends a call that outlives its deadline by far: a thread cannot, where a library never lets go."""
    if deadline_s is None:
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, deadline_s + _GRACE_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def _leave_with(owner: int) -> None:
    """Ends this process, in the middle of whatever it does, when its owner is gone."""
    while os.getppid() == owner:
        threading.Event().wait(_LOOK_S)
    os._exit(1)


def main(handle: str, block_handle: str, block_bytes: str, owner: str, deadline_s: str) -> None:
    """From its owner: two handles, a size, the owner's id and its deadline, "" for none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's business
    threading.Thread(target=_leave_with, args=(int(owner),), daemon=True).start()
    block = Block(int(block_handle), int(block_bytes)) if int(block_bytes) else None
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        serve(Connection(int(handle)), block, float(deadline_s) if deadline_s else None)
