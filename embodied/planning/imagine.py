"""Choosing among plans by imagining them: what the policy likes, and what a twin of the perceived world says would come
of it.

    score(plan)  =  log P(plan | policy)  +  weight * log P(the task is nearer its end | twin)

after SayCan's product of a language model and an affordance (Ahn et al. 2022, arXiv 2204.01691), with a world that is
simulated in the affordance's place. The twin is made of what was perceived, and of nothing else: whoever builds it
knows no simulator's state.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from embodied.planning.language import Plan
from embodied.planning.perception import Perception

SURE = 0.02
"""What a twin holds for certain is believed with one minus this probability: it is as wrong as perception is."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan that a policy might have made. log_prob: natural, of its words among all words."""

    plan: Plan
    log_prob: float


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a twin says would come of a plan. progress: of the task, 0..1, before and after; 1 is success."""

    before: float
    after: float
    failures: int = 0  # calls that would fail
    along: tuple[float, ...] = ()  # progress after each of its calls

    @property
    def probability(self) -> float:
        """That the plan brings the task on, SURE .. 1 - SURE: half for each call that fails; a plan that does nothing
        is as good as the task is far."""
        is_met = self.before == 1.0
        share = float(self.after == 1.0) if is_met else max(self.after - self.before, 0.0) / (1.0 - self.before)
        return SURE + (1.0 - 2.0 * SURE) * share * 0.5 ** self.failures


class Twin(Protocol):
    """A world like the one that was perceived, in which plans can be tried."""

    def foresee(self, instruction: str, perception: Perception, plans: Sequence[Plan]) -> list[Foresight] | None:
        """What would come of each plan, each from the same beginning; None where the world cannot be built, or nobody
        could say of this instruction whether it is followed."""
        ...


def distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One of each plan that does the same, as its likeliest words have it; likelier ones first."""
    found: list[list[Candidate]] = []
    for candidate in candidates:
        same = next((group for group in found if group[0].plan == candidate.plan), None)
        found.append([candidate]) if same is None else same.append(candidate)
    one_each = [max(group, key=lambda one: one.log_prob) for group in found]
    return sorted(one_each, key=lambda one: -one.log_prob)


def choose(candidates: Sequence[Candidate], foresights: Sequence[Foresight] | None, weight: float) -> int:
    """Place of the candidate with the best score, of equals the first; a refusal only where there is nothing else:
    whoever drew the others found nothing that speaks against them. foresights: None where no twin says anything.
    ValueError for lists that do not fit."""
    scores = ([one.log_prob for one in candidates] if foresights is None else
              [score(c, f, weight) for c, f in zip(candidates, foresights, strict=True)])
    standing = [place for place, one in enumerate(candidates) if one.plan.refusal is None]
    return max(standing or range(len(candidates)), key=lambda place: scores[place])


def score(candidate: Candidate, foresight: Foresight, weight: float) -> float:
    """The sum at the top of this file, nats. weight: a factor; 0 believes the policy alone."""
    return candidate.log_prob + weight * math.log(foresight.probability)
