"""Shapes in which a thing is spoken of first, or last, and then told what to do with it."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import TABLE, Description, Do, Fact, Goal, Keep, Things, Where
from envs.tasks.wordings.brackets import BARE, CLAUSES
from envs.tasks.wordings.shaping import Shaping

MENTIONED = (
    "<x> is in my way, <do>", "i can't reach <x>. <do>", "<x> has been lying around, so <do>", "about <x>: <do>",
    "you see <x>? good. <do>", "<x> - <do>", "so, <x>. <do>", "here is what i want with <x>: <do>",
    "<x> wants a change, <do>", "<x> is blocking my view, <do>", "i can't see past <x>; <do>",
    "<x> needs another place: <do>", "as for <x>, <do>", "<x> has been there long enough. <do>",
    "listen, it's about <x>: <do>", "@find <x>. found it? then <do>", "i need <x> elsewhere, <do>",
    "<x> looks lost, <do>", "<x> is tired, so <do>", "<x> doesn't look right there. <do>", "<x> again: <do>",
    "let's talk about <x>: <do>", "your next task is <x>: <do>", "see <x>? <do>", "what about <x>? <do>",
    "remember <x>? <do>", "<x>, yes, that one: <do>"
)
FINDS = (
    "<x> finds its home <at>", "i said <x> <to>", "@see <x> safely <to>", "it's <at> that <x> belongs",
    "<x> wants to be <at>", "<x> would look best <at>", "@see to it that <x> ends up <at>",
    "boss says <x> must be <at>", "i'd love to find <x> <at>", "the place of <x> is <at>", "off with <x>, <to>",
    "<to> with <x>!", "<x>: <to> with it", "@have <x> go <to>", "<x> (shall|should) (rest|sit|stand) <at> from now on",
    "the idea is to have <x> <at>", "<x> deserves to be <at>", "where does <x> go? <to>", "<x> goes <to>, as always",
    "the plan says <x> <to>", "let's get <x> <to>", "by the time i'm back <x> should be <at>",
    "<to>, that's where <x> goes", "granny wants <x> <at>"
)
RECEIVES = {
    "in": (
        "<p> should receive <x>", "<p> is for <x>", "<p> is waiting for <x>", "<p> shall get <x>",
        "the thing to put into <p> is <x>", "<p> must not stay without <x>", "off to <p> with <x>",
        "specimen: <x>, destination: <p>", "<x> is going to <p>", "<x> - destination <p>",
        "what belongs in <p> is <x>", "@let <p> be the home of <x>", "<p> is the right home for <x>", "<p> takes <x>",
        "<x> would like to nap in <p>", "@hide <x> in <p>", "all that is missing in <p> is <x>",
        "target <p>, object <x>", "@see <x> to <p>"
    ),
    "on": (
        "<p> should carry <x>", "<p> is the base for <x>", "<p> is where i want <x>, on top", "<p> gets a hat: <x>",
        "as a cover on <p>: <x>", "<p> is waiting for <x> on top of it", "<p> below, <x> above",
        "<p> underneath, <x> on top", "<x> first, <p> second: first one on top of the second one",
        "<x>. <p>. the first one on top of the second one", "<x> and <p>: former on latter", "<p> needs a roof: <x>",
        "@use <x> as a cover for <p>", "<x> sits on <p> from now on", "<x> shall be the top of <p>",
        "<x> over <p>, like a hat", "@take <p> as a stand for <x>"
    ),
}
TOGETHER = (
    "<x> and <y> together <to>", "@put <x> and <y> together <to>",
    "<x> and <y> belong together: <to> with the two of them", "<x> meets <y> <to>", "both of them, <x> and <y>, <to>",
    "<x> as well as <y> <to>", "<x> plus <y>, <to>", "<x>? <to>. <y>? there too", "@bring <x> and <y> together <to>",
    "<x> and <y>, the two of them, go <to>", "two things: <x> and <y>. both <to>", "<to>: <x> and <y>, both",
    "not just <x> but also <y> <to>", "<x> <to>, with <y>"
)
FETCHED = (
    "@get <x> from <o> and @set it <to>", "@take <x> out of <o> and @drop it <to>",
    "@fetch <x> out of <o> and @stick it <to>", "out of <o> with <x>, and <to> with it", "<x> goes from <o> <to>",
    "@collect <x> from <o> and @put it <to>", "from <o> <to> with <x>", "<x>, from <o> <to>, please",
    "@pick <x> out of <o> and @set it <to>", "<x> changes bowls: from <o> <to>", "<x> leaves <o> and goes <to>",
    "@unload <x> from <o> and @place it <to>", "<x> is in <o>. @lay it <to>"
)
LEFT_THERE = (
    "(some|any)body left <x> <on> <p>; <do>", "someone (put|left|stacked) <x> <on> <p>, please <do>",
    "who left <x> <on> <p>? <do>", "somebody put <x> <on> <p>. <do> again", "<x> was left <on> <p>; <do>",
    "someone has put <x> <on> <p> again. <do>", "the kids left <x> <on> <p>, <do>",
    "somebody forgot <x> <on> <p>. <do>", "<x> got <on> <p> somehow. <do>", "i left <x> <on> <p> by mistake, <do>",
    "why is <x> <on> <p>? <do>", "my brother stuck <x> <on> <p>. <do>", "someone dropped <x> <on> <p>, <do>"
)
DOWN_AGAIN = (
    "put it back on the table", "get it down again, on the table", "take it off and lay it on the table",
    "set it on the table again", "bring it back to the table", "take it down", "take it back down to the table",
    "put it on the table where it belongs", "lay it down on the table again"
)
JOINS = (
    "@put <x> in whichever bowl <y> is in", "<x> into the bowl where <y> is",
    "whichever bowl <y> is in, <x> goes into it", "whichever bowl has <y>, @put <x> in it too",
    "@find the bowl with <y> in it and @put <x> in there", "<y> is in some bowl. <x> goes into the same one",
    "<x> into the same bowl as <y>", "@put <x> in the bowl that <y> is in", "the bowl that holds <y> gets <x> as well",
    "<x> should be in the same bowl as <y>", "@let <x> join <y> in its bowl",
    "wherever <y> lies, in that bowl i want <x>", "look which bowl <y> is in and @drop <x> in there",
    "the same bowl that <y> is in is for <x>", "@keep <y> company: <x> goes into the same bowl",
    "whatever bowl <y> is in, <x> goes there"
)
OF_ALL = (
    "see the <k> <a>? <do>", "@find the <k> <a> and <do>", "the <k> <a>, you see it? <do>",
    "you know the <k> <a>? <do>", "there are several <ks>; @take the one <a> and <do>", "the <k> <a>: <do>",
    "among the <ks> @choose the one <a>, and <do>", "look for the <k> <a>. <do>"
)
AFTERTHOUGHT = (
    "<do> - i mean the one <b>", "<do> (the one <b>)", "<do>, the one <b>", "<do>. i mean the one <b>",
    "<do>, that is, the one <b>", "<do>. the one <b>, that is", "<do>; the one <b>", "<do>, namely the one <b>",
    "<do>. take the one <b>", "<do>, i'm talking about the one <b>", "<do> - the one <b>", "<do>... the one <b>",
    "<do>, you know, the one <b>", "<do>. it's the one <b>"
)
NOT_THE_ONE = (
    "<do>, not the one <o>", "<do> - not the one <o>", "<do>, i don't mean the one <o>", "<do> and not the one <o>",
    "<do> (not the one <o>)", "<do>, as opposed to the one <o>", "<do>. not the one <o>"
)
LOOKS = (
    "look at <p>: whatever is in it <goes>", "you see <p>? everything in it <goes>",
    "<p> is full. all that's in it <goes>", "look what's in <p>. it all <goes>", "what <p> has in it <goes>",
    "whatever <p> holds <goes>", "the contents of <p>: all of it <goes>", "everything you find in <p> <goes>",
    "i need <p>, so everything in it <goes>", "all the things that lie in <p>, they <go>",
    "<p>: all that it holds <goes>"
)
TWO_IN = (
    "the two blocks in <p>: <to> with them", "there are two blocks in <p>. both of them go <to>",
    "@take both blocks in <p> and @put them <to>", "<p> has two blocks in it, @put both <to>",
    "both blocks from <p> go <to>", "the pair in <p> goes <to>",
    "you see the two blocks in <p>? @take them and @put them <to>", "two blocks lie in <p>; they both go <to>"
)
RAISED = (
    "<x> up high, please", "i want to see <x> from below, lift it", "show me <x>: hold it up", "<x>, held high",
    "up in the air with <x>", "@lift <x> and keep it up", "hold <x> up so that everyone can see it",
    "<x> should hang in the air", "@give <x> a lift, up in the air", "keep <x> up in the air",
    "<x> goes up, hold it there", "raise <x> like a trophy", "<x>: pick it up and hold on to it",
    "i want you to be holding <x>"
)

ACROSS = (
    "the <n> <at> <p> belongs <to>", "the <n> <at> <p> should go <to> instead", "@move the <n> <at> <p> <to>",
    "you see the <n> <at> <p>? it goes <to>", "the <n> that's <at> <p> should be <to>",
    "not <at> <p> with that <n>, but <to>", "the <n> <at> <p> goes <to>", "there is a <n> <at> <p>. @put it <to>",
    "<p> has a <n> <at> it, @put it <to>"
)
ALL_ACROSS = (
    "all blocks but the <n> <at> <p> go into that <k>", "every block except the one <at> <p> goes <to>",
    "not the <n> <at> <p>, but all the others go <to>", "leave out the <n> <at> <p>; all the other blocks go <to>",
    "everything but the <n> <at> <p> goes <to>"
)


class Mentioning(Shaping):
    """Shapes of one thing and its place, in more than one sentence or in an unusual one."""

    def mentioned(self) -> tuple[str, Goal]:
        """ "the green block looks lost, set it next to the leftmost bowl"."""
        x = self.things("block")[0]
        fact = self.goes(x)
        return self.told(MENTIONED, x=self.x(x, 0.05), do=self.do(fact, self.voice.pick(("it", "it", "that")))), Do(
            ((fact,),)
        )

    def finds(self) -> tuple[str, Goal]:
        """ "see to it that the yellow block ends up inside the blue bowl"."""
        x = self.things("block")[0]
        fact = self.goes(
            x, **{"in": 0.45, "on": 0.25, "at": 0.1, "beside": 0.1, "table": 0.05, "left_of": 0.05, "right_of": 0.05}
        )
        p = self.x(fact.place) if isinstance(fact.place, Things) else ""
        return self.told(FINDS, x=self.x(x, 0.05), at=lambda: self.at(fact, p), to=lambda: self.to(fact, p)), Do(
            ((fact,),)
        )

    def receives(self) -> tuple[str, Goal]:
        """ "the yellow bowl is for the block which is right on the table"."""
        relation = self.draws.pick(("in", "in", "on"))
        x, place = self.things("block", "bowl" if relation == "in" else "block")
        return self.told(RECEIVES[relation], x=self.x(x), p=self.x(place)), Do(((Fact(relation, x, place),),))

    def two_received(self) -> tuple[str, Goal]:
        """ "the white bowl: the orange block. the cyan bowl: the red one"."""
        x, y, p, q = self.things("block", "block", "bowl", "bowl")
        row = self.voice.pick(_PAIRS)
        one, two = (self.voice.fill(row, {"x": self.x(a), "p": self.x(b)}) for a, b in ((x, p), (y, q)))
        return f"{one}{self.voice.pick((', and ', ' and ', ', ', '; ', '. '))}{two}", Do(
            ((Fact("in", x, p), Fact("in", y, q)),)
        )

    def together(self) -> tuple[str, Goal]:
        """ "the orange block plus the green cube, inside the yellow bowl"."""
        x, y = self.things("block", "block")
        if self.draws.chance(0.2):
            x, y = (
                replace(t, description=Description("block", t.description.color or self.people.color(), "big"))
                for t in (x, y)
            )
            if x == y:
                return self.together()
        fact = self.goes(x, **{"in": 0.7, "at": 0.15, "table": 0.15})
        if fact.place == y:
            return self.together()
        text = self.told(TOGETHER, x=self.x(x), y=self.short(y), to=self.to(fact))
        return text, Do(((fact, replace(fact, things=y)),))

    def fetched(self) -> tuple[str, Goal]:
        """ "the cube changes bowls: from the blue bowl in the orange one"."""
        source, place = self.things("bowl", "bowl")
        told = Description(
            "block", self.people.color() if self.draws.chance(0.6) else "", where=(Where("in", self.bare(source)),)
        )
        x = Things("the", told)
        fact = Fact("in", x, place) if self.draws.chance(0.7) else self.goes(x, **{"on": 0.5, "table": 0.2, "at": 0.3})
        p = "" if fact.relation != "in" else self.short(place)
        words = self.x(Things("the", replace(told, where=())))
        return self.told(FETCHED, x=words, o=self.x(source), to=self.to(fact, p)), Do(((fact,),))

    def left_there(self) -> tuple[str, Goal]:
        """ "a block got in the blue bowl somehow. put it into the center"."""
        kind = self.draws.pick(("block", "block", "bowl"))
        x, place = self.colored(), self.colored(kind)
        if x.description.color == place.description.color:
            return self.left_there()
        relation = "on" if kind == "block" else "in"
        if self.draws.chance(0.4):
            color = x.description.color if self.draws.chance(0.3) else ""
            x = Things("the", Description("block", color, where=(Where(relation, self.bare(place)),)))
        fact = Fact("on", x, TABLE) if self.draws.chance(0.5) else self.goes(x, **{"in": 0.7, "at": 0.3})
        if fact.place == place:
            fact = Fact("on", x, TABLE)
        core = self.talk.conditions.one(replace(x.description, where=()))
        words = self.x(x) if not x.description.where else f"{'an' if core[0] in 'aeio' else 'a'} {core}"
        is_down = fact.place == TABLE and self.voice.chance(0.6)
        do = self.voice.form(DOWN_AGAIN) if is_down and kind == "block" else self.do(fact, "it")
        return self.told(LEFT_THERE, x=words, on=relation, p=self.x(place), do=do), Do(((fact,),))

    def joins(self) -> tuple[str, Goal]:
        """ "the bowl that holds the red block gets the white one as well"."""
        x, y = self.things("block", "block")
        place = Things("the", Description("bowl", where=(Where("holding", self.bare(y)),)))
        quantifier = self.draws.pick(("the", "the", "the", "both", "a"))
        if quantifier != "the":
            x = Things(quantifier, Description("block", self.people.color((y.description.color,))))
        return self.told(JOINS, x=self.x(x), y=self.x(y, 0.3)), Do(((Fact("in", x, place),),))

    def of_all(self) -> tuple[str, Goal]:
        """ "you know the bowl farthest from you? put the red block in it"."""
        kind = self.draws.pick(("bowl", "bowl", "block"))
        told = Description(kind, superlative=self.people.superlative(kind))
        if told.superlative in ("biggest", "smallest", "highest", "lowest"):
            return self.of_all()
        x = self.things("block")[0]
        if kind == "bowl" and self.draws.chance(0.25):
            x = self.people.the("block", way="superlative")
        place = Things("the", told)
        fact = Fact("in" if kind == "bowl" else "on", x, place)
        if kind == "block" and (self.draws.chance(0.5) or x.description == told):
            fact = self.goes(place)
        it = self.voice.pick(("it", "that one"))
        do = self.do(fact, it) if fact.things == place else self.do(fact, p=it)
        after = self.voice.word("after", told.superlative).removeprefix("that is ").removeprefix("which is ")
        ks, k = (self.talk.nouns.core(Description(kind), many=many, one=0.0).noun for many in (True, False))
        return self.told(OF_ALL, ks=ks, k=k, a=after, do=do), Do(((fact,),))

    def afterthought(self) -> tuple[str, Goal]:
        """ "drop the block in the bowl the one sitting next to the yellow bowl"."""
        plain = Description(
            "block", self.people.color() if self.draws.chance(0.75) else "", self.draws.pick(("", "", "big", "small"))
        )
        relation = self.draws.pick(("alone", "alone", "on table", "in", "on", "under", "beside", "left of", "right of"))
        where = self.people.where("block")
        while where.relation != relation:
            where = self.people.where("block")
        x = Things("the", replace(plain, where=(where,)))
        fact = self.goes(x, **{"in": 0.6, "at": 0.2, "table": 0.05, "on": 0.15})
        bare = self.voice.pick(_BARE_TOP) if relation == "alone" and self.voice.chance(0.5) else ""
        do = self.do(fact, self.x(Things("the", plain), 0.0) + bare)
        b = self.voice.form(CLAUSES[relation], self.nouns.slots(where))
        return self.told(AFTERTHOUGHT, do=do, b=b), Do(((fact,),))

    def not_the_one(self) -> tuple[str, Goal]:
        """ "move my green block in the bowl right not the one nearest to the red bowl"."""
        wheres = [self.people.where("block"), self.people.where("block")]
        if wheres[0].relation == wheres[1].relation or "alone" in (w.relation for w in wheres):
            return self.not_the_one()
        told = Description("block", self.people.color(), where=(wheres[0],))
        x = self.colored()
        if x.description.color == told.color:
            return self.not_the_one()
        fact = (
            Fact("on", x, Things("the", told))
            if self.draws.chance(0.5)
            else self.goes(Things("the", told), **{"in": 0.6, "at": 0.2, "beside": 0.2})
        )
        other = self.voice.fill(BARE[wheres[1].relation], self.nouns.slots(wheres[1]))
        return self.told(NOT_THE_ONE, do=self.do(fact), o=other), Do(((fact,),))

    def looks(self) -> tuple[str, Goal]:
        """ "the cyan bowl: all that it holds should be lying on the desk"."""
        bowl = self.things("bowl")[0]
        inside = Description("block", where=(Where("in", self.bare(bowl)),))
        is_two = self.draws.chance(0.35)
        fact = self.goes(Things("both" if is_two else "all", inside), **{"table": 0.6, "in": 0.25, "at": 0.15})
        if fact.place == bowl:
            return self.looks()
        to = self.to(fact)
        goes = self.voice.pick(("goes {}", "should go {}", "belongs {}", "has to go {}")).format(to)
        if not is_two and self.voice.chance(0.3):
            goes = f"should be (lying) {self.at(fact)}".replace("(lying) ", self.voice.pick(("lying ", "")))
        row = TWO_IN if is_two else LOOKS
        return self.told(row, p=self.x(bowl), to=to, goes=goes, go=f"go {to}"), Do(((fact,),))

    def across(self) -> tuple[str, Goal]:
        """ "the block adjacent to the white bowl should go in it instead"."""
        place = self.things(self.draws.pick(("block", "bowl")))[0]
        brackets = (
            ("beside", "left of", "right of")
            if place.description.kind == "bowl"
            else ("beside", "left of", "right of", "on")
        )
        relation = self.draws.pick(brackets)
        x = Things("the", Description("block", where=(Where(relation, self.bare(place)),)))
        aims = (
            ("in", "left_of", "right_of")
            if place.description.kind == "bowl"
            else ("on", "beside", "left_of", "right_of")
        )
        fact = Fact(self.draws.pick([aim for aim in aims if aim.replace("_", " ") != relation]), x, place)
        at = self.voice.fill(BARE[relation].removesuffix(" <p>"))
        slots = {
            "n": self.voice.pick(("block", "block", "cube")),
            "at": at,
            "p": self.x(place, 0.0),
            "to": self.to(fact, "it"),
        }
        if place.description.kind == "bowl" and self.draws.chance(0.35):
            rest = Fact("in", Things("all", Description("block", but=x.description)), place)
            return self.told(ALL_ACROSS, **slots | {"k": "bowl", "to": self.to(rest, "it")}), Do(((rest,),))
        return self.told(ACROSS, **slots), Do(((fact,),))

    def raised(self) -> tuple[str, Goal]:
        """ "i want to see the block that is purple from below, lift it"."""
        x = self.things("block")[0]
        return self.told(RAISED, x=self.x(x)), Do(((Fact("held", x),),))

    def rich(self) -> tuple[str, Goal]:
        """A thing that is told by size or colour and by where it is, or by several of them."""
        where = self.people.where("block")
        if where.things is not None and where.things.description.kind == "block" and self.draws.chance(0.5):
            size = self.draws.pick(("big", "small"))
            inner = replace(where.things.description, size=size, superlative="", where=())
            where = replace(where, things=replace(where.things, description=inner))
        elif where.relation in ("on", "in", "under", "beside") and self.draws.chance(0.25):
            where = replace(where, things=Things("a", where.things.description))
        told = Description(
            "block",
            self.people.color() if self.draws.chance(0.4) else "",
            self.draws.pick(("big", "small", "big", "small", "")),
            where=(where,),
        )
        x = Things(self.draws.weighted({"the": 0.9, "both": 0.1}), told)
        fact = self.goes(x, **{"in": 0.45, "table": 0.2, "at": 0.15, "on": 0.15, "held": 0.05})
        if fact.relation == "on" and self.draws.chance(0.5):
            size = self.draws.pick(("big", "small"))
            fact = Fact(
                "on",
                self.people.the("block", way="size"),
                Things("the", Description("block", self.people.color(), size)),
            )
        if isinstance(fact.place, Things) and self.draws.chance(0.15):
            kind = fact.place.description.kind
            fact = replace(fact, place=Things("the", Description(kind, where=(self.people.where(kind),))))
        if self.draws.chance(0.15):
            return self._kept(fact)
        return self.talk.fact(fact), Do(((fact,),))

    def _kept(self, fact: Fact) -> tuple[str, Goal]:
        """The same with things that stay."""
        goal = Do(
            (
                (
                    fact,
                    Keep(
                        Things("both" if self.draws.chance(0.4) else "the", Description("block", self.people.color()))
                    ),
                ),
            )
        )
        return self.talk.do(goal), goal


_BARE_TOP = (
        " with nothing on it",
        " that has nothing on top of it",
        " without anything on it"
    )
_PAIRS = (
    "<p> is for <x>", "<p> gets <x>", "<x> belongs in <p>", "<p> takes <x>", "<x> is meant for <p>",
    "<p> should hold <x>", "<x> lives in <p>", "<p> for <x>", "<p>: <x>"
)
