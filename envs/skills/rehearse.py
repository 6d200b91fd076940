"""What a skill would command, found without moving anything: a ghost of the robot follows its every target.

For robots that are not of this world: their own observation goes in, joint targets come out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.spatial.transform import Rotation

from envs.interface import TABLE_WORKSPACE, Box, Observation, Outcome, Rehearsal, SkillCall, Workspace
from envs.robots.arm import Arm
from envs.skills.measure import measured
from envs.skills.perform import perform
from envs.skills.signatures import Signature
from envs.skills.situation import Hand, Held, Situation

_UNSEEN_M = 0.004  # a tool point so much below what was seen of a thing is beside it still


class Ghost:
    """An arm without a body, as skills see one: it is at once where it is told to be, and its fingers stop at what
    they close on. Kinematics are those of a real arm, which stays where it is."""

    governor = None

    def __init__(self, robot: Arm, joint_pos: np.ndarray, width_m: float | None, thing: Box | None) -> None:
        """joint_pos: float64[J] where it stands. width_m: of what it holds, None for nothing. thing: what stands
        where its fingers may close on it."""
        self.config, self.is_smooth, self.arm_home = robot.config, robot.is_smooth, robot.arm_home
        self.target, self.solve_down = robot.target, robot.solve_down
        self._chain, self._limits, self._count = robot.chain, robot.limits(), len(robot.arm_home)
        self._width_m, self._thing = width_m, thing
        self.setpoint = np.clip(joint_pos, *self._limits)
        if width_m is not None:
            self.setpoint[self._count:] = 0.0  # what holds it is that its fingers pull further
        self.followed: list[np.ndarray] = []

    def follow(self, target: np.ndarray) -> None:
        """One control period."""
        before_m, self.setpoint = self._told_m, np.clip(target, *self._limits)
        self.followed.append(self.setpoint)
        if self._width_m is not None and self._told_m > self._width_m:
            self._width_m = None
        across_m = self._between_m()
        if self._width_m is None and across_m is not None and before_m >= across_m > self._told_m:
            self._width_m = across_m

    def _between_m(self) -> float | None:
        """How wide the thing is along the jaws; None where the tool point is not within it."""
        box = self._thing
        if box is None:
            return None
        tool, turn = self._frame[:3, 3], self.jaw_yaw_rad - box.yaw
        c, s = np.cos(box.yaw), np.sin(box.yaw)
        local = np.array([[c, s], [-s, c]]) @ (tool[:2] - box.center[:2])
        is_within = (np.abs(local) <= np.array(box.size[:2]) / 2).all()
        if not is_within or not box.bottom_z_m - _UNSEEN_M <= tool[2] <= box.top_z_m:
            return None
        return box.size[0] if abs(np.cos(turn)) > abs(np.sin(turn)) else box.size[1]

    @property
    def _told_m(self) -> float:
        """The width that the fingers pull to."""
        return float(self.setpoint[self._count:].sum())

    @property
    def _frame(self) -> np.ndarray:
        return self._chain.pose(self.arm_setpoint)

    @property
    def arm_setpoint(self) -> np.ndarray:
        """float64[N], rad."""
        return self.setpoint[:self._count]

    @property
    def finger_setpoint_m(self) -> float:
        return float(self.setpoint[self._count])

    @property
    def joint_pos(self) -> np.ndarray:
        """float64[J]: fingers stand where they are told to, or at what is between them."""
        half_m = 0.0 if self._width_m is None else self._width_m / 2
        return np.array([*self.arm_setpoint, *np.maximum(self.setpoint[self._count:], half_m)])

    @property
    def gripper_width_m(self) -> float:
        return float(self.joint_pos[self._count:].sum())

    @property
    def tool_pose(self) -> np.ndarray:
        """float64[7]: position m, quaternion."""
        frame = self._frame
        return np.array([*frame[:3, 3], *Rotation.from_matrix(frame[:3, :3]).as_quat()])

    @property
    def jaw_yaw_rad(self) -> float:
        return float(np.arctan2(*self._frame[[1, 0], 1]))

    def is_grasping(self, min_width_m: float = 0.008) -> bool:
        return self._width_m is not None and self.gripper_width_m > min_width_m


def rehearse(robot: Arm, signatures: Mapping[str, Signature], call: SkillCall, observation: Observation,
             held: Held | None = None, workspace: Workspace = TABLE_WORKSPACE) -> Rehearsal:
    """What an arm like `robot` would be told to do, that sees and stands as in the observation.

    held: what the rehearsal of its last pick said that it holds, None for nothing; how wide that is, its fingers say.
    Raises ValueError for a robot that is no arm at a table, for an unknown skill, and for joints of another robot.
    """
    signature = _checked(robot, signatures, call, observation)
    arguments = signature.misfit(call.arguments) or measured(call, observation)
    if isinstance(arguments, str):
        return Rehearsal(np.zeros((0, robot.setpoint.size)), Outcome("refused", arguments, 0.0), held)
    hand, width_m = Hand(), None
    if held is not None:
        width_m = observation.gripper_width_m
        hand.held = held._replace(width_m=width_m)
    ghost = Ghost(robot, observation.joint_pos, width_m, next((a for a in arguments if isinstance(a, Box)), None))
    outcome = perform(signature.controller or call.skill, Situation(ghost, observation, hand, workspace=workspace),
                      arguments, signature.timeout_s)
    return Rehearsal(np.reshape(ghost.followed, (-1, robot.setpoint.size)), outcome, hand.held)


def _checked(robot: Arm, signatures: Mapping[str, Signature], call: SkillCall, observation: Observation) -> Signature:
    if not isinstance(robot, Arm):
        raise ValueError(f"rehearse: expected an arm at a table, got {type(robot).__name__}; run its skills in "
                         f"its own world")
    if call.skill not in signatures:
        raise ValueError(f"rehearse: expected a skill of {list(signatures)}, got {call.skill!r}")
    if np.shape(observation.joint_pos) != robot.setpoint.shape:
        raise ValueError(f"rehearse: expected joint_pos of {robot.setpoint.size} joints, got shape "
                         f"{list(np.shape(observation.joint_pos))}")
    return signatures[call.skill]
