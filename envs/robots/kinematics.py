"""Forward and inverse kinematics of a serial arm, in numpy.

Stateless, so that the same question always has the same answer: Bullet's own solver starts from the arm's present
state, stops 28 mm off at its default 20 iterations and reports neither that nor a broken joint limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np

_DAMPING = 1e-4
_MAX_STEP_RAD = 0.4
_POSITION_TOLERANCE_M = 1e-5
_TURN_TOLERANCE_RAD = 1e-4


class Chain:
    """A serial chain of revolute joints turning about their own z axes.

    origins: float64[J, 4, 4], each joint's frame in the one before it at zero angle. tool: float64[4, 4], in the last.
    """

    def __init__(self, origins: np.ndarray, tool: np.ndarray) -> None:
        self.origins = origins
        self.tool = tool

    @classmethod
    def from_urdf(cls, urdf: str, joints: Sequence[str], tool: str) -> Chain:
        """The chain through named revolute joints to the link `tool`, fixed joints between them included. Raises
        ValueError for a joint that is not on the way or does not turn about its own z."""
        root = ElementTree.fromstring(urdf)
        origins, frame = [], np.eye(4)
        for joint in _way_to(root, tool):
            frame = frame @ _origin(joint)
            if joint.attrib["name"] in joints:
                _check_axis(joint)
                origins.append(frame)
                frame = np.eye(4)
        if len(origins) != len(joints):
            raise ValueError(f"expected joints on the way to {tool!r}, got {list(joints)}; {len(origins)} of them are")
        return cls(np.stack(origins), frame)

    def frames(self, angles: np.ndarray) -> np.ndarray:
        """float64[J + 1, 4, 4]: every joint's frame, then the tool's, in the base frame."""
        c, s = np.cos(angles), np.sin(angles)
        turned = self.origins.copy()
        x, y = self.origins[:, :, 0], self.origins[:, :, 1]
        turned[:, :, 0] = x * c[:, None] + y * s[:, None]
        turned[:, :, 1] = y * c[:, None] - x * s[:, None]
        frame, found = np.eye(4), []
        for local in [*turned, self.tool]:
            frame = frame @ local
            found.append(frame)
        return np.stack(found)

    def pose(self, angles: np.ndarray) -> np.ndarray:
        """float64[4, 4]: the tool in the base frame."""
        return self.frames(angles)[-1]

    def jacobian(self, frames: np.ndarray) -> np.ndarray:
        """float64[6, J]: tool velocity (linear, angular) per joint velocity."""
        axes, places = frames[:-1, :3, 2], frames[:-1, :3, 3]
        return np.concatenate([np.cross(axes, frames[-1, :3, 3] - places), axes], axis=1).T

    def solve(self, goal: np.ndarray, seed: np.ndarray, iterations: int = 30) -> np.ndarray | None:
        """float64[J] angles whose tool pose is goal float64[4, 4], near seed float64[J]; None if not converged."""
        angles = np.array(seed, dtype=np.float64)
        for _ in range(iterations):
            frames = self.frames(angles)
            error = _difference(goal, frames[-1])
            if np.linalg.norm(error[:3]) < _POSITION_TOLERANCE_M and np.linalg.norm(error[3:]) < _TURN_TOLERANCE_RAD:
                return angles
            j = self.jacobian(frames)
            step = j.T @ np.linalg.solve(j @ j.T + _DAMPING * np.eye(6), error)
            angles = angles + step * min(1.0, _MAX_STEP_RAD / max(float(np.abs(step).max()), 1e-12))
        return None


def _difference(goal: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """float64[6]: translation m and rotation vector rad that carry pose to goal, base frame."""
    turn = goal[:3, :3] @ pose[:3, :3].T
    axis = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = np.linalg.norm(axis) / 2, (np.trace(turn) - 1) / 2
    if sine < 1e-9:  # no turn, or half a turn, whose axis the antisymmetric part does not show: any axis leaves it
        rotation = np.zeros(3) if cosine > 0 else np.array([np.pi, 0.0, 0.0])
    else:
        rotation = axis * (np.arctan2(sine, cosine) / (2 * sine))
    return np.concatenate([goal[:3, 3] - pose[:3, 3], rotation])


def _way_to(root: ElementTree.Element, link: str) -> list[ElementTree.Element]:
    """The joints from the root link to a link, in this order."""
    above = {joint.find("child").attrib["link"]: joint for joint in root.findall("joint")}
    way = []
    while link in above:
        joint = above.pop(link)  # popped: a description that bites its tail ends too
        way.insert(0, joint)
        link = joint.find("parent").attrib["link"]
    return way


def _check_axis(joint: ElementTree.Element) -> None:
    axis = joint.find("axis")
    turns = [1.0, 0.0, 0.0] if axis is None else [float(v) for v in axis.attrib["xyz"].split()]  # URDF's default is x
    if turns != [0.0, 0.0, 1.0]:
        raise ValueError(f"joint {joint.attrib['name']!r}: expected axis 0 0 1, got {turns}; turn its frame's origin")


def _origin(joint: ElementTree.Element) -> np.ndarray:
    """float64[4, 4] of a URDF joint's <origin>."""
    origin = joint.find("origin")
    if origin is None:
        return np.eye(4)
    roll, pitch, yaw = (float(v) for v in origin.attrib.get("rpy", "0 0 0").split())
    frame = np.eye(4)
    frame[:3, :3] = _about(2, yaw) @ _about(1, pitch) @ _about(0, roll)
    frame[:3, 3] = [float(v) for v in origin.attrib.get("xyz", "0 0 0").split()]
    return frame


def _about(axis: int, angle: float) -> np.ndarray:
    """float64[3, 3] rotation about x, y or z."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    turn = np.eye(3)
    turn[i, i] = turn[j, j] = c
    turn[i, j], turn[j, i] = -s, s
    return turn
