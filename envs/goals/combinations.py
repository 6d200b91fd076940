"""Which constructs of the language a goal puts together, and which pairs of them training never sees.

A combination is a pair of constructs in one place, as text:

    in > both           a relation and the quantifier of what is moved       in(both red block, ..)
    in > [beside]       .. and how it is told                                in(the block [beside ..], ..)
    in < [nearest]      .. and the quantifier or telling of the place        in(.., the bowl [nearest ..])
    all + small         a quantifier and how its things are told             all small block
    [nearest] + both    a bracket and what stands in it                      [nearest both red block]
    then: beside        what it is part of and a relation, or a quantifier   .. then beside(..)

"the", plain colours and plain kinds are in everything and count for nothing. Which pairs are kept out of training
follows from their text alone: those whose CRC-32 is divisible by `ONE_IN`, without `FREQUENT` ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from envs.goals.language import (
    KINDS,
    NUMBERS,
    TABLE,
    Description,
    Do,
    Exists,
    Fact,
    Goal,
    If,
    Keep,
    More,
    Not,
    Tell,
    Test,
    Things,
)

ONE_IN = 9
"""Of so many combinations one is kept out of training."""
FREQUENT = frozenset({
    "then: in", "then: on", "not: in", "not: on", "if: in", "if: on", "if: there_is", "if not: there_is", "so: in",
    "so: on", "so: a", "else: in", "else: keep", "there_is > a", "in > all", "in > both", "in > a", "in > number",
    "in > but", "all + but", "in < a", "in > [on]", "on > [in]", "in < [same color]", "what > [in]", "then: [nearest]",
    "on < [under]", "then: [under]"})
"""So common that training without them would be of another language."""


def constructs_of(goal: Goal) -> frozenset[str]:
    """Single constructs of a goal: relations, quantifiers, ways of telling things, and what they are part of."""
    found = {part for text in combinations_of(goal) for part in _parts(text)}
    return frozenset(found | {relation for _, relation, *_ in _uses(goal)} | {type(goal).__name__.lower()})


def _parts(text: str) -> list[str]:
    for mark in (" > ", " < ", " + ", ": "):
        if mark in text:
            return [part.strip() for part in text.split(mark)]
    return [text]


def combinations_of(goal: Goal) -> frozenset[str]:
    """The pairs of constructs that a goal puts together."""
    return frozenset(_combinations(goal))


def held_out(combination: str) -> bool:
    """Whether training never sees it."""
    return combination not in FREQUENT and zlib.crc32(combination.encode()) % ONE_IN == 0


def held_out_of(goal: Goal) -> frozenset[str]:
    """The combinations of a goal that training never sees."""
    return frozenset(filter(held_out, _combinations(goal)))


def fits_split(goal: Goal, split: str | None) -> bool:
    """Whether a goal is of a split: "train" has no combination that is held out, "test" at least one."""
    if split is None:
        return True
    return any(map(held_out, _combinations(goal))) == (split == "test")


def _combinations(goal: Goal) -> Iterator[str]:
    for context, relation, things, place in _uses(goal):
        if context:
            yield f"{context}: {relation}"
        for mark, reference in ((">", things), ("<", place)):
            if reference is not None:
                yield from (f"{relation} {mark} {word}" for word in _words(reference))
                yield from (f"{context}: {word}" for word in _words(reference)[:1] if context)
                yield from _within(reference)


def _within(things: Things) -> Iterator[str]:
    """Pairs inside a reference."""
    first, told = _quantifier(things), things.description
    if first:
        yield from (f"{first} + {word}" for word in _telling(told))
    for where in told.where:
        if where.things is not None:
            yield from (f"[{where.relation}] + {word}" for word in _words(where.things))
            yield from _within(where.things)
    if told.but is not None:
        yield from (f"but + {word}" for word in _telling(told.but))
        yield from _within(Things("", told.but))


def _words(things: Things) -> list[str]:
    """The quantifier, where it is not "the", and how the things are told."""
    return [word for word in (_quantifier(things), *_telling(things.description)) if word]


def _quantifier(things: Things) -> str:
    return "number" if things.quantifier in NUMBERS else "" if things.quantifier == "the" else things.quantifier


def _telling(told: Description) -> list[str]:
    words = [told.superlative, told.size, *(f"[{where.relation}]" for where in told.where)]
    words += ["but"] * (told.but is not None) + ["thing"] * (told.kind == "thing")
    is_known = told.kind in KINDS and not told.color.startswith('"')
    return [word for word in words if word] + ["unknown"] * (not is_known)


# What relates what ---------------------------------------------------------------------------------------------------

Use = tuple[str, str, Things | None, Things | None]
"""What it is part of ("then", "not", "if", "tell" or ""), the relation, and the things in its two places."""


def _uses(goal: Goal) -> Iterator[Use]:
    if isinstance(goal, Do):
        for number, step in enumerate(goal.steps):
            for clause in step:
                yield from _uses_of_test(clause, "then" if number else "")
    elif isinstance(goal, If):
        yield from _uses_of_test(goal.test, "if")
        for part, word in ((goal.then, "so"), (goal.otherwise, "else")):
            yield from ((context or word, *rest) for context, *rest in _uses(part)) if part else ()
    elif isinstance(goal, Tell):
        if goal.about == "whether":
            yield from _uses_of_test(goal.what, "tell")
        else:
            yield "", goal.about, goal.what, None


def _uses_of_test(test: Test | Keep, context: str) -> Iterator[Use]:
    if isinstance(test, Keep):
        yield context, "keep", test.things, None
    elif isinstance(test, Not):
        yield from _uses_of_test(test.test, f"{context} not".strip())
    elif isinstance(test, Exists):
        yield context, "there_is", test.things, None
    elif isinstance(test, More):
        yield context, "more", test.these, test.those
    else:
        yield context, *_use_of(test)


def _use_of(fact: Fact) -> tuple[str, Things, Things | None]:
    if isinstance(fact.place, Things):
        return fact.relation, fact.things, fact.place
    return "on table" if fact.place == TABLE else fact.relation, fact.things, None
