"""q2: on which part of the table something is."""

from __future__ import annotations

from envs.tasks.questions.family import Asked, Family, Roles, Table
from envs.world import World

SIDES = ("left", "right", "center")
CENTER_HALF_WIDTH_M = 0.11
"""Of the strip that counts as the center of the table; left is +y."""


def side_of(world: World, name: str) -> str:
    """"left", "right" or "center": where on the table a block is, as the robot sees it. PRIVILEGED."""
    y = world.pose(name)[0][1]
    return "center" if abs(y) < CENTER_HALF_WIDTH_M else "left" if y > 0 else "right"


def _query(table: Table) -> list[Asked]:
    return [({"a": name}, side_of(table.world, name)) for name in table.blocks]


def _tell(words: Roles, answer: str) -> str:
    return f"A: The {words['a']} is in the {answer} of the table."


FAMILY = Family(
    2, ("Q: Is the {a} left, right, or center of the table?", "On which part of the table is the {a}?",
        "where is the {a}: left, right or in the center?"), SIDES, _query, _tell)
