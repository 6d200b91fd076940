"""Advantages by difference: how much better off a decision left the episode, as a critic, forks or an expert tell it.

Departures: `fork_values` takes means of forks that somebody measured, at decisions and not within an answer (VinePPO:
at reasoning steps). `cost_to_go` adds the expert's differences, centered over the group's decisions, to the episode's
own advantage: AggreVaTe (Ross and Bagnell 2014, arXiv 1406.5979) learns from the expert's alone.
"""

from __future__ import annotations

from embodied.training.advantages.groups import centered, group_relative
from embodied.training.advantages.records import Change, Context, Group
from embodied.training.advantages.registry import Numbers, advantage


@advantage("gae", needs=("value",))
def gae(group: Group, context: Context) -> Numbers:
    """A_t = d_t + g l A_t+1, d_t = r_t + g V(after) - V(before), V the critic's (GAE: Schulman et al. 2015, arXiv
    1506.02438, equation 16). g: `discount`. l: `gae_lambda`. A + V(before) is what the critic learns."""
    found = []
    for trajectory in group.trajectories:
        row: list[float] = []
        for decision in reversed(trajectory.decisions):
            later = row[-1] if row else 0.0
            surprise = _surprise(decision.reward, decision.value, context.discount)
            row.append(surprise + context.discount * context.gae_lambda * later)
        found.append(row[::-1])
    return found


@advantage("fork_values", needs=("fork_value",))
def fork_values(group: Group, context: Context) -> Numbers:
    """A_t = r_t + g V(after) - V(before), V the mean reward of forks that the policy played on from there (VinePPO:
    Kazemnejad et al. 2024, arXiv 2410.01679, section 4). g: `discount`."""
    return [[_surprise(decision.reward, decision.fork_value, context.discount) for decision in trajectory.decisions]
            for trajectory in group.trajectories]


@advantage("cost_to_go", needs=("cost_to_go",), least=2)
def cost_to_go(group: Group, context: Context) -> Numbers:
    """A_it = A_i + w (c_it - mean c) / (std c + EPSILON), c_it = C(before) - C(after): beside the episode's, as of
    `group_relative`, how much nearer the goal a decision brought it by the expert's cost-to-go C, against the mean of
    all the group's decisions. w: `step_weight`."""
    nearer = iter(centered([-decision.cost_to_go.gain for decision in group.decisions], is_scaled=context.is_scaled))
    return [[episode + context.step_weight * next(nearer) for episode in row]
            for row in group_relative.function(group, context)]


def _surprise(reward: float, value: Change, discount: float) -> float:
    return reward + discount * value.after - value.before
