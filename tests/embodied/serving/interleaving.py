"""Calls of several threads in every order of their lines: for code that must hold whenever a thread is preempted.

`every_order` runs the calls again and again, each in a thread of its own, one at a time: before each line of the traced
files a thread may have to let another one go on. So what is tried is every order of lines, not the ones that luck
brings. Locks must be `Turns.lock`.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from types import FrameType
from typing import Any


@dataclass(eq=False)
class _Thread:
    call: Callable[[], Any]
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_done: bool = False
    waits_for: TurnLock | None = None
    error: BaseException | None = None


class TurnLock:
    """A lock whose holder is known to whoever gives turns."""

    def __init__(self, turns: Turns) -> None:
        self._turns, self.is_held = turns, False

    def __enter__(self) -> None:
        while self.is_held:
            self._turns.rest(self)
        self.is_held = True

    def __exit__(self, *_: object) -> None:
        self.is_held = False


class Turns:
    """Gives one thread at a time its turn. choose: (number of threads that could go on) -> which one does."""

    def __init__(self, files: Collection[str], choose: Callable[[int], int]) -> None:
        self._files, self._choose = files, choose
        self._rested = threading.Semaphore(0)
        self._threads: list[_Thread] = []

    def lock(self) -> TurnLock:
        return TurnLock(self)

    def rest(self, lock: TurnLock | None = None) -> None:
        """Lets others go on; called by the thread whose turn it is. With a lock: until that may be free. Nothing
        outside of `run`, where there is one thread."""
        me = next((t for t in self._threads if t.go is getattr(_HERE, "go", None)), None)
        if me is None:
            return
        me.waits_for = lock
        self._rested.release()
        me.go.acquire()

    def run(self, *calls: Callable[[], Any]) -> list[BaseException | None]:
        """What each call raised, None for nothing."""
        self._threads = [_Thread(call) for call in calls]
        handles = [threading.Thread(target=self._play, args=(thread,)) for thread in self._threads]
        for handle in handles:
            handle.start()
        while True:
            free = [t for t in self._threads if not t.is_done and not (t.waits_for and t.waits_for.is_held)]
            if not free:
                break
            free[self._choose(len(free))].go.release()
            self._rested.acquire()
        assert all(t.is_done for t in self._threads), "expected calls that end, some wait for each other"
        for handle in handles:
            handle.join()
        return [t.error for t in self._threads]

    def _play(self, thread: _Thread) -> None:
        _HERE.go = thread.go
        thread.go.acquire()
        sys.settrace(self._trace)
        try:
            thread.call()
        except Exception as error:
            thread.error = error
        finally:
            sys.settrace(None)
            thread.is_done = True
            self._rested.release()

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in self._files:
            return None
        if event == "line":
            self.rest()
        return self._trace


_HERE = threading.local()


def every_order(files: Collection[str], scenario: Callable[[Turns], None], most: int = 20_000) -> int:
    """How many orders there are; scenario: makes what is tested, calls `Turns.run` and checks, once for each of them.

    files: whose lines are told apart. Raises AssertionError where there are more orders than `most`.
    """
    begun: list[int] = []
    for count in range(1, most + 1):
        taken: list[tuple[int, int]] = []

        def choose(options: int, begun: list[int] = begun, taken: list[tuple[int, int]] = taken) -> int:
            choice = begun[len(taken)] if len(taken) < len(begun) else 0
            taken.append((choice, options))
            return choice

        scenario(Turns(files, choose))
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return count
        begun = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
    raise AssertionError(f"expected at most {most} orders, there are more; let less happen at once")
