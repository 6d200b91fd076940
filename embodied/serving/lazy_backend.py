"""A backend that is loaded while its server already answers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class LazyBackend:
    """Stands for the backend that `load` gives, in a thread of its own from `start` on; whatever is asked of it waits
    for that."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._loaded, self._is_started = load, Future(), False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to load, where nobody did."""
        with self._lock:
            if self._is_started:
                return
            self._is_started = True
        threading.Thread(target=self._run, name="loading", daemon=True).start()

    def _run(self) -> None:
        try:
            self._loaded.set_result(self._load())
        except BaseException as error:  # told to whoever waits
            self._loaded.set_exception(error)

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked without waiting."""
        return self._loaded.done() and self._loaded.exception() is None

    async def ready(self) -> None:
        """Wait until it is loaded. Raises what loading raised."""
        await asyncio.shield(asyncio.wrap_future(self._loaded))

    def settle(self, patience_s: float) -> None:
        """Wait until loading has ended, well or not: a process that ends in the middle of it may crash."""
        with contextlib.suppress(TimeoutError):
            if self._is_started:
                self._loaded.exception(patience_s)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loaded.result(), name)
