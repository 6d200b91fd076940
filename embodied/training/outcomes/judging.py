"""From the episodes of a scene to what each decision is judged by: the records that advantages read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from embodied.agents.rollouts import Rollout
from embodied.training.advantages import Advantage, Change, Context, Group, ScoredDecision, Trajectory

Judge = Callable[[Sequence[Rollout]], Sequence[Sequence[float]]]
"""Episodes of one scene -> the advantage of each decision of each."""


def judge_by(advantage: Advantage, context: Context, *, is_success_alone: bool) -> Judge:
    """The judge by an advantage. is_success_alone: the reward is 1 for success at the end, and 0 for all else; False:
    it is progress, decision by decision."""
    return partial(_judged, advantage=advantage, context=context, is_success_alone=is_success_alone)


def _judged(group: Sequence[Rollout], *, advantage: Advantage, context: Context, is_success_alone: bool
            ) -> list[Sequence[float]]:
    """No advantage where the group is too small for it, or nothing was decided: episodes may have broken."""
    decided = [rollout for rollout in group if rollout.decisions]
    if len(decided) < advantage.least:
        return [[0.0] * len(rollout.decisions) for rollout in group]
    found = iter(advantage(Group(tuple(trajectory(one, is_success_alone) for one in decided)), context))
    return [next(found) if rollout.decisions else () for rollout in group]


def trajectory(rollout: Rollout, is_success_alone: bool = False) -> Trajectory:
    """An episode's decisions, each with what was known before it and after. ValueError for one without decisions."""
    made = rollout.decisions
    rewards = [decision.reward for decision in made]
    if is_success_alone:
        rewards = [0.0] * (len(made) - 1) + [float(bool(rollout.is_success))]
    progress = _changes([*(decision.progress for decision in made), rollout.progress])
    costs = _changes([*(decision.cost_to_go for decision in made), rollout.cost_to_go])
    values = _changes([*(decision.value for decision in made), 0.0])  # after the end nothing follows
    return Trajectory(tuple(
        ScoredDecision(reward=reward, state=decision.state, progress=p, cost_to_go=c, fork_value=v)
        for decision, reward, p, c, v in zip(made, rewards, progress, costs, values, strict=True)))


def _changes(numbers: Sequence[float | None]) -> list[Change | None]:
    """From each to the next; None where either is not known."""
    return [None if before is None or after is None else Change(before, after) for before, after in pairwise(numbers)]
