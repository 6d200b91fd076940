"""Shapes of steps: one after the other, in and out, on each other."""

from __future__ import annotations

from envs.goals.language import TABLE, Description, Do, Fact, Goal, Not, Things, Where
from envs.tasks.wordings.clauses import Command
from envs.tasks.wordings.shaping import Shaping
from envs.tasks.wordings.voice import forms

MOVED_ON = (
    "@take the <n> <at> and @put it <to>, then @put <y> <there>", "the <n> <at> goes <to>, then <y> goes <there>",
    "first @move the <n> that is <at> <to>, then @put <y> <there>", "the <n> <at>: <to>. then <y> <there>",
    "@get the <n> that is <at>, @put it <to>, then @bring <y> <there>", "@move the <n> <at> <to>. then <y> <there>",
    "@pick up the <n> <at>, @set it <to>, and @put <y> <there> after that",
    "there is a <n> <at>. @put it <to> and then @put <y> <there>",
    "what's <at> goes <to>, after that <y> comes <there>", "@take what is <at> and @put it <to>, then <y> <there>",
    "you see the <n> <at>? it goes <to>. after that, <y> goes <there>",
    "@grab the <n> that sits <at> and @drop it <to>; then <y> takes its place <at>",
    "first the <n> <at>: @move it <to>. second, @put <y> <there>",
    "after the <n> that is <at> has gone <to>, <y> goes <there>"
)
OUT_THEN_IN = (
    "<x> comes <out>, then <y> goes <there>", "@take <x> <out>, then @put <y> <there>",
    "first <x> <out>, then <y> <there>", "<x> comes <out> and then <y> goes in its place <there>",
    "@get <x> <out> and then @put <y> <there>", "<x> leaves first, <out>, then <y> goes <there>",
    "@take <x> <out>. then @put <y> <there> instead", "<x> goes <out>, and after that <y> comes <there> instead",
    "<x> has to come <out> first, then <y> can go <there>", "once <x> is <out>, @put <y> <there>",
    "@fish <x> <out>, then <y> goes <there> instead", "<y> goes <into>, but first <x> must come <out>",
    "@remove <x>, <out> with it, then <y> <there>"
)
OUT_IN = (
    "<x> out, <y> in (<p>)", "<x> out, <y> in: <p>", "<p>: <x> out, <y> in", "@replace <x> in <p> with <y>",
    "@swap <x> in <p> for <y>", "in <p> i want <y> instead of <x>", "<p> should hold <y> and not <x>",
    "<p>: not <x> but <y>", "<y> into <p>, <x> out of it", "out with <x>, in with <y>, <p> i mean",
    "<x> out of <p>, <y> into it", "<y> in <p>, not <x>", "@exchange <x> in <p> for <y>",
    "@put <y> in <p> in place of <x>", "not <x> but <y> belongs in <p>"
)
OFF_THEN = (
    "@get <x> <off> and then <do>", "@take <x> <off>, then <do>", "<x> comes <off> and then <do>",
    "@lift <x> <off>, and then <do>", "first @get <x> <off>, after that <do>", "<x> <off>, then <do>",
    "once <x> is <off>, <do>", "@take <x> <off> so that you can <do>", "to begin with, @take <x> <off>; then <do>",
    "@remove <x>, <off> with it, then <do>", "with <x> <off>, <do>", "@pull <x> <off>. next, <do>"
)
CLEAR_THEN = (
    "@clear <x>, then <do>", "@free <x> first, then <do>", "@take everything off <x>, then <do>",
    "first @clear (the top of|) <x>, and then <do>", "@unstack <x> and then <do>",
    "make room: everything off <x>, then <do>", "<x> has to be clear first, then <do>",
    "whatever is on <x> comes off, then <do>", "@get whatever is on <x> off it, and then <do>",
    "nothing on <x> first, then <do>", "@uncover <x>, after that <do>"
)
HOLD_THEN = (
    "hold <x> up, then <do>", "@pick up <x> and hold it, then <do>", "@lift <x>. then <do>",
    "first hold <x>, then <do>", "<x> up in the air first, then <do>", "@raise <x>, and after that <do>",
    "show me <x>, hold it up, then <do>", "@hold <x> in the air, then <do>", "@lift <x> up high and then <do>",
    "hold <x> for a moment, then <do>", "@grab <x> and hold on to it, then <do>", "up with <x>, then <do>"
)
EMPTY_THEN = (
    "@empty <p>, then <do>", "@empty <p> first and then <do>", "@clear out <p>. after that, <do>",
    "first what is in <p> goes on the table, then <do>", "@take whatever is in <p> out of it, and then <do>",
    "unload <p>, then <do>", "@get all the blocks out of <p> and on the table, then <do>",
    "all that is in <p> comes out; then <do>", "@tip <p> out onto the table, then <do>"
)
AFTERWARDS = (
    "<b> as soon as <a>", "<b>, but not before <a>", "as soon as <a>, <b>", "<b> after <a>", "after <a>, <b>",
    "<b> once <a>", "once <a>, <b>", "only after <a>, <b>", "<b>, but only after <a>", "we need this after <a>: <b>",
    "after <a> i want you to <b>", "<b> - after <a>, that is", "<b> the moment <a>", "the moment <a>, <b>"
)
PLACES_IN_ORDER = (
    "first <p>: <x>. then <q>: <y>", "first <p> gets <x>, then <q> gets <y>",
    "start with <p>, it gets <x>, then <q>, it gets <y>", "fill <p> first, with <x>, and <q> second, with <y>",
    "<p> first: <x> goes in. next is <q>: <y> goes in", "<p> is first, with <x>; <q> is second, with <y>",
    "begin with <p> and <x>, go on with <q> and <y>", "<x> into <p> to start with, and <q> comes second, for <y>",
    "in <p> first <x>, then in <q> <y>"
)
CHAINED = (
    "<do>, then <z> on top", "<do>; then <z> on top of it", "<do>, and on top of that goes <z>",
    "<do>. on top of that, <z>", "<do>, and then <z> goes on top of that one", "<do>, and <z> on top of both",
    "<do>. then @put <z> on top of it", "<do>, with <z> on top of that", "<do> and crown it with <z>",
    "<do>, followed by <z> on top", "<y> at the bottom, <x> on it, <z> on <x>", "<y> below, then <x>, then <z> above"
)
ON_TABLE_FIRST = (
    "<y> on the table, then <x> on <y>, then <z> on <x>", "@put <y> on the table, <x> on it and <z> on top",
    "first <y> goes on the table, then <x> on top of it, then <z> on top of <x>",
    "@stand <y> on the table, then @stack <x> on it, then <z> on <x>",
    "<y> to the table first; on it comes <x>, on <x> comes <z>"
)
RINGS = (
    "@make a (ring|circle) of blocks: <row>", "i want a circle: <row>", "each on the next one: <row>",
    "<row>, all at the same time", "@build a ring where each lies on the next: <row>", "round and round: <row>",
    "a ring please, <row>", "the blocks in a circle: <row>", "i want <row>, all at once", "all three at once: <row>",
    "i'd like a loop: <row>"
)
MUTUAL = (
    "<x> on <y> and <y> on <x>", "<x> on <y>, <y> on <x>", "both: <x> on top of <y> and <y> on top of <x>",
    "<x> goes on <y>, and <y> goes on <x>, at once", "@put <x> on <y> while <y> is on <x>",
    "<x> on <y> as well as <y> on <x>", "@stack <x> on <y> with <y> on <x>",
    "i'd like <x> on <y> with <y> on top of <x>", "<y> on <x> with <x> on <y>, both please"
)
IN_TURN = (
    "<a> first, then <b>", "to start with, <a>. then <b>",
    "i need two things from you, one after the other: <a>, then <b>", "start with this: <a>. next: <b>",
    "two jobs: first <a>, then <b>", "number one: <a>, number two: <b>", "<a>; that done, <b>",
    "as a start, <a>. then <b>", "let me think. ah yes: <a> and, after that, <b>",
    "begin with this one: <a>. go on with this one: <b>"
)


