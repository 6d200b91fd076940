"""Who plays an episode: the model, the same model hindered, planners that do not look, or the oracle, which sees the
truth.

The model is a planner's or a mind's. A mind sees, and understands words; it writes no plans, so that there is nothing
to take unconstrained or to score.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.agents.mind_card import is_mind
from embodied.agents.scene_state import Perceive
from embodied.evaluation.suites import PolicyName
from embodied.planning.closed_loop import Planner
from envs.interface import SEED_RANGES, Observation, SkillCall
from envs.skills.signatures import TABLETOP, PlanLanguage

if TYPE_CHECKING:
    import gymnasium

    from embodied.agents.backends.base import Backend
    from embodied.agents.baselines import Lent
    from embodied.planning.memory import Look

UNJUDGED = ("unconstrained", "blind", "shuffled")
"""Policies whose plans are taken as they come: a model alone, and those that see less than a judge would."""

MIND_POLICIES = ("model", "blind", "shuffled")
"""What a mind plays: itself, the same with black pictures, the same shown another scene."""
NO_MIND = ("unconstrained", "saycan")
"""Policies that take a planner's own plans, which a mind does not write."""

OTHER_SEEDS = SEED_RANGES["validation"][-8:]
"""Seeds of the scenes that the shuffled policy is shown instead of its own."""
_WAY_CALLS = 3
"""Calls in each of these scenes after which a robot that drives about looks, for what it is shown instead."""
BEGUN_SEEDS = SEED_RANGES["train"][:140]
"""Seeds of the scenes whose commonest first plan the majority policy carries out."""


Model = Callable[[str, str | None], "Backend | Eyesight"]
"""(name or folder of weights, world) -> what they see and answer with."""


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
        self.names_by_number = backend.names_by_number

    @property
    def unheard(self) -> Backend:
        """Whoever is asked what is no plan."""
        return self._backend

    def __getattr__(self, name: str) -> Any:
        """What else the backend can do."""
        return getattr(self._backend, name)

    def complete(self, prompt: Any, grammar: str | None, **settings: Any) -> Any:
        """The backend's completion."""
        completion = self._backend.complete(prompt, grammar, **settings)
        self.decoded.append(DecodedText(completion.text, grammar is not None))
        return completion


class PolicyFactory:
    """Builds a fresh planner for each episode from one loaded model, so that no episode depends on another. Raises
    ValueError for a policy that is none of a mind's."""

    def __init__(self, policy: PolicyName, weights: str, gallery: Callable[[], gymnasium.Env],
                 chat: Mapping[str, Any] | None = None, world: str | None = None,
                 begun: Callable[[], Sequence[Sequence[SkillCall]]] = tuple, model: Model | None = None):
        """weights: name or folder. gallery: makes the environment whose scenes the shuffled policy is shown. chat: see
        `EpisodeSpec`. world: see `load_agent`. begun: what the expert begins with in other scenes, for the majority
        policy. model: gives a planner's model of weights for a world; None loads it here, once a process."""
        check_policy(policy, weights)
        self._policy, self._make_mind = policy, None
        if policy in MIND_POLICIES and is_mind(Path(weights)):
            self._make_mind = mind_maker(weights, policy, gallery)
            return
        self._backend = None if policy in ("oracle", "majority") else (model or model_backend)(weights, world)
        if policy == "blind":
            self._backend = _blind(self._backend)
        self._majority = _majority(begun) if policy == "majority" else None
        self._look = None
        if policy == "shuffled":
            self._backend, self._look = _shuffled(self._backend, gallery())
        self._make_chat = _chat_maker(chat or {}) if policy == "chat" else None

    def planner(self, seed: int, env: gymnasium.Env) -> tuple[Planner, RecordingBackend | None]:
        """The planner of one episode, and what listens to its model (None where no model speaks).

        env: where it is played; only the oracle is given it.
        """
        if self._make_mind is not None:
            return self._make_mind(), None
        if self._policy == "oracle":
            from embodied.agents.oracle import OraclePlanner

            return OraclePlanner(env), None
        if self._majority is not None:
            return self._majority, None
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
        return LanguageAgent(listener, constrained=self._policy != "unconstrained", look=self._look,
                             **judging), listener


