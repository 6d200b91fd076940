"""q1: what color something has. Asked of a thing's number, or of what sets it apart where the color is its name."""

from __future__ import annotations

from envs.goals.references import RANKS
from envs.goals.table import Table
from envs.tasks.questions.family import Asked, Family, Roles
from envs.tasks.scene import COLORS

EXTREMES = ("leftmost", "rightmost", "nearest", "farthest")
"""What sets a block apart."""


def _query(table: Table, naming: str) -> list[Asked]:
    blocks = [table.things[name] for name in table.blocks]
    if naming == "index":
        return [({"a": block.name}, block.color) for block in blocks]
    return [({"extreme": extreme}, min(blocks, key=RANKS[extreme]).color) for extreme in EXTREMES]


def _tell(words: Roles, answer: str) -> str:
    return f"A: The {words['a']} is {answer}."


FAMILY = Family(
    1, ("Q: What is the color of the {a}?", "Which color does the {a} have?", "tell me the color of the {a}"), COLORS,
    _query, _tell, is_drawn=False)