class Stepping(Shaping):
    """Shapes of several steps."""

    def moved_on(self) -> tuple[str, Goal]:
        """ "the block within the purple bowl: beside the block. then the cyan one in it"."""
        kind = self.draws.pick(("bowl", "bowl", "block"))
        source, y = self.things(kind, "block")
        relation = "in" if kind == "bowl" else "on"
        x = Things("the", Description("block", where=(Where(relation, self.bare(source)),)))
        first = self.goes(x, **{"on": 0.35, "in": 0.25, "table": 0.25, "beside": 0.1, "at": 0.05})
        if first.place == source or first.place == y:
            return self.moved_on()
        second = Fact(relation, y, source)
        place = self.x(source)
        slots = {
            "n": self.voice.word("nouns", "block"),
            "at": lambda: self.at(second, place),
            "to": self.to(first),
            "y": self.short(y),
            "there": self._there(second, place),
        }
        return self.told(MOVED_ON, **slots), Do(((first,), (second,)))

    def _there(self, fact: Fact, place: str) -> str:
        """To the place that was named before, by its name or without."""
        short = ("in there", "in there instead", "into it", "in it", "there instead", "in its place", "in")
        upper = ("on there", "there instead", "on it", "in its place", "on top of it")
        words = self.voice.pick(short if fact.relation == "in" else upper)
        return words if self.voice.chance(0.5) else self.to(fact, place)

    def out_then_in(self) -> tuple[str, Goal]:
        """ "first the blue cube off the red one, then the purple one on it"."""
        kind = self.draws.pick(("bowl", "bowl", "bowl", "block"))
        x, y, place = self.things("block", "block", kind)
        relation = "in" if kind == "bowl" else "on"
        words, p = ("out of" if kind == "bowl" else self.voice.pick(("off", "down from", "off"))), self.x(place)
        second = Fact(relation, y, place)
        text = self.told(
            OUT_THEN_IN,
            x=self.x(x, 0.0),
            y=self.short(y),
            out=f"{words} {p}",
            there=self._there(second, p),
            into=lambda: self.to(second, p),
        )
        return text, Do(((Not(Fact(relation, x, place)),), (second,)))

    def out_in(self) -> tuple[str, Goal]:
        """ "the purple one out, the smaller orange block in the red bowl"."""
        x, y = self.things("block", "block")
        place = self.colored("bowl")
        text = self.told(OUT_IN, x=self.short(x), y=self.x(y), p=self.x(place))
        return text, Do(((Fact("in", y, place), Not(Fact("in", x, place))),))

    def off_then(self) -> tuple[str, Goal]:
        """ "with the green cube off the blue cube, put that one in the orange bowl"."""
        kind = self.draws.pick(("block", "block", "bowl"))
        x, place = self.things("block", kind)
        relation, words = ("on", ("off", "down from")) if kind == "block" else ("in", ("out of", "out of"))
        moved = place if kind == "block" else x if self.draws.chance(0.5) else self.colored()
        second = self.goes(moved)
        if second.place in (x, place) or moved == x:
            second = Fact("in", moved, self.colored("bowl"))
            if second.place == place:
                return self.off_then()
        is_named = self.voice.chance(0.5) or moved != place
        do = self.do(second, self.x(moved) if is_named else self.voice.pick(("that one", "that block", "it")))
        text = self.told(OFF_THEN, x=self.x(x, 0.0), off=f"{self.voice.pick(words)} {self.x(place, 0.1)}", do=do)
        return text, Do(((Not(Fact(relation, x, place)),), (second,)))

    def clear_then(self) -> tuple[str, Goal]:
        """ "clear the blue block, then place it on top of the purple cube"."""
        x = self.things("block")[0]
        second = self.goes(x, **{"on": 0.5, "in": 0.3, "at": 0.1, "beside": 0.1})
        if self.draws.chance(0.25):
            second = Fact("on", self.things("block", "block")[0], x)
            if second.things == x:
                return self.clear_then()
        do = self.do(second, "it") if second.things == x else self.do(second, p="it")
        return self.told(CLEAR_THEN, x=self.x(x), do=do), Do(
            ((Not(Fact("on", Things("all", Description("block")), x)),), (second,))
        )

    def hold_then(self) -> tuple[str, Goal]:
        """ "lift the blue cube. then store it in the biggest yellow bowl"."""
        x = self.things("block")[0]
        second = self.goes(x, **{"on": 0.4, "in": 0.35, "beside": 0.1, "table": 0.1, "at": 0.05})
        return self.told(HOLD_THEN, x=self.x(x), do=self.do(second, "it")), Do(((Fact("held", x),), (second,)))

    def hold_last(self) -> tuple[str, Goal]:
        """ "once you put on the table the purple cube, hold up the orange cube"."""
        x, y = self.things("block", "block")
        goal = Do(((self.goes(x),), (Fact("held", y),)))
        if self.draws.chance(0.25):
            goal = Do(((self.goes(x, **{"in": 1.0}),), (self.goes(self.colored(), **{"in": 1.0}),), (Fact("held", y),)))
        return self.talk.sequences.steps(goal, self.talk), goal

    def empty_then(self) -> tuple[str, Goal]:
        """ "empty that there orange bowl, then put into it the big block"."""
        x, bowl = self.things("block", "bowl")
        inside = Things("all", Description("block", where=(Where("in", self.bare(bowl)),)))
        second = Fact("in", x, bowl)
        p = self.x(bowl)
        do = self.do(second, p=self.voice.pick((p, "it", "it", "that bowl")))
        return self.told(EMPTY_THEN, p=p, do=do), Do(((Fact("on", inside, TABLE),), (second,)))

    def afterwards(self) -> tuple[str, Goal]:
        """ "once you have gotten the orange cube down, free the cyan block from the bowl"."""
        x, y = self.things("block", "block")
        first, second = self.goes(x), self.goes(y)
        if self.draws.chance(0.35):
            second = Fact(self.draws.pick(("on", "beside")), y, x)
        if first.place == y or (second.place == first.things and second.relation == "in"):
            return self.afterwards()
        command = self.clauses.command(first)
        a = (
            f"you have {command.form('participle')}"
            if not command.rest or self.voice.chance(0.6)
            else f"{command.x} {'have' if command.many else 'has'} been {command.passive()}"
        )
        a = a.replace("you have", self.voice.pick(("you have", "you've", "you have")))
        return self.told(AFTERWARDS, a=a, b=self.do(second)), Do(((first,), (second,)))

    def places_in_order(self) -> tuple[str, Goal]:
        """ "first the blue bowl: the blue block. then the red one: the red one"."""
        x, y, p, q = self.things("block", "block", "bowl", "bowl")
        slots = {"x": self.x(x), "y": self.short(y), "p": self.x(p), "q": self.short(q)}
        return self.told(PLACES_IN_ORDER, **slots), Do(((Fact("in", x, p),), (Fact("in", y, q),)))

    def chained(self) -> tuple[str, Goal]:
        """ "the blue block below, then the green block, then the purple one above"."""
        is_sized = self.draws.chance(0.5)
        x, y, z = self._sized() if is_sized else self.things("block", "block", "block")
        first = Fact("on", x, y)
        slots = {"x": self.x(x, 0.0), "y": self.x(y, 0.0), "z": self.short(z), "do": lambda: self.do(first)}
        if self.draws.chance(0.2):
            return self.told(ON_TABLE_FIRST, **slots), Do(((Fact("on", y, TABLE),), (first,), (Fact("on", z, x),)))
        return self.told(CHAINED, **slots), Do(((first,), (Fact("on", z, x),)))

    def _sized(self) -> list[Things]:
        """Three blocks that are told by size and colour."""
        colors = self.people.color, self.people.color
        told = [Description("block", colors[0](), size) for size in ("small", "big")]
        told = self.draws.shuffled(told) if self.draws.chance(0.2) else told
        third = Description("block", self.people.color((told[0].color, told[1].color)), self.draws.pick(("small", "")))
        return [Things("the", one) for one in (*told, third)]

    def ring(self) -> tuple[str, Goal]:
        """ "a ring please, purple on red, red on orange, orange on purple"."""
        if self.draws.chance(0.4):
            x, y = self.things("block", "block")
            text = self.told(MUTUAL, x=self.x(x, 0.0), y=self.x(y, 0.0))
            return text, Do(((Fact("on", x, y), Fact("on", y, x)),))
        found = self.things("block", "block", "block")
        words = [
            self.nouns.color(t.description.color)
            if t.description.color
            and t.description == Description("block", t.description.color)
            and self.voice.chance(0.6)
            else self.x(t, 0.0)
            for t in found
        ]
        pairs = [(0, 1), (1, 2), (2, 0)]
        row = self.voice.pick((", ", ", ", " and ")).join(f"{words[a]} on {words[b]}" for a, b in pairs)
        return self.told(RINGS, row=row), Do((tuple(Fact("on", found[a], found[b]) for a, b in pairs),))

    def in_turn(self) -> tuple[str, Goal]:
        """Two steps of any make, the first of several things, or of the first and the last one of a row."""
        x, y = self.things("block", "block")
        first, second = self.goes(x), self.goes(y)
        way = self.draws.random()
        if way < 0.35:
            first = self.people.fact(is_many=True, relation=self.draws.weighted({"in": 0.7, "at": 0.15, "table": 0.15}))
        elif way < 0.55:
            ends = self.draws.shuffled(self.draws.pick((("leftmost", "rightmost"), ("nearest", "farthest"))))
            one, two = (Things("the", Description("block", superlative=end)) for end in ends)
            first, second = self.goes(one), self.goes(two)
        if way < 0.35 and first.relation == "in" and self.draws.chance(0.3):
            second = Fact("beside", y, first.place if first.place.quantifier == "the" else self.colored("bowl"))
        goal = Do(((first,), (second,)))
        if self.voice.chance(0.5):
            return self.talk.sequences.steps(goal, self.talk), goal
        a, b = Command(self.do(first)), self.do(second)
        if "<aing>" not in (row := self.voice.pick(forms(IN_TURN, self.voice.split))) and self.voice.chance(0.3):
            a, b = Command(f"{self.x(first.things)} {self.to(first)}"), f"{self.x(second.things)} {self.to(second)}"
        return self.told((row,), a=a.pattern, aing=lambda: a.form("gerund"), b=b), goal
