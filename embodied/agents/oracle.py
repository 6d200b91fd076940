"""ORACLE: a planner that reads the true state of the simulator. An upper bound, labelled so in every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from embodied.planning.language import Plan, write
from envs.interface import Observation, Transition

if TYPE_CHECKING:
    import gymnasium


class OraclePlanner:
    """Plans with the environment's privileged expert: true boxes, never a picture."""

    label = "ORACLE"

    def __init__(self, env: gymnasium.Env) -> None:
        self._env = env

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        """The expert's remaining plan; observation and history are not looked at."""
        plan = Plan(tuple(self._env.unwrapped.expert_plan()))
        return Plan(plan.calls, text=write(plan))
