"""The latch as it was when stops could be lost, line for line: it reads and then writes, and the lock is around one
side only. Tests show with it that they would find a lost stop."""

from __future__ import annotations

from typing import Any

from embodied.serving.shared_state import Halt


class LosingLatch:
    """`embodied.serving.latch.Latch`, with the logic that it took the place of."""

    def __init__(self, board: Any) -> None:
        self._board, self._stops, self._lock = board, 0, None
        self.counters, self.doing = {"stops": 0, "late": 0}, ""

    def halt(self, level: Halt) -> None:
        self._halt_at_least(level)
        with self._lock:
            self._stops += 1
        count = self.counters["stops"]
        self.counters["stops"] = count + 1

    def _halt_at_least(self, level: Halt) -> None:
        if self._board.halt < level:
            self._board.write(halt=level)

    def close(self) -> None:
        self._halt_at_least(Halt.ESTOP)

    def pause(self, is_paused: bool) -> None:
        self._board.write(is_paused=is_paused)

    def begin(self, what: str, *, changes: bool) -> int:
        self.doing = what
        return self._stops

    def arm(self, ticket: int) -> None:
        with self._lock:
            if ticket != self._stops:
                raise RuntimeError("stopped")
            if self._board.halt == Halt.STOP:
                self._board.write(halt=Halt.NONE)

    def end(self) -> None:
        self.doing = ""
        self._board.write(is_paused=False)
