"""An agent that imagines before it acts: it draws several plans, tries them in a twin of what it perceives, and does
the one that is best by both (`planning.imagine`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from embodied.agents.backends.local import drawing_at
from embodied.agents.language_agent import LanguageAgent
from embodied.planning.imagine import Candidate, Foresight, Twin, choose, distinct
from embodied.planning.language import Plan
from embodied.planning.perception import held_since
from envs.interface import Observation, Transition

WEIGHT = 1.0
"""Of what the twin says against what the policy likes."""


@dataclass(frozen=True, slots=True)
class Imagined:
    """What was weighed before a plan was made: the candidates, and what the twin said of each; nothing where but one
    of them was no refusal, or the twin had nothing to say."""

    candidates: tuple[Candidate, ...]
    foresights: tuple[Foresight, ...]
    chosen: int


class ImaginingAgent:
    """A `Planner` around a language agent whose backend can draw. Keeps what it imagined last, in `imagined`."""

    def __init__(self, agent: LanguageAgent, twin: Twin | None, *, count: int = 4, temperature: float = 1.0,
                 weight: float = WEIGHT, budget_s: float = float("inf")) -> None:
        """count: plans that are drawn, the likeliest one among them. twin: None for the likeliest plan of those alone
        (best of n by the policy). budget_s: wall time after which no more plans are drawn."""
        if count < 1:
            raise ValueError(f"count: expected at least 1 plan to choose from, got {count}")
        self.agent, self.twin, self.count = agent, twin, count
        self.temperature, self.weight, self.budget_s = temperature, weight, budget_s
        self.imagined: Imagined | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.agent, name)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = (), *, seed: int = 0
             ) -> Plan:
        """What to do next. seed: of the plans that are drawn."""
        began_s = time.perf_counter()
        found = self.candidates(instruction, observation, history, seed)
        standing = sum(one.plan.refusal is None for one in found)
        is_open = standing > 1 and held_since(history, self.agent.language) is None  # a twin holds nothing
        foresights = self.foresee(instruction, [one.plan for one in found]) if is_open else None
        place = choose(found, foresights, self.weight)
        self.imagined = Imagined(tuple(found), tuple(foresights or ()), place)
        others = [one.plan for number, one in enumerate(found) if number != place]
        return replace(found[place].plan.instead_of(others), thinking_s=time.perf_counter() - began_s)

    def candidates(self, instruction: str, observation: Observation, history: Sequence[Transition], seed: int
                   ) -> list[Candidate]:
        """The likeliest plan and others that were drawn, without repetitions, likelier ones first."""
        began_s = time.perf_counter()
        with drawing_at(self.agent.backend, 0.0):
            found = [self.agent.plan(instruction, observation, history)]
        with drawing_at(self.agent.backend, self.temperature):
            for number in range(1, self.count):
                if time.perf_counter() - began_s > self.budget_s:
                    break
                found.append(self.agent.plan(instruction, observation, history, seed=seed * self.count + number))
        return distinct([*map(Candidate, found, self._log_probs(found))])

    def _log_probs(self, plans: Sequence[Plan]) -> list[float]:
        """Natural, of each plan's words, whatever temperature it was drawn at; 0 where no model was asked."""
        asked = [plan.samples[0] for plan in plans if plan.samples]
        texts = list(dict.fromkeys(sample.text for sample in asked))
        numbers = self.agent.backend.log_probabilities(asked[0].prompt, texts) if texts else []
        known = dict(zip(texts, numbers, strict=True))
        return [known[plan.samples[0].text] if plan.samples else 0.0 for plan in plans]

    def foresee(self, instruction: str, plans: Sequence[Plan]) -> list[Foresight] | None:
        """What the twin says of plans that were made at one moment; None where there is none, or it says nothing."""
        perceptions = [plan.perception for plan in plans if plan.perception is not None]
        if self.twin is None or not perceptions:
            return None
        return self.twin.foresee(instruction, perceptions[0], plans)
