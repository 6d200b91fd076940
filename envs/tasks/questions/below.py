"""q3: whether something lies below something else. Of two blocks one at least lies on the other, or on the table."""

from __future__ import annotations

from itertools import permutations

from envs.tasks.predicates import TABLE, supports
from envs.tasks.questions.family import YES_NO, Asked, Family, Roles, Table


def _query(table: Table) -> list[Asked]:
    under = supports(table.world, table.blocks, (), None)
    return [({"a": a, "b": b}, "yes" if under[b] == a else "no") for a, b in permutations(table.blocks, 2)
            if under[b] == a or under[a] == b or TABLE in (under[a], under[b])]


def _tell(words: Roles, answer: str) -> str:
    yes = answer == "yes"
    return f"A: {'Yes' if yes else 'No'}, the {words['a']} is {'' if yes else 'not '}below the {words['b']}."


FAMILY = Family(
    3, ("Q: Is the {a} below the {b}?", "Does the {b} lie on top of the {a}?", "is the {a} underneath the {b}?"),
    YES_NO, _query, _tell, needs_stack=True)
