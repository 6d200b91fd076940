"""Threads that never keep a process from ending: what hangs in them is left behind, where the end has a deadline."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

_Job = tuple[Future, Callable[[], Any]]


class Worker(Executor):
    """Jobs of one thread, in the order they were given in. The standard library's pools are waited for at exit."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock, self._is_closed = threading.Lock(), False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """The future of a call. Raises RuntimeError once it is shut down."""
        future: Future = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("expected a worker that takes jobs, it was shut down")
            self._jobs.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """No more jobs; the thread ends after those that were given. cancel_futures has no meaning here."""
        with self._lock:
            if not self._is_closed:
                self._jobs.put(None)
            self._is_closed = True
        if wait:
            self.join(None)

    def join(self, patience_s: float | None) -> bool:
        """Whether the thread has ended, waited for so long; None for as long as it takes."""
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _carry_out(*job)
            del job  # what it gave is not held until the next one comes


def _carry_out(future: Future, call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(call())
    except BaseException as error:  # whoever waits for the future is told
        future.set_exception(error)
    finally:
        del future, call  # an error holds this frame, which would hold the error


def aside(call: Callable[[], Any]) -> asyncio.Future:
    """The future of a call in a thread of its own, for the event loop."""
    worker = Worker("aside")
    future = worker.submit(call)
    worker.shutdown(wait=False)
    return asyncio.wrap_future(future)
