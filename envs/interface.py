"""The records that the world and the mind exchange; numpy only.

SI units; quaternions are x y z w; everything is in the world frame unless its name says otherwise. The world frame
has x away from the robot's base, y to the robot's left, z up, and z = 0 at the table top.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, Real

TASK_IDS = {
    "put_in_bowl": "embodied/PutInBowl-v0",
    "stack": "embodied/Stack-v0",
    "sort": "embodied/Sort-v0",
    "tower": "embodied/Tower-v0",
    "unblock": "embodied/Unblock-v0",
}
"""Task name -> gymnasium id of its skill-level environment (the joint-level one is ``embodied/PutInBowlJoint-v0``)."""

BOARD_IDS = {
    "block_to_block": "embodied/BoardBlockToBlock-v0",
    "block_to_location": "embodied/BoardBlockToLocation-v0",
    "block_to_relative": "embodied/BoardBlockToRelative-v0",
    "block_to_block_relative": "embodied/BoardBlockToBlockRelative-v0",
    "point_to_block": "embodied/BoardPointToBlock-v0",
    "separate": "embodied/BoardSeparate-v0",
    "closest_corner": "embodied/BoardClosestCorner-v0",
    "sort_corners": "embodied/BoardSortCorners-v0",
    "push_side": "embodied/BoardPushSide-v0",
}
"""The same of the pushing board; the last three are PaLM-E's long-horizon tasks LT 1-3."""

KITCHEN_IDS = {
    "kitchen_primitive": "embodied/KitchenPrimitive-v0",
    "kitchen_noun": "embodied/KitchenNoun-v0",
    "kitchen_verb": "embodied/KitchenVerb-v0",
    "kitchen_structured": "embodied/KitchenStructured-v0",
    "kitchen_embodied": "embodied/KitchenEmbodied-v0",
    "kitchen_crowd": "embodied/KitchenCrowd-v0",
    "kitchen_long_horizon": "embodied/KitchenLongHorizon-v0",
}
"""The kitchen's families of instructions and their ids."""

TAMP_IDS = {
    "color": "embodied/TampColor-v0",
    "where": "embodied/TampWhere-v0",
    "below": "embodied/TampBelow-v0",
    "possible": "embodied/TampPossible-v0",
    "grasp": "embodied/TampGrasp-v0",
    "build": "embodied/TampBuild-v0",
}
"""The same of PaLM-E's task-and-motion-planning table: its q1, q2, q3, q4, p1 and p2."""

DOMAINS = {"tabletop": TASK_IDS, "tamp": TAMP_IDS, "board": BOARD_IDS, "kitchen": KITCHEN_IDS}
"""Domain -> its task names and their ids. A domain is the file of its name in `envs/domains`; the id of all its tasks
in turn is that of `domain_id`."""


def domain_id(domain: str) -> str:
    """The id of all tasks of a domain in turn: "embodied/Tabletop-v0"."""
    return f"embodied/{domain.capitalize()}-v0"


def world_of_tasks(tasks: Iterable[str]) -> str:
    """The world of some tasks; the table where they are of several, or of none."""
    return next((domain for domain, known in DOMAINS.items() if {*tasks} <= {*known}), "tabletop")


GOAL_ID = "embodied/Goal-v0"
"""The table with any goal of the goal language: `reset(options={"scene": ..., "goal": ...})` tells them."""

TABLE_IN_SIGHT_M = 4.0
"""A table ends somewhere: what a camera would see of it further along its axis is not taken for one."""

DISTRACTOR = "distractor"
"""First word of the names of things that no world asks for: on a table, what is neither block nor bowl."""

FOREIGN_IDS = {
    "pick_and_place": "embodied/PandaGymPickAndPlace-v0",
    "stack": "embodied/PandaGymStack-v0",
    "push": "embodied/PandaGymPush-v0",
}
"""Tasks of panda-gym, somebody else's benchmark, and their ids; skill level only (docs/foreign.md)."""

ENV_IDS = {task: env_id for ids in DOMAINS.values() for task, env_id in ids.items()}
"""Task name -> id, of every domain."""

SEED_RANGES = {"train": range(0, 1_000_000), "validation": range(1_000_000, 2_000_000),
               "test": range(2_000_000, 3_000_000)}
"""Disjoint seeds of each split: the one place where they are declared."""

JOINT_READINGS = ("joint_pos", "joint_vel", "setpoint")
"""What is read of every joint, float64[J]: rad or m, and per second. Names in robots, telemetry and recordings."""
BODY_READINGS = (*JOINT_READINGS, "tool_pose", "gripper_width_m")
"""The same with what is read of the whole arm: float64[7] m and quaternion, and m."""

MAX_CHUNK = 400
"""Most joint targets that a robot is given at once, one a control period."""

