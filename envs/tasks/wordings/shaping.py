"""What shapes are made with: a shape is a goal and the words for it, drawn at once."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import Description, Fact, Things
from envs.tasks.wordings.clauses import Command
from envs.tasks.wordings.describing import COLORS
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.people import People
from envs.tasks.wordings.talk import Talk
from envs.tasks.wordings.verbs import TOWARDS

PLAIN = 0.75
"""Share of things that a shape tells by their colour alone."""


class Shaping:
    """Draws things, and says parts of sentences about them."""

    def __init__(self, talk: Talk, people: People) -> None:
        self.talk, self.people, self.draws = talk, people, people.draws
        self.voice, self.nouns, self.clauses = talk.voice, talk.nouns, talk.clauses

    # Things ----------------------------------------------------------------------------------------------------------

    def things(self, *kinds: str) -> list[Things]:
        """One thing of each kind, no two told by the same words."""
        found: list[Things] = []
        for kind in kinds:
            thing = self.colored(kind) if self.draws.chance(PLAIN) else self.people.the(kind)
            if thing.description == Description(kind) and kinds.count(kind) > 1:
                thing = self.colored(kind)
            while any(_shares_words(thing.description, other.description) for other in found):
                thing = self.colored(kind)
            found.append(thing)
        return found

    def colored(self, kind: str = "block") -> Things:
        """One thing, told by its colour."""
        return Things("the", Description(kind, self.draws.pick(COLORS)))

    def bare(self, things: Things) -> Things:
        """The same as it stands in a bracket."""
        return replace(things, quantifier="")

    def goes(self, x: Things, **relations: float) -> Fact:
        """Something that is done with a thing, by the weights of relations; no place is told by the thing itself."""
        fact = self.people.fact(x=x, relation=self.draws.weighted(relations or GOES))
        is_apart = not isinstance(fact.place, Things) or not _shares_words(fact.place.description, x.description)
        return fact if is_apart else self.goes(x, **relations)

    # Words -----------------------------------------------------------------------------------------------------------

    def told(self, row: tuple[str, ...], /, *, many: bool = False, **slots: object) -> str:
        """A text by a pattern of a row; what begins with a verb is an order, or a polite question."""
        command = Command(self.voice.form(row, slots, many=many))
        is_one = command.pattern.startswith("@") and not any(stop in command.pattern for stop in _STOPS)
        is_order = is_one and self.voice.chance(0.5)
        return self.talk.order(command) if is_order else command.form()

    def x(self, things: Things, one: float = 0.15) -> str:
        """Words for things."""
        return self.nouns.say(things, one=one).text

    def short(self, things: Things) -> str:
        """Words for a thing of a kind that was named before: "the green one"."""
        told = things.description
        is_plain = told == Description(told.kind, told.color) and told.color and things.quantifier == "the"
        return f"the {self.nouns.color(told.color)} one" if is_plain and self.voice.chance(0.6) else self.x(things)

    def to(self, fact: Fact, p: str = "") -> str:
        """Where something goes: "into the blue bowl"."""
        words = p or (self.x(fact.place) if isinstance(fact.place, Things) else "")
        return self.voice.fill(TOWARDS[self.clauses.key(fact)], {"p": words})

    def at(self, fact: Fact, p: str = "") -> str:
        """Where something is: "in the blue bowl"."""
        return self.clauses.state(fact, Noun("it", False), Noun(p, False) if p else None).where

    def do(self, fact: Fact, x: str = "", p: str = "", *, many: bool = False) -> str:
        """A command as a part of a sentence. x, p: words that are known, pronouns for instance."""
        return self.clauses.command(fact, Noun(x, many) if x else None, Noun(p, False) if p else None).pattern

    def several(self, told: Description) -> str:
        """Several of a description, without an article."""
        return self.talk.conditions.several(told)


_STOPS = (
    ". ", "? ", "! ", ": ", "; ", " - "
)
GOES = {"in": 0.5, "on": 0.2, "table": 0.1, "at": 0.1, "beside": 0.1}


def _shares_words(told: Description, other: Description) -> bool:
    """Whether both are told alike, or one tells where the other is."""
    if told == other or (told.kind == other.kind and told.color and told.color == other.color):
        return True
    return _speaks_of(told, other) or _speaks_of(other, told)


def _speaks_of(told: Description, other: Description) -> bool:
    return any(
        where.things is not None and (where.things.description == other or _speaks_of(where.things.description, other))
        for where in told.where
    )
