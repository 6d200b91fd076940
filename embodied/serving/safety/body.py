"""Where a robot's tool point and its other corners are for many joint positions at once, and no more of it.

Legend: K postures, J joints, P points. Everything is in the frame that the robot's own `tool_pose` is in, metres.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

_PALM_M = ((0.034, 0.105), (0.034, -0.105), (-0.034, 0.105), (-0.034, -0.105))  # across and along the jaws
_PALM_BACK_M = 0.036  # from the tool point back to the palm
_TIP_HALF_M = (0.0104, 0.0143)  # of both tips together across the jaws; of one along them, outward from its pad
_LINK_M = 0.06  # from a joint's origin to its link's outside


class Body(Protocol):
    """Forward kinematics of the points that limits are about."""

    lowest_m: np.ndarray
    """float64[P]: how low each of the other points may come over level ground."""

    def places(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tool points float64[K, 3], and heights float64[K, P] of what else must stay off the ground.

        joints: float64[K, J], their positions.
        """


class ArmBody:
    """An arm with its hand: the origins of the joints from the elbow on, the palm's corners, the finger tips'."""

    def __init__(self, chain: Any, tip_below_tool_m: float, first: int = 3) -> None:
        """chain: an `envs.robots.kinematics.Chain`. first: index of the joint at the elbow, the first that may fall."""
        self._origins, self._tool, self._first = chain.origins, chain.tool, first
        tips = [(x, y, tip_below_tool_m) for x in (-_TIP_HALF_M[0], _TIP_HALF_M[0])
                for y in (-_TIP_HALF_M[1], _TIP_HALF_M[1])]
        self.lowest_m = np.array([*[_LINK_M] * (len(chain.origins) - first), *[0.0] * (len(_PALM_M) + len(tips))])
        self._hand = np.array([*((x, y, -_PALM_BACK_M) for x, y in _PALM_M), *tips])
        self._spread = np.array([0.0] * len(_PALM_M) + [np.sign(y) for _, y, _ in tips])

    def places(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Body.places`."""
        frame, heights = self.frames(joints)
        hand = np.broadcast_to(self._hand, (len(joints), *self._hand.shape)).copy()
        hand[:, :, 1] += self._spread * joints[:, -2:].max(axis=1, keepdims=True)  # opened fingers are further out
        corners = hand @ frame[:, 2, :3, None]
        return frame[:, :3, 3], np.concatenate([heights, corners[:, :, 0] + frame[:, 2, 3, None]], axis=1)

    def frames(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tool frames float64[K, 4, 4] and heights float64[K, N - first] of the joints from the elbow on, for joints
        float64[K, J], rad; N: joints of the arm alone."""
        count = len(self._origins)
        c, s = np.cos(joints[:, :count, None]), np.sin(joints[:, :count, None])
        turned = np.broadcast_to(self._origins, (len(joints), count, 4, 4)).copy()
        x, y = self._origins[:, :, 0], self._origins[:, :, 1]
        turned[..., 0], turned[..., 1] = x * c + y * s, y * c - x * s
        frame, heights = turned[:, 0], np.empty((len(joints), count - self._first))
        for i in range(1, count):
            frame = frame @ turned[:, i]
            if i >= self._first:
                heights[:, i - self._first] = frame[:, 2, 3]
        return frame @ self._tool, heights


class WheeledBody:
    """An arm on a base whose joints, x, y and yaw, come after the arm's and the fingers'."""

    def __init__(self, arm: ArmBody, mount_m: tuple[float, float, float], arm_count: int) -> None:
        self._arm, self._mount, self._count = arm, np.array(mount_m), arm_count
        self.lowest_m = arm.lowest_m

    def places(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Body.places`."""
        tool, heights = self._arm.places(joints[:, :self._count])
        local, yaw = tool + self._mount, joints[:, -1]
        c, s = np.cos(yaw), np.sin(yaw)
        x = joints[:, -3] + c * local[:, 0] - s * local[:, 1]
        y = joints[:, -2] + s * local[:, 0] + c * local[:, 1]
        return np.stack([x, y, local[:, 2]], axis=-1), heights + self._mount[2]


class FlatBody:
    """What slides over a plane: its joints are its x and y."""

    lowest_m = np.empty(0)

    def __init__(self, height_m: float) -> None:
        self._height_m = height_m

    def places(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `Body.places`."""
        return np.column_stack([joints[:, :2], np.full(len(joints), self._height_m)]), np.empty((len(joints), 0))
