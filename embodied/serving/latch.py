"""Whether a robot may move: the latch of its stops, its pause, what is under way, and their counts, under one lock.

    halt      NONE < STOP < ESTOP. Raised by `halt` and `close`; ESTOP becomes STOP by `reset_estop`, STOP becomes NONE
              by `arm`, the first thing that a new command does in the session's thread. Nothing else lowers it.
    is_paused from `pause` to `resume`; no run, stop or command ends a pause.
    doing     from `begin` to `end`: one thing at a time.

Every change is written to the shared state under the same lock, so the world's process sees them in the order in which
they happened. Any thread may call anything here; nothing waits for the robot.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from embodied.serving.errors import ApiError, busy
from embodied.serving.shared_state import Halt, SharedState

KINDS = {Halt.STOP: "stop", Halt.ESTOP: "estop"}


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop, and when it came into force; times are `time.monotonic_ns`."""

    number: int
    kind: str  # of KINDS
    latched_ns: int  # from here on no command is let through that the world's process had not let through before
    confirmed_ns: int | None = None
    """When the world's process said that nothing more passes; None where it has not said so yet."""

    def as_dict(self) -> dict[str, int | str | float | None]:
        """The values of `wire.StopTimes`, times in seconds."""
        confirmed_s = None if self.confirmed_ns is None else self.confirmed_ns / 1e9
        return {"number": self.number, "kind": self.kind, "latched_s": self.latched_ns / 1e9,
                "confirmed_s": confirmed_s}


class Latch:
    """See the module. Attributes are for reading."""

    def __init__(self, board: SharedState, is_crashed: Callable[[], bool] = lambda: False) -> None:
        """board: where the world's process reads what holds. is_crashed: whether there is no world that could move."""
        self._board, self._is_crashed, self._lock = board, is_crashed, threading.Lock()
        self.level, self.is_paused, self.doing = Halt.NONE, False, ""
        self.stop: Stop | None = None
        """The last one."""
        self._stops = self._late = 0
        self._is_closed = False

    @property
    def mode(self) -> str:
        """idle, running, paused, stopped, estopped or crashed."""
        with self._lock:
            level, is_paused, doing = self.level, self.is_paused, self.doing
        if level == Halt.ESTOP:
            return "estopped"
        if self._is_crashed():
            return "crashed"
        if is_paused:
            return "paused"
        return "running" if doing else "stopped" if level == Halt.STOP else "idle"

    @property
    def counters(self) -> dict[str, int]:
        with self._lock:
            return {"stops": self._stops, "late": self._late}

    # What anybody may do -------------------------------------------------------------------------------------------

    def halt(self, level: Halt) -> Stop:
        """The stop, which holds from now on; what is stronger stays."""
        with self._lock:
            return self._raise(level)

    def close(self) -> None:
        """Nothing moves any more, for ever."""
        with self._lock:
            self._is_closed = True
            self._raise(Halt.ESTOP)

    def reset_estop(self) -> None:
        """The emergency stop becomes a stop, which the next command re-arms. Raises ApiError 409 once it is closed."""
        with self._lock:
            self._check_open()
            if self.level == Halt.ESTOP:
                self._lower(Halt.STOP)

    def pause(self, is_paused: bool) -> None:
        """Holds robot and world where they are, and keeps new commands out, until it is called with False."""
        with self._lock:
            self.is_paused = is_paused
            self._board.write(is_paused=is_paused)

    def confirmed(self) -> Stop | None:
        """The last stop where the world's process has just confirmed it; None where it has not, or was heard before."""
        number, at_ns = self._board.confirmed()
        with self._lock:
            if self.stop is None or self.stop.confirmed_ns is not None or number < self.stop.number:
                return None
            self.stop = replace(self.stop, confirmed_ns=at_ns)
            return self.stop

    def seen(self, stop: Stop) -> Stop:
        """The stop, with the time of its confirmation where there is one."""
        number, at_ns = self._board.confirmed()
        return replace(stop, confirmed_ns=at_ns) if number >= stop.number else stop

    # The life of a command -----------------------------------------------------------------------------------------

    def begin(self, what: str, *, changes: bool, revives: bool = False) -> int:
        """A ticket for `arm`; the robot is taken until `end`. changes: the world, so that it must be free to move.
        revives: it may begin in a crashed world. Raises ApiError 409."""
        with self._lock:
            self._check_open()
            if self.doing:
                raise busy(self.doing)
            if not revives:
                self.check_alive()
            if changes:
                self._check_free()
            self.doing = what
            return self._stops

    def arm(self, ticket: int) -> None:
        """Clears an earlier stop. Raises ApiError 409 where another one has come since the command was taken."""
        with self._lock:
            if ticket != self._stops:
                raise ApiError(409, "stopped", "expected a robot that may move, it was stopped after the command came; "
                                               "send it again")
            if self.level != Halt.NONE:
                self._lower(Halt.NONE)

    def end(self) -> None:
        """The robot is free for the next command; whatever holds it still does."""
        with self._lock:
            self.doing = ""

    def count_late(self) -> None:
        """One more command that came too late to begin."""
        with self._lock:
            self._late += 1

    def check_alive(self) -> None:
        """Raises ApiError 409 in a crashed world."""
        if self._is_crashed():
            raise ApiError(409, "crashed", "expected a live world, its physics crashed; POST .../reset starts it anew")

    # Under the lock ------------------------------------------------------------------------------------------------

    def _raise(self, level: Halt) -> Stop:
        if level > self.level:
            self.level = level
            self._board.write(halt=level)
        self._stops += 1
        self.stop = Stop(self._stops, KINDS[level], time.monotonic_ns())
        self._board.write(stop_number=self._stops)  # after the latch: whoever sees the number sees the latch, too
        return self.stop

    def _lower(self, level: Halt) -> None:
        self.level = level
        self._board.write(halt=level)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ApiError(409, "closed", "expected an open session, it has been closed; open another one")

    def _check_free(self) -> None:
        if self.level == Halt.ESTOP:
            raise ApiError(409, "estopped", "expected a robot that may move, the emergency stop is latched; a person "
                                            "who sees the robot resets it with POST .../estop/reset")
        if self.is_paused:
            raise ApiError(409, "paused", "expected a robot that may move, it is paused; POST .../resume ends that")
