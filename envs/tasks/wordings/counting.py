"""Shapes of how many, and of how big."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Goal, Keep, Things, Where
from envs.tasks.wordings.forms import article_of
from envs.tasks.wordings.shaping import Shaping

CHOSEN = (
    "<n> <xs> <to>, (doesn't|it doesn't) matter which", "@choose <n> <xs> yourself and @put them <to>",
    "any <n> <xs>, you pick, <to>", "<n> <xs> <to>, whichever you like", "@put <n> <xs> <to>, i don't care which",
    "i need <n> <xs> <to>, no matter which ones", "any <n> <xs> -> <to>",
    "take <n> of the <xs>, your choice, and @put them <to>", "<n> of the <xs> should go <to>, you decide which",
    "@pick any <n> of the <xs> and @put them <to>", "only <n> of the <xs> have to go <to>",
    "let's say <n> <xs> <to>, your pick", "of the <xs> @take <n> and @put them <to>"
)
GUESTS = (
    "<p> needs <n> <xs>, any of them", "<n> <xs> for <p>, whichever you like", "<p> should get <n> <xs>",
    "@fill <p> with <n> <xs>, you choose them", "there's room for <n> in <p>: @put <n> <xs> in it",
    "<p> wants <n> <xs>, pick any", "@put <n> <xs> into <p>"
)
ANY_ONE = (
    "<to> a <x>, any will do", "one <x>, no matter which, <to>", "@put one of the <xs> <to>, whichever you like",
    "any one of the <xs> <to>", "a <x> <to>, surprise me", "it can be any <x>, but one has to go <to>",
    "just one <x> <to>, i don't care which", "from the <xs> @choose any one and @put it <to>",
    "one of the <xs> should go <to>, take any", "@get me any <x> <to>", "one <x> only, <to>"
)
EACH_PLACE = (
    "each <k> gets a <x>", "a <x> for each <k>", "each of the <ks> should receive a <x>",
    "@put a single <x> into each <k>", "one <x> per <k>", "every <k> should have a <x>", "@give every <k> a <x>",
    "no <k> may stay without a <x>", "one <x> into every single <k>", "each <k> should end up with a <x>",
    "a <x> goes into each of the <ks>", "put a <x> in each <k>", "for each <k> one <x>", "all the <ks> get a <x> each",
    "each and every <k> wants a <x>"
)
EACH_BLOCK = (
    "each <k> gets a <x> on top", "a <x> on every <k>", "one <x> on each of the <ks>",
    "there are <xs> and <ks>: put one of the <xs> on each <k>", "every <k> should carry a <x>",
    "@stack a <x> on each <k>", "top every <k> with a <x>", "each of the <ks> wants a <x> on it",
    "@give each <k> a <x> to carry"
)
NOT_FOR_EACH = (
    "<do>, but not <b>", "<do>. don't take <b>", "<do>, any but <b>", "<do>, only <b> must not be used",
    "<do>. <b> doesn't count", "<do> - not <b> though", "<do>, just not <b>", "<do>, anything except <b>",
    "<do>; leave out <b>"
)
COLORED = (
    "every <x> that's <c>", "all the <xs> that are <c>", "each <x> of <c> color", "all the <xs> with <c> color",
    "all <xs> of the color <c>", "whatever <x> is <c>", "any <x> you see that is <c>",
    "each and every <x> that is <c>", "all <c> <xs>, every last one of them,", "the <xs>, all those that are <c>,",
    "every <x> as long as it is <c>", "each <x> painted <c>"
)
ON_OTHERS = (
    "every <x> on another <k> goes <to>", "all <xs> that lie on another <k>: <to>",
    "any <x> that is on another <k> has to go <to>", "no <x> stays on another <k>, all of those go <to>",
    "the <xs> that are on other <ks> go <to>", "whatever <x> sits on another <k> goes <to>",
    "@take every <x> that is on another <k> and @put it <to>", "<to> with every <x> that's on top of another <k>",
    "the <xs> lying on other <ks> belong <to>"
)
ALL_OUT = (
    "all <xs> on the table, every single one", "every <x> out and on the table",
    "no <x> stays in a bowl or on another one, all of them go on the table",
    "@get all the <xs> onto the table, wherever they are", "the table is where all the <xs> should be",
    "each <x> directly on the table, please", "@spread all the <xs> out on the table", "all <xs> down on the table",
    "unpack everything: all <xs> on the table"
)
SIZES_NAMED = (
    "the <s> ones, <a> and <b>, <to>", "<a> and <b>, the <s> ones, <to>", "the <s> <a> and the <s> <b> one, both <to>",
    "@put two <s> ones <to>: <a> and <b>", "both <s> ones, the <a> and the <b>, <to>",
    "the two <s> blocks, <a> and <b>, go <to>", "@take the <s> <a> one and the <s> <b> one and @put them <to>"
)
BY_SIZE = (
    "all the <s> ones <to>", "the <s> ones, all of them, <to>", "every <s> one goes <to>",
    "<to> with all the <s> ones", "all the <s> <xs> <to>", "everything <s> goes <to>, the others may stay",
    "the <s> <xs> all go <to>", "whatever is <s> goes <to>", "each <s> <x> has to go <to>",
    "only the <s> <xs>, all of them, <to>"
)
BUT_SIZE = (
    "every <x> except the <s> one goes <to>", "all of them <to>, but not the <s> one",
    "everything but the <s> one <to>", "the <s> one stays out of it, all other <xs> go <to>",
    "not the <s> one: all the other <xs> <to>", "<to> with all of the <xs>, just not the <s> one"
)


class Counting(Shaping):
    """Shapes with numbers, all, each, and sizes."""

    def chosen(self) -> tuple[str, Goal]:
        """ "let's say three blocks to the middle of the table, your pick"."""
        number = self.draws.weighted({"2": 0.55, "3": 0.3, "4": 0.15})
        told = self._kind()
        words = number if self.voice.chance(0.15) else {"2": "two", "3": "three", "4": "four"}[number]
        fact = self.goes(Things(number, told), **{"in": 0.45, "at": 0.3, "table": 0.25})
        if fact.relation == "in" and self.draws.chance(0.5):
            return self.told(GUESTS, n=words, xs=self.several(told), p=self.x(fact.place)), Do(((fact,),))
        return self.told(CHOSEN, n=words, xs=self.several(told), to=self.to(fact)), Do(((fact,),))

    def _kind(self) -> Description:
        """Blocks of a colour, or of any."""
        return Description("block", self.people.color() if self.draws.chance(0.6) else "")

    def any_one(self) -> tuple[str, Goal]:
        """ "one of the green cubes should go on the right side, take any"."""
        told = Description("block", self.people.color())
        fact = self.goes(Things("a", told), **{"in": 0.6, "on": 0.15, "at": 0.1, "beside": 0.15})
        one = self.talk.conditions.one(told)
        return article_of(self.told(ANY_ONE, x=one, xs=self.several(told), to=self.to(fact)), one), Do(((fact,),))

    def each_place(self) -> tuple[str, Goal]:
        """ "a cube goes into each of the bowls that have nothing in them"."""
        if self.draws.chance(0.25):
            return self._each_block()
        told = self._kind()
        place = Description("bowl", where=(Where("empty"),)) if self.draws.chance(0.35) else Description("bowl")
        if not place.where and self.draws.chance(0.15):
            place = Description("bowl", self.people.color())
        one, k = self.talk.conditions.one(told), self.talk.conditions.one(place)
        text = self.told(EACH_PLACE, x=one, k=k, ks=self.several(place))
        text = article_of(text, one)
        if self.draws.chance(0.3):
            told = replace(told, but=self.people.but(told))
            text = self.told(NOT_FOR_EACH, do=text, b=self.nouns.exception(told))
        return text, Do(((Fact("in", Things("a", told), Things("each", place)),),))

    def _each_block(self) -> tuple[str, Goal]:
        upper, lower = (Description("block", color) for color in self.draws.shuffled(_COLORS)[:2])
        if self.draws.chance(0.3):
            lower = Description("block", size="big")
        one, k = self.talk.conditions.one(upper), self.talk.conditions.one(lower)
        text = self.told(EACH_BLOCK, x=one, xs=self.several(upper), k=k, ks=self.several(lower))
        return article_of(text, one), Do(((Fact("on", Things("a", upper), Things("each", lower)),),))

    def all_colored(self) -> tuple[str, Goal]:
        """ "all blocks of the color blue: to the right of the white bowl"."""
        told = Description("block", self.people.color())
        fact = self.goes(
            Things("all", told), **{"in": 0.5, "at": 0.25, "table": 0.15, "left_of": 0.05, "right_of": 0.05}
        )
        noun = self.voice.word("nouns", "block")
        noun = "block" if noun in ("die", "dice") else noun
        words = self.voice.form(
            COLORED,
            {"x": noun, "xs": f"{noun}s" if not noun.endswith("x") else f"{noun}es", "c": self.nouns.color(told.color)},
        )
        to = self.to(fact)
        return self.voice.pick(
            (
                f"{words} {to}",
                f"put {words.rstrip(',')} {to}",
                f"{to} with {words.rstrip(',')}",
                f"{words.rstrip(',')}: {to}",
            )
        ), Do(((fact,),))

    def on_others(self) -> tuple[str, Goal]:
        """ "whatever green block sits on another one goes onto the table"."""
        told = self._kind()
        inner = Things("a", Description("block"))
        x = Things("all", replace(told, where=(Where("on", inner),)))
        fact = self.goes(x, **{"table": 0.6, "in": 0.25, "at": 0.15})
        text = self.told(
            ON_OTHERS,
            x=self.talk.conditions.one(told),
            xs=self.several(told),
            to=self.to(fact),
            k=self.voice.pick(("block", "block", "one")),
            ks=self.voice.pick(("blocks", "ones")),
        )
        return text, Do(((fact,),))

    def all_out(self) -> tuple[str, Goal]:
        """ "get all the orange blocks onto the table, wherever they are"."""
        told = self._kind()
        text = self.told(ALL_OUT, x=self.talk.conditions.one(told), xs=self.several(told))
        return text, Do(((Fact("on", Things("all", told), TABLE),),))

    def sized(self) -> tuple[str, Goal]:
        """ "every block except the smaller one goes into the yellow bowl"."""
        size, way = self.draws.pick(("small", "big")), self.draws.random()
        word = self.voice.word("sizes", size)
        told = Description("block", size=size)
        xs, x = self.several(Description("block")), self.talk.conditions.one(Description("block"))
        if way < 0.4:
            a, b = (Things("the", replace(told, color=color)) for color in self.draws.shuffled(_COLORS)[:2])
            fact = self.goes(a, **{"in": 0.7, "at": 0.2, "table": 0.1})
            slots = {"s": word, "a": self.nouns.color(a.description.color), "b": self.nouns.color(b.description.color)}
            return self.told(SIZES_NAMED, to=self.to(fact), **slots), Do(((fact, replace(fact, things=b)),))
        if way < 0.65:
            fact = self.goes(Things("all", Description("block", but=told)), **{"in": 0.4, "at": 0.4, "table": 0.2})
            return self.told(BUT_SIZE, s=word, x=x, xs=xs, to=self.to(fact)), Do(((fact,),))
        fact = self.goes(Things("all", told), **{"in": 0.4, "at": 0.4, "table": 0.2})
        return self.told(BY_SIZE, s=word, x=x, xs=xs, to=self.to(fact)), Do(((fact,),))

    def sizes_kept(self) -> tuple[str, Goal]:
        """A thing on another one that is told by size, and things that stay."""
        sizes = self.draws.pick((("big", "small"), ("big", "small"), ("", "")))
        lower, upper = (Things("the", Description("block", self.people.color(), size)) for size in sizes)
        if lower == upper:
            return self.sizes_kept()
        fact = Fact("on", upper if self.draws.chance(0.6) else self.colored(), lower)
        keep = Keep(Things("both", Description("block", self.people.color((lower.description.color,)))))
        goal = Do(((fact, keep),)) if self.draws.chance(0.3) else Do(((fact,),))
        return self.talk.do(goal), goal


_COLORS = (
    "red", "green", "blue", "yellow", "orange", "purple", "cyan", "white"
)
