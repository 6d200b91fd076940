"""Runs one skill: pulls joint targets from its motion, one a control period, until it ends or its time is up."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from envs.interface import Box, Outcome
from envs.robots.panda import Panda, UnreachableError
from envs.skills.go_home import go_home
from envs.skills.pick import pick
from envs.skills.place_in import place_in
from envs.skills.place_on import place_on
from envs.skills.put_down_beside import put_down_beside
from envs.skills.signatures import SIGNATURES
from envs.skills.situation import Motion, Situation, Skill, ended

CONTROLLERS: MappingProxyType[str, Skill] = MappingProxyType({
    "pick": pick, "place_in": place_in, "place_on": place_on, "put_down_beside": put_down_beside, "home": go_home})
assert list(CONTROLLERS) == list(SIGNATURES), (list(CONTROLLERS), list(SIGNATURES))

TIMEOUT_S = 12.0
"""Simulated; the longest sound motion takes about 6 s."""


def perform(skill: str, situation: Situation, box: Box | None, timeout_s: float = TIMEOUT_S,
            on_period: Callable[[], None] = lambda: None) -> Outcome:
    """How the skill went. on_period is called after each control period, for films."""
    robot = situation.robot
    motion, periods = CONTROLLERS[skill](situation, box), 0
    outcome = None
    while outcome is None:
        outcome = _advance(motion, robot)
        if outcome is None:
            periods += 1
            on_period()
            if periods >= timeout_s * robot.config.control_hz:
                outcome = ended("timeout", "the motion took too long")
    return Outcome(outcome.status, outcome.reason, periods / robot.config.control_hz)


def _advance(motion: Motion, robot: Panda) -> Outcome | None:
    """One control period of a motion; its Outcome when it has ended."""
    try:
        target = next(motion)
    except StopIteration as end:
        return end.value
    except UnreachableError:
        return ended("refused", "the place is out of reach")
    robot.follow(target)
    return None