@cache
def model_backend(weights: str, world: str | None = None) -> Backend | Eyesight:
    """The model of some weights for a world (`load_agent`), loaded once a process; of a mind what it sees by."""
    from embodied.agents.shipped import load_agent, weights_folder

    if is_mind(Path(weights)):
        from embodied.agents.minds import planner_makers

        return Eyesight(planner_makers(weights)[1])
    return load_agent(weights_folder(weights), world=world).backend


@dataclass(frozen=True, slots=True)
class Eyesight:
    """What planners of other kinds take of a mind."""

    perceive: Perceive
    language: PlanLanguage = TABLETOP


def check_policy(policy: PolicyName, weights: str) -> None:
    """Raises ValueError for a policy that the weights of a folder cannot play."""
    if policy in NO_MIND and is_mind(Path(weights)):
        raise ValueError(f"policy={policy}: expected a planner's weights, for it takes the plans that a planner "
                         f"writes, got the mind {Path(weights).name}, which writes none; choose weights=shipped, or "
                         f"policy= one of {', '.join(MIND_POLICIES)}")


def mind_maker(weights: str, policy: PolicyName, gallery: Callable[[], gymnasium.Env]) -> Callable[[], Planner]:
    """What makes a fresh mind for each episode, of weights that are loaded once. policy: of `MIND_POLICIES`."""
    from embodied.agents.baselines import Lent, covered
    from embodied.agents.minds import planner_makers

    make, perceive = planner_makers(weights)
    if policy == "blind":
        return lambda: make(covered(perceive))
    if policy == "shuffled":
        others = other_scenes(gallery())
        return lambda: make(Lent(perceive, others))
    return lambda: make(perceive)


def other_scenes(env: gymnasium.Env) -> list[Observation]:
    """What the shuffled policy is shown instead of its own scene."""
    return [Observation.from_dict(env.reset(seed=seed)[0]) for seed in OTHER_SEEDS]


def _chat_maker(settings: Mapping[str, Any]) -> Callable[..., Planner]:
    """Makes chat agents that share one endpoint. Raises ValueError for settings that make no sense."""
    from embodied.agents.chat_agent import chat_agents

    return chat_agents(**settings)


def _blind(backend: Backend) -> Backend:
    from embodied.agents.baselines import BlindBackend

    return BlindBackend(backend)


def _shuffled(backend: Backend, env: gymnasium.Env) -> tuple[Backend, Lent[Look] | None]:
    """Backend and eyes of the shuffled policy: one that drives about stands where it stands, but things look as they do
    elsewhere."""
    from embodied.agents.baselines import LentCropsBackend, ShuffledBackend, lent_look

    if not backend.scene.eyes:
        return ShuffledBackend(backend, other_scenes(env)), None
    if backend.scene.roams:
        return LentCropsBackend(backend, lent_look(backend.scene.eyes, seen_on_the_way(env)).all()), None
    return backend, lent_look(backend.scene.eyes, other_scenes(env))


def seen_on_the_way(env: gymnasium.Env) -> list[Observation]:
    """What is seen in other scenes while what is taught is done there: at the start a robot that drives about may stand
    before nothing. PRIVILEGED."""
    seen = []
    for seed in OTHER_SEEDS:
        env.reset(seed=seed)
        for _ in range(_WAY_CALLS):
            plan = env.unwrapped.taught_plan()
            if plan:
                seen.append(Observation.from_dict(env.step(env.unwrapped.encode(plan[0]))[0]))
    return seen


def _majority(begun: Callable[[], Sequence[Sequence[SkillCall]]]) -> Planner:
    from embodied.agents.baselines import MajorityPlanner

    return MajorityPlanner(begun())


def begun_plans(envs: Sequence[gymnasium.Env]) -> list[list[SkillCall]]:
    """What the expert would begin with in scenes of training seeds, dealt to environments in turn: the majority
    policy's prior, which in its episodes is told nothing. PRIVILEGED."""
    plans = []
    for number, seed in enumerate(BEGUN_SEEDS):
        env = envs[number % len(envs)]
        env.reset(seed=seed)
        plans.append(env.unwrapped.taught_plan())
    return plans
