"""Advantages by comparison: what an episode or a decision earned against what its siblings did from the same moment.

Departures: in `forked_states` a moment's identity is that of the snapshot that was gone on from, where GiGPO compares
hashes of observations; a moment with one decision says nothing, so its own part is 0. Deviations are of samples
(n - 1) plus EPSILON, as TRL has them; the papers do not say.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence

from embodied.training.advantages.records import Context, Group
from embodied.training.advantages.registry import Numbers, advantage

EPSILON = 1e-4
"""Added to deviations, so that rewards which hardly differ divide by something."""
EQUAL = 1e-9
"""Rewards that differ by less are equal, and say nothing: sums of the same parts differ in their last bits."""


@advantage("group_relative", least=2)
def group_relative(group: Group, context: Context) -> Numbers:
    """A_it = (R_i - mean R) / (std R + EPSILON), the same for all decisions of an episode (GRPO: DeepSeekMath, arXiv
    2402.03300, section 4.1.2); not divided where `is_scaled` is false (Dr. GRPO: arXiv 2503.20783)."""
    return _repeated(group, centered([t.reward for t in group.trajectories], is_scaled=context.is_scaled))


@advantage("leave_one_out", least=2)
def leave_one_out(group: Group, context: Context) -> Numbers:
    """A_it = R_i - mean of the others' R, the same for all decisions of an episode (RLOO: arXiv 2402.14740, equation
    8). Never divided by a deviation."""
    rewards = [t.reward for t in group.trajectories]
    total, others = math.fsum(rewards), len(rewards) - 1
    if max(rewards) - min(rewards) < EQUAL:
        return _repeated(group, [0.0] * len(rewards))
    return _repeated(group, [reward - (total - reward) / others for reward in rewards])


@advantage("forked_states", needs=("state",), least=2)
def forked_states(group: Group, context: Context) -> Numbers:
    """A_it = A_i + w (R_it - mean R_s) / (std R_s + EPSILON): beside the episode's, as of `group_relative`, what
    followed decision t, discounted, against what followed all decisions of the group at the same moment s (GiGPO: arXiv
    2505.10978, section 4). w: `step_weight`."""
    returns = [t.returns(context.discount) for t in group.trajectories]
    moments: dict[Hashable, list[tuple[int, int]]] = defaultdict(list)
    for i, trajectory in enumerate(group.trajectories):
        for t, decision in enumerate(trajectory.decisions):
            moments[decision.state].append((i, t))
    numbers = [list(row) for row in group_relative.function(group, context)]
    for places in moments.values():
        own = centered([returns[i][t] for i, t in places], is_scaled=context.is_scaled)
        for (i, t), difference in zip(places, own, strict=True):
            numbers[i][t] += context.step_weight * difference
    return numbers


def centered(numbers: Sequence[float], *, is_scaled: bool) -> list[float]:
    """Differences of numbers from their mean, in their unit, or is_scaled: in standard deviations; 0 for a single
    one."""
    if max(numbers) - min(numbers) < EQUAL:
        return [0.0] * len(numbers)
    mean = math.fsum(numbers) / len(numbers)
    differences = [number - mean for number in numbers]
    if not is_scaled:
        return differences
    deviation = math.sqrt(math.fsum(d * d for d in differences) / (len(numbers) - 1))
    return [difference / (deviation + EPSILON) for difference in differences]


def _repeated(group: Group, numbers: Sequence[float]) -> list[list[float]]:
    return [[number] * len(t.decisions) for number, t in zip(numbers, group.trajectories, strict=True)]
