"""The world of a session, in a process of its own: whether its physics lives, and since when it owes an answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any


class World:
    """The world's process, what it said of itself, and since when it owes an answer."""

    def __init__(self) -> None:
        self.env: Any = None
        self.facts: dict[str, Any] = {}
        self.raw: Mapping[str, Any] | None = None  # the last observation
        self.called_s: float | None = None  # monotonic
        self.is_crashed = False

    def reset(self, **how: Any) -> tuple[Any, dict[str, Any]]:
        """Begins anew, whatever has crashed."""
        answer = self._timed(self.env.reset)(**how)
        self.is_crashed = False
        return answer

    def step(self, action: Mapping[str, Any]) -> tuple[Any, ...]:
        answer = self._timed(self.env.step)(action)
        self.is_crashed = self.is_crashed or "crash" in answer[4]
        return answer

    def __getattr__(self, name: str) -> Any:
        if self.env is None or name.startswith("_"):
            raise AttributeError(f"expected an open world, got none to ask for {name!r}")
        part = getattr(self.env, name)
        return self._timed(part) if callable(part) else part

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.called_s = time.monotonic()
            try:
                return call(*args, **kwargs)
            except RuntimeError as error:
                self.is_crashed = self.is_crashed or type(error).__name__ == "PhysicsCrashError"
                raise
            finally:
                self.called_s = None

        return timed
