"""Shapes of conditions: what is done hangs on what is there."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Exists, Fact, Goal, If, Not, Things, Where
from envs.tasks.wordings.forms import article_of
from envs.tasks.wordings.shaping import Shaping

OUT_THEN_IN = (
    "if <t>, @take it <out> first and then @put <y> <there>", "if <t>, <x> comes <out> and then <y> goes <there>",
    "<t>? then @get it <out> and then @put <y> <there>", "in case <t>, first @take it <out>, then <y> <there>",
    "should <x> be <at>, first @get it <out>, then @put <y> <there>",
    "when <t>, it comes <out> first, then <y> goes <there>",
    "if <t> you have to @take it <out> first, and after that @put <y> <there>",
    "if <t>: out with it first, then <y> <there>", "provided <t>, @lift it <out>, then @put <y> <there>",
    "see if <t>. if so, @take it <out>, and then @put <y> <there>"
)
TOGGLE = (
    "if <t>, @take it <out>; if it isn't, @put it <to>", "if <t> @get it <out>, if not, @put it <to>",
    "<t>? @get it <out>. otherwise @put it <to>", "is <x> <full>? out with it. isn't it? then @put it <to>",
    "when <t> @take it <out>, when it is not, @put it <to>", "if <t>, out it comes; if not, in it goes, <to>",
    "<x> <out> if it is <full>, and <to> if it isn't", "<t>? then it comes <out>. if not it goes <to>"
)
IN_ANY = (
    "if <x> is in (a|any) bowl, <do>", "if <x> happens to be in one of the bowls, <do>",
    "in case <x> is in some bowl, <do>", "when you find <x> in (a|any) bowl, <do>", "is <x> in a bowl? then <do>",
    "if any of the bowls holds <x>, <do>", "<do> if it turns out that <x> is in a bowl"
)
IN_NONE = (
    "if <x> is not in (a|any) bowl, <do>", "if <x> isn't in any of the bowls, <do>",
    "is <x> in a bowl? fine. if it isn't, <do>", "if no bowl holds <x>, <do>", "if <x> is in no bowl yet, <do>",
    "check on <x>. if it is in a bowl, do nothing, if not, <do>", "as long as <x> isn't in a bowl, <do>"
)
ENOUGH = (
    "if there are <n> <ns>, <do>", "are there <n> <ns>? then <do>", "if you (see|find|count) <n> <ns>, <do>",
    "when there are <n> <ns>, <do>", "if are <n> <ns>, <do>", "in case there are <n> <ns>, <do>",
    "<n> <ns>? then <do>", "if we have <n> <ns>, <do>", "<do> if there are <n> <ns>",
    "do you see <n> <ns>? if so, <do>", "should there be <n> <ns>, <do>", "if there happen to be <n> <ns>, <do>"
)
BEST_BOWL = (
    "if there is a <n>, <x> goes there, if not into <q>", "<x> goes into the <n> if there is one, otherwise into <q>",
    "@put <x> in the <n>, or in <q> if there is none", "is there a <n>? then that's for <x>. if there isn't, use <q>",
    "no <n>? then <x> goes into <q>. else into the <n>", "if you find a <n>, @put <x> in it, else in <q>",
    "<x> belongs in the <n>. if there is no <n>, @use <q> instead", "the <n> for <x> if we have one; <q> if we don't",
    "if there's no <n> @put <x> in <q>, otherwise use the <n>",
    "in the absence of a <n>, <x> goes into <q>; else into the <n>"
)
BEST_BLOCK = (
    "in the absence of <a> the one to put <to> is <y>; else it is <x>",
    "if there is no <n>, @put <y> <to>, otherwise <x>", "no <n>? then <y> goes <to>. else <x>",
    "if you don't see <a>, <y> goes <to>, and if you do, <x>",
    "when there's no <n> @put <y> <to>, when there is one @take that",
    "unless there is <a>, <y> goes <to>. if there is, <x> does",
    "without <a> around, <y> goes <to>; with one, it's <x>", "if <a> is missing @put <y> <to>, otherwise <x>",
    "is there no <n>? <y> goes <to>. there is one? then <x>"
)
HOLDS = (
    "is there a block in <p>? then <do>. if not, <else>", "if a block is in <p>, <do>, otherwise <else>",
    "if <p> has a block in it <do>, if it hasn't, <else>",
    "look into <p>. if there's a block in it, <do>. if it's empty, <else>",
    "<p> has a block in it? <do>. it's empty? <else>",
    "if there is a block in <p>, <do>, and if there is none, <else>",
    "when <p> has something inside, <do>, else <else>", "<do> if <p> has a block inside, and <else> if it hasn't",
    "check <p>: with a block in it, <do>; without, <else>"
)
MET = (
    "whenever you find <a> <on> <b>, <do>", "if you see <a> <on> <b>, <do>",
    "if there's <a> <on> <b>, separate them: <do>", "is there <a> <on> <b>? then <do>",
    "should you find <a> <on> <b>, <do>", "if <a> is <on> <b>, <do>", "in case <a> sits <on> <b>, split them up: <do>",
    "when <a> is <on> <b>, <do>", "<a> <on> <b>? separate them: <do>", "if any <n> is <on> <b>, take them apart: <do>",
    "wherever <a> is <on> <b>, part them: <do>"
)
FREE = (
    "if there's nothing on <y>, <do>", "if nothing is on <y>, <do>", "is <y> free, with no block on it? then <do>",
    "as long as no block is on <y>, <do>", "if <y> has no block on it, <do>",
    "provided <y> is free, nothing on it, <do>", "<do> if <y> has no block on it", "if no block is on <y>, <do>",
    "<y> has nothing on it? then <do>", "when <y> carries no block, <do>", "in case there is no block on <y>, <do>"
)
LONELY = (
    "if no block is (beside|next to) <y>, <do>", "is there no block (beside|next to) <y>? then <do>",
    "if <y> has no block (beside|next to) it, <do>", "<do> if no block is (next to|beside) <y> yet",
    "as long as no block stands (beside|next to) <y>, <do>", "in case no block is (near|beside) <y>, <do>",
    "when <y> stands there without a block beside it, <do>"
)
ALL_DONE = (
    "if all the <ns> are <at>, <do>, otherwise @put them all <to>",
    "are all the <ns> <at>? then <do>. if not, @put them <to>",
    "<do> if every <n> is <at>, otherwise @get the <ns> <to>",
    "all <ns> <at>? <do>. not all? then all of them go <to>",
    "if every <n> is <at> already, <do>; if not, all the <ns> go <to>",
    "check the <ns>: if they are all <at>, <do>, else @put them all <to>"
)
CHECKED = (
    "look at <p>. has it <x> in it? <do>. if not, <else>", "look into <p>: if <x> is in there, <do>, otherwise <else>",
    "does <p> have <x> in it? then <do>. it doesn't? then <else>",
    "have a look at <p>. with <x> in it, <do>. without, <else>",
    "go by <p>: if it holds <x>, <do>, if it does not hold <x>, <else>",
    "<p> decides: <x> in it, <do>; not in it, <else>", "if <x> is found in <p>, <do>; if <p> is without it, <else>"
)
REST = (
    "if <x> is <at>, all the others go <to>, if not just <y>",
    "<x> <at>? then every other block goes <to>; if not, <y> alone",
    "if <x> is <at>, @put all other blocks <to>, otherwise only <y>",
    "when <x> is <at> the rest goes <to>, else only <y> does",
    "should <x> be <at>, the other blocks go <to>. if not, then just <y>"
)
EMPTY_ONE = (
    "if <p> is empty, <x> goes in it", "is <p> empty? then @put <x> in it", "<p>: if it is empty, @put <x> in it",
    "when <p> is empty, @give it <x>", "see if <p> is empty, and if so, <x> goes inside",
    "should <p> be empty, <x> goes into it", "@put <x> in <p> if it's empty",
    "in case <p> has nothing in it, @put <x> inside", "<p> empty? <x> in there, then"
)
BOTH_DONE = (
    "if <t>, <row>", "should you find <x> <at>, <row>", "when <t>, <row>", "<t>? then <row>", "in case <t>, <row>",
    "if you see that <t>, <row>", "provided that <t>, <row>", "if <t> then do two things: <row>",
    "if it is so that <t>, <row>"
)
_ONE = (
    "any block", "one block", "some block", "a block", "one block, no matter which,"
)
TWO_TESTS = (
    "if <t>, <do>; if <nt>, <else>", "<t>? <do>. <nt>? <else>", "when <t>, <do>, when <nt>, <else>",
    "<do> if <t>, and <else> if <nt>", "in case <t> <do>, in case <nt> <else>", "if <nt>, <else>, but if <t>, <do>",
    "<t>: <do>. <nt>: <else>", "if <t> <do>, and if <nt> <else>",
    "should it be that <t>, <do>; should it be that <nt>, <else>", "there are two cases. <t>: <do>. <nt>: <else>",
    "if you find that <t>, <do>. if you find that <nt>, <else>", "either <t>, then <do>, or <nt>, then <else>"
)


class Depending(Shaping):
    """Shapes with if."""

    def two_tests(self) -> tuple[str, Goal]:
        """ "if the red block is in the bowl, ..; if it is not in the bowl, .."."""
        goal = self.people.conditional()
        is_of_one = not isinstance(goal.test, Fact) or goal.test.things.quantifier in ("the", "a")
        if goal.otherwise is None or isinstance(goal.test, Not) or not is_of_one:
            return self.two_tests()
        say = self.talk.conditions.say
        then, other = self.talk.plainly(goal.then), self.talk.plainly(goal.otherwise)
        return self.told(TWO_TESTS, t=say(goal.test), nt=say(Not(goal.test)), do=then, **{"else": other}), goal

    def out_if_in(self) -> tuple[str, Goal]:
        """ "the blue block is in the bowl? then get it out again and then put the yellow one in"."""
        x, (y, place) = self.colored(), self.things("block", "bowl")
        if x == y:
            return self.out_if_in()
        test = Fact("in", x, place)
        slots = self._in_slots(test)
        slots |= {"y": self.short(y), "there": self.voice.pick(("in", "in it", "in there", "into it", "in instead"))}
        return self.told(OUT_THEN_IN, **slots), If(test, Do(((Not(test),), (replace(test, things=y),))), None)

    def toggle(self) -> tuple[str, Goal]:
        """ "the purple one out of it if it is in the blue bowl, and in if it isn't"."""
        x, place = self.colored(), self.things("bowl")[0]
        test = Fact("in", x, place)
        slots = self._in_slots(test)
        slots["at"] = self.voice.pick(("in it", "in there", slots["at"]))
        return self.told(TOGGLE, **slots), If(test, Do(((Not(test),),)), Do(((test,),)))

    def _in_slots(self, test: Fact) -> dict:
        x, p = self.x(test.things), self.x(test.place)
        return {
            "x": x,
            "at": f"in {p}",
            "full": f"in {p}",
            "t": f"{x} {self.voice.pick(('is in', 'is already in', 'is inside'))} {p}",
            "out": self.voice.pick(("out", "out of it", "out of there", "out again")),
            "to": self.voice.pick(("in", "in it", "in there", "into it")),
        }

    def in_any(self) -> tuple[str, Goal]:
        """ "in case the red cube is in some bowl, move it onto the table"."""
        x = self.things("block")[0]
        test = Fact("in", x, Things("a", Description("bowl")))
        if self.draws.chance(0.5):
            fact = self.goes(x, **{"table": 0.6, "in": 0.2, "at": 0.2})
            do = self.do(fact, "it")
            if fact.place == TABLE and self.voice.chance(0.5):
                do = self.voice.pick(
                    (
                        "@take it out",
                        "@fish it out and @put it on the table",
                        "@take it out of there",
                        "@get it out and @lay it on the table",
                        "@pull it out",
                    )
                )
            return self.told(IN_ANY, x=self.x(x), do=do), If(test, Do(((fact,),)), None)
        fact = self.goes(x, **{"in": 0.5, "on": 0.3, "at": 0.2})
        return self.told(IN_NONE, x=self.x(x), do=self.do(fact, "it")), If(Not(test), Do(((fact,),)), None)

    def enough(self) -> tuple[str, Goal]:
        """ "are there at least 2 red cubes? then move two onto the table"."""
        told = Description("block", self.people.color())
        number = self.draws.weighted({"2": 0.6, "3": 0.4})
        fewer = self.draws.pick(("a", "a", "2", "both") if number == "2" else ("a", "2", "2", "3"))
        words = {
            "a": ("one", "one of them", "any one of them"),
            "2": ("two of them", "two"),
            "both": ("both of them", "both", "them both"),
            "3": ("three of them", "all three of them"),
        }[fewer]
        fact = self.goes(Things(fewer, told), **{"in": 0.7, "table": 0.1, "at": 0.2})
        do = self.do(fact, self.voice.pick(words), many=fewer != "a")
        count = self.voice.pick(({"2": "two", "3": "three"}[number], f"at least {number}", number))
        return self.told(ENOUGH, n=count, ns=self.several(told), do=do), If(
            Exists(Things(number, told)), Do(((fact,),)), None
        )

    def best_bowl(self) -> tuple[str, Goal]:
        """ "put the block in the blue bowl, or in the purple one if there is none"."""
        x, place, other = self.things("block")[0], self.colored("bowl"), self.colored("bowl")
        if place == other:
            return self.best_bowl()
        words = self.talk.conditions.one(place.description)
        text = self.told(BEST_BOWL, n=words, q=self.short(other), x=self.x(x))
        is_there = Exists(replace(place, quantifier="a"))
        return article_of(text, words), If(is_there, Do(((Fact("in", x, place),),)), Do(((Fact("in", x, other),),)))

    def best_block(self) -> tuple[str, Goal]:
        """ "no blue block? then the white one goes on the right. else the blue one"."""
        x, y = self.colored(), self.colored()
        if x == y:
            return self.best_block()
        fact = self.goes(x)
        if fact.place == y:
            return self.best_block()
        n = self.talk.conditions.one(x.description)
        text = self.told(BEST_BLOCK, n=n, a=f"a {n}", x=self.short(x), y=self.short(y), to=self.to(fact))
        test = Not(Exists(replace(x, quantifier="a")))
        return article_of(text, n), If(test, Do(((replace(fact, things=y),),)), Do(((fact,),)))

    def holds(self) -> tuple[str, Goal]:
        """ "if a block is in the orange bowl, it comes out, otherwise set the block in it"."""
        place, x = self.things("bowl", "block")
        inside = Description("block", where=(Where("in", self.bare(place)),))
        other = Fact("in", x, place)
        way = self.draws.random()
        if way < 0.35:
            then, do = (
                Fact("on", Things("the", inside), TABLE),
                (
                    "@take it out",
                    "@take it out and @lay it on the table",
                    "@get it out",
                    "it comes out",
                    "@put it on the table",
                ),
            )
        elif way < 0.65:
            then, do = (
                Fact("on", Things("all", inside), TABLE),
                (
                    "@empty it",
                    "@clear it out",
                    "@take everything out",
                    "@empty it onto the table",
                    "@get everything out",
                ),
            )
        else:
            sides = self.draws.shuffled(("left_of", "right_of", "beside", "in"))[:2]
            then, other = (Fact(side, x, place) for side in sides)
            do = (self.do(then, p=self.voice.pick(("it", "that bowl"))),)
        other_do = self.do(other, p="it")
        text = self.told(HOLDS, p=self.x(place), do=self.voice.pick(do), **{"else": other_do})
        return text, If(Exists(Things("a", inside)), Do(((then,),)), Do(((other,),)))

    def met(self) -> tuple[str, Goal]:
        """ "if a green block is in a blue bowl, the green one on the table"."""
        a, b = self.colored(), self.colored(self.draws.pick(("block", "block", "bowl")))
        if a.description.color == b.description.color:
            return self.met()
        relation = "on" if b.description.kind == "block" else "in"
        test = Fact(relation, replace(a, quantifier="a"), replace(b, quantifier="a"))
        fact = self.goes(a, **{"table": 0.5, "in": 0.3, "at": 0.2})
        if fact.place == b or (isinstance(fact.place, Things) and fact.place.description.color == b.description.color):
            return self.met()
        words = [self.talk.conditions.one(t.description) for t in (a, b)]
        do = self.do(fact, "" if self.voice.chance(0.5) else self.short(a))
        if self.voice.chance(0.3):
            do = f"{self.short(a)} {self.to(fact)}"
        text = self.told(MET, a=f"a {words[0]}", b=f"a {words[1]}", n=words[0], do=do, on=relation)
        return article_of(article_of(text, words[0]), words[1]), If(test, Do(((fact,),)), None)

    def free(self) -> tuple[str, Goal]:
        """ "if no block is on the purple cube, put the orange block on it"."""
        x, y = self.things("block", self.draws.pick(("block", "bowl")))
        relation = "on" if y.description.kind == "block" and self.draws.chance(0.6) else "beside"
        fact = Fact(relation, x, y)
        test = Not(Fact(relation, Things("a", Description("block")), y))
        otherwise = self.goes(x, **{"in": 0.5, "at": 0.3, "on": 0.2}) if self.draws.chance(0.4) else None
        text = self.told(FREE if relation == "on" else LONELY, y=self.x(y), do=self.do(fact, p="it"))
        if otherwise is None:
            return text, If(test, Do(((fact,),)), None)
        other = self.do(otherwise, "it").replace("@", "")
        said = f"{text}{self.voice.pick((', ', '. ', '; '))}{self.voice.pick(('else', 'otherwise', 'if not,'))} {other}"
        return said, If(test, Do(((fact,),)), Do(((otherwise,),)))

    def all_done(self) -> tuple[str, Goal]:
        """Something when all of a kind are at their place, else these go there."""
        told = Description("block", self.people.color())
        test = self.goes(Things("all", told), **{"in": 0.8, "at": 0.2})
        x = self.colored()
        if x.description == told:
            return self.all_done()
        fact, place = self.goes(x), self.x(test.place) if isinstance(test.place, Things) else ""
        text = self.told(
            ALL_DONE,
            n=self.talk.conditions.one(told),
            ns=self.several(told),
            at=self.at(test, place),
            to=self.to(test, place),
            do=self.do(fact),
        )
        return text, If(test, Do(((fact,),)), Do(((test,),)))

    def checked(self) -> tuple[str, Goal]:
        """ "the green bowl decides: the red block in it, ..; not in it, .."."""
        x, place = self.colored(), self.things("bowl")[0]
        y, z = self.things("block", "block")
        then, other = self.goes(y), self.goes(z)
        if self.draws.chance(0.3):
            then, other = Fact("on", y, z), Fact("on", z, y)
        text = self.told(CHECKED, p=self.x(place), x=self.x(x), do=self.do(then), **{"else": self.do(other)})
        return text, If(Fact("in", x, place), Do(((then,),)), Do(((other,),)))

    def all_others(self) -> tuple[str, Goal]:
        """ "when the orange block is in the green bowl the rest goes left, else only the cyan one does"."""
        x, place, y = self.things("block", "bowl", "block")
        test = Fact("in", x, place)
        fact = self.goes(y, **{"at": 0.6, "in": 0.3, "table": 0.1})
        if fact.place == place:
            return self.all_others()
        rest = replace(fact, things=Things("all", Description("block", but=x.description)))
        text = self.told(REST, x=self.x(x), at=self.at(test), y=self.short(y), to=self.to(fact))
        return text, If(test, Do(((rest,),)), Do(((fact,),)))

    def if_empty(self) -> tuple[str, Goal]:
        """ "if the yellow bowl is empty, the two white blocks goes in it"."""
        bowl = self.colored("bowl")
        test = Exists(Things("a", replace(bowl.description, where=(Where("empty"),))))
        x = (
            Things("a", Description("block"))
            if self.draws.chance(0.5)
            else self.people.some()
            if self.draws.chance(0.3)
            else self.things("block")[0]
        )
        words = self.voice.pick(_ONE) if x == Things("a", Description("block")) else self.x(x)
        return self.told(EMPTY_ONE, p=self.x(bowl), x=words), If(test, Do(((Fact("in", x, bowl),),)), None)

    def two_then(self) -> tuple[str, Goal]:
        """ "if the green block is on the table, put it in the bowl and then the red one on the cyan one"."""
        x, y = self.things("block", self.draws.pick(("block", "bowl")))
        test = Fact("on" if y.description.kind == "block" else "in", x, y)
        if self.draws.chance(0.3):
            test = Fact("on", x, TABLE)
        other = y if y.description.kind == "block" and test.place == y and self.draws.chance(0.6) else self.colored()
        first, second = self.goes(x, **{"in": 0.8, "at": 0.1, "on": 0.1}), self.goes(other, **{"in": 0.7, "on": 0.3})
        if x == other or first.place == other or second.place == x or first.place == second.place:
            return self.two_then()
        is_ordered = self.draws.chance(0.5)
        do = Do(((first,), (second,))) if is_ordered else Do(((first, second),))
        joint = (", then ", " and then ", ", and after that ") if is_ordered else (" and ", ", and ", "; ")
        is_short = first.relation == second.relation and not is_ordered and self.voice.chance(0.5)
        rest = f"{self.short(other)} {self.to(second)}" if is_short else self.do(second)
        row = f"{self.do(first, self.voice.pick(('it', self.short(x))))}{self.voice.pick(joint)}{rest}"
        text = self.told(BOTH_DONE, t=self.talk.conditions.say(test), x=self.x(x), at=self.at(test), row=row)
        return text, If(test, do, None)
