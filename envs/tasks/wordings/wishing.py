"""What people want done, drawn without a table: facts, at once or one after the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from envs.goals.language import (
    TABLE,
    Clause,
    Description,
    Do,
    Fact,
    Keep,
    Not,
    Things,
    Where,
)
from envs.tasks.wordings.describing import COLORS, RELATIONS, Describing


class Wishing(Describing):
    """Draws things to do."""

    # Facts -----------------------------------------------------------------------------------------------------------

    def fact(self, *, x: Things | None = None, relation: str = "", is_many: bool = False) -> Fact:
        """Something to do with one thing, or with several."""
        relation = relation or self.draws.weighted(RELATIONS)
        x = x or (self.some() if is_many else self.the("block"))
        if relation == "table":
            return Fact("on", x, TABLE)
        if relation == "at":
            return Fact("at", x, self.draws.pick(("left", "right", "middle")))
        if relation == "held":
            return Fact("held", Things("the", x.description) if x.quantifier not in ("the", "a") else x)
        return Fact(relation, x, self.place(relation, x))

    def place(self, relation: str, x: Things) -> Things:
        """Where things go."""
        kind = "bowl" if relation == "in" else "block" if relation == "on" else self.draws.pick(("block", "bowl"))
        chance = self.draws.random()
        if relation == "in" and chance < 0.06:
            return Things(
                "a",
                self.draws.pick(
                    (
                        Description("bowl"),
                        Description("bowl"),
                        Description("bowl", where=(Where("empty"),)),
                        Description("bowl", but=Description("bowl", self.color())),
                    )
                ),
            )
        if relation == "on" and chance < 0.04:
            return Things("a", Description("block", self.color() if self.draws.chance(0.5) else ""))
        if kind == "bowl" and chance > 0.95 and x.quantifier in ("the", "both") and not x.description.where:
            near = Where(
                "nearest" if self.draws.chance(0.8) else "farthest",
                Things("" if x.quantifier == "the" else "both", x.description),
            )
            return Things("the", Description(kind, where=(near,)))
        for _ in range(9):
            place = self.the(kind)
            if place.description != x.description and not _speaks_of(place.description, x.description):
                return place
        return Things("the", Description(kind, self.color((x.description.color,))))

    def emptied(self) -> Fact:
        """All that is in one bowl, on the table."""
        return Fact(
            "on",
            Things("all", Description("block", where=(Where("in", Things("", self.description("bowl", depth=1))),))),
            TABLE,
        )

    def denial(self) -> Not:
        """What shall not be."""
        relation = self.draws.weighted(
            {"in": 0.46, "on": 0.34, "beside": 0.1, "left_of": 0.02, "right_of": 0.02, "at": 0.06}
        )
        if relation in ("in", "on") and self.draws.chance(0.3):
            return Not(
                Fact(
                    relation,
                    Things("all", Description("block", self.color() if self.draws.chance(0.25) else "")),
                    self.the("bowl" if relation == "in" else "block"),
                )
            )
        return Not(self.fact(relation=relation))

    def keep(self, but: Things | None = None) -> Keep:
        """What stays."""
        chance = self.draws.random()
        if chance < 0.3 and but is not None and but.quantifier == "the":
            return Keep(Things("all", Description("block", but=but.description)))
        if chance < 0.4:
            return Keep(Things("all", Description("block")))
        if chance < 0.6:
            return Keep(Things("all" if self.draws.chance(0.7) else "both", self.several("block")))
        return Keep(self.the("block"))

    def rest(self) -> tuple[Fact, Fact]:
        """One thing here, all others there."""
        first = self.fact(
            relation=self.draws.weighted({"in": 0.75, "table": 0.1, "at": 0.15}),
            x=Things("the", Description("block", self.color())),
        )
        second = self.fact(
            relation=self.draws.weighted({"in": 0.75, "table": 0.15, "at": 0.1}),
            x=Things("all", Description("block", but=first.things.description)),
        )
        return first, second

    def clauses(self, count: int) -> tuple[Clause, ...]:
        """Things to do at once."""
        if count == 2 and self.draws.chance(0.06):
            return self.rest()
        way = self.draws.random()
        if count == 3 and way < 0.35:
            return self._two_and_one()
        if count == 2 and way < 0.04:
            a, b, c = (Things("the", Description("block", color)) for color in self.draws.shuffled(COLORS)[:3])
            return Fact("on", c, b), Fact("on", b, a)
        if way < 0.4:
            first = self.fact(
                relation=self.draws.weighted({"in": 0.7, "table": 0.1, "at": 0.1, "beside": 0.1}),
                x=Things("the", Description("block", self.color())),
            )
            others: list[Things] = [first.things]
            while len(others) < count:
                other = Things(
                    "the", Description("block", self.color()) if self.draws.chance(0.8) else self.description("block")
                )
                if other not in others and other != first.place:
                    others.append(other)
            return tuple(replace(first, things=x) for x in others)
        if way < 0.45 and count == 2:
            a, b = self.draws.shuffled(COLORS)[:2]
            first = self.fact(x=Things("a", Description("block", a)), relation="in")
            return first, replace(first, things=Things("a", Description("block", b)))
        if way < 0.7:
            relation = self.draws.weighted({"in": 0.75, "on": 0.25})
            return self.apart([self.fact(relation=relation) for _ in range(count)])
        return self.apart([self.fact() for _ in range(count)])

    def _two_and_one(self) -> tuple[Fact, ...]:
        """Two things to one place, a third one to another."""
        a, b, c = (Things("the", Description("block", color)) for color in self.draws.shuffled(COLORS)[:3])
        first = self.fact(x=a, relation=self.draws.pick(("in", "in", "in", "at", "table")))
        third = self.fact(x=c, relation=self.draws.pick(("in", "in", "in", "at", "on")))
        facts = [first, replace(first, things=b), third]
        return tuple(facts if self.draws.chance(0.6) else [third, *facts[:2]])

    def apart(self, facts: list[Fact]) -> tuple[Fact, ...]:
        """Facts about different things, held ones but one left out."""
        kept: list[Fact] = []
        for fact in facts:
            if all(fact.things != other.things for other in kept) and not (fact.relation == "held" and kept):
                kept.append(fact)
        while len(kept) < 2:
            kept = list(
                self.apart([*kept, self.fact(relation="in", x=Things("the", Description("block", self.color())))])
            )
        return tuple(kept)

    def negative(self) -> Do:
        """A goal with something that shall not be, or stays."""
        way = self.draws.weighted({"not": 0.36, "keep": 0.13, "and": 0.3, "but": 0.21})
        if way == "not":
            return Do(((self.denial(),),))
        if way == "keep":
            return Do(((self.keep(),),))
        if way == "but":
            return Do(((self._excepted(),),))
        if self.draws.chance(0.12):
            return Do(((Keep(self.the("block")), Keep(Things("the", Description("block", self.color())))),))
        if self.draws.chance(0.15):
            kept = Things("the", Description("block", self.color()))
            return Do(
                (
                    (
                        self.fact(
                            x=Things("all", Description("block", but=kept.description)),
                            relation=self.draws.pick(("in", "in", "table")),
                        ),
                        Keep(kept),
                    ),
                )
            )
        fact = self.fact()
        return Do(((fact, self.keep(fact.things) if self.draws.chance(0.75) else self.denial()),))

    def _excepted(self) -> Fact:
        quantifier = self.draws.pick(("all", "all", "a", "2"))
        told = Description("block", self.color() if self.draws.chance(0.2) else "")
        x = Things(quantifier, replace(told, but=self.but(told)))
        if self.draws.chance(0.25):
            place = Things("a", Description("bowl", but=Description("bowl", self.color())))
            return Fact("in", self.the("block"), place)
        return self.fact(x=x, relation=self.draws.weighted({"in": 0.75, "table": 0.1, "at": 0.1, "beside": 0.05}))

    # Order -----------------------------------------------------------------------------------------------------------

    def tower(self, count: int) -> Do:
        """Blocks on each other, from the bottom up."""
        names: list[Things] = []
        while len(names) < count + 1:
            name = Things(
                "the",
                Description("block", self.color())
                if self.draws.chance(0.85)
                else self.description("block", way=self.draws.pick(("size", "superlative"))),
            )
            if name not in names:
                names.append(name)
        return Do(tuple((Fact("on", upper, lower),) for lower, upper in pairwise(names)))

    def ordered(self, count: int) -> Do:
        """Steps, one after the other."""
        if self.draws.chance(0.25):
            return self.tower(count)
        steps: list[Clause] = []
        while len(steps) < count:
            step = self.next_step(steps, is_last=len(steps) == count - 1)
            if step not in steps:
                steps.append(step)
        if self.draws.chance(0.08):
            return Do((self.clauses(2), *((step,) for step in steps[1:])))
        return Do(tuple((step,) for step in steps))

    def next_step(self, steps: list[Clause], *, is_last: bool) -> Clause:
        last = steps[-1] if steps else None
        weights = RELATIONS if is_last else {**RELATIONS, "held": 0.0}
        chance = self.draws.random()
        if isinstance(last, Fact) and chance < 0.14:
            return self.fact(x=last.things, relation=self.draws.weighted({**weights, "held": 0.02}))
        if isinstance(last, Fact) and chance < 0.34 and last.things.quantifier == "the":
            relation = self.draws.weighted({"on": 0.6, "beside": 0.25, "left_of": 0.08, "right_of": 0.07})
            return Fact(relation, self._other(last), last.things)
        if isinstance(last, Fact) and chance < 0.42 and isinstance(last.place, Things) and last.relation == "in":
            return Fact("in", self._other(last), last.place)
        if (
            isinstance(last, Not)
            and last.test.relation == "on"
            and isinstance(last.test.place, Things)
            and chance < 0.6
        ):
            return self.fact(x=last.test.place, relation=self.draws.weighted(weights))
        if chance < 0.5:
            return (
                self.emptied()
                if chance < 0.46
                else self.fact(is_many=True, relation=self.draws.weighted({"in": 0.7, "table": 0.2, "at": 0.1}))
            )
        if chance < 0.55 and not is_last:
            above = Things("all", Description("block"))
            return Not(Fact("on", above, self.the("block"))) if self.draws.chance(0.5) else self.denial()
        return self.fact(relation=self.draws.weighted(weights), x=self._other(last) if isinstance(last, Fact) else None)

    def _other(self, last: Fact) -> Things:
        for _ in range(9):
            other = self.the("block")
            if other not in (last.things, last.place):
                return other
        return Things("the", Description("block", self.color((last.things.description.color,))))


def _speaks_of(told: Description, other: Description) -> bool:
    """Whether a description tells its thing by the other one."""
    return any(
        w.things is not None and (w.things.description == other or _speaks_of(w.things.description, other))
        for w in told.where
    )
