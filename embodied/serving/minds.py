"""Minds of sessions: each talks to one robot and remembers what was said there; who understands words and what sees are
the server's, asked through its queue, off the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embodied.agents.mind_agent import MindAgent, Reading, Turn
from embodied.serving.inference_server import CancelledError, InferenceServer


def make_mind(inference: InferenceServer, halted: Callable[[], str | None] = lambda: None) -> MindAgent:
    """A mind that has heard nothing yet. halted: why nobody waits for it any more."""
    return MindAgent(_Asker(inference, halted), inference.perceive, language=inference.language)


class _Asker:
    """An `Understander`: the server's, which others ask, too."""

    def __init__(self, inference: InferenceServer, halted: Callable[[], str | None]) -> None:
        self._inference, self._halted = inference, halted

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        """Raises BusyError, CancelledError where the robot was stopped meanwhile, and InstructionError."""
        reading = self._inference.understand(text, before)
        if self._halted() is not None:
            raise CancelledError("expected somebody who waits for the plan, got nobody; ask again")
        return reading
