"""done: the planner says that nothing is left to do."""

from __future__ import annotations

from envs.skills.situation import Motion, Situation, ended


def done(situation: Situation) -> Motion:
    """Outcome "done" after one control period at rest."""
    yield situation.robot.setpoint.copy()
    return ended("done", "the robot says that it has finished")
