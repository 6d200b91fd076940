"""What the skills of a robot on wheels share: which place it serves, an arm's situation in its foot's frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from envs.interface import Box, Camera, Observation
from envs.names import hint
from envs.robots.mobile_panda import ArmOver, MobilePanda
from envs.skills.driving import drive
from envs.skills.situation import Motion, Situation
from envs.world.floorplan import PLACES, Place, place_at
from envs.world.goods import GOODS

_ASIDE_M = 0.20  # farther than this to a side, the base moves over


def _no_such(word: str, words: tuple[str, ...], what: str) -> str | None:
    """Why a word cannot be acted on, as a clause; None when it is one of the words."""
    if word in words:
        return None
    return f"there is no {what} called {word!r}{hint(word, words)}"


def unknown_place(word: str) -> str | None:
    """Why a word names no place of the static map; None when it does."""
    return _no_such(word, tuple(PLACES), "place")


def unknown_thing(word: str) -> str | None:
    """Why a word names nothing of the catalogue; None when it does."""
    return _no_such(word, tuple(GOODS), "thing")


def served(robot: MobilePanda) -> Place | None:
    """The place that the robot stands at, by its wheels; a step back from the drawer still counts."""
    return place_at(robot.base_pose, within_m=0.12)


@dataclass(frozen=True)
class LocalSituation(Situation):
    """What an arm at a table knows; lift_m: how much higher it travels for the sake of what will hang from the hand."""

    lift_m: float = 0.0

    def travel_z_m(self, below_tool_m: float) -> float:
        return super().travel_z_m(below_tool_m + self.lift_m)


def over(situation: Situation, face_z_m: float, seen: Observation, lift_m: float = 0.0) -> LocalSituation:
    """The situation of the arm alone, as a skill for a table knows it: everything in the frame of the arm's foot, z = 0
    at the face that it works over. It shares the memory of the hand."""
    frame = np.linalg.inv(situation.robot.foot_frame(face_z_m))
    moved = {name: Camera(camera.intrinsics, frame @ camera.pose) for name, camera in seen.cameras.items()}
    return LocalSituation(ArmOver(situation.robot.arm, face_z_m), replace(seen, cameras=moved), situation.hand,
                          workspace=situation.workspace, lift_m=lift_m)


def to_foot(robot: MobilePanda, box: Box, face_z_m: float) -> Box:
    """A world box in the frame of `over`."""
    frame = np.linalg.inv(robot.foot_frame(face_z_m))
    center = frame[:3, :3] @ np.array(box.center) + frame[:3, 3]
    yaw = (box.yaw - robot.base_pose[2] + np.pi / 4) % (np.pi / 2) - np.pi / 4
    quarter = round((box.yaw - robot.base_pose[2] - yaw) / (np.pi / 2)) % 2
    x, y, z = box.size
    return Box(tuple(center.tolist()), (y, x, z) if quarter else (x, y, z), float(yaw))


def face(robot: MobilePanda, place: Place, aside_m: float) -> Motion:
    """Moves over, along the place's front, until a point so far aside of its middle is straight ahead of the arm; stays
    where that is nearly so."""
    now = place.to_own(robot.base_pose[:2])[1]
    if abs(now - aside_m) < _ASIDE_M:
        return None
    limit = place.width_m / 2 - 0.02
    goal = place.to_world(place.standoff_m, float(np.clip(aside_m, -limit, limit)))
    return (yield from drive(robot, np.array([*goal, place.stand[2]]), is_straight=True))