YAW_STEP_RAD = np.pi / 90.0
"""Angular resolution of the rectangle that `Box.from_points` fits: 2 degrees."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """What an arm serves: an upright box, x, y, z in m, and how far from the axis of its base it grasps from above.

    A domain owns it. Whoever draws, measures or bounds things there takes it with a margin of its own.
    """

    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]
    reach_m: float = float("inf")

    def grown(self, *, near_m: float = 0.0, far_m: float = 0.0, aside_m: float = 0.0, above_m: float = 0.0,
              reach_m: float = 0.0) -> Workspace:
        """The same with so much more room towards the base, away from it, to each side, above and in reach; a negative
        number takes room. Rounded to the micrometre: 0.35 - 0.03 is 0.32."""
        (x, y, z), (far_x, far_y, top_z) = self.low_m, self.high_m
        low, high = (x - near_m, y - aside_m, z), (far_x + far_m, far_y + aside_m, top_z + above_m)
        corners = (tuple(round(v, 6) for v in corner) for corner in (low, high))
        return Workspace(*corners, round(self.reach_m + reach_m, 6))

    def holds(self, xy: Real[np.ndarray, " 2"]) -> bool:
        """Whether a place of the world, float64[2], m, is served."""
        is_inside = (xy >= np.array(self.low_m[:2])).all() and (xy <= np.array(self.high_m[:2])).all()
        return bool(is_inside and np.hypot(*xy) <= self.reach_m)


TABLE_WORKSPACE = Workspace((0.35, -0.35, 0.0), (0.75, 0.35, 0.35), reach_m=0.74)
"""Of an arm at a table: what it lifts from, and what the cameras see; in the frame of the arm's foot."""


BOWL_SIZE_M = (0.132, 0.132, 0.040)
"""Full extents of every bowl: width at the rim, twice, and height."""
BOWL_FLOOR_M = 0.006
"""Height of the inner floor of a bowl above the table."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A calibrated pinhole camera, OpenCV axes (x right, y down, z forward).

    intrinsics: float64[3, 3], pixels. pose: float64[4, 4], camera in world, metres.
    """

    intrinsics: Float[np.ndarray, "3 3"]
    pose: Float[np.ndarray, "4 4"]

    def lift(self, depth: Float[np.ndarray, "H W"]) -> Float64[np.ndarray, "H W 3"]:
        """World points of a depth image.

        depth: float32[H, W], metres along the optical axis, 0 = no return (its point is then the camera's own place).
        Returns float64[H, W, 3], metres.
        """
        right = (np.arange(depth.shape[1]) + 0.5 - self.intrinsics[0, 2]) / self.intrinsics[0, 0]
        down = (np.arange(depth.shape[0]) + 0.5 - self.intrinsics[1, 2]) / self.intrinsics[1, 1]
        planes = np.empty((3, *depth.shape))  # a ray is a sum of its column's and its row's part
        for axis, (along_right, along_down, ahead, origin) in enumerate(self.pose[:3]):
            np.add.outer(down * along_down + ahead, right * along_right, out=planes[axis])
            planes[axis] *= depth
            planes[axis] += origin
        return np.moveaxis(planes, 0, -1)

    def depth_of_table(self, height_px: int, width_px: int) -> Float32[np.ndarray, "H W"]:
        """float32[H, W], metres: what this camera would measure of an empty table that goes on for ever (z = 0); 0
        where it looks above it, or further than TABLE_IN_SIGHT_M."""
        rays = self.lift(np.ones((height_px, width_px)))[..., 2] - self.pose[2, 3]
        with np.errstate(divide="ignore"):
            depth = -self.pose[2, 3] / rays
        return np.where((rays < 0) & (depth < TABLE_IN_SIGHT_M), depth, 0.0).astype(np.float32)

    def project(self, points: Float[np.ndarray, "*P 3"]) -> Float64[np.ndarray, "*P 2"]:
        """Pixels (column, row; the centre of the first pixel is 0.5, 0.5) of world points float[..., 3]."""
        local = (np.asarray(points) - self.pose[:3, 3]) @ self.pose[:3, :3]
        uv = local @ self.intrinsics.T
        return uv[..., :2] / uv[..., 2:3]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box: centre (x, y, z) m, full size (x, y, z) m before turning, yaw rad about z in [-pi/4, pi/4)."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0

    @property
    def top_z_m(self) -> float:
        return self.center[2] + self.size[2] / 2

    @property
    def bottom_z_m(self) -> float:
        return self.center[2] - self.size[2] / 2

    def as_vector(self) -> Float32[np.ndarray, " 7"]:
        """float32[7]: centre, size, yaw."""
        return np.array([*self.center, *self.size, self.yaw], dtype=np.float32)

    @classmethod
    def from_vector(cls, vector: Float[np.ndarray, " 7"]) -> Box:
        """The box of `as_vector`."""
        values = [float(v) for v in vector]
        return cls(tuple(values[:3]), tuple(values[3:6]), values[6])

    @classmethod
    def from_points(cls, points: Real[np.ndarray, "P 3"]) -> Box:
        """The smallest upright box around measured points float[P, 3], metres; yaw from the least-area rectangle.

        Raises ValueError when there is no finite point.
        """
        points = np.asarray(points, dtype=np.float64)
        points = points[np.isfinite(points).all(axis=-1)]
        if len(points) == 0:
            raise ValueError("Box.from_points: expected at least one finite point, got none; drop empty objects first")
        yaw = _least_area_yaw(points[:, :2])
        turned = points[:, :2] @ _turn(yaw)
        low, high = turned.min(axis=0), turned.max(axis=0)
        x, y = _turn(yaw) @ ((low + high) / 2)
        z_low, z_high = points[:, 2].min(), points[:, 2].max()
        size = (high[0] - low[0], high[1] - low[1], z_high - z_low)
        return cls((float(x), float(y), float((z_low + z_high) / 2)), tuple(float(s) for s in size), float(yaw))


