"""q2: on which part of the table something is."""

from __future__ import annotations

from envs.goals.table import Table, part_of
from envs.tasks.questions.family import Asked, Family, Roles

SIDES = ("left", "right", "center")
_WORDS = {"middle": "center"}
"""Part of the table -> the paper's word for it, where it has one of its own."""


def _query(table: Table, naming: str) -> list[Asked]:
    parts = {name: part_of(table.things[name].y) for name in table.blocks}
    return [({"a": name}, _WORDS.get(part, part)) for name, part in parts.items()]


def _tell(words: Roles, answer: str) -> str:
    return f"A: The {words['a']} is in the {answer} of the table."


FAMILY = Family(
    2, ("Q: Is the {a} left, right, or center of the table?", "On which part of the table is the {a}?",
        "where is the {a}: left, right or in the center?"), SIDES, _query, _tell)
