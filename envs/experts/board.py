"""The expert of the board: reads true places and says what to push where next. ORACLE.

What it says is carried out by a policy that sees for itself; the expert only chooses the words.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from envs.interface import NamedCall
from envs.tasks.board_families import BOARD_TASKS, BoardScene, BoardTask, goal_of, places
from envs.tasks.board_goals import (
    BESIDE_M,
    Apart,
    At,
    Beside,
    Goal,
    NextTo,
    Places,
    PointedAt,
    Shifted,
    Sorted,
    Together,
    group_of,
)
from envs.tasks.board_words import say
from envs.world import World
from envs.world.board import (
    BOARD_HIGH_M,
    BOARD_LOW_M,
    COMPASS,
    CORNERS,
    Compass,
    is_in_corner,
    place_m,
    place_words,
    quarter,
    side_words,
    unit,
    way_words,
)
from envs.world.toys import TOY_COLORS, TOY_NAMES

REFUSAL_SHARE = 0.3
"""Of the queries beyond the first that name blocks: they name one that is not there."""
TASK_WEIGHTS = MappingProxyType({"sort_corners": 3, "push_side": 3, "closest_corner": 2, "separate": 2})
"""Of the queries beyond the first; 1 for the other families, whose next subgoal the words tell but for few."""
NEIGHBOR_SHARE = 0.4
"""Of the queries about two blocks: the second is chosen as the one nearest to the first, not drawn from all."""
_WHERES = MappingProxyType({"push_side": ((0, 1), (0, -1)), "closest_corner": CORNERS})
UNPAIRED = "I see no matching block"
_INSET_M = 0.035  # of the places that the policy pushes to, from the edge of the board
_SPARE_M = 0.03


def remaining_calls(world: World, scene: BoardScene, held: str | None) -> list[NamedCall]:
    """Every call that is still needed as things stand, [] when the goal holds."""
    return _calls(scene.goal, world, BoardTask(scene.task).progress(world, scene) >= 1.0)


def _calls(goal: Goal, world: World, is_done: bool) -> list[NamedCall]:
    return [] if is_done else [("push", text) for text in _texts(goal, places(world))]


def _texts(goal: Goal, at: Places) -> list[str]:
    """What to say, in order."""
    match goal:
        case NextTo(block, other):
            return [f"push the {block} to the {other}"]
        case At(block, where):
            return [f"push the {block} to the {place_words(where)}"]
        case Shifted(block, _, _):
            return [_shift(block, goal.target_m - at[block])]
        case Beside(block, where, other):
            text = f"push the {block} to the {side_words(where)} of the {other}"
            return [*_make_room(goal, at), text]
        case PointedAt(block):
            return [f"move to the {block}"]
        case Apart(block, other):
            return [f"push the {block} away from the {other}"]
        case Sorted():
            return _sorting(goal, at)
        case Together():
            return _gathering(goal, at)


def _make_room(goal: Beside, at: Places) -> list[str]:
    """Where the other block has come so near to the edge that nothing fits beside it: back with it."""
    target = at[goal.other] + BESIDE_M * unit(goal.where)
    beyond = target - np.clip(target, BOARD_LOW_M + _INSET_M, BOARD_HIGH_M - _INSET_M)
    if not beyond.any():
        return []
    return [_shift(goal.other, -beyond - _SPARE_M * np.sign(beyond))]


def _shift(block: str, by_m: np.ndarray) -> str:
    """The nearest of eight directions, and how far."""
    ways = {c: np.array(c) / np.hypot(*c) for c in COMPASS if c != (0, 0)}
    where = max(ways, key=lambda c: float(ways[c] @ by_m))
    return f"push the {block} {max(1, round(100 * float(ways[where] @ by_m)))} cm {way_words(where)}"


def _sorting(goal: Sorted, at: Places) -> list[str]:
    """Each block that is not in the corner of its color there, in the order of `read_order`."""
    return [f"push the {name} to the {place_words(corner)}" for name in read_order(at)
            if name in goal.blocks and not is_in_corner(at[name], corner := corner_of(name))]


def corner_of(name: str) -> Compass:
    """The corner that blocks of a color are sorted into: the same on every board, so that it need not be agreed on."""
    return CORNERS[list(TOY_COLORS).index(name.split(" ")[0])]


def read_order(at: Places) -> list[str]:
    """Names quarter by quarter of the board, each from its corner on: as a planner is told of them."""
    def place_of(name: str) -> tuple[int, float]:
        corner = quarter(at[name])
        return CORNERS.index(corner), float(np.linalg.norm(at[name] - place_m(corner)))

    return sorted(at, key=place_of)


def _gathering(goal: Together, at: Places) -> list[str]:
    """First sends back who came over; then each block to one of the group, in the order of `read_order`. The group is
    that of the first block that is close to another; where none is, the first block alone."""
    order = [name for name in read_order(at) if name in goal.blocks]
    groups = [group_of(first, order, at) for first in order]
    joined = next((members for members in groups if len(members) > 1), groups[0])
    back = place_words((0, -goal.side))
    return [*(f"push the {name} to the {back}" for name in read_order(at) if name in goal.intruders(at)),
            *(f"push the {name} to the {joined[0]}" for name in order if name not in joined)]


def sample_queries(world: World, scene: BoardScene, rng: np.random.Generator, count: int, held: str | None,
                   instruction: str) -> list[dict[str, Any]]:
    """`count` instructions: the scene's own, then others over the same board, some of which must be declined.

    Each is {"task", "instruction", "calls": [["push", words]] or [], "any_order", "refusal": None | reason,
    "is_question", "about"}; see `envs.experts.queries`. The call is the next subgoal alone, as in PaLM-E's rollouts
    (section 6.2): what comes after it hangs on where the blocks will be.
    """
    queries = [_answer(scene.task, instruction, remaining_calls(world, scene, held), _about(scene.goal))]
    while len(queries) < count:
        queries.append(_query(world, rng))
    return queries[:count]


def _answer(task: str, instruction: str, calls: list[NamedCall], about: list[str], refusal: str | None = None
            ) -> dict[str, Any]:
    return {"task": task, "instruction": instruction, "calls": [list(call) for call in calls[:1]], "any_order": False,
            "refusal": refusal, "is_question": False, "about": about}


def _about(goal: Goal) -> list[str]:
    """What has to be seen to tell that a goal is met: some rests on where a block was before, or on the peg."""
    match goal:
        case Sorted(blocks):
            return list(blocks)
        case Together():
            return [*goal.blocks, *goal.others]
        case Shifted(block, _, _):
            return [block, f"{block} before"]
        case PointedAt(block):
            return [block, "peg"]
        case At(block, _):
            return [block]
    return [goal.block, goal.other]


def _query(world: World, rng: np.random.Generator) -> dict[str, Any]:
    """An instruction of any family over the board as it stands."""
    at = places(world)
    weights = np.array([TASK_WEIGHTS.get(task, 1) for task in BOARD_TASKS], np.float64)
    while True:
        task = BOARD_TASKS[rng.choice(len(BOARD_TASKS), p=weights / weights.sum())]
        wheres = _WHERES.get(task, COMPASS)
        where = wheres[rng.integers(len(wheres))]
        block, other = _pair(at, rng)
        roles = {"block": block, "other": other, "where": where}
        goal = goal_of(task, roles, at)
        if goal is None and is_unpaired(task, where, at):
            return _answer(task, say(task, roles, rng), [], list(at), UNPAIRED)
        if goal is None:
            continue
        named = [role for role in ("block", "other") if getattr(goal, role, None)] if task != "closest_corner" else []
        if named and rng.random() < REFUSAL_SHARE:
            absent = [name for name in TOY_NAMES if name not in at]
            missed = named[rng.integers(len(named))]
            roles[missed] = absent[rng.integers(len(absent))]
            return _answer(task, say(task, roles, rng), [], [], f"I see no {roles[missed]}")
        is_done = _holds(goal, at, world)
        return _answer(task, say(task, roles, rng), _calls(goal, world, is_done), _about(goal))


def _pair(at: Places, rng: np.random.Generator) -> tuple[str, str]:
    """Two blocks of those on the board."""
    block, other = (str(name) for name in rng.choice(list(at), size=2, replace=False))
    if rng.random() < NEIGHBOR_SHARE:
        away_m = {name: float(np.linalg.norm(at[name] - at[block])) for name in at if name != block}
        other = min(away_m, key=lambda name: away_m[name])
    return block, other


def is_unpaired(task: str, where: Compass, at: Places) -> bool:
    """Whether a block is asked for together with another of its color, where each has a color of its own."""
    colors = [name.split(" ")[0] for name in at]
    return task == "closest_corner" and all(where) and len(set(colors)) == len(colors)


def _holds(goal: Goal, at: Places, world: World) -> bool:
    if isinstance(goal, Sorted | Together):
        return goal.share(at) >= 1.0
    gap_m = world.robot_gap_m(goal.block, 1.0) if isinstance(goal, PointedAt) else 0.0
    return goal.excess_m(at, gap_m) <= 0
