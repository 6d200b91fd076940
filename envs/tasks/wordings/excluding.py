"""Shapes of what is left out, and of what shall not be."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Goal, Keep, Not, Things, Where
from envs.tasks.wordings.shaping import Shaping

ANY_BUT = (
    "any block except <b> may go <to>, it's up to you", "put something <to>, anything but <b>",
    "pick any block you like, just not <b>, and @put it <to>", "anyone but <b> can go <to>",
    "i don't care which block goes <to>, as long as it isn't <b>", "@choose a block, not <b>, and @put it <to>",
    "any block can go <to>, only not <b>", "<to> goes whatever you like, except <b>",
    "all but <b> would do: one of them goes <to>", "some block has to go <to>, any one apart from <b>",
    "you may choose which block goes <to>, but it can't be <b>",
    "take your pick, anything other than <b>, and @put it <to>", "whichever block you fancy goes <to>, but not <b>",
    "@find me a block that isn't <b> and @put it <to>", "@put one block <to>, your choice, only <b> is not allowed",
    "one block <to>, any but <b>", "it doesn't matter what goes <to>, so long as it is not <b>",
    "let's have something <to>, just not <b>", "anything goes <to> but <b>"
)
BUT_NOT = (
    "<do>, but not <no>", "<do>. but not <no>, please", "<do>, only not <no>", "<do>, just not <no>",
    "<do> but don't put it <no>", "<do>. it must not be <no>", "<do>, but never <no>", "<do>, though not <no>",
    "<do> - but not <no>", "<do>. don't put it <no> though", "<do> without putting it <no>", "<do>? but not <no>",
    "<do>. i don't want it <no>", "<do>, and not <no> if you please"
)
CONTRAST = (
    "<x> <to>, not <no>", "<do>, not <no>", "<x> <to> and not <no>", "<do>. not <no>, <to>", "<x> <to>! not <no>!",
    "<x> goes <to>, not <no>", "<do>, i said <to>, not <no>", "<x> belongs <to>, not <no>", "<x> <to> (not <no>)",
    "<x>, not <no> but <to>", "i want <x> <to>, not <no>", "<do> - <to> i mean, not <no>"
)
DONT_USE = (
    "<do>. don't use <b>", "<do>. don't take <b> for (that|this)", "<do>. do not use <b>", "<do> without using <b>",
    "<do>, but not with <b>", "<do>. use any but <b>", "<do>; <b> is not to be used", "<do>. don't pick <b> for that",
    "<do>, only don't take <b>", "<do>. just don't choose <b>", "don't use <b>, but <do>", "<do>. <b> does not count",
    "<do>. leave <b> out of it", "<do>, and don't you use <b>"
)
OTHER_PLACE = (
    "@put <x> in another bowl than <p>", "not <p>, @take another bowl for <x>",
    "<p> is taken, @find some other bowl for <x>", "@put <x> in a different bowl, not in <p>",
    "<x> goes into a bowl, but not into <p>", "any bowl will do for <x>, just not <p>",
    "don't use <p>; any other bowl is fine for <x>", "@find a home for <x> in a bowl other than <p>",
    "<x> may have any bowl it likes except <p>", "<p> is dirty, so @use some other bowl for <x>",
    "@get <x> into some bowl, anywhere but <p>", "i need <p>, so @drop <x> in one of the other bowls",
    "<p> is reserved. @put <x> in any other bowl", "@choose a bowl for <x>, but not <p>"
)
STAYS_BUT_TOP = (
    "don't touch <y>, only what's on it goes <to>", "<y> stays, the one on top of it goes <to>",
    "keep <y> where it is and move the block on it <to>", "<y> is fine where it is, but the one on it should go <to>",
    "hands off <y>, but @put the one on top <to>", "don't move <y>; the block that sits on it goes <to>",
    "leave <y> where it is, but the block on it belongs <to>", "the block on <y> goes <to>, but <y> itself stays",
    "@put the one on <y> <to> and @leave <y> where it is", "<y> must not move, the block on top of it may go <to>",
    "let <y> be, just @take the one on it and @put that <to>"
)
ONLY = (
    "hands off <k>! only <x>, <to>", "not <k>, that one stays. just <x> <to>", "leave <k>, only <x> goes <to>",
    "nobody touches <k>. only <x> goes <to>", "<k> stays put; only <x>, <to>",
    "<x> <to>, and for heaven's sake don't touch <k>", "<do>, but <k> is not to be moved",
    "<do> - and don't knock about with <k>", "<do>. mind <k>, that one has to stay",
    "<do>, and see that <k> stays where it is", "don't you dare touch <k>! <x> <to>", "<k> stays where it is! <do>"
)
NOT_HELD = (
    "don't hold <y>, hold <x>", "not <y>! lift <x>, i don't want <y> held", "put <y> out of your hand and hold <x>",
    "stop holding <y>, pick up <x>", "let go of <y> and lift <x>", "don't pick up <y>, pick up <x>",
    "hold <x>, and don't hold <y>"
)
NEVER_SO = (
    "not <no>. <x> should be <at>", "<x> should not be <no> but <at>", "<x> doesn't belong <no>, it belongs <at>",
    "<x> is not to be <no>, it goes <to>", "no, no, no. not <no>. <x> should just be <at>",
    "who wanted <x> <no>? it should be <at>", "<x> has no business <no>, put it <to>",
    "i don't want <x> <no>, i want it <at>", "<x>: not <no>, <to> please",
    "<x> isn't supposed to be <no>. move it <to>", "not <no> with <x>: <to>"
)
NONE_IN = (
    "no <n> belongs in a bowl, <to> with all of them", "not one of the <ns> stays in a bowl: all of them go <to>",
    "i don't want the <ns> in bowls, i want them all <to>", "all the <ns> <to>, not one left in a bowl",
    "every <n> <to>, none may stay in a bowl", "the <ns> are not for the bowls, put all of them <to>",
    "<to> with all the <ns>, out of every bowl"
)
NOWHERE = (
    "no <n> in any bowl", "i don't want a single <n> in any bowl", "there should be no <n> in any of the bowls",
    "not one <n> may be in a bowl", "keep all <ns> out of the bowls", "don't let any <n> stay in a bowl",
    "make sure that no <n> is in any of the bowls", "no bowl may hold any <n>", "every bowl must be without <ns>",
    "get all <ns> out of all the bowls", "see that no bowl has any <n> in it"
)
LEFT_AND_OUT = (
    "leave what's in <p>, but @take <q> out of <o>", "the blocks in <p> stay, <q> in <o> come out",
    "don't touch the blocks in <p>. @get <q> out of <o>", "nothing leaves <p>, but <q> in <o> have to come out",
    "@take <q> out of <o>, but none from <p>", "hands off the blocks in <p>; @fetch <q> out of <o>",
    "out of <o> with <q>, but leave those in <p>"
)
REST_AWAY = (
    "<k> {is/are} not to be touched; all the other blocks go <to>", "leave <k>. everything else goes <to>",
    "all other blocks <to>, but <k> {stays/stay}", "everything <to>, only <k> {stays/stay} where {it is/they are}",
    "<k> {stays/stay}, the other blocks go <to>", "don't move <k>; the others all go <to>",
    "@move every other block <to>, and leave <k> alone", "hands off <k>, the remaining blocks go <to>",
    "<k> may stay where {it is/they are}, the rest of the blocks belongs <to>"
)
STAY_NO_MORE = (
    "do not keep <x> <no>", "don't leave <x> <no>", "don't let <x> stay <no>", "<x> can't stay <no>",
    "<x> may not stay <no> any longer", "<x> comes <out> <p>", "<x> wants <out> <p>", "<x> must not remain <no>",
    "could <x> come <out> <p>?", "can <x> come <out> <p>?", "<out> <p>, <x>!", "<x> should come <out> <p> again",
    "it's time for <x> to come <out> <p>", "<x> has to come <out> <p>", "let <x> come <out> <p>",
    "see that <x> comes <out> <p>", "make <x> come <out> <p>"
)

ALL_INSIDE_BUT = (
    "@empty <p>, but @leave <b> in it", "@take everything except <b> out of <p>",
    "everything in <p> but <b> goes <to>", "@clear out <p>, only <b> stays in", "out of <p> with everything but <b>",
    "@take all the blocks out of <p>, just not <b>", "apart from <b>, everything in <p> goes <to>",
    "all that is in <p> except <b> goes <to>", "@unload <p>, but not <b>", "what is in <p> goes <to>, except for <b>",
    "<p> should hold nothing but <b>, the other blocks in it go <to>"
)
SOME_AND_KEEP = (
    "<do>, but don't touch the <ks>", "<do>, only leave the <ks> alone", "<do>, the <ks> are not to be moved",
    "<do> and leave the <ks> where they are", "<do>. don't move any of the <ks>", "<do>, but the <ks> stay",
    "don't move the <ks>, but <do>", "<do> without moving any of the <ks>", "hands off the <ks>, but <do>",
    "<do>; all the <ks> stay where they are", "leave all the <ks> alone and <do>"
)

WHATEVER_NOT = (
    "whatever isn't <c> goes <to>", "everything that's not <c> goes <to>", "all that isn't <c> <to>",
    "anything not <c> belongs <to>", "what is not <c> goes <to>", "if it isn't <c>, it goes <to>",
    "every <n> that isn't <c> <to>", "<to> with whatever isn't <c>", "@put whatever is not <c> <to>",
    "not the <c> ones, the others <to>", "every <n> <to>, bar the <c> one", "all colors but <c> go <to>"
)


class Excluding(Shaping):
    """Shapes with not, but, and what stays."""

    def any_but(self) -> tuple[str, Goal]:
        """ "all but cyan would do: one of them goes into the orange bowl"."""
        left_out = self.people.but(Description("block"))
        fact = self.goes(Things("a", Description("block", but=left_out)))
        b = self.nouns.exception(Description("block", but=left_out))
        return self.told(ANY_BUT, b=b, to=self.to(fact)), Do(((fact,),))

    def but_not(self) -> tuple[str, Goal]:
        """ "put it next to the orange block, but not on it"."""
        x, place = self.things("block", self.draws.pick(("block", "block", "bowl")))
        fact = Fact(self.draws.pick(("beside", "beside", "left_of", "right_of")), x, place)
        relation = "on" if place.description.kind == "block" else "in"
        words = ("on it", "on top of it", "on it", "onto it") if relation == "on" else ("in it", "into it", "inside it")
        text = self.told(BUT_NOT, do=self.do(fact), no=self.voice.pick(words))
        return text, Do(((fact, Not(Fact(relation, x, place))),))

    def contrast(self) -> tuple[str, Goal]:
        """ "the green one to the left of the purple one, not right of it"."""
        x, place = self.things("block", self.draws.pick(("block", "bowl")))
        if self.draws.chance(0.3):
            side, other = self.draws.shuffled(("left", "right"))
            fact, no = Fact("at", x, side), f"{self.voice.pick(('on', 'to'))} the {other}"
        else:
            fact = Fact(self.draws.weighted(_OF[place.description.kind]), x, place)
            no = f"{self.voice.pick(_NOT[fact.relation])} it"
        return self.told(CONTRAST, x=self.x(x), do=self.do(fact), to=self.to(fact), no=no), Do(((fact,),))

    def not_used(self) -> tuple[str, Goal]:
        """ "get any block to each of the bowls. do not use the white one"."""
        way = self.draws.random()
        told = Description("block", self.people.color() if way > 0.55 else "")
        left_out = self.people.but(told)
        x = Things("the" if told.color else self.draws.pick(("a", "a", "2", "all")), told)
        fact = self.goes(x)
        if way < 0.3 and x.quantifier == "a":
            fact = Fact("in", x, Things("each", Description("bowl")))
        if way > 0.72:
            return self._not_used_place()
        text = self.told(DONT_USE, do=self.do(fact), b=self.nouns.exception(replace(told, but=left_out)))
        return text, Do(((replace(fact, things=replace(x, description=replace(told, but=left_out))),),))

    def _not_used_place(self) -> tuple[str, Goal]:
        """The same of the place where something goes."""
        kind, relation = self.draws.pick((("bowl", "in"), ("block", "on")))
        x = self.colored()
        told = Description(kind, self.people.color((x.description.color,)))
        left_out = replace(told, where=(self.people.where(kind),))
        fact = Fact(relation, x, Things("the", told))
        b = self.nouns.exception(replace(told, but=left_out))
        goal = Do(((replace(fact, place=Things("the", replace(told, but=left_out))),),))
        return self.told(DONT_USE, do=self.do(fact), b=b), goal

    def other_place(self) -> tuple[str, Goal]:
        """ "put the cyan block in a different bowl, not in the cyan bowl"."""
        x, other = self.things("block", "block")
        left_out = Description("bowl", self.people.color())
        if self.draws.chance(0.3):
            left_out = Description("bowl", where=(Where("holding", self.bare(other)),))
        p = self.x(Things("the", left_out))
        if left_out.where and self.voice.chance(0.5):
            p = f"the one {self.voice.pick(('where {} is', '{} is in', 'with {} in it')).format(self.x(other))}"
        fact = Fact("in", x, Things("a", Description("bowl", but=left_out)))
        return self.told(OTHER_PLACE, x=self.x(x), p=p), Do(((fact,),))

    def stays_but_top(self) -> tuple[str, Goal]:
        """ "don't touch my cyan cube, only what's on it goes in the middle"."""
        kept = self.colored()
        x = Things("the", Description("block", where=(Where("on", self.bare(kept)),)))
        fact = self.goes(x, **{"in": 0.6, "table": 0.2, "at": 0.2})
        return self.told(STAYS_BUT_TOP, y=self.x(kept, 0.0), to=self.to(fact)), Do(((fact, Keep(kept)),))

    def only(self) -> tuple[str, Goal]:
        """ "leave the cyan block, only the yellow one goes into the bowl"."""
        kept, x = self.things("block", "block")
        fact = self.goes(x)
        slots = {"k": self.x(kept), "x": self.short(x), "do": lambda: self.do(fact), "to": self.to(fact)}
        return self.told(ONLY, **slots), Do(((fact, Keep(kept)),))

    def not_held(self) -> tuple[str, Goal]:
        """ "put the blue block out of your hand and hold the orange cube"."""
        x, y = self.things("block", "block")
        return self.told(NOT_HELD, x=self.short(x), y=self.x(y)), Do(((Fact("held", x), Not(Fact("held", y))),))

    def never_so(self) -> tuple[str, Goal]:
        """ "not on the orange block with the cyan cube: on the red block"."""
        x, wrong, right = self.things("block", *(["bowl"] * 2 if self.draws.chance(0.5) else ["block"] * 2))
        relation = "in" if wrong.description.kind == "bowl" else self.draws.pick(("on", "on", "beside"))
        denied, fact = Fact(relation, x, wrong), Fact(relation, x, right)
        if self.draws.chance(0.35):
            fact = Fact("on", x, TABLE)
        text = self.told(NEVER_SO, x=self.x(x, 0.0), no=self.at(denied), at=self.at(fact), to=self.to(fact))
        return text, Do(((fact, Not(denied)),))

    def all_inside_but(self) -> tuple[str, Goal]:
        """ "empty the white bowl, but leave the blue block in it"."""
        bowl = self.things("bowl")[0]
        told = Description(
            "block", where=(Where("in", self.bare(bowl)),), but=Description("block", self.people.color())
        )
        fact = Fact("on", Things("all", told), TABLE)
        text = self.told(ALL_INSIDE_BUT, p=self.x(bowl), b=self.nouns.exception(told), to=self.to(fact))
        return text, Do(((fact,),))

    def some_and_keep(self) -> tuple[str, Goal]:
        """ "put a block in the bowl, but don't touch the red ones"."""
        kept = Description("block", self.people.color())
        fact = self.goes(Things(self.draws.pick(("a", "a", "2", "both")), Description("block")))
        if fact.things.quantifier == "both" or self.draws.chance(0.4):
            fact = self.goes(self.things("block")[0])
        if fact.things.description == kept:
            return self.some_and_keep()
        text = self.told(SOME_AND_KEEP, do=self.do(fact), ks=self.several(kept))
        return text, Do(((fact, Keep(Things("all", kept))),))

    def whatever_not(self) -> tuple[str, Goal]:
        """ "if it isn't cyan, it goes over to the left side of the table"."""
        left_out = Description("block", self.people.color())
        fact = self.goes(Things("all", Description("block", but=left_out)), **{"in": 0.5, "at": 0.3, "table": 0.2})
        plain = Description("block")
        slots = {"n": self.talk.conditions.one(plain), "ns": self.several(plain), "c": self.nouns.color(left_out.color)}
        return self.told(WHATEVER_NOT, to=self.to(fact), **slots), Do(((fact,),))

    def none_in(self) -> tuple[str, Goal]:
        """ "no cyan one belongs in a bowl, on the table with all of them"."""
        told = Description("block", self.people.color() if self.draws.chance(0.8) else "")
        fact = Fact("on", Things("all", told), TABLE)
        if self.draws.chance(0.3):
            fact = Fact("at", Things("all", told), self.draws.pick(("left", "right", "middle")))
        one = self.talk.conditions.one(told)
        return self.told(NONE_IN, n=one, ns=self.several(told), to=self.to(fact)), Do(((fact,),))

    def nowhere(self) -> tuple[str, Goal]:
        """ "make sure that no purple block is in any of the bowls"."""
        told = Description("block", self.people.color() if self.draws.chance(0.4) else "")
        denied = Not(Fact("in", Things("all", told), Things("a", Description("bowl"))))
        return self.told(NOWHERE, n=self.talk.conditions.one(told), ns=self.several(told)), Do(((denied,),))

    def left_and_out(self) -> tuple[str, Goal]:
        """ "take both out of the white one, but none from the cyan bowl"."""
        kept, bowl = self.things("bowl", "bowl")
        inside = Description("block", where=(Where("in", self.bare(bowl)),))
        keep = Keep(Things("all", Description("block", where=(Where("in", self.bare(kept)),))))
        if self.draws.chance(0.5):
            clause, q = Not(Fact("in", Things("both", inside), bowl)), ("both", "both blocks", "the two")
        else:
            clause, q = Fact("on", Things("all", inside), TABLE), ("everything", "all the blocks", "all of them")
        text = self.told(LEFT_AND_OUT, p=self.x(kept), o=self.short(bowl), q=self.voice.pick(q))
        return text.replace("everything in", "those in"), Do(((clause, keep),))

    def rest_away(self) -> tuple[str, Goal]:
        """ "leave the white cube. everything else goes in the white bowl"."""
        kept = self.colored()
        quantifier = self.draws.weighted({"the": 0.6, "both": 0.2, "all": 0.2})
        kept = replace(kept, quantifier=quantifier)
        fact = self.goes(
            Things("all", Description("block", but=kept.description)), **{"in": 0.5, "at": 0.3, "table": 0.2}
        )
        noun = self.nouns.say(kept)
        return self.told(REST_AWAY, many=noun.many, k=noun.text, to=self.to(fact)), Do(((fact, Keep(kept)),))

    def stays_no_more(self) -> tuple[str, Goal]:
        """ "the orange cube should come down from the purple block again"."""
        x, place = self.things("block", self.draws.pick(("bowl", "bowl", "block")))
        relation = "in" if place.description.kind == "bowl" else "on"
        out = self.voice.pick(("out of", "back out of", "out of") if relation == "in" else ("off", "down from", "off"))
        denied, p = Fact(relation, x, place), self.x(place)
        text = self.told(STAY_NO_MORE, x=self.x(x), no=lambda: self.at(denied, p), out=out, p=p)
        return text, Do(((Not(denied),),))


_OF = {
    "bowl": {"in": 0.35, "on": 0.35, "beside": 0.2, "left_of": 0.05, "right_of": 0.05},
    "block": {"on": 0.5, "beside": 0.3, "left_of": 0.1, "right_of": 0.1},
}
_NOT = {
    "in": ("onto", "on", "beside", "next to"),
    "on": ("into", "in", "inside", "beside", "next to"),
    "beside": ("on", "on top of", "onto", "in", "into"),
    "left_of": (
        "right of",
    ),
    "right_of": (
        "left of",
    ),
}
