"""Single facts in words: as a command, as a state, as something that shall not be."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from envs.goals.language import TABLE, Description, Fact, Keep, Not, Things, Where
from envs.tasks.wordings.forms import article, gerund, participle
from envs.tasks.wordings.nouns import Noun, Nouns
from envs.tasks.wordings.verbs import (
    CLEARS,
    DOWN,
    EMPTIES,
    FRAMES,
    FROM,
    HOLDS,
    LIFTED,
    OUT,
    PER,
    POSSESSIVE,
    SHARES_OUT,
    SORTS,
    STATES,
    TOWARDS,
    WHOLE,
)
from envs.tasks.wordings.voice import Voice

_VERB = re.compile(r"@([a-z-]+)")


@dataclass(frozen=True, slots=True)
class Command:
    """What shall be done. pattern: with @verbs, which take a form. x: what it is about, "" where that is not in front
    of the rest; rest: the pattern behind verb and x, of a frame that can be turned into a passive."""

    pattern: str
    x: str = ""
    rest: str = ""
    many: bool = False

    def form(self, form: str = "base") -> str:
        """The words, of "base", "gerund" or "participle"."""
        change: Callable[[str], str] = {"gerund": gerund, "participle": participle}.get(form, str)
        return _VERB.sub(lambda match: change(match[1]), self.pattern)

    def passive(self) -> str:
        """Participle and rest, where there is a passive."""
        return _VERB.sub(lambda match: participle(match[1]), self.rest)


@dataclass(frozen=True, slots=True)
class State:
    """What shall be so: x, and where it is."""

    x: str
    where: str
    many: bool


class Clauses:
    """Says facts."""

    def __init__(self, voice: Voice, nouns: Nouns) -> None:
        self.voice, self.nouns = voice, nouns

    # Noun phrases of a fact -----------------------------------------------------------------------------------------

    def both(self, fact: Fact, x: Noun | None = None, p: Noun | None = None) -> tuple[Noun, Noun | None]:
        """What is moved and the place in words, so that nobody takes what tells the one for the other."""
        bare = self.voice.chance(0.5) and _is_bare_safe(fact)
        x = x or self.nouns.say(fact.things, clear=not bare)
        if p is None and _is_nearest_to_mover(fact) and self.voice.chance(0.85):
            p = self._whichever(fact, x)
        if p is None and isinstance(fact.place, Things):
            one = 0.3 if fact.relation == "on" and fact.things.description.kind == "block" else 0.0
            p = self.nouns.say(fact.place, clear=not (bare and not fact.things.description.where), one=one)
        return x, p

    def _whichever(self, fact: Fact, x: Noun) -> Noun:
        """The place that is nearest to what goes there, or farthest: "whichever bowl is nearer"."""
        told = fact.place.description
        noun = f"{self.nouns.color(told.color)} {self.voice.word('nouns', told.kind)}".strip()
        words, it = WHICHEVER[told.where[0].relation], "them" if x.many else "it"
        return Noun(self.voice.fill(words, {"n": noun, "it": it}), False)

    def key(self, fact: Fact) -> str:
        """The row of the tables for a fact."""
        if fact.relation == "at":
            return f"at {fact.place}"
        return "on table" if fact.place == TABLE else fact.relation

    # Commands --------------------------------------------------------------------------------------------------------

    def command(self, fact: Fact, x: Noun | None = None, p: Noun | None = None) -> Command:
        """A fact as something to do. x, p: words for its things where they are known, pronouns for instance."""
        if x is None and p is None:
            special = self._special(fact) or self._from(fact)
            if special:
                return special
        x, p = self.both(fact, x, p)
        if fact.relation == "held":
            return self._whole(self.voice.form(HOLDS, self._slots(fact, x, p)), x)
        if fact.things.quantifier in ("the", "both") and fact.place not in (None, TABLE) and self.voice.chance(0.025):
            return self._whole(self.voice.form(LIFTED, self._slots(fact, x, p)), x)
        if self.voice.chance(0.16) and x.text not in ("it", "them"):
            patterns = WHOLE[self.key(fact)]
            if fact.place is not None and (
                fact.relation not in ("in", "on") or p is None or not _is_plural_place(fact)
            ):
                return self._whole(self.voice.form(patterns, self._slots(fact, x, p)), x)
        return self.framed(fact, x, p)

    def framed(self, fact: Fact, x: Noun, p: Noun | None) -> Command:
        key = self.key(fact)
        verbs, places = self.voice.pick(FRAMES[key])
        verb = self.voice.of(verbs)
        rest = self._goes(places[key], key, self._slots(fact, x, p))
        if len(x.text) > 30 and self.voice.chance(0.12):
            return Command(f"@{verb} {rest} {x.text}")
        return Command(f"@{verb} {x.text} {rest}", x.text, f"@{verb} {rest}", x.many)

    def _goes(self, pattern: str, key: str, slots: dict) -> str:
        """Where something goes: "to the blue bowl's left", now and then, else by the pattern."""
        if key in POSSESSIVE and len(slots["p"].split()) <= 3 and self.voice.chance(0.12):
            pattern = POSSESSIVE[key]
        return self.voice.fill(pattern, slots)

    def _whole(self, text: str, x: Noun) -> Command:
        return Command(text, many=x.many)

    def _slots(self, fact: Fact, x: Noun, p: Noun | None) -> dict:
        slots = {"x": x.text, "it": "them" if x.many else "it"}
        if p is not None:
            slots |= {"p": p.text, "p.s": p.text + ("'" if p.text.endswith("s") else "'s")}
        key = self.key(fact)
        if key in TOWARDS:
            slots["to"] = lambda: self.voice.fill(TOWARDS[key], slots)
            slots["st"] = lambda: self.voice.fill(STATES[key], slots)
        return slots

    def _special(self, fact: Fact) -> Command | None:
        """Whole idioms: out of the bowl, emptied, sorted."""
        told = fact.things.description
        if fact.relation == "on" and fact.place == TABLE:
            if is_contents(fact.things) and self.voice.chance(0.75):
                bowl = self.nouns.inner(told.where[0].things)
                return Command(self.voice.form(EMPTIES, {"p": bowl.text}))
            if (
                fact.things.quantifier in ("the", "both")
                and not told.where
                and told.kind == "block"
                and self.voice.chance(0.3)
            ):
                x = self.nouns.say(fact.things)
                return Command(self.voice.form(OUT, {"x": x.text, "it": "them" if x.many else "it"}))
        if (
            isinstance(fact.place, Things)
            and fact.place.quantifier == "each"
            and fact.relation == "in"
            and not told.but
            and self.voice.chance(0.35)
        ):
            return self._shared(fact)
        if (
            isinstance(fact.place, Things)
            and fact.place == MATCHING
            and fact.relation == "in"
            and told.but is None
            and fact.things.quantifier == "all"
            and self.voice.chance(0.8)
        ):
            return self._sorted(fact)
        return None

    def _from(self, fact: Fact) -> Command | None:
        """ "move the red block from the blue bowl to the white one", of a thing that is told by where it lies."""
        told = fact.things.description
        row = FROM.get(told.where[0].relation) if len(told.where) == 1 and fact.place is not None else None
        if row is None or told.but or told.where[0].things.description == Description("bowl"):
            return None  # "out of the bowl" says no bowl: it tells nothing apart
        if fact.things.quantifier not in ("the", "both", "all") or not self.voice.chance(0.25):
            return None
        plain = self.nouns.say(
            replace(fact.things, description=replace(told, where=())), one=0.3 if told.color or told.size else 0.0
        )
        place = self.nouns.say(fact.place) if isinstance(fact.place, Things) else None
        slots = {**self._slots(fact, plain, place), "o": self.nouns.inner(told.where[0].things).text}
        return self._whole(self.voice.form(row, slots), plain)

    def _shared(self, fact: Fact) -> Command | None:
        """Things for each place: "one block per bowl", "distribute the blocks evenly"."""
        told, place = fact.things.description, fact.place.description
        many, one = (self.nouns.core(told, many=is_many) for is_many in (True, False))
        xs, x = (" ".join(filter(None, (core.front, core.noun, core.behind))) for core in (many, one))
        p = " ".join(filter(None, ((core := self.nouns.core(place, many=False)).front, core.noun, core.behind)))
        if fact.things.quantifier == "a":
            return Command(self.voice.form(PER, {"x": x, "a": f"{article(x)} {x}", "p": p}))
        if fact.things.quantifier != "all" or place.where or place.superlative:
            return None
        ps = self.nouns.core(place, many=True)
        row = {"xs": f"the {xs}", "ps": f"the {ps.front} {ps.noun} {ps.behind}", "p": p}
        text = self.voice.form(SHARES_OUT, row)
        return Command(text.replace("number of the ", "number of "))

    def _sorted(self, fact: Fact) -> Command:
        every = self.nouns.say(Things("each", fact.things.description))
        all_ = self.nouns.core(fact.things.description, many=True)
        plain = " ".join(filter(None, [all_.front, all_.noun, all_.behind]))
        many = self.voice.pick(("the ", "all the ", "all ", "the ")) + plain
        return Command(self.voice.form(SORTS, {"x": every.text, "xs": many}))

    # States ----------------------------------------------------------------------------------------------------------

    def state(self, fact: Fact, x: Noun | None = None, p: Noun | None = None) -> State:
        """A fact as something that is so."""
        x, p = self.both(fact, x, p)
        if fact.relation == "held":
            return State(
                x.text, self.voice.pick(("in your hand", "in your gripper", "in your hand", "up in the air")), x.many
            )
        return State(x.text, self.voice.fill(STATES[self.key(fact)], self._slots(fact, x, p)), x.many)


WHICHEVER = {
    "nearest": (
        "(whichever <n> is (nearer|nearest|closer|closest|the nearest|nearest to <it>|closer to <it>|closest to "
        "<it>)*6|the <n> (nearest|nearest to|closest to) <it>*3|the <n> that is (nearest|closest) to <it>|the <n> "
        "that's (nearest to|closest to) <it>|the <n> nearest <it>)"
    ),
    "farthest": (
        "(whichever <n> is (farther|farthest|furthest|further away|farthest away|furthest from <it>|farthest from "
        "<it>)*6|the <n> (farthest from|furthest from) <it>*3|the <n> that is (farthest|furthest) from <it>)"
    ),
}
MATCHING = Things("the", Description("bowl", where=(Where("same color"),)))


def _is_nearest_to_mover(fact: Fact) -> bool:
    """Whether the place is told by how near it is to what goes there."""
    told = fact.place.description if isinstance(fact.place, Things) else None
    return bool(
        told
        and len(told.where) == 1
        and told.where[0].relation in WHICHEVER
        and told.where[0].things.description == fact.things.description
        and not (told.size or told.superlative or told.but)
    )


def is_contents(things: Things) -> bool:
    """Whether it is all that is in one bowl: all block [in the blue bowl]."""
    told = things.description
    return (
        things.quantifier == "all"
        and told.kind in ("block", "thing")
        and len(told.where) == 1
        and told.where[0].relation == "in"
        and told == Description(told.kind, where=told.where)
        and told.where[0].things.quantifier in ("", "the")
    )


def _is_bare_safe(fact: Fact) -> bool:
    """Whether one of both is told by its place and the other one plainly, so that a bare preposition is understood."""
    place = fact.place.description if isinstance(fact.place, Things) else None
    told = fact.things.description
    if told.where and not told.color and not told.superlative:
        return place is None or not place.where
    return bool(place and place.where and not place.color and told.color and not told.where)


def _is_plural_place(fact: Fact) -> bool:
    return isinstance(fact.place, Things) and fact.place.quantifier not in ("the", "a", "")


__all__ = ["CLEARS", "DOWN", "Clauses", "Command", "Fact", "Keep", "Not", "State", "replace"]
