"""What is true of a table: tests, and the answers to questions about it."""

from __future__ import annotations

from envs.goals.language import NUMBERS, TABLE, Exists, Fact, More, Not, Tell, Test, Things
from envs.goals.references import Trouble, find, meant
from envs.goals.spelling import write_description, write_things
from envs.goals.table import Table

Answer = bool | int | str | tuple[str, ...] | dict[str, str]
"""Yes or no; how many; a colour; names of things; where: {"in": "blue bowl"}, {"on": TABLE}, {"held": ""}."""


def is_true(test: Test, table: Table) -> bool:
    """Whether a test holds. Raises Trouble where a definite reference in it means nothing, or too many things."""
    if isinstance(test, Not):
        return not is_true(test.test, table)
    if isinstance(test, Exists):
        return len(_all(test.things, table)) >= _least(test.things)
    if isinstance(test, More):
        return len(_all(test.these, table)) > len(_all(test.those, table))
    return _fact_is_true(test, table)


def _all(things: Things, table: Table) -> list[str]:
    return find(things.description, table)


def _least(things: Things) -> int:
    return int(things.quantifier) if things.quantifier in NUMBERS else 2 if things.quantifier == "both" else 1


def _fact_is_true(fact: Fact, table: Table) -> bool:
    """Of "a" and numbers: that many at least; of "all", "both", "the": every one of them."""
    indefinite = fact.things.quantifier in ("a", *NUMBERS)
    movers = _all(fact.things, table) if indefinite else meant(fact.things, table)
    count = _least(fact.things) if indefinite else len(movers)
    if not isinstance(fact.place, Things):
        return sum(table.holds(name, fact.relation, fact.place) for name in movers) >= count
    places = meant(fact.place, table) if fact.place.quantifier in ("the", "", "both") else _all(fact.place, table)
    return sum(any(table.holds(m, fact.relation, p) for p in places) for m in movers) >= count


def answer(asked: Tell, table: Table) -> Answer:
    """The answer to a question. Raises Trouble where what it is about is not there, or could be several things."""
    if asked.about == "whether":
        return is_true(asked.what, table)
    if asked.about == "count":
        return len(_all(asked.what, table))
    if asked.about == "what":
        return tuple(_all(asked.what, table))
    names = meant(asked.what, table)
    if len(names) > 1:
        raise Trouble("ambiguous", (write_things(asked.what),), tuple(names))
    return table.things[names[0]].color if asked.about == "color" else place_of(names[0], table)


def place_of(name: str, table: Table) -> dict[str, str]:
    """Where a thing is."""
    if name == table.held:
        return {"held": ""}
    carrier = table.under.get(name, TABLE)
    if carrier == TABLE:
        return {"on": TABLE}
    return {"in": carrier} if table.things[carrier].kind == "bowl" else {"on": carrier}


def said(asked: Tell) -> str:
    """What a question is about, in the goal language."""
    return write_things(asked.what) if isinstance(asked.what, Things) else write_description(asked.what)
