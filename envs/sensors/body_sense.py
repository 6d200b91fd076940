"""Proprioception, and the Observation that puts all senses together."""

from __future__ import annotations

from collections.abc import Mapping

from envs.interface import Camera, Observation
from envs.robots.arm import Arm
from envs.world.images import Picture


def observation(robot: Arm, pictures: Mapping[str, Picture], cameras: Mapping[str, Camera], time_s: float
                ) -> Observation:
    """What the robot senses, no privileged state."""
    joint_pos = robot.joint_pos
    return Observation(
        rgb={name: picture.rgb for name, picture in pictures.items()},
        depth={name: picture.depth for name, picture in pictures.items()}, cameras=dict(cameras),
        joint_pos=joint_pos, tool_pose=robot.tool_pose, gripper_width_m=robot.width_at(joint_pos), time_s=time_s)
