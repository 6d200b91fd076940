"""What passes to physics in a world's process, and that process's word that a stop is in force: one lock for both.

A stop is confirmed when nothing that was let through is still under way. Whatever asks later finds the latch, so no
command is later than the confirmation. Between commands a thread looks for stops: a robot at rest confirms them, too.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from embodied.serving.shared_state import SharedState

_POLL_S = 0.01  # a robot that moves confirms by itself, at its next control period at the latest


class Interlock:
    """The interlock of one world; its thread ends with the process."""

    def __init__(self, board: SharedState, latch: Callable[[], str | None]) -> None:
        """latch: what stops motion now, a clause after "stopped by"; None for nothing."""
        self._board, self._latch, self._lock = board, latch, threading.Lock()
        self._is_passing, self._confirmed = False, 0
        board.take_over()

    def watch(self) -> None:
        """Looks for stops from now on."""
        threading.Thread(target=self._watch, name="stops", daemon=True).start()

    def stops(self) -> str | None:
        """What stops a joint target now; None lets it through, until `over`."""
        with self._lock:
            reason = self._latch()
            self._is_passing = reason is None
            self._confirm()
            return reason

    def over(self) -> None:
        """What was let through is done."""
        with self._lock:
            self._is_passing = False
            self._confirm()

    @contextlib.contextmanager
    def until_over(self) -> Iterator[None]:
        """Of a call in which targets pass."""
        try:
            yield
        finally:
            self.over()

    @contextlib.contextmanager
    def change(self) -> Iterator[None]:
        """Of a call that puts robot and world somewhere else without a command. Raises PermissionError where a stop or
        a pause holds them. A lost lease does not: a scene is made before anybody commands in it."""
        with self._lock:
            self._confirm()
            if self._board.halt or self._board.is_paused:
                raise PermissionError("a stop or a pause holds the robot where it is")
            self._is_passing = True
        with self.until_over():
            yield

    def _confirm(self) -> None:
        """Under the lock. Confirms what has come since the last time, where nothing is under way."""
        number = self._board.stop_number
        if not self._is_passing and number != self._confirmed:
            self._confirmed = number
            self._board.confirm(number, time.monotonic_ns())

    def _watch(self) -> None:
        while True:
            time.sleep(_POLL_S)
            if self._board.stop_number != self._confirmed:
                with self._lock:
                    self._confirm()
