"""Labels about pushes: whether words can be carried out as the board is, and whether they have been. PRIVILEGED."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from envs.experts.judge import SkillJudge
from envs.skills.push_table import OURS
from envs.skills.push_words import Order, understand
from envs.tasks.board_families import BoardScene, present
from envs.tasks.board_goals import Apart, At, NextTo, Places, PointedAt
from envs.world import World
from envs.world.board import OUR_BOARD, unit

SIGHT_M = 0.010
"""What the policy, which goes by what it sees, may be off beyond the tolerance that it aims at."""
_MOST_SHARE = 0.8  # of a way that may be missing: a block that stayed where it was has not been pushed
_NEAR_M = 0.2  # gaps to the peg beyond this are all alike


@dataclass(frozen=True, slots=True)
class BoardView:
    """A moment of the board: where every block on it is, and the gap between it and the peg, m."""

    at: Places
    gap_m: Mapping[str, float]


def read_view(world: World, scene: BoardScene, held: str | None) -> BoardView:
    """The board now."""
    at = present(world)
    return BoardView(MappingProxyType(at), MappingProxyType({n: world.robot_gap_m(n, _NEAR_M) for n in at}))


def why_not(view: BoardView, skill: str, words: str) -> str | None:
    """Why the words cannot be carried out now, as a clause; None when they can. An instruction that is met can be."""
    order = _meant(view, words)
    return order if isinstance(order, str) else None


def shortfall(before: BoardView, after: BoardView, skill: str, words: str) -> str | None:
    """Why the push did not do what its words mean, as a clause; None when it did, whatever it reported. A block that is
    still on its way has not arrived."""
    order = _meant(before, words)
    if isinstance(order, str):
        return order
    if lost := [name for name in order.names if name not in after.at]:
        return f"the {lost[0]} fell off the board"
    excess_m = _excess_m(order, before, after)
    mover = "the peg" if order.kind == "reach" else f"the {order.subject}"
    return None if excess_m <= 0 else f"{mover} is still {max(1, round(100 * excess_m))} cm short"


def _meant(view: BoardView, words: str) -> Order | str:
    """The order that words give about the blocks that are there, by their whole names; else why there is none."""
    order = understand(words)
    if isinstance(order, str):
        return order
    found = [_named(name, view.at) for name in order.names]
    for name, names in zip(order.names, found, strict=True):
        if len(names) != 1:
            return f"there are {len(names)} {name}s" if names else f"there is no {name}"
    subject, other = found[0][0], found[1][0] if len(found) > 1 else None
    if subject == other:
        return "the text names one block twice"
    order = Order(order.kind, subject, other, order.where, order.shift_m)
    target = _target_m(order, view, view)
    if target is not None and np.linalg.norm(target - OUR_BOARD.inside(target)) > OURS.close_m + SIGHT_M:
        return "the board ends before that place"
    return order


def _named(name: str, at: Places) -> list[str]:
    """What a name may mean: "red block" is any red one."""
    color, shape = name.split(" ")
    return [n for n in at if n == name or (shape == "block" and n.startswith(f"{color} "))]


def _target_m(order: Order, before: BoardView, after: BoardView) -> np.ndarray | None:
    """float64[2]: the exact place that the subject was sent to; None where there is a whole region."""
    if order.kind == "by":
        return before.at[order.subject] + order.shift_m * unit(order.where)
    return after.at[order.other] + OURS.beside_m * unit(order.where) if order.kind == "beside" else None


def _tolerance_m(order: Order) -> float:
    """From the exact place that the subject was sent to."""
    tolerance_m = order.close_m() + SIGHT_M
    return min(tolerance_m, _MOST_SHARE * order.shift_m) if order.kind == "by" else tolerance_m


def _excess_m(order: Order, before: BoardView, after: BoardView) -> float:
    """How far the order is missed by, 0 or less when it is carried out."""
    target = _target_m(order, before, after)
    if target is not None:
        return float(np.linalg.norm(after.at[order.subject] - OUR_BOARD.inside(target))) - _tolerance_m(order)
    goal = {"to_toy": lambda: NextTo(order.subject, order.other), "away": lambda: Apart(order.subject, order.other),
            "to_place": lambda: At(order.subject, order.where), "reach": lambda: PointedAt(order.subject)}[order.kind]()
    return goal.excess_m(after.at, after.gap_m[order.subject])


BOARD_JUDGE = SkillJudge(read_view, why_not, shortfall)
"""Of blocks on a board."""
