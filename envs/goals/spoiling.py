"""Requests that come to a question or a refusal: goals with one thing in them that does not fit the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from envs.goals.chance import pick, shuffled, weighted
from envs.goals.drafts import Drafter
from envs.goals.language import COLORS, Clause, Description, Do, Fact, Goal, If, Keep, Not, Tell, Things, Where
from envs.goals.references import find
from envs.goals.speaker import UnspeakableError

UNKNOWN_KINDS = ("banana", "cup", "ball", "spoon", "fork", "plate", "bottle", "apple", "mug", "book", "pen", "key",
                 "phone", "box", "basket", "tray", "cylinder", "pyramid", "lid", "sponge")
"""Things that the robot's table never has."""
UNKNOWN_COLORS = ("black", "brown", "pink", "gray", "silver", "gold", "beige")
VERBS = ("wash", "cut", "throw", "paint", "break", "eat", "clean", "melt", "open", "close", "spin", "shake", "fold",
         "weigh", "photograph", "burn", "polish", "dance", "sing", "cook", "kick", "sell", "buy", "hide", "wrap",
         "charge", "measure", "dry", "squeeze", "smash", "juggle", "wait", "sleep", "jump", "wave", "come", "go away")
"""What the robot cannot do."""


class Spoiler:
    """Draws goals that shall come to a question or a refusal."""

    def __init__(self, drafter: Drafter) -> None:
        self.draft, self.say, self.rng, self.table = drafter, drafter.say, drafter.rng, drafter.table

    def _base(self) -> Goal:
        form = weighted(self.rng, {"fact": 0.62, "then": 0.16, "if": 0.1, "tell": 0.12})
        if form == "tell":
            return self._plain_question()
        if form == "if":
            return self.draft.conditional()
        return self.draft.ordered(2) if form == "then" else Do((self.draft.clauses(1),))

    def _plain_question(self) -> Tell:
        return Tell(pick(self.rng, ("where", "color")), self.say.the(self.draft.block()))

    def _spoiled(self, change: Callable[[Things, str], Things]) -> Goal:
        """A goal with one of its references changed."""
        goal = self._base()
        count = len(_references(goal))
        if not count:
            raise UnspeakableError("a reference")
        return _with_change(goal, int(self.rng.random() * count), change)

    def ambiguous(self) -> Goal:
        return self._spoiled(self._vague)

    def _vague(self, things: Things, kind: str) -> Things:
        kind = kind or pick(self.rng, ("block", "block", "bowl"))
        twins = {t.color for n, t in self.table.things.items() if t.kind == kind and n[-1].isdigit()}
        if self.rng.random() < 0.55:
            if not twins:
                raise UnspeakableError("two things of a colour")
            return Things("the", Description(kind, pick(self.rng, sorted(twins))))
        for _ in range(4):
            told, found = self.say.class_of(kind, self._fits(kind))
            if len(found) > 2 and self.rng.random() < 0.15:
                return Things("both", told)
            if len(found) > 1 and told.but is None:
                return Things("the", told)
        return Things("the", Description(kind))

    def _fits(self, kind: str):
        return lambda name: self.table.things[name].kind == kind

    def missing(self) -> Goal:
        return self._spoiled(self._absent)

    def _absent(self, things: Things, kind: str) -> Things:
        kind = kind or pick(self.rng, ("block", "block", "bowl"))
        quantifier = things.quantifier if things.quantifier in ("the", "a", "all") else "the"
        form = weighted(self.rng, {"color": 0.55, "unknown color": 0.12, "unknown kind": 0.18, "where": 0.15})
        if form == "unknown kind":
            color = pick(self.rng, COLORS) if self.rng.random() < 0.2 else ""
            return Things(quantifier, Description(f'"{pick(self.rng, UNKNOWN_KINDS)}"', color))
        if form == "unknown color":
            return Things(quantifier, Description(kind, f'"{pick(self.rng, UNKNOWN_COLORS)}"'))
        if form == "where" and (where := self.say.bracket(self.draft.block())) is not None:
            return Things(quantifier, Description(kind, pick(self.rng, COLORS), where=(where,)))
        absent = [c for c in COLORS if not find(Description(kind, c), self.table)]
        return Things(quantifier, Description(kind, pick(self.rng, absent or COLORS)))

    def too_few(self) -> Goal:
        return self._spoiled(self._more_than_there_are)

    def _more_than_there_are(self, things: Things, kind: str) -> Things:
        kind = kind or pick(self.rng, ("block", "block", "bowl"))
        told, found = self.say.class_of(kind, self._fits(kind))
        if len(found) == 1 and self.rng.random() < 0.6:
            return Things("both", told)
        return Things(str(min(9, len(found) + 1 + (self.rng.random() < 0.2))), told)

    def cannot_move(self) -> Goal:
        bowl = self.say.the(pick(self.rng, self.table.bowls))
        if self.rng.random() < 0.15:
            bowl = Things("all", Description("bowl"))
        fact = self.draft.fact()
        return self._maybe_then(replace(fact, things=bowl))

    def no_container(self) -> Goal:
        mover, place = shuffled(self.rng, self.table.blocks)[:2]
        place = self.say.the(place) if self.rng.random() < 0.9 else Things("a", Description("block"))
        return self._maybe_then(Fact("in", self._movers(mover), place))

    def no_base(self) -> Goal:
        bowl = self.say.the(pick(self.rng, self.table.bowls)) if self.rng.random() < 0.9 else Things(
            "a", Description("bowl"))
        return self._maybe_then(Fact("on", self._movers(self.draft.block()), bowl))

    def _movers(self, name: str) -> Things:
        return self.draft.mover(name) if self.rng.random() < 0.8 else self.say.some("block", self._fits("block"))[0]

    def _maybe_then(self, clause: Clause) -> Do:
        if self.rng.random() < 0.75:
            return Do(((clause,),))
        other = (self.draft.fact(),)
        return Do(((clause,), other) if self.rng.random() < 0.5 else (other, (clause,)))

    def conflict(self) -> Goal:
        """Something that contradicts itself."""
        one, two, *_ = names = shuffled(self.rng, self.table.blocks)
        a, b = self.draft.mover(one), self.draft.mover(two)
        form = pick(self.rng, (self._circle, self._two_places, self._kept, self._on_one, self._both_sides))
        return form(names, a, b)

    def _circle(self, names: list[str], a: Things, b: Things) -> Do:
        if self.rng.random() < 0.4:
            return Do(((Fact(pick(self.rng, ("on", "on", "beside", "left_of")), a, a),),))
        return Do(((Fact("on", a, b), Fact("on", b, a)),))

    def _two_places(self, names: list[str], a: Things, b: Things) -> Do:
        return Do(((self.draft.fact(mover=names[0]), self.draft.fact(mover=names[0])),))

    def _kept(self, names: list[str], a: Things, b: Things) -> Do:
        fact = self.draft.fact(mover=names[0])
        above = [*self.table.above(names[0]), names[0]]
        kept = Keep(self.draft.mover(pick(self.rng, above)))
        if self.rng.random() < 0.25:
            kept = Keep(Things("all", Description("block")))
        return Do(((fact, kept if self.rng.random() < 0.8 else Not(fact)),))

    def _on_one(self, names: list[str], a: Things, b: Things) -> Do:
        if len(names) > 2 and self.rng.random() < 0.5:
            base = self.draft.mover(names[2])
            return Do(((Fact("on", a, base), Fact("on", b, base)),))
        things, found = self.say.some("block", self._fits("block"), quantifiers={"all": 1, "both": 1, "2": 1})
        rest = [name for name in names if name not in found]
        if self.rng.random() < 0.3 or not rest:
            return Do(((Fact("held", things),),))
        return Do(((Fact("on", things, self.draft.mover(rest[0])),),))

    def _both_sides(self, names: list[str], a: Things, b: Things) -> Do:
        pair = (Fact("left_of", a, b), Fact("right_of", a, b) if self.rng.random() < 0.5 else Fact("left_of", b, a))
        return Do((pair,))


