"""home: move the arm out of the cameras' view; what is held stays held."""

from __future__ import annotations

from envs.skills.motions import fingers, straight, through, wait
from envs.skills.situation import Motion, Situation, ended


def home(situation: Situation) -> Motion:
    """Outcome "done" when the arm is back; an empty gripper is opened."""
    robot = situation.robot
    x, y, z, *_ = robot.tool_pose
    if z < situation.travel_z_m(0.03):
        yaw = robot.jaw_yaw_rad
        rise = straight(robot, (x, y, z), (x, y, situation.travel_z_m(0.03)), yaw)
        yield from through(robot, rise, robot.finger_setpoint_m)
    yield from through(robot, [robot.arm_home], robot.finger_setpoint_m)
    if not situation.is_holding:
        situation.hand.held = None
        yield from fingers(robot, robot.config.finger_max_m, 0.2)
    yield from wait(robot, 1)
    return ended("done", "the arm is home")
