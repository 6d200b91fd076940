"""Runs one skill: pulls joint targets from its motion, one a control period, until it ends or its time is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module

import numpy as np

from envs.interface import Outcome
from envs.robots.arm import Arm, UnreachableError
from envs.robots.robot import MotionStoppedError
from envs.skills.situation import Argument, Motion, Situation, Skill, ended

TIMEOUT_S = 12.0
"""Simulated; the longest sound motion takes about 6 s."""


@cache
def controller(skill: str) -> Skill:
    """The function of a declared skill, by its controller's name: it stands in the file of its name."""
    return getattr(import_module(f"envs.skills.{skill}"), skill)


def perform(skill: str, situation: Situation, arguments: Sequence[Argument] = (), timeout_s: float = TIMEOUT_S,
            on_period: Callable[[int], None] = lambda period: None) -> Outcome:
    """How the skill went. arguments: one for each of its parameters. on_period is called after each control period with
    their number so far, for videos and perturbations."""
    return carry_out(controller(skill)(situation, *arguments), situation.robot, timeout_s, on_period)


def carry_out(motion: Motion, robot: Arm, timeout_s: float,
              on_period: Callable[[int], None] = lambda period: None) -> Outcome:
    """How a motion went that is no skill's; the rest as in `perform`."""
    outcome, periods = None, 0
    while outcome is None:
        outcome = _advance(motion, robot)
        if outcome is None:
            periods += 1
            on_period(periods)
            if periods >= timeout_s * robot.config.control_hz:
                outcome = ended("timeout", "the motion took too long")
                _come_to_rest(robot)
    return Outcome(outcome.status, outcome.reason, periods / robot.config.control_hz)


def _advance(motion: Motion, robot: Arm) -> Outcome | None:
    """One control period of a motion; its Outcome when it has ended."""
    try:
        target = next(motion)
    except StopIteration as end:
        return end.value
    except UnreachableError:
        return ended("refused", "the place is out of reach")
    try:
        robot.follow(target)
    except MotionStoppedError as stop:
        return ended("failed", str(stop))
    return None


def _come_to_rest(robot: Arm) -> None:
    """Lets a governor brake the motion that was cut off; where there is none, the motors stop at once."""
    for _ in range(robot.config.control_hz if robot.governor is not None else 0):
        before = robot.setpoint.copy()
        try:
            robot.follow(before)
        except MotionStoppedError:
            return
        if np.array_equal(before, robot.setpoint):
            return
