"""q4: whether one can grasp something, place it, and grasp something else then."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from envs.goals.planner import simulate
from envs.goals.table import Table
from envs.tasks.questions.family import YES_NO, Asked, Family, Roles


def _query(table: Table, naming: str) -> list[Asked]:
    return [({"a": a, "b": b, "c": c}, "yes" if c in possible else "no") for a, b in permutations(table.blocks, 2)
            for possible in [set(_graspable(table, a, b))] for c in table.blocks if c != a]


def _graspable(table: Table, a: str, b: str) -> Iterator[str]:
    """What can be grasped once a has been grasped and placed on b; nothing where that cannot be done."""
    if not table.above(a) and not table.above(b):
        after = simulate(table, [("pick", a), ("place_on", b)])
        yield from (name for name in after.blocks if not after.above(name))


def _tell(words: Roles, answer: str) -> str:
    return f"A: {'Yes, this is' if answer == 'yes' else 'No, this is not'} possible."


FAMILY = Family(
    4, ("Q: Is it possible to first grasp the {a}, then place it on the {b}, and then grasp the {c}?",
        "Can one grasp the {a}, place it on the {b} and grasp the {c} after that?"), YES_NO, _query, _tell,
    claims=("possible", "impossible", "can", "cannot"))
