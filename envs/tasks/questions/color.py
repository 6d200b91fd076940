"""q1: what color something has. Asked of a thing's number, or of what sets it apart where the color is its name."""

from __future__ import annotations

from envs.tasks.questions.family import Asked, Family, Roles, Table
from envs.tasks.scene import COLORS, split_name

EXTREMES = {"leftmost": (1, -1), "rightmost": (1, 1), "nearest": (0, 1), "farthest": (0, -1)}
"""What sets a block apart -> axis of the world, and the sign by which the least is the one."""


def _query(table: Table) -> list[Asked]:
    if table.naming == "index":
        return [({"a": name}, split_name(name)[0]) for name in table.blocks]
    return [({"extreme": extreme}, split_name(_extreme(table, extreme))[0]) for extreme in EXTREMES]


def _extreme(table: Table, extreme: str) -> str:
    axis, sign = EXTREMES[extreme]
    return min(table.blocks, key=lambda name: sign * table.world.pose(name)[0][axis])


def _tell(words: Roles, answer: str) -> str:
    return f"A: The {words['a']} is {answer}."


FAMILY = Family(
    1, ("Q: What is the color of the {a}?", "Which color does the {a} have?", "tell me the color of the {a}"), COLORS,
    _query, _tell, is_drawn=False)
