"""The owner's side: starts a world's process, calls it, says how it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from envs.isolation.child import Hello, rebuilt
from envs.isolation.wire import Block, unpack

START_S = 180.0
"""How long a world may take to be made: imports and meshes on a busy machine."""
_MAIN = "import sys; from envs.isolation.child import main; main(*sys.argv[1:])"
_LEAVE_S = 2.0  # to close in peace
_END_S = 10.0


class DiedError(Exception):
    """The process ended or fell silent; the text says how."""


class WorldProcess:
    """One process with one environment in it. It ends with this object, and when its owner ends, however that does."""

    def __init__(self, make: Callable[..., Any], kwargs: Mapping[str, Any], deadline_s: float | None,
                 block: Block | None) -> None:
        """Nothing is waited for: `hello` comes first. make: importable by name. Raises TypeError where it is not."""
        self._deadline_s, self._block = deadline_s, block
        self._given_up: str | None = None
        self._connection, theirs = Pipe()
        shared = (block.handle, block.size_bytes) if block else (-1, 0)
        words = [theirs.fileno(), *shared, os.getpid(), "" if deadline_s is None else deadline_s]
        # Not multiprocessing: its daemons, such as gymnasium's workers, may have no children, and it runs the caller's
        # script again.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, *map(str, words)], stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), *([block.handle] if block else [])),
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)})
        theirs.close()
        self.end = weakref.finalize(self, _end, self._process, self._connection, os.getpid())
        """Ends the process, if it has not ended; harmless when repeated."""
        self._send((make, dict(kwargs)))

    @property
    def pid(self) -> int:
        return self._process.pid

    def hello(self) -> Hello:
        """What the new world says of itself. Raises what making it raised, and DiedError."""
        return self._answer(START_S, None)

    def call(self, name: str, *args: Any, on_frame: Callable[[np.ndarray], None] | None = None, **kwargs: Any) -> Any:
        """What the world answers. Raises what the call raised there, TypeError for what another process cannot be told,
        and DiedError when nothing comes of it; the process is then ended. So it is by anything else that interrupts the
        wait, Ctrl-C or an error of on_frame: its answer would be taken for that of the next call. on_frame: called with
        each frame that is shown on the way."""
        self._send((name, args, kwargs))
        return self._answer(self._deadline_s, on_frame)

    def _answer(self, deadline_s: float | None, on_frame: Callable[[np.ndarray], None] | None) -> Any:
        try:
            kind, content = self._receive(deadline_s, on_frame)
        except DiedError:
            raise
        except BaseException as error:
            self._given_up = f"its owner stopped waiting: {type(error).__name__}"
            self.end()
            raise
        if kind == "error":
            raise rebuilt(*content)
        return unpack(content, self._block)

    def leave(self) -> None:
        """Lets the world close in peace, then ends the process."""
        with contextlib.suppress(Exception):  # whatever closing comes to, it ends here
            self._send(("close", (), {}))
            self._receive(_LEAVE_S, None)
        self.end()

    def _send(self, message: Any) -> None:
        try:
            self._connection.send(message)
        except OSError:
            raise DiedError(self._ending()) from None
        except Exception as error:  # nothing has been sent: the world waits as before
            raise TypeError(f"expected what another process can be told, got {error}; give functions that stand in a "
                            f"module, and plain values") from error

    def _receive(self, deadline_s: float | None, on_frame: Callable[[np.ndarray], None] | None) -> tuple[str, Any]:
        """The world's answer: "value" or "error", and its content."""
        while True:
            try:
                if not self._connection.poll(deadline_s):
                    self.end()
                    raise DiedError(f"hang after {deadline_s:g} s")
                kind, content = self._connection.recv()
            except (EOFError, OSError):
                raise DiedError(self._ending()) from None
            if kind in ("value", "error"):
                return kind, content
            if on_frame is not None:
                on_frame(content)

    def _ending(self) -> str:
        """How the process ended: "SIGSEGV", "exit code 3"."""
        if self._given_up is not None:
            return self._given_up
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            code = None
        self.end()
        if code is None:
            return "its process closed the connection"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _end(process: subprocess.Popen, connection: Connection, owner: int) -> None:
    if os.getpid() != owner:  # a fork of the owner, which has but a copy of this
        return
    connection.close()
    process.kill()
    process.wait()
