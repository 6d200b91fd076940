"""q3: whether something lies below something else. Of two blocks one at least lies on the other, or on the table."""

from __future__ import annotations

from itertools import permutations

from envs.goals.answers import is_true
from envs.goals.language import TABLE, Description, Exists, Things, Where
from envs.goals.table import Table
from envs.tasks.questions.family import YES_NO, Asked, Family, Roles


def _query(table: Table, naming: str) -> list[Asked]:
    return [({"a": a, "b": b}, "yes" if is_true(_is_below(table, a, b), table) else "no")
            for a, b in permutations(table.blocks, 2) if {table.under[a], table.under[b]} & {a, b, TABLE}]


def _is_below(table: Table, a: str, b: str) -> Exists:
    """That there is a block such as b right on a, in the goal language."""
    lower, upper = (Description("block", table.things[name].color) for name in (a, b))
    return Exists(Things("a", Description(upper.kind, upper.color, where=(Where("on", Things("the", lower)),))))


def _tell(words: Roles, answer: str) -> str:
    yes = answer == "yes"
    return f"A: {'Yes' if yes else 'No'}, the {words['a']} is {'' if yes else 'not '}below the {words['b']}."


FAMILY = Family(
    3, ("Q: Is the {a} below the {b}?", "Does the {b} lie on top of the {a}?", "is the {a} underneath the {b}?"),
    YES_NO, _query, _tell, claims=("below", "underneath", "under"), needs_stack=True)
