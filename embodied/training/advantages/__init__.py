"""Advantages: how much better each decision of a group of episodes was than what was to be expected.

Registered functions (group, context) -> a number for each decision. Loads no torch: names and needs are checked before
it is worth loading. The built-in ones are registered here.
"""

from __future__ import annotations

from embodied.training.advantages.differences import cost_to_go, fork_values, gae
from embodied.training.advantages.groups import forked_states, group_relative, leave_one_out
from embodied.training.advantages.records import Change, Context, Group, ScoredDecision, Trajectory
from embodied.training.advantages.registry import Advantage, advantage, advantage_named, advantage_names

__all__ = ["Advantage", "Change", "Context", "Group", "ScoredDecision", "Trajectory", "advantage", "advantage_named",
           "advantage_names", "cost_to_go", "fork_values", "forked_states", "gae", "group_relative", "leave_one_out"]
