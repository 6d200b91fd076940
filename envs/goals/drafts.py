"""Draws of what is said in a goal: facts, steps, conditions, questions. What they come to is for `sampling` to see."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from envs.goals.chance import pick, shuffled, weighted
from envs.goals.language import (
    COLORS,
    PLACES,
    TABLE,
    Clause,
    Description,
    Do,
    Exists,
    Fact,
    If,
    Keep,
    More,
    Not,
    Tell,
    Test,
    Things,
    Where,
)
from envs.goals.references import find
from envs.goals.speaker import Fits, Speaker, UnspeakableError
from envs.goals.table import part_of

RELATIONS = {"in": 0.36, "on": 0.2, "table": 0.09, "beside": 0.1, "left_of": 0.065, "right_of": 0.065, "at": 0.08,
             "held": 0.04}
"""Of a fact, how often; "table": on it."""
_EDGE_M = 0.2
"""From the middle of the table: what stands further to the left is nothing to put things to the left of."""
_BY_MOVER = 0.06
"""Share of bowls that are told by how near they are to what goes in."""


class Drafter:
    """Draws parts of goals about the table of a speaker."""

    def __init__(self, speaker: Speaker) -> None:
        self.say, self.rng, self.table = speaker, speaker.rng, speaker.table
        if len(self.table.blocks) < 2 or not self.table.bowls:
            raise UnspeakableError("expected a table with two blocks and a bowl, at least")

    # Facts -----------------------------------------------------------------------------------------------------------

    def block(self, *, but: tuple[str, ...] = ()) -> str:
        """A block, rather one that has not been spoken of."""
        return pick(self.rng, [name for name in self.table.blocks if name not in but] or list(self.table.blocks))

    def mover(self, name: str) -> Things:
        return self.say.the(name, self._fits("block"))

    def fact(self, *, relation: str = "", mover: str = "", but: tuple[str, ...] = ()) -> Fact:
        """A fact of one definite thing, that seldom holds yet."""
        mover = mover or self.block(but=but)
        for _ in range(3):
            fact, holds = self._fact_of(mover, relation or weighted(self.rng, RELATIONS))
            if not holds or self.rng.random() < 0.1:
                return fact
        return fact

    def _fact_of(self, mover: str, relation: str) -> tuple[Fact, bool]:
        things = self.mover(mover)
        if relation == "held":
            return Fact("held", things), self.table.held == mover
        if relation in ("table", "at"):
            word = "on" if relation == "table" else "at"
            place = TABLE if relation == "table" else pick(self.rng, PLACES)
            return Fact(word, things, place), self.table.holds(mover, word, place)
        if relation == "in" and self.rng.random() < _BY_MOVER:
            return Fact(relation, things, self.by(things)), False
        name, place = self.place(relation, but=(mover, *self._too_small(mover, relation)))
        return Fact(relation, things, place), name != "" and self.table.holds(mover, relation, name)

    def by(self, things: Things) -> Things:
        """The bowl that is nearest to things, or farthest."""
        near = replace(things, quantifier="" if things.quantifier == "the" else things.quantifier)
        relation = "nearest" if self.rng.random() < 0.85 else "farthest"
        return Things("the", Description("bowl", where=(Where(relation, near),)))

    def _too_small(self, mover: str, relation: str) -> list[str]:
        """Blocks that cannot carry a thing, where it is to go on one."""
        side = self.table.things[mover].side_m - 0.003
        return [n for n in self.table.blocks if self.table.things[n].side_m < side] if relation == "on" else []

    def place(self, relation: str, *, but: tuple[str, ...] = ()) -> tuple[str, Things]:
        """The name of a place that suits a relation, and a reference to it; any bowl, with the name ""."""
        kind = {"in": "bowl", "on": "block"}.get(relation, "")
        if kind and self.rng.random() < 0.08:
            return "", self.any_place(kind)
        side = {"left_of": 1, "right_of": -1}.get(relation, 0)
        names = [n for n, t in self.table.things.items()
                 if kind in ("", t.kind) and n not in but and side * t.y < _EDGE_M]
        if not names:
            raise UnspeakableError(relation)
        name = pick(self.rng, names)
        return name, self.say.the(name, self._fits(kind))

    def any_place(self, kind: str) -> Things:
        """Any bowl or block: a bowl, an empty bowl, a small block."""
        if kind == "bowl" and self.rng.random() < 0.4 and any(not self.table.above(b) for b in self.table.bowls):
            return Things("a", Description("bowl", where=(Where("empty"),)))
        return Things("a", Description(kind)) if self.rng.random() < 0.6 else self.say.some(
            kind, self._fits(kind), quantifiers={"a": 1})[0]

    def _fits(self, kind: str) -> Fits:
        return (lambda name: self.table.things[name].kind == kind) if kind else None

    # Several things --------------------------------------------------------------------------------------------------

    def many(self) -> Fact:
        """A fact of several things, of any, or one that goes to each of several places."""
        form = weighted(self.rng, {"movers": 0.74, "each": 0.12, "sorted": 0.14})
        if form == "sorted":
            return self._sorted()
        if form == "each":
            return self._each()
        relation = weighted(self.rng, {**RELATIONS, "on": 0.06, "table": 0.18})
        if relation == "table" and self.rng.random() < 0.5 and (fact := self._emptied()) is not None:
            return fact
        things, names = self.say.some("block", self._fits("block"))
        is_single = things.quantifier == "a"
        if not is_single and relation in ("on", "held"):
            relation = "in"
        fact, _ = self._fact_of(names[0], relation) if is_single else self._fact_of_all(names, relation)
        if relation == "in" and things.quantifier in ("all", "both") and self.rng.random() < _BY_MOVER:
            return Fact("in", things, self.by(things))
        return replace(fact, things=things)

    def _emptied(self) -> Fact | None:
        """All that is in a bowl or on a block goes on the table; None where nothing is."""
        carriers = sorted({carrier for carrier in self.table.under.values() if carrier in self.table.things})
        if not carriers:
            return None
        carrier = pick(self.rng, carriers)
        inner = Things("", self.say.description(carrier, depth=1))
        where = Where("in" if carrier in self.table.bowls else "on", inner)
        kind = "thing" if self.rng.random() < 0.3 else "block"
        return Fact("on", Things("all", Description(kind, where=(where,))), TABLE)

    def _fact_of_all(self, names: list[str], relation: str) -> tuple[Fact, bool]:
        if relation in ("table", "at"):
            return Fact("on" if relation == "table" else "at", Things("a", Description("block")),
                        TABLE if relation == "table" else pick(self.rng, PLACES)), False
        return Fact(relation, Things("a", Description("block")), self.place(relation, but=tuple(names))[1]), False

    def _each(self) -> Fact:
        relation = weighted(self.rng, {"in": 0.7, "on": 0.1, "beside": 0.2})
        kind = {"in": "bowl", "on": "block"}.get(relation) or pick(self.rng, ("block", "bowl"))
        place, _ = self.say.class_of(kind, self._fits(kind))
        things, _ = self.say.some("block", self._fits("block"), quantifiers={"a": 5, "2": 1, "all": 0.5})
        return Fact(relation, things, Things("each", place))

    def _sorted(self) -> Fact:
        relation = weighted(self.rng, {"in": 0.8, "beside": 0.14, "on": 0.06})
        kind = "block" if relation == "on" else "bowl"
        things, _ = self.say.some("block", self._fits("block"), quantifiers={"all": 3, "both": 1, "2": 0.5, "a": 0.5})
        if self.rng.random() < 0.25:
            things = self.mover(self.block())
        return Fact(relation, things, Things("the", Description(kind, where=(Where("same color"),))))

    # Clauses and steps -----------------------------------------------------------------------------------------------

    def denial(self) -> Not:
        """What shall not be any more: of something that is so, most often."""
        mover = self.block()
        relation, place = self.truth(mover)
        if (relation == "on" and place == TABLE) or self.rng.random() < 0.1:
            return Not(self.fact(mover=mover))
        several = [n for n in self.table.blocks if self.table.holds(n, relation, place)]
        is_clearing = relation in ("in", "on") and self.rng.random() < 0.5
        things = Things("all", Description("block")) if is_clearing and (
            len(several) > 1 or self.rng.random() < 0.6) else self.mover(mover)
        return Not(Fact(relation, things, self.spoken(place)))

    def spoken(self, place: str | None) -> Things | str | None:
        return self.say.the(place) if place in self.table.things else place

    def truth(self, name: str) -> tuple[str, str | None]:
        """A relation to a place that holds of a block."""
        bowl, carrier = self.table.bowl_of(name), self.table.under.get(name)
        if carrier in self.table.things:
            return ("on", carrier) if carrier != bowl else ("in", bowl)
        facts = [("at", part_of(self.table.things[name].y)), ("on", TABLE)]
        for other in self.table.things:
            facts += [(r, other) for r in ("beside", "left_of", "right_of")
                      if other != name and self.table.holds(name, r, other)]
        return pick(self.rng, facts)

    def keep(self) -> Keep:
        """Blocks that stay where they are."""
        if self.rng.random() < 0.5:
            return Keep(self.mover(self.block()))
        return Keep(self.say.some("block", quantifiers={"all": 1, "both": 1})[0])

    def clauses(self, count: int) -> tuple[Clause, ...]:
        """Facts about things of their own, some about several."""
        found: list[Clause] = []
        for name in shuffled(self.rng, self.table.blocks)[:count]:
            found.append(self.many() if self.rng.random() < 0.15 else self.fact(mover=name))
        return tuple(found)

    def negative(self) -> Do:
        """A goal with something that shall not be, or that stays."""
        form = weighted(self.rng, {"not": 0.42, "keep": 0.12, "and": 0.4, "only": 0.06})
        if form == "only":
            return self._only()
        if form == "not":
            return Do(((self.denial(),),))
        if form == "keep":
            return Do(((self.keep(),),))
        fact = self.many() if self.rng.random() < 0.3 else self.fact()
        return Do(((fact, self.keep() if self.rng.random() < 0.65 else self.denial()),))

    def _only(self) -> Do:
        """One thing and no other in a bowl."""
        things = self.mover(self.block())
        _, place = self.place("in")
        if place.quantifier != "the":
            raise UnspeakableError("a bowl")
        others = Things("all", Description("block", but=things.description))
        return Do(((Fact("in", things, place), Not(Fact("in", others, place))),))

    def ordered(self, count: int) -> Do:
        """Steps one after the other: a tower, or this and that."""
        if self.rng.random() < 0.4:
            return self.tower(count)
        steps: list[tuple[Clause, ...]] = []
        names: list[str] = []
        while len(steps) < count:
            names.append(self._next_mover(names))
            steps.append((self._further(names, is_last=len(steps) == count - 1),))
        if len(set(steps)) < count:
            raise UnspeakableError("steps of their own")
        return Do(tuple(steps))

    def _next_mover(self, names: list[str]) -> str:
        if names and self.rng.random() < 0.12:
            return names[-1]
        return self.block(but=tuple(names))

    def _further(self, names: list[str], is_last: bool) -> Clause:
        """The clause of one more step, about the last of the names; often placed by the one before."""
        name, before = names[-1], names[-2] if len(names) > 1 else ""
        if before and before != name and self.rng.random() < 0.3:
            relation = weighted(self.rng, {"on": 0.5, "beside": 0.3, "left_of": 0.1, "right_of": 0.1})
            if relation == "on" and before in self._too_small(name, relation):
                relation = "beside"
            return Fact(relation, self.mover(name), self.mover(before))
        chance = self.rng.random()
        if chance < 0.12:
            return self.many()
        if chance < 0.17:
            return self.denial()
        weights = RELATIONS if is_last else {**RELATIONS, "held": 0.01}
        return self.fact(mover=name, relation=weighted(self.rng, weights))

    def tower(self, count: int) -> Do:
        """Blocks on each other, from the bottom up."""
        names = shuffled(self.rng, self.table.blocks)[:count + 1]
        names.sort(key=lambda name: -self.table.things[name].side_m)  # the biggest at the bottom
        pairs = [(self.mover(a), self.mover(b)) for b, a in pairwise(names)]
        steps = [(Fact("on", upper, lower),) for upper, lower in pairs]
        if self.rng.random() < 0.2 or len(steps) < 2:
            first = self.fact(mover=names[0], relation=pick(self.rng, ("table", "at", "in", "beside")))
            steps = [(first,), *steps][:max(count, 2)]
        return Do(tuple(steps))

    # Conditions ------------------------------------------------------------------------------------------------------

    def simple(self) -> Do:
        return Do(((self.many() if self.rng.random() < 0.22 else self.fact(),),))

    def conditional(self) -> If:
        """A condition with one goal or two."""
        test = self.test()
        then = self.simple() if self.rng.random() < 0.85 else self.ordered(2)
        otherwise = None
        if self.rng.random() < 0.5:
            kept = Do(((Keep(Things("all", Description("block"))),),))
            otherwise = self.simple() if self.rng.random() < 0.85 else kept
        if isinstance(test, Exists) and self.rng.random() < 0.4:
            then = self._with_what_is_there(test, then)
        return If(test, then, otherwise)

    def _with_what_is_there(self, test: Exists, then: Do) -> Do:
        """If there is such a thing, do something with it."""
        clause = then.steps[0][0]
        told = test.things.description
        if not isinstance(clause, Fact) or told.kind == "bowl":
            return then
        quantifier = "the" if test.things.quantifier == "a" and self.rng.random() < 0.7 else test.things.quantifier
        return Do(((replace(clause, things=Things(quantifier, told)), *then.steps[0][1:]), *then.steps[1:]))

    def test(self) -> Test:
        """Something that may hold or not."""
        form = weighted(self.rng, {"fact": 0.5, "there_is": 0.36, "more": 0.14})
        if form == "more":
            return self._more()
        test = Exists(self._perhaps()) if form == "there_is" else self._stated()
        return Not(test) if self.rng.random() < 0.15 else test

    def _stated(self) -> Fact:
        if self.rng.random() < 0.45:
            return self._loosely(self.fact())
        name = self.block()
        relation, place = self.truth(name)
        return self._loosely(Fact(relation, self.mover(name), self.spoken(place)))

    def _loosely(self, fact: Fact) -> Fact:
        """The same of several things, now and then."""
        if self.rng.random() < 0.75:
            return fact
        return replace(fact, things=self.say.some("block", self._fits("block"))[0])

    def _perhaps(self) -> Things:
        """Things that may be there or not."""
        kind = pick(self.rng, ("block", "block", "bowl"))
        if self.rng.random() < 0.45:
            told = Description(kind, pick(self.rng, COLORS))
        else:
            told, _ = self.say.class_of(kind)
        number = weighted(self.rng, {"a": 0.7, "2": 0.2, "3": 0.1})
        return Things(number, told)

    def _more(self) -> More:
        if self.rng.random() < 0.4:
            return More(*(Things("", Description(kind)) for kind in shuffled(self.rng, ("block", "bowl"))))
        these, _ = self.say.class_of("block")
        those, _ = self.say.class_of("block")
        if these == those:
            raise UnspeakableError("two classes of things")
        return More(Things("", these), Things("", those))

    # Questions -------------------------------------------------------------------------------------------------------

    def question(self) -> Tell:
        about = weighted(self.rng, {"count": 0.26, "whether": 0.27, "where": 0.16, "color": 0.13, "what": 0.22})
        if about == "whether":
            return Tell("whether", self.test())
        if about == "where":
            names = self.table.blocks if self.rng.random() < 0.9 else self.table.bowls
            return Tell("where", self.say.the(pick(self.rng, names)))
        if about == "color":
            name = pick(self.rng, list(self.table.things))
            return Tell("color", Things("the", self.say.description(name, colorless=True)))
        told = self._counted() if about == "count" else self._which()
        return Tell(about, Things("", told))

    def _counted(self) -> Description:
        if self.rng.random() < 0.2:
            return Description(pick(self.rng, ("block", "bowl", "thing")), pick(self.rng, COLORS))
        if self.rng.random() < 0.2 and (fact := self._emptied()) is not None:
            return fact.things.description
        return self.say.class_of(pick(self.rng, ("block", "block", "bowl")))[0]

    def _which(self) -> Description:
        """What is there, in, on or near something."""
        name = pick(self.rng, list(self.table.things))
        kind = "thing" if self.rng.random() < 0.65 else self.table.things[name].kind
        if self.rng.random() < 0.12:
            return Description(kind)
        if self.rng.random() < 0.25:
            return self.say.description(name, colorless=True)
        where = self.say.bracket(name)
        if where is None or not find(Description(kind, where=(where,)), self.table):
            raise UnspeakableError(name)
        return Description(kind, where=(where,))


