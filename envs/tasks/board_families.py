"""The nine families of tasks on the board: Language-Table's six rewards and PaLM-E's three long-horizon
instructions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from envs.interface import DOMAINS
from envs.names import hint, unknown
from envs.tasks import board_words
from envs.tasks.board_goals import (
    BESIDE_M,
    Apart,
    At,
    Beside,
    Goal,
    NextTo,
    PointedAt,
    Shifted,
    Sorted,
    Together,
    on_side,
)
from envs.tasks.board_words import Roles
from envs.world import World
from envs.world.board import BOARD_CENTER_M, BOARD_HIGH_M, BOARD_LOW_M, COMPASS, CORNERS, place_m, unit
from envs.world.toys import TOY_COLORS, TOY_HEIGHT_M, TOY_NAMES, TOY_SHAPES, create_toy, toy_size_m

BOARD_TASKS: tuple[str, ...] = tuple(DOMAINS["board"])
VARIANTS = (8, 4)
"""How many blocks: two of each color, or half as many (long-horizon tasks then have two of two colors)."""

_EDGE_M, _GAP_M, _HOME_GAP_M = 0.075, 0.115, 0.13
_CLOSE_M = (0.062, 0.085)  # between the two that are to be separated
_MARGIN_M = 0.05  # by which a goal is missed at the start
_CLEARER_M = 0.04  # by which the block closest to a corner is closer than the next
_MIDLINE_M = 0.06  # from the middle of the board, free where sides matter
_FAR_M = 0.5
_TRIES = 500
_FALLEN_M = -0.02
_REST_M = 0.001  # height at which Bullet lets a toy rest above the board
_PAIRED = ("closest_corner", "sort_corners")
_ROLES = MappingProxyType({
    "block_to_block": ("block", "other"), "block_to_location": ("block", "where"), "point_to_block": ("block",),
    "block_to_relative": ("block", "where"), "block_to_block_relative": ("block", "where", "other"),
    "separate": ("block", "other"), "closest_corner": ("where",), "push_side": ("where",), "sort_corners": ()})


@dataclass(frozen=True, slots=True)
class BoardScene:
    """What is on the board, where it started, and what is wanted. scale_m: the excess that counts as no progress."""

    names: tuple[str, ...]
    starts: tuple[tuple[float, float], ...]
    goal: Goal
    roles: tuple[tuple[str, object], ...]
    task: str
    scale_m: float

    @property
    def start_of(self) -> dict[str, np.ndarray]:
        return {name: np.array(xy) for name, xy in zip(self.names, self.starts, strict=True)}


@dataclass(frozen=True, slots=True)
class BoardTask:
    """One family; holds no state of any scene."""

    name: str

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int = 3, max_objects: int = 8,
                require: tuple[str, ...] = ()) -> BoardScene:
        """A new scene at rest: the larger variant of 8 and 4 blocks that max_objects allows.

        Raises ValueError when none does, or when what is required cannot be on one board.
        """
        count = next((v for v in VARIANTS if v <= max_objects), 0)
        if not count or min_objects > max_objects:
            raise ValueError(f"{self.name}: expected min_objects <= max_objects and max_objects of at least "
                             f"{min(VARIANTS)}, got {min_objects} and {max_objects}; boards have {VARIANTS} blocks")
        for _ in range(_TRIES):
            names = _cast(rng, count, tuple(require), self.name in _PAIRED)
            starts = _places(rng, names, self.name == "separate")
            roles = _draw_roles(self.name, rng, names, starts) if starts else None
            if roles is not None:
                break
        else:
            raise ValueError(f"{self.name}: expected room for {require} on the board, found none; require fewer")
        _spawn(world, rng, starts)
        world.settle()
        at = {name: world.pose(name)[0][:2] for name in names}
        scene = _scene(self.name, roles, at)
        return replace(scene, scale_m=max(_excess_m(world, scene), _MARGIN_M))

    def instruction(self, scene: BoardScene, rng: np.random.Generator) -> str:
        """One of several wordings."""
        return board_words.say(scene.task, dict(scene.roles), rng)

    def progress(self, world: World, scene: BoardScene) -> float:
        """In [0, 1]; 1 is success. Of a distance, how much of what was too far at the start is made good."""
        if isinstance(scene.goal, Sorted | Together):
            return scene.goal.share(places(world))
        excess_m = _excess_m(world, scene)
        return 1.0 if excess_m <= 0 else float(np.clip(1 - excess_m / scene.scale_m, 0.0, 0.999))

    def as_it_is(self, world: World, scene: BoardScene) -> BoardScene:
        """The scene with its blocks where they are now. PRIVILEGED."""
        at = places(world)
        return replace(scene, starts=tuple(tuple(at[name].tolist()) for name in scene.names))

    def retarget(self, scene: BoardScene, instruction: str) -> BoardScene | None:
        """The scene with the goal that the instruction asks for; None when it is worded unlike any known phrasing or
        asks for what is not there."""
        understood = board_words.understand(instruction)
        if understood is None:
            return None
        task, roles = understood
        named = [roles[role] for role in ("block", "other") if role in roles]
        if not set(named) <= set(scene.names) or len(set(named)) < len(named):
            return None
        goal = goal_of(task, roles, scene.start_of)
        if goal is None:
            return None
        is_same = (goal, task, roles) == (scene.goal, scene.task, dict(scene.roles))
        return scene if is_same else _scene(task, roles, scene.start_of)


def make_board_task(name: str) -> BoardTask:
    """The family of that name. Raises ValueError for an unknown one."""
    if name not in BOARD_TASKS:
        raise ValueError(unknown(name, BOARD_TASKS, what="task"))
    return BoardTask(name)


def places(world: World) -> dict[str, np.ndarray]:
    """Toy -> float64[2], m. PRIVILEGED."""
    return {name: world.pose(name)[0][:2] for name in world.names()}


def present(world: World) -> dict[str, np.ndarray]:
    """The same of the toys that have not fallen off the board. PRIVILEGED."""
    return {name: xy for name, xy in places(world).items() if world.pose(name)[0][2] > _FALLEN_M}


def goal_of(task: str, roles: Roles, at: dict[str, np.ndarray]) -> Goal | None:
    """What a task with these roles asks for, when the toys are where `at` says; None when it makes no sense there."""
    block, other, where = (roles.get(role) for role in ("block", "other", "where"))
    if task == "block_to_relative" and where != (0, 0):
        return Shifted(block, where, tuple(at[block].tolist()))
    if task == "closest_corner" and all(where):
        block = min(at, key=lambda name: float(np.linalg.norm(at[name] - place_m(where))))
        mates = [name for name in at if name != block and name.split(" ")[0] == block.split(" ")[0]]
        return NextTo(block, mates[0]) if mates else None
    if task == "push_side" and where[1] and not where[0]:
        mine = tuple(name for name in at if on_side(at[name]) == where[1])
        return Together(mine, tuple(n for n in at if n not in mine), where[1]) if len(mine) > 1 else None
    if task == "block_to_block_relative" and where == (0, 0):
        return None
    make = {"block_to_block": partial(NextTo, block, other), "block_to_location": partial(At, block, where),
            "block_to_block_relative": partial(Beside, block, where, other), "separate": partial(Apart, block, other),
            "point_to_block": partial(PointedAt, block), "sort_corners": partial(Sorted, tuple(at))}
    return make[task]() if task in make else None


def _scene(task: str, roles: Roles, at: dict[str, np.ndarray]) -> BoardScene:
    starts = tuple(tuple(xy.tolist()) for xy in at.values())
    return BoardScene(tuple(at), starts, goal_of(task, roles, at), tuple(roles.items()), task, _FAR_M)


def _excess_m(world: World, scene: BoardScene) -> float:
    """How far the goal is missed by; 1 for goals that are not distances."""
    if isinstance(scene.goal, Sorted | Together):
        return 1.0
    gap_m = world.robot_gap_m(scene.goal.block, 1.0) if isinstance(scene.goal, PointedAt) else 0.0
    return scene.goal.excess_m(places(world), gap_m)


def _cast(rng: np.random.Generator, count: int, require: tuple[str, ...], is_paired: bool) -> list[str]:
    """Names of the blocks, required ones among them: two of each color, or one of each where four need no pairs."""
    if strange := [name for name in require if name not in TOY_NAMES]:
        remedy = hint(strange[0], TOY_NAMES, otherwise="write a color and a shape")
        raise ValueError(f"require: expected blocks such as 'red star', got {strange[0]!r}{remedy}")
    asked = list(dict.fromkeys(name.split(" ")[0] for name in require))
    others = [color for color in rng.permutation(list(TOY_COLORS)) if color not in asked]
    each = 2 if count == 8 or is_paired else 1
    names = []
    for color in [*asked, *others][: count // each]:
        mine = [name for name in require if name.startswith(color)]
        spare = [n for shape in rng.permutation(list(TOY_SHAPES)) if (n := f"{color} {shape}") not in mine]
        names += [*mine, *spare][: max(each, len(mine))]
    if len(set(require)) < len(require) or not set(require) <= set(names) or len(names) > count:
        raise ValueError(f"require: expected at most {each} different blocks of each of {count // each} colors, got "
                         f"{require}")
    return [*require, *(str(n) for n in rng.permutation([n for n in names if n not in require]))]


def _places(rng: np.random.Generator, names: list[str], has_close_pair: bool) -> dict[str, np.ndarray] | None:
    """Toy -> float64[2], apart from each other but for a close pair of the first two; None when no room was found."""
    low, high = BOARD_LOW_M + _EDGE_M, BOARD_HIGH_M - _EDGE_M
    home = np.array([BOARD_LOW_M[0], BOARD_CENTER_M[1]])
    found: dict[str, np.ndarray] = {}
    for index, name in enumerate(names):
        for _ in range(_TRIES // 5):
            spot = rng.uniform(low, high)
            others = list(found.values())
            if has_close_pair and index == 1:
                angle = rng.uniform(-np.pi, np.pi)
                spot = others.pop() + rng.uniform(*_CLOSE_M) * np.array([np.cos(angle), np.sin(angle)])
            is_on = bool(((spot > low) & (spot < high)).all())
            if is_on and all(np.linalg.norm(spot - o) > _GAP_M for o in others) and (
                    np.linalg.norm(spot - home) > _HOME_GAP_M):
                found[name] = spot
                break
        else:
            return None
    return found


def _draw_roles(task: str, rng: np.random.Generator, names: list[str], at: dict[str, np.ndarray]) -> Roles | None:
    """Roles of a goal that is well missed and can be met; None when the layout does not lend itself to one."""
    corner = CORNERS[rng.integers(len(CORNERS))]
    where = {"closest_corner": corner, "push_side": (0, int(rng.choice([-1, 1])))}.get(
        task, COMPASS[rng.integers(len(COMPASS))])
    given = {"block": names[0], "other": names[1], "where": where}
    roles = {role: given[role] for role in _ROLES[task]}
    goal = goal_of(task, roles, at)
    return roles if goal is not None and _is_open(goal, at, where, task) else None


def _is_open(goal: Goal, at: dict[str, np.ndarray], where: tuple[int, int], task: str) -> bool:
    """Whether a goal is well missed, unambiguous, and within the board."""
    if isinstance(goal, Sorted):
        return goal.share(at) < 0.6
    if isinstance(goal, Together):
        is_clear = all(abs(xy[1] - BOARD_CENTER_M[1]) > _MIDLINE_M for xy in at.values())
        return is_clear and goal.share(at) == 0.0 and len(goal.blocks) <= 5
    if isinstance(goal, PointedAt):
        return True
    low, high = BOARD_LOW_M + _EDGE_M / 2, BOARD_HIGH_M - _EDGE_M / 2
    if isinstance(goal, Shifted) and not ((goal.target_m > low) & (goal.target_m < high)).all():
        return False
    if isinstance(goal, Beside) and _beside_is_taken(goal, at, low, high):
        return False
    if task == "closest_corner":
        away_m = sorted(float(np.linalg.norm(xy - place_m(where))) for xy in at.values())
        return away_m[1] - away_m[0] > _CLEARER_M and goal.excess_m(at, 0.0) > _MARGIN_M
    return goal.excess_m(at, 0.0) > _MARGIN_M


def _beside_is_taken(goal: Beside, at: dict[str, np.ndarray], low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the place beside the other block is off the board or another block's."""
    target = at[goal.other] + BESIDE_M * unit(goal.where)
    near = [n for n in at if n not in (goal.block, goal.other) and np.linalg.norm(at[n] - target) < 0.06]
    return bool(near) or not ((target > low) & (target < high)).all()


def _spawn(world: World, rng: np.random.Generator, starts: dict[str, np.ndarray]) -> None:
    for name, xy in starts.items():
        yaw = rng.uniform(-np.pi, np.pi)
        world.spawn(name, lambda client, *pose, name=name: create_toy(client, name, *pose),
                    size=toy_size_m(name.split(" ")[1]), position=np.array([*xy, TOY_HEIGHT_M / 2 + _REST_M]),
                    quaternion=np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]))
