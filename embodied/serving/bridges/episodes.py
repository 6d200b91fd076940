"""Where one episode of a robot elsewhere ends and the next begins: as its client says, or as its observations show.

A client that says `reset` or `episode` is believed, and nothing is guessed. Of others, what no motion explains is a new
episode: what was planned, done and held in the old one is of no use there, and its joint targets are dangerous.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from embodied.serving.views import thinned
from envs.interface import Camera, Observation

LONGEST_GAP_S = 5.0
"""By which the robot's clock may go on between two observations, beside what an answer took: ten chunks of the usual
length. Who was silent for longer did something else meanwhile."""
FASTEST_RAD_S, JOINT_SLACK_RAD = 2.75, 0.3
"""No joint of the arm is faster (the Panda's fastest reach 2.61 rad/s), and clocks may be read some periods apart from
joints. A robot that is put somewhere else jumps further."""
MOST_CHANGED, MOST_CHANGED_AT_ONCE = 0.008, 0.002
"""The share of the table in sight, away from the tool, that may change between two observations, and between two of
the same time. Measured on the tabletop: motions change nothing, a noise of 10 mm and 10 grey levels 0.0007, a block
that a person moves up to 0.0072, a bowl 0.013 to 0.049, another scene 0.010 to 0.08."""
CHANGED_M, CHANGED_HUE = 0.02, 0.12
"""What is a change: half a block's height, or so much of a channel's share of the light."""
_DARK = 20.0  # of 255: added to all channels, for in the dark hue is noise
_STRIDE = 2
_ARM_M, _REACH_M = 0.15, 0.16  # above the table all is arm; around the tool all is gripper and what it holds

BOUNDS = {"longest_gap_s": LONGEST_GAP_S, "fastest_rad_s": FASTEST_RAD_S, "joint_slack_rad": JOINT_SLACK_RAD,
          "most_changed": MOST_CHANGED, "most_changed_at_once": MOST_CHANGED_AT_ONCE}
"""As the metadata tell them."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a client says of its episodes. episode: any name; another one is another episode. reset: whether this
    observation begins one; None where the client says nothing."""

    episode: str | int | None = None
    reset: bool | None = None


UNMARKED = Marks()


@dataclass
class Boundary:
    """Tells new episodes of one robot from the one that goes on. fingers: how many joints, the last ones, are none of
    the arm's."""

    fingers: int
    _marks: Marks = UNMARKED
    _last: Observation | None = None
    _views: Mapping[str, View] = field(default_factory=dict)  # of the last observation

    def cross(self, seen: Observation, marks: Marks, answer_s: float) -> str:
        """Why this observation begins an episode, "" when the old one goes on. answer_s: that the answer to the
        observation before took, for the robot's clock may have run on meanwhile."""
        before, said, self._last, self._marks = self._last, self._marks, seen, marks
        is_said = marks.episode is not None or marks.reset is not None
        views, self._views = self._views, {} if is_said else views_of(seen)
        if before is None:
            return "the first observation"
        if marks.reset:
            return "reset"
        if marks.episode != said.episode:
            return "another episode"
        if seen.time_s < before.time_s:
            return "the clock went back"
        return "" if is_said else self._unexplained(before, seen, answer_s) or self._changed(views, before, seen)

    def _unexplained(self, before: Observation, seen: Observation, answer_s: float) -> str:
        """What no motion explains, as a clause."""
        passed_s = seen.time_s - before.time_s
        if passed_s > LONGEST_GAP_S + answer_s:
            return f"the clock went on by {passed_s:.1f} s"
        moved = np.abs(seen.joint_pos - before.joint_pos)[:-self.fingers or None]
        if moved.max(initial=0.0) > FASTEST_RAD_S * passed_s + JOINT_SLACK_RAD:
            return f"a joint moved by {moved.max():.2f} rad in {passed_s:.2f} s"
        return ""

    def _changed(self, views: Mapping[str, View], before: Observation, seen: Observation) -> str:
        """Whether the scene is another one, as a clause. views: of the observation before."""
        share = changed_share(views, self._views)
        is_other = share > (MOST_CHANGED if seen.time_s > before.time_s else MOST_CHANGED_AT_ONCE)
        return f"{100 * share:.1f} % of the table changed" if is_other else ""


class View(NamedTuple):
    """Every _STRIDE-th pixel of a camera, for speed. points: float64[H, W, 3], base frame. hue: float32[H, W, 3], the
    channels' shares of the light, which shadows hardly change. is_table: bool[H, W], where neither the arm nor nothing
    was seen. tool: float64[2], where the tool stood."""

    camera: Camera
    points: np.ndarray
    hue: np.ndarray
    is_table: np.ndarray
    tool: np.ndarray


def views_of(seen: Observation) -> dict[str, View]:
    """What each camera sees of the table."""
    return {name: _view(seen, name) for name in seen.depth}


def _view(seen: Observation, name: str) -> View:
    depth, rgb = seen.depth[name][::_STRIDE, ::_STRIDE], seen.rgb[name][::_STRIDE, ::_STRIDE].astype(np.float32)
    points = thinned(seen.cameras[name], _STRIDE).lift(depth)
    light = rgb + _DARK
    is_table = (depth > 0) & (points[..., 2] < _ARM_M)
    return View(seen.cameras[name], points, light / light.sum(axis=-1, keepdims=True), is_table, seen.tool_pose[:2])


def changed_share(before: Mapping[str, View], now: Mapping[str, View]) -> float:
    """The share of the table that changed its height or its hue, away from the tool, by the camera that saw most of
    that; 0 for cameras that were moved themselves. before, now: of `views_of`."""
    return max((_changed(before[name], now[name]) for name in now if name in before
                and _stands(before[name], now[name])), default=0.0)


def _stands(before: View, now: View) -> bool:
    return (before.points.shape == now.points.shape and np.allclose(before.camera.pose, now.camera.pose, atol=1e-3)
            and np.allclose(before.camera.intrinsics, now.camera.intrinsics, rtol=1e-3))


def _changed(before: View, now: View) -> float:
    """The share of comparable pixels that changed."""
    is_table = before.is_table & now.is_table
    for tool in (before.tool, now.tool):
        for points in (before.points, now.points):
            is_table &= np.hypot(points[..., 0] - tool[0], points[..., 1] - tool[1]) > _REACH_M
    is_changed = np.abs(before.points[..., 2] - now.points[..., 2]) > CHANGED_M
    is_changed |= np.abs(before.hue - now.hue).max(axis=-1) > CHANGED_HUE
    return float(_inner(is_table & is_changed).sum() / max(1, is_table.sum()))


def _inner(mask: np.ndarray) -> np.ndarray:
    """bool[H - 2, W - 2]: what has all four of its neighbours too. Noise of depth cameras stands in lines, at edges."""
    middle = mask[1:-1, 1:-1]
    return middle & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
