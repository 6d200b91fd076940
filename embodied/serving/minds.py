"""Minds of sessions: each talks to one robot and remembers what was said there; who understands words and what sees are
the server's, asked through its queue, off the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from embodied.agents.mind_agent import MindAgent, Understander
from embodied.agents.minds import load_mind
from embodied.agents.scene_state import Perceive
from embodied.planning.dialogue import Reading, Turn
from embodied.planning.scene import OBJECTS, SceneEncoder
from embodied.serving.inference_server import CancelledError, InferenceServer
from envs.skills.signatures import PlanLanguage


@dataclass(frozen=True, slots=True)
class MindBackend:
    """What an inference server asks, of a mind that is loaded once and shared by all sessions."""

    understander: Understander
    perceive: Perceive
    language: PlanLanguage
    scene: SceneEncoder = OBJECTS

    @property
    def model(self) -> Any:
        """Whose weights are served; None for an understander that has none."""
        return getattr(self.understander, "model", None)


def load_backend(weights: str) -> MindBackend:
    """The parts of a mind by name or folder. Raises ValueError for weights that are none."""
    mind = load_mind(weights)
    if not isinstance(mind, MindAgent):
        raise ValueError(f"weights={weights}: expected a mind, which understands words, got a planner")
    return MindBackend(mind.understander, mind.perceive, mind.language)


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
