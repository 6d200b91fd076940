"""What advantages read: a group of episodes of one start, each a row of decisions with what is known around them.

Whoever joins rollouts with forks, a judge, an expert or a critic fills these in; what was not measured is None, and an
advantage says which of it it needs.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A number before a decision and after what followed it, until the next one. ValueError where one is not finite."""

    before: float  # any number, in the unit of the field that holds it
    after: float  # any number, likewise

    def __post_init__(self) -> None:
        _check_finite("before", self.before)
        _check_finite("after", self.after)

    @property
    def gain(self) -> float:
        """After minus before: any number, in their unit."""
        return self.after - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredDecision:
    """A decision of the policy, its reward, and what is known of the moments before and after it; None: not measured.

    Rewards and values are of one unit. After the end of an episode a value is 0; where it was only cut off, it is what
    would have followed.
    """

    reward: float  # of the calls that followed it, until the next decision
    state: Hashable | None = None  # the moment it was made at: equal only where one snapshot was gone on from
    progress: Change | None = None  # of the goal, 0 to 1
    cost_to_go: Change | None = None  # what the expert would still need, in steps; 0 at the goal
    fork_value: Change | None = None  # mean reward of forks that the policy played on from there
    value: Change | None = None  # the critic's estimate of the reward to come

    def __post_init__(self) -> None:
        _check_finite("reward", self.reward)


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The decisions of an episode, or of a fork, in their order; ValueError for none."""

    decisions: tuple[ScoredDecision, ...]

    def __post_init__(self) -> None:
        if not self.decisions:
            raise ValueError("decisions: expected at least one, got none: no model was asked in this episode; leave it "
                             "out of its group")

    @property
    def reward(self) -> float:
        """The sum of its decisions' rewards."""
        return math.fsum(decision.reward for decision in self.decisions)

    def returns(self, discount: float) -> list[float]:
        """The reward from each decision on: R_t = r_t + g R_t+1. discount: the factor g."""
        found: list[float] = []
        for decision in reversed(self.decisions):
            found.append(decision.reward + discount * (found[-1] if found else 0.0))
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Group:
    """Trajectories that began at one moment: seeds of sampling differ, nothing else. ValueError for none."""

    trajectories: tuple[Trajectory, ...]

    def __post_init__(self) -> None:
        if not self.trajectories:
            raise ValueError("trajectories: expected at least one, got none; leave the group out")

    @property
    def decisions(self) -> Iterable[ScoredDecision]:
        """Those of all trajectories in order."""
        return (decision for trajectory in self.trajectories for decision in trajectory.decisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an advantage is told beside the group: one for a whole training. ValueError for a number out of its
    range."""

    discount: float = 1.0  # factor of the reward of each later decision, 0 to 1
    gae_lambda: float = 0.95  # factor, 0 to 1: 0 trusts the critic, 1 what followed; of `gae` alone
    is_scaled: bool = True  # whether differences from a mean are divided by the standard deviation
    step_weight: float = 1.0  # factor of a decision's own part beside its episode's

    def __post_init__(self) -> None:
        for name in ("discount", "gae_lambda"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected a factor between 0 and 1, got {getattr(self, name)}")
        _check_finite("step_weight", self.step_weight)


def _check_finite(name: str, number: float) -> None:
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {number}; leave it None where nobody knows, or cap it")
