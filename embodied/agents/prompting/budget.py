"""How many tokens and how much wall time a planner may spend, on one plan and on one episode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from embodied.planning.language import PlanError


@dataclass(frozen=True, slots=True)
class Budget:
    """Tokens are of prompts and answers together."""

    plan_tokens: int = 20_000
    episode_tokens: int = 200_000
    plan_s: float = 120.0
    episode_s: float = 1_800.0

    def __post_init__(self) -> None:
        if min(self.plan_tokens, self.episode_tokens, self.plan_s, self.episode_s) <= 0:
            raise ValueError(f"Budget: expected limits above 0, got {self}")


class OverBudgetError(PlanError):
    """Something is spent; the message names it."""


class BudgetTracker:
    """What is left of a budget."""

    def __init__(self, budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self.budget, self._clock = budget, clock
        self.tokens, self.spent_s = 0, 0.0  # of the episode
        self._plan_tokens, self._started_s = 0, clock()

    def open_plan(self) -> None:
        """Begin a new plan."""
        self._plan_tokens, self._started_s = 0, self._clock()

    def close_plan(self) -> None:
        """End the plan: the world's time is not the planner's."""
        self.spent_s += self._clock() - self._started_s
        self._started_s = self._clock()

    def pay(self, tokens: int) -> None:
        """Count tokens that an answer cost."""
        self._plan_tokens += tokens
        self.tokens += tokens

    def room_after(self, tokens: int) -> int:
        """Tokens that an answer may cost after a question of so many. Raises OverBudgetError."""
        budget = self.budget
        left = {f"the budget of {budget.plan_tokens} tokens a plan": budget.plan_tokens - self._plan_tokens,
                f"the budget of {budget.episode_tokens} tokens an episode": budget.episode_tokens - self.tokens}
        return int(_least(left, tokens))

    def seconds_left(self) -> float:
        """Wall seconds that the next question may take. Raises OverBudgetError."""
        budget, mine = self.budget, self._clock() - self._started_s
        return _least({f"the budget of {budget.plan_s:g} s a plan": budget.plan_s - mine,
                       f"the budget of {budget.episode_s:g} s an episode": budget.episode_s - self.spent_s - mine})


def _least(left: dict[str, float], cost: float = 0) -> float:
    """What is left of the scarcest after a cost."""
    name = min(left, key=left.get)
    if left[name] <= cost:
        raise OverBudgetError(f"{name} {'is spent' if left[name] <= 0 else 'has no room for one more question'}")
    return left[name] - cost