# Changing one reference ----------------------------------------------------------------------------------------------

def _references(goal: Goal) -> list[Things]:
    found: list[Things] = []

    def note(things: Things, kind: str) -> Things:
        found.append(things)
        return things

    _map(goal, note)
    return found


def _with_change(goal: Goal, number: int, change: Callable[[Things, str], Things]) -> Goal:
    """The goal with its reference of that number changed, and those that say the same as well."""
    old = _references(goal)[number]
    new: list[Things] = []

    def swap(things: Things, kind: str) -> Things:
        if things != old:
            return things
        if not new:
            new.append(change(things, kind))
        return new[0]

    return _map(goal, swap)


def _map(goal: Goal, change: Callable[[Things, str], Things]) -> Goal:
    """The goal with every reference changed. change(things, the kind that suits its place, "" for any)."""
    if isinstance(goal, If):
        otherwise = goal.otherwise and _map(goal.otherwise, change)
        return If(_map_clause(goal.test, change), _map(goal.then, change), otherwise)
    if isinstance(goal, Tell):
        return replace(goal, what=change(goal.what, ""))
    return Do(tuple(tuple(_map_clause(clause, change) for clause in step) for step in goal.steps))


def _map_clause(clause, change: Callable[[Things, str], Things]):
    if isinstance(clause, Not):
        return Not(_map_clause(clause.test, change))
    if isinstance(clause, Keep):
        return clause
    if not isinstance(clause, Fact):
        return clause  # what is counted may be missing
    place = clause.place
    if isinstance(place, Things) and Where("same color") not in place.description.where:
        place = change(place, {"in": "bowl", "on": "block"}.get(clause.relation, ""))
    return Fact(clause.relation, change(clause.things, "block"), place)