def _turn(yaw: float) -> Float64[np.ndarray, "2 2"]:
    """float64[2, 2] whose columns are the axes of a frame turned by yaw."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s], [s, c]])


def _least_area_yaw(xy: Float[np.ndarray, "P 2"]) -> float:
    """Yaw in [-pi/4, pi/4) of the least-area rectangle around float[P, 2] points."""
    yaws = np.arange(-np.pi / 4, np.pi / 4 - 1e-9, YAW_STEP_RAD)
    axes = np.stack([np.cos(yaws), np.sin(yaws)]), np.stack([-np.sin(yaws), np.cos(yaws)])
    area = np.ptp(xy @ axes[0], axis=0) * np.ptp(xy @ axes[1], axis=0)
    return float(yaws[int(np.argmin(area))])


@dataclass(frozen=True, slots=True)
class Observation:
    """What a robot has: images, depth, calibration, proprioception. A typed view of the gymnasium Dict observation."""

    rgb: Mapping[str, np.ndarray]  # camera -> uint8[H, W, 3]
    depth: Mapping[str, np.ndarray]  # camera -> float32[H, W], metres along the optical axis; 0 = no return
    cameras: Mapping[str, Camera]
    joint_pos: Float[np.ndarray, " J"]  # float64, rad or m
    tool_pose: Float[np.ndarray, " 7"]  # float64: position m, quaternion
    gripper_width_m: float
    time_s: float  # simulated: steps / physics_hz
    entities: Mapping[str, np.ndarray] = field(default_factory=dict)  # privileged, empty unless asked for

    @classmethod
    def from_dict(cls, observation: Mapping[str, Any]) -> Observation:
        """The typed view of what `SkillEnv.reset`/`step` return."""
        cameras = {name: Camera(np.asarray(c["intrinsics"]), np.asarray(c["pose"]))
                   for name, c in observation.get("cameras", {}).items()}
        images = {sense: dict(observation.get(sense, {})) for sense in ("rgb", "depth")}
        return cls(**images, cameras=cameras,
                   joint_pos=np.asarray(observation["joint_pos"]), tool_pose=np.asarray(observation["tool_pose"]),
                   gripper_width_m=float(observation["gripper_width_m"][0]), time_s=float(observation["time_s"][0]),
                   entities=dict(observation.get("entities", {})))


class PlainView(Observation):
    """An observation whose depth nobody measured: it holds that of an empty table, from where its camera is assumed to
    stand."""

    __slots__ = ()

    @staticmethod
    def camera_of(cameras: Iterable[str]) -> str:
        """The one camera that is looked through where depth is not known: the front one, else the first."""
        names = list(cameras)
        return "front" if "front" in names else names[0]

    @classmethod
    def of(cls, seen: Observation) -> PlainView:
        """The colors that one camera of an observation sees, see `camera_of`, whatever it measured."""
        name = cls.camera_of(seen.cameras)
        camera, rgb = seen.cameras[name], seen.rgb[name]
        return cls({name: rgb}, {name: camera.depth_of_table(*rgb.shape[:2])}, {name: camera}, seen.joint_pos,
                   seen.tool_pose, seen.gripper_width_m, seen.time_s)


@dataclass(frozen=True, slots=True)
class Referent:
    """What an argument of a skill means: words, and where it was measured (a box, or a pixel of one camera)."""

    words: str
    box: Box | None = None
    camera: str | None = None
    pixel: tuple[int, int] | None = None  # column, row


NamedCall = tuple[str | float, ...]
"""A call in plain values, as experts and labels tell it: the skill, then its arguments; of an object its true name."""


@dataclass(frozen=True, slots=True)
class SkillCall:
    skill: str  # a name declared in envs.skills.signatures
    arguments: tuple[Referent | str | float, ...] = ()

    @property
    def named(self) -> NamedCall:
        """The call in plain values, objects by the words of their referents."""
        return (self.skill, *(a.words if isinstance(a, Referent) else a for a in self.arguments))


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Literal["done", "failed", "timeout", "refused"]
    reason: str  # a clause a language model can read: "the gripper closed on nothing"
    duration_s: float  # simulated


@dataclass(frozen=True, slots=True)
class Transition:
    before: Observation
    call: SkillCall
    outcome: Outcome
    after: Observation
    reward: float  # change of task progress; an episode sums to its final progress
    terminated: bool
    truncated: bool


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a skill would command, found without moving anything."""

    targets: Float64[np.ndarray, "T J"]  # joint targets, one a control period; rad or m
    outcome: Outcome  # if all goes as it was seen
    held: tuple | None  # what the hand holds then, for the rehearsal of the next call
