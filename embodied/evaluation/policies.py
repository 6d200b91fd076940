"""Who plays an episode: the model, the same model hindered, a random planner, or the oracle, which sees the truth."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.evaluation.suites import PolicyName
from embodied.planning.closed_loop import Planner
from envs.interface import SEED_RANGES, Observation

if TYPE_CHECKING:
    import gymnasium

    from embodied.agents.backends.base import Backend

UNJUDGED = ("unconstrained", "blind", "shuffled")
"""Policies whose plans are taken as they come: a model alone, and those that see less than a judge would."""

OTHER_SEEDS = SEED_RANGES["validation"][-8:]
"""Seeds of the scenes that the shuffled policy is shown instead of its own."""


@dataclass(slots=True)
class DecodedText:
    """One answer of the model, as it was decoded."""

    text: str
    is_constrained: bool


class RecordingBackend:
    """A backend that also keeps what the model answered, so that unreadable answers can be counted."""

    def __init__(self, backend: Backend):
        self._backend, self.scene, self.language, self.decoded = backend, backend.scene, backend.language, []
        self.perceive = backend.perceive
        self.unknown_words, self.known_words = backend.unknown_words, backend.known_words

    def complete(self, prompt: Any, grammar: str | None, **settings: Any) -> Any:
        """The backend's completion."""
        completion = self._backend.complete(prompt, grammar, **settings)
        self.decoded.append(DecodedText(completion.text, grammar is not None))
        return completion


class PolicyFactory:
    """Builds a fresh planner for each episode from one loaded model, so that no episode depends on another."""

    def __init__(self, policy: PolicyName, weights: str, gallery: Callable[[], gymnasium.Env],
                 chat: Mapping[str, Any] | None = None):
        """gallery: makes the environment whose scenes the shuffled policy is shown. chat: see `EpisodeSpec`."""
        self._policy = policy
        self._backend = None if policy == "oracle" else model_backend(weights)
        if policy == "blind":
            self._backend = _blind(self._backend)
        if policy == "shuffled":
            self._backend = _shuffled(self._backend, gallery())
        self._make_chat = _chat_maker(chat or {}) if policy == "chat" else None

    def planner(self, seed: int, env: gymnasium.Env) -> tuple[Planner, RecordingBackend | None]:
        """The planner of one episode, and what listens to its model (None where no model speaks).

        env: where it is played; only the oracle is given it.
        """
        if self._policy == "oracle":
            from embodied.agents.oracle import OraclePlanner

            return OraclePlanner(env), None
        if self._policy == "random":
            from embodied.agents.baselines import RandomPlanner

            return RandomPlanner(self._backend, np.random.default_rng(seed)), None
        if self._make_chat is not None:
            return self._make_chat(self._backend.perceive), None
        if self._policy == "saycan":
            from embodied.agents.saycan_agent import SayCanAgent

            return SayCanAgent(self._backend), None
        from embodied.agents.language_agent import LanguageAgent

        listener = RecordingBackend(copy.copy(self._backend))  # a copy: the shuffled one counts its questions
        judging = {} if self._policy not in UNJUDGED else {"unclear": None}
        return LanguageAgent(listener, constrained=self._policy != "unconstrained", **judging), listener


@cache
def model_backend(weights: str) -> Backend:
    """The model of some weights, loaded once a process."""
    from embodied.agents.shipped import load_agent, weights_folder

    return load_agent(weights_folder(weights)).backend


def _chat_maker(settings: Mapping[str, Any]) -> Callable[..., Planner]:
    """Makes chat agents that share one endpoint. Raises ValueError for settings that make no sense."""
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(**settings)


def _blind(backend: Backend) -> Backend:
    from embodied.agents.baselines import BlindBackend

    return BlindBackend(backend)


def _shuffled(backend: Backend, env: gymnasium.Env) -> Backend:
    from embodied.agents.baselines import ShuffledBackend

    return ShuffledBackend(backend, [Observation.from_dict(env.reset(seed=seed)[0]) for seed in OTHER_SEEDS])
