"""q4: whether one can grasp something, place it, and grasp something else then."""

from __future__ import annotations

from itertools import product

from envs.tasks.predicates import supports
from envs.tasks.questions.family import YES_NO, Asked, Family, Roles, Table


def is_possible(under: dict[str, str], a: str, b: str, c: str) -> bool:
    """Whether one can grasp a, place it on b, and then grasp c. under: block -> what carries it."""
    def on(name: str) -> set[str]:
        return {upper for upper, lower in under.items() if lower == name}
    return not on(a) and not on(b) and c != b and on(c) <= {a}


def _query(table: Table) -> list[Asked]:
    under = supports(table.world, table.blocks, (), None)
    return [({"a": a, "b": b, "c": c}, "yes" if is_possible(under, a, b, c) else "no")
            for a, b, c in product(table.blocks, repeat=3) if a != b and c != a]


def _tell(words: Roles, answer: str) -> str:
    return f"A: {'Yes, this is' if answer == 'yes' else 'No, this is not'} possible."


FAMILY = Family(
    4, ("Q: Is it possible to first grasp the {a}, then place it on the {b}, and then grasp the {c}?",
        "Can one grasp the {a}, place it on the {b} and grasp the {c} after that?"), YES_NO, _query, _tell)
