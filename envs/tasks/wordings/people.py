"""Goals as people ask them, drawn without a table: what a text says holds on every one."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import (
    TABLE,
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
from envs.tasks.wordings.conditions import bowl_of
from envs.tasks.wordings.describing import COLORS
from envs.tasks.wordings.lexicon import PLACES_UNKNOWN, UNKNOWN_KINDS
from envs.tasks.wordings.wishing import Wishing


class Supposing(Wishing):
    """Draws conditions and questions."""

    def conditional(self) -> If:
        """A condition with one goal or two."""
        if self.draws.chance(0.06):
            return self._fallback()
        test = self.test()
        then = self._simple()
        if (
            isinstance(test, Exists)
            and test.things.description.kind == "block"
            and test.things.quantifier == "a"
            and self.draws.chance(0.5)
        ):
            then = Do(
                (
                    (
                        self.fact(
                            x=Things(
                                self.draws.pick(("the", "the", "a")) if not test.things.description.where else "the",
                                test.things.description,
                            )
                        ),
                    ),
                )
            )
        elif isinstance(test, Fact) and test.things.quantifier == "the" and self.draws.chance(0.35):
            then = Do(((self.fact(x=test.things),),))
        bowl = bowl_of(test)
        if bowl is not None and self.draws.chance(0.35):
            then = Do(((self._about(bowl),),))
        otherwise = None
        if self.draws.chance(0.5):
            otherwise = (
                self._simple() if self.draws.chance(0.88) else Do(((Keep(Things("all", Description("block"))),),))
            )
        return If(test, then, otherwise)

    def _about(self, bowl: Things) -> Fact:
        """Something to do with the bowl of a condition."""
        if self.draws.chance(0.3):
            return Fact(
                "on", Things("all", Description("block", where=(Where("in", replace(bowl, quantifier="")),))), TABLE
            )
        return Fact("in", self.the("block"), bowl)

    def _fallback(self) -> If:
        """One thing, or where that is not there another one."""
        color = self.color()
        first = self.fact(
            x=Things("the", Description("block", color)),
            relation=self.draws.weighted({"in": 0.7, "on": 0.1, "at": 0.1, "table": 0.1}),
        )
        other = replace(first, things=Things("the", Description("block", self.color((color,)))))
        return If(Exists(Things("a", first.things.description)), Do(((first,),)), Do(((other,),)))

    def _simple(self) -> Do:
        chance = self.draws.random()
        if chance < 0.06:
            return Do(((self.emptied(),),))
        if chance < 0.12:
            return self.ordered(2)
        return Do(((self.fact(is_many=chance < 0.25),),))

    def test(self) -> Test:
        """Something that may be so or not."""
        way = self.draws.weighted({"fact": 0.36, "there_is": 0.34, "empty": 0.12, "more": 0.1, "something": 0.08})
        if way == "more":
            return self._more()
        if way == "empty":
            test: Test = Exists(
                Things(
                    "a", Description("bowl", self.color() if self.draws.chance(0.8) else "", where=(Where("empty"),))
                )
            )
        elif way == "something":
            relation, kind = self.draws.pick((("in", "bowl"), ("on", "block")))
            test = Exists(
                Things("a", Description("thing", where=(Where(relation, Things("", self.description(kind, depth=1))),)))
            )
        elif way == "there_is":
            test = Exists(self._perhaps())
        else:
            relation = self.draws.weighted(
                {"in": 0.45, "on": 0.25, "beside": 0.1, "left_of": 0.06, "right_of": 0.06, "table": 0.08}
            )
            test = self.fact(relation=relation, x=self._tested())
        return Not(test) if self.draws.chance(0.22) else test

    def _tested(self) -> Things:
        chance = self.draws.random()
        if chance < 0.82:
            return self.the("block")
        told = self.description("block", way=self.draws.pick(("color", "color", "size", "bare")))
        return Things("a" if chance < 0.87 else "all" if chance < 0.94 else "both", told)

    def _perhaps(self) -> Things:
        kind = self.draws.pick(("block", "block", "block", "bowl"))
        number = self.draws.weighted({"a": 0.74, "2": 0.18, "3": 0.08})
        way = self.draws.weighted({"color": 0.55, "where": 0.3, "size": 0.1, "bare": 0.05 if number != "a" else 0.0})
        return Things(number, self.description(kind, way=way))

    def _more(self) -> More:
        kinds = self.draws.random()
        if kinds < 0.35:
            these, those = self.draws.shuffled((Description("block"), Description("bowl")))
        elif kinds < 0.85:
            color = self.color()
            kind = self.draws.pick(("block", "block", "bowl"))
            these, those = Description(kind, color), Description(kind, self.color((color,)))
        else:
            these, those = (
                Description("block", where=(Where("in", Things("", Description("bowl", c))),))
                for c in self.draws.shuffled(COLORS)[:2]
            )
        return More(Things("", these), Things("", those))

    def question(self) -> Tell:
        """A question about the scene."""
        about = self.draws.weighted({"count": 0.26, "whether": 0.3, "where": 0.15, "color": 0.14, "what": 0.15})
        if about == "whether":
            return Tell("whether", self.test())
        if about == "where":
            return Tell("where", self.the("block" if self.draws.chance(0.85) else "bowl"))
        if about == "color":
            kind = self.draws.pick(("block", "block", "bowl"))
            told = self.description(kind, way=self.draws.pick(("where", "where", "superlative", "size")))
            return Tell(
                "color",
                Things(
                    "the", replace(told, color="") if told.where or told.superlative or told.size else Description(kind)
                ),
            )
        if about == "count":
            kind = self.draws.weighted({"block": 0.62, "bowl": 0.28, "thing": 0.1})
            told = (
                Description("thing", self.color() if self.draws.chance(0.5) else "")
                if kind == "thing"
                else self.several(kind, "")
            )
            return Tell("count", Things("", told))
        return Tell("what", Things("", self._what()))

    def _what(self) -> Description:
        if self.draws.chance(0.15):
            return Description(self.draws.pick(("thing", "thing", "block", "bowl")))
        kind = self.draws.weighted({"thing": 0.6, "block": 0.2, "bowl": 0.2})
        if self.draws.chance(0.12):
            kind = "bowl" if kind == "bowl" else "block"
            return Description(kind, superlative=self.superlative(kind))
        if kind == "thing":
            return Description("thing", where=(self.where("block"),))
        return Description(kind, where=(self.where(kind),))


class People(Supposing):
    """Draws goals, those too that no robot of ours reaches."""

    def impossible(self) -> Do | If | Tell:
        """What no robot of ours can do, but for what `cannot` says."""
        way = self.draws.weighted(IMPOSSIBLE)
        if way == "unknown":
            return self._unknown()
        x = Things("the", Description("block", self.color()))
        other = Things("the", Description("block", self.color((x.description.color,))))
        several = Things(
            self.draws.pick(("both", "2", "all")), Description("block", self.color((other.description.color,)))
        )
        steps = {
            "bowl": lambda: (self._with_a_bowl(),),
            "container": lambda: (Fact("in", x, other),),
            "base": lambda: (Fact("on", x, Things("the", Description("bowl", self.color()))),),
            "self": lambda: (Fact(self.draws.pick(("on", "on", "beside")), x, x),),
            "kept": lambda: (self.fact(x=x), Keep(x)),
            "two places": lambda: self._two_places(x),
            "sides": lambda: (Fact("left_of", x, other), Fact("right_of", x, other)),
            "loop": lambda: (Fact("on", x, other), Fact("on", other, x)),
            "many": lambda: (Fact("on", several, other),),
        }
        return Do((steps[way](),))

    def _with_a_bowl(self) -> Fact:
        """Something done with bowls."""
        told = Description("bowl", self.color())
        x = self.draws.pick(
            (self.the("bowl"), Things("the", told), Things("all", Description("bowl")), Things("both", told))
        )
        return self.fact(x=x, relation=self.draws.weighted(WITH_BOWLS))

    def _two_places(self, x: Things) -> tuple[Fact, ...]:
        """One thing at two places at once."""
        if self.draws.chance(0.35):
            return (Fact("in", x, Things("both", Description("bowl"))),)
        return (
            self.fact(x=x, relation="in"),
            self.fact(x=x, relation=self.draws.pick(("in", "in", "table", "on", "held"))),
        )

    def _unknown(self) -> Do | If | Tell:
        """Something with things that are not there."""
        chance = self.draws.random()
        if chance < 0.08:
            relation = self.draws.pick(("beside", "on", "nearest", "left of", "under"))
            where = Where(relation, replace(self.unknown("block"), quantifier=""))
            color = self.color() if self.draws.chance(0.3) else ""
            return Do(((self.fact(x=Things("the", Description("block", color, where=(where,)))),),))
        if chance < 0.55:
            return Do(((self.fact(x=self.unknown("block")),),))
        if chance < 0.85:
            return Do(((self._to_an_unknown_place(),),))
        if chance < 0.93:
            return Tell(self.draws.pick(("where", "color")), replace(self.unknown("block"), quantifier="the"))
        return Do(tuple((clause,) for clause in self.draws.shuffled([self.fact(x=self.unknown("block")), self.fact()])))

    def _to_an_unknown_place(self) -> Fact:
        fact = self.fact(relation=self.draws.weighted({"in": 0.5, "on": 0.2, "beside": 0.2, "left_of": 0.1}))
        unknown = self.unknown("bowl" if fact.relation == "in" else "block")
        if fact.relation in PLACES_UNKNOWN and self.unknown_words[0] == UNKNOWN_KINDS and self.draws.chance(0.6):
            unknown = Things("the", Description(f'"{self._word(PLACES_UNKNOWN[fact.relation])}"'))
        return replace(
            fact, place=unknown if unknown.quantifier in ("the", "a") else replace(unknown, quantifier="the")
        )


IMPOSSIBLE = {"unknown": 0.5, "bowl": 0.22, "container": 0.1, "base": 0.08, "self": 0.04, "loop": 0.04, "many": 0.03,
              "kept": 0.04, "two places": 0.05, "sides": 0.02}
WITH_BOWLS = {"on": 0.3, "in": 0.15, "at": 0.15, "beside": 0.15, "held": 0.15, "left_of": 0.05, "table": 0.05}
