"""A jointed body that is fixed to the table: where its joints are, where they shall go, what its links touch."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from envs.world.client import Client

TOUCH_M = 0.0015
"""Contacts are reported from a margin off; nearer than this is touching."""


_DEFAULT_FILTER, _FIXED_FILTER = (1, -1), (2, ~2)  # Bullet's collision group and mask of what moves, and does not
_DRIFT_M, _DRIFT_RAD = 0.0006, 0.02

Frame = tuple[Sequence[float], Sequence[float]]
"""Position m and quaternion."""


class ArticulationState(NamedTuple):
    """A moment of a robot: joints (rad or m, and a second), what the motors pull to, what is gripped."""

    positions: tuple[float, ...]
    velocities: tuple[float, ...]
    driven: tuple[Sequence[float], Sequence[float], float] | None
    grip: tuple[int, Frame] | None


class Articulation:
    """One fixed-base robot, or a piece of furniture with joints. joints: the names that positions are ordered by."""

    def __init__(self, client: Client, urdf: str, joints: Sequence[str], start: np.ndarray, is_forgetful: bool = False
                 ) -> None:
        """is_forgetful: see `ungrip`; only for memoryless worlds, in others forks then part (a tower fell in one)."""
        self._client, self._is_forgetful = client, is_forgetful
        self.body = _load(client, urdf)
        table = {}
        for index in range(client.getNumJoints(self.body)):
            info = client.getJointInfo(self.body, index)
            table[info[1].decode()] = index
            client.setJointMotorControl2(self.body, index, client.VELOCITY_CONTROL, force=0.0)
        self._links = {client.getJointInfo(self.body, i)[12].decode(): i for i in table.values()}
        self._joints = [table[name] for name in joints]
        self._command = partial(client.setJointMotorControlArray, self.body, self._joints, client.POSITION_CONTROL,
                                velocityGains=[1.0] * len(joints))
        self._start = np.array(start, dtype=np.float64)
        self._grip: tuple[int, Frame] | None = None  # body, and where it shall stay in the hand
        self._driven: tuple[Sequence[float], Sequence[float], float] | None = None  # what `drive` was last told
        self.rewind()

    def rewind(self) -> None:
        """Puts every joint to where it was at the start, at rest, and lets go of what is gripped."""
        self._grip = None
        self.place(self._start)

    def cap_speed(self, most_rad_s: float) -> None:
        """Bounds every joint's speed whatever happens to it: a hand pressed into the table reached 5.7 rad/s."""
        self._client.changeDynamics(self.body, -1, maxJointVelocity=most_rad_s)

    def couple(self, first: str, second: str, max_force_n: float) -> None:
        """Makes two finger links move as mirror images: without it an object drifts between equal forces."""
        gear = self._client.createConstraint(
            self.body, self._links[first], self.body, self._links[second], self._client.JOINT_GEAR,
            [1, 0, 0], [0, 0, 0], [0, 0, 0])
        self._client.changeConstraint(gear, gearRatio=-1, erp=0.1, maxForce=max_force_n)

    def grip(self, link: str, body: int) -> None:
        """Makes static friction keep a body where it is in the link's frame, free along the link's y, the jaws' axis.

        Call it once a control period. Bullet's friction stops velocities, not drift, so an arc of the arm leaves a
        block 3 mm behind in the fingers. Its remedy, friction anchors, keeps contact normals of before a turn of the
        wrist and glues blocks to fingers; a fixed constraint fights the pads. So drift is taken back, while it is
        drift: more than friction could hide is a slip, and the grip begins anew where the body has slipped to.
        """
        c = self._client
        if c.getDynamicsInfo(body, -1)[0] == 0.0:  # a knob of fixed furniture stays where it is by itself
            return
        hand = c.getLinkState(self.body, self._links[link], computeForwardKinematics=1)[:2]  # else one step old
        now = c.multiplyTransforms(*c.invertTransform(*hand), *c.getBasePositionAndOrientation(body))
        if self._grip is None or self._grip[0] != body or _is_slip(self._grip[1], now):
            self._grip = body, now
            return
        (x, _, z), turn = self._grip[1]
        velocity = c.getBaseVelocity(body)
        c.resetBasePositionAndOrientation(body, *c.multiplyTransforms(*hand, (x, now[0][1], z), turn))
        c.resetBaseVelocity(body, *velocity)

    @property
    def gripped(self) -> int | None:
        """Id of the body that `grip` keeps."""
        return self._grip[0] if self._grip else None

    def brake(self, friction: float) -> None:
        """Makes every joint resist motion with so many N or Nm, as drawers do; nothing drives them."""
        for joint in self._joints:
            self._client.setJointMotorControl2(self.body, joint, self._client.VELOCITY_CONTROL, targetVelocity=0.0,
                                               force=friction)

    def place(self, positions: np.ndarray) -> None:
        """Puts every joint, at rest, to positions float64[J]."""
        for joint, position in zip(self._joints, positions, strict=True):
            self._client.resetJointState(self.body, joint, float(position), 0.0)

    def snapshot(self) -> ArticulationState:
        """The present moment of the robot alone."""
        return ArticulationState(tuple(self.positions()), tuple(self.velocities()), self._driven, self._grip)

    def restore(self, state: ArticulationState, gripped: int | None) -> None:
        """Goes back to a snapshot. gripped: the body that was gripped then, by its present id."""
        for joint, position, velocity in zip(self._joints, state.positions, state.velocities, strict=True):
            self._client.resetJointState(self.body, joint, float(position), float(velocity))
        self._grip = None if state.grip is None or gripped is None else (gripped, state.grip[1])
        if state.driven is not None:
            self.drive(*state.driven)

    def ungrip(self) -> None:
        """Ends what `grip` began; harmless when nothing is gripped.

        Bullet's contacts keep the normals that they were made with. After a robot on wheels has turned round, some bar
        the fingers from opening: the thing is carried on and thrown off. So where `is_forgetful`, its contacts are
        forgotten, and found anew before the next step.
        """
        if self._grip is not None and self._is_forgetful:
            self._client.setCollisionFilterGroupMask(self._grip[0], -1, *_DEFAULT_FILTER)  # as it was: renews the pairs
        self._grip = None

    def forget_contacts(self) -> None:
        """Makes Bullet find anew what its links are near. Pairs and contacts that outlive a scene, such as a drawer's
        with its unit, keep an order that depends on that scene, and with it the rounding of all that follows."""
        for link in range(-1, self._client.getNumJoints(self.body)):
            kind = _DEFAULT_FILTER if link >= 0 else _FIXED_FILTER
            self._client.setCollisionFilterGroupMask(self.body, link, *kind)

    def set_friction(self, link: str, lateral: float) -> None:
        self._client.changeDynamics(self.body, self._links[link], lateralFriction=lateral)

    def positions(self, first: int = 0) -> np.ndarray:
        """float64[J - first]: of the joints from number `first` on, rad or m."""
        return np.array([state[0] for state in self._client.getJointStates(self.body, self._joints[first:])])

    def velocities(self) -> np.ndarray:
        """float64[J], rad/s or m/s."""
        return np.array([state[1] for state in self._client.getJointStates(self.body, self._joints)])

    def drive(self, targets: Sequence[float], forces: Sequence[float], gain: float) -> None:
        """Sets where the motors pull to: J plain numbers. forces: most N or Nm each motor may use."""
        self._driven = targets, forces, gain
        self._command(targetPositions=targets, forces=forces, positionGains=[gain] * len(self._joints))

    def link_pose(self, link: str) -> np.ndarray:
        """float64[7]: position m and quaternion of a link's URDF frame."""
        state = self._client.getLinkState(self.body, self._links[link], computeForwardKinematics=1)
        return np.array([*state[4], *state[5]])

    def is_touched(self, link: str) -> bool:
        """Whether anything but the robot itself presses on the link: a tactile sensor."""
        return bool(self.touched_bodies(link))

    def touched_bodies(self, link: str) -> set[int]:
        """Ids of the other bodies that press on the link."""
        contacts = self._client.getContactPoints(bodyA=self.body, linkIndexA=self._links[link])
        return {c[2] for c in contacts if c[2] != self.body and c[8] < TOUCH_M and c[9] > 0.0}


def _is_slip(kept: Frame, now: Frame) -> bool:
    """Whether a body moved further along the pads, or turned further, than drift does in a control period."""
    shift = np.hypot(now[0][0] - kept[0][0], now[0][2] - kept[0][2])
    turn_rad = 2 * np.arccos(min(1.0, abs(float(np.dot(kept[1], now[1])))))
    return bool(shift > _DRIFT_M or turn_rad > _DRIFT_RAD)


def _load(client: Client, urdf: str) -> int:
    """Body id of a fixed-base robot; PyBullet reads files only, so the text passes through a short-lived one."""
    with tempfile.TemporaryDirectory(prefix="embodied-") as folder:
        path = Path(folder) / "robot.urdf"
        path.write_text(urdf, encoding="utf-8")
        flags = client.URDF_ENABLE_CACHED_GRAPHICS_SHAPES
        return client.loadURDF(str(path), useFixedBase=1, flags=flags)
