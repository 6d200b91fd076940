"""Shapes of questions about the scene."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import Description, Exists, Goal, More, Tell, Things, Where
from envs.tasks.wordings.forms import article_of
from envs.tasks.wordings.shaping import Shaping

COUNTED = (
    "how many <xs> lie <b>?", "how many <xs> does one find <b>?", "the number of <xs> <b>, please",
    "<xs> <b>: how many?", "how many <xs> remain <b>?", "any idea how many <xs> are <b>?",
    "<b>, how many <xs> do you see?", "tell me the count of <xs> <b>", "how many <xs> in all are <b>?",
    "what's the total of <xs> <b>?", "say, how many <xs> are there <b>?"
)
COUNTED_BUT = (
    "how many <xs> are there, not counting <b>?", "without <b>, how many <xs> are there?",
    "count the <xs>, but not <b>", "leaving out <b>, how many <xs> do you see?", "how many <xs> besides <b>?",
    "how many other <xs> are there than <b>?", "disregarding <b>, what is the number of <xs>?",
    "how many <xs> if you skip <b>?"
)
SORT = (
        "count the <s> <xs>",
        "how many <xs> are <s> ones?",
        "number of <s> <xs>?",
        "of the <xs>, how many are <s>?"
    )
CONTENTS = (
    "what does <p> hold?", "what's inside <p>?", "what has been put in <p>?",
    "tell me what lies in <p>", "what would i find in <p>?", "list the contents of <p>", "<p>: what's in it?",
    "what have we got inside <p>?", "look into <p> and tell me what you see", "anything in <p>, and if so, what?",
    "what is lying in <p>?", "what did i leave in <p>?"
)
IN_WHICH = (
    "what <k> is <x> in?", "in which <k> did <x> end up?", "which <k> has got <x>?", "which <k> did you put <x> in?",
    "<x> is in which <k>?", "which of the <ks> holds <x>?", "tell me the <k> that <x> is in",
    "which <k> is the one with <x> in it?"
)
MOST = (
    "which <k> is the <w> of them all?", "the <w> <k>, which one is it?", "what's the <w> <k> here?",
    "which <k> would you call the <w>?", "which one of all the <ks> is <a>?", "i wonder which <k> is <a>"
)
MOST_COLORED = (
    "what's the color of the <w> <k>, love?", "the <w> <k>: its color?", "what color would you say the <w> <k> is?",
    "the color of the <k> <a>, please", "which color does the <k> <a> have?", "what's the <w> <k>'s color?",
    "name me the color of the <w> <k>"
)
ON_IT = (
    "on <p> lies another <k>. what is its color?", "there is a <k> on <p>. what color is it?",
    "what color has the <k> on <p>?", "a <k> sits on <p>; which color?", "the <k> on top of <p>, of what color is it?",
    "something is on <p>. tell me its color"
)
IN_IT = (
    "in <p> lies a <k>. what is its color?", "there is a <k> in <p>. what color is it?",
    "which color is the <k> inside <p>?", "a <k> is in <p>; which color?", "the <k> inside <p>, of what color is it?",
    "<p> has a <k> in it. tell me its color"
)
WHEREABOUTS = (
    "position of <x>?", "current spot of <x>?", "where on earth is <x>?", "<x> is missing, where is it?",
    "what became of <x>, where is it?", "tell me the whereabouts of <x>", "have you seen <x>? where is it?",
    "where does <x> stand?", "where may <x> be?", "<x>'s place, please", "where have you put <x>?",
    "which place did <x> end up in?"
)
SO = (
    "does <x> stand <at>?", "is it so that <x> {is/are} <at>?", "did you get <x> <to>?", "<x>: <at> or not?",
    "did <x> end up <at>?", "has <x> gone <to>?", "can you see <x> <at>?",
    "{is/are} <x> where i wanted {it/them}, <at>?", "just tell me whether <x> {is/are} <at>",
    "{is/are} <x> really <at>, like i asked?", "did anybody put <x> <to>?"
)
THERE = (
    "is there <x> anywhere?", "would you have <x> there?", "might there be <x>?", "can you find me <x>, is there one?",
    "do i see <x>?", "any <n> around?", "is <x> to be found here?", "got <x>?", "<x>, is there one?"
)
PUT_IN = (
    "is something inside <p>?", "did somebody put anything in <p>?", "is there a thing in <p>?",
    "does <p> have anything in it?", "has <p> got something in it?", "is anything lying in <p>?",
    "would there be something in <p>?"
)
OUTNUMBER = (
    "so do the <xs> outnumber the <ys>?", "is the number of <xs> greater than that of <ys>?",
    "more <xs> than <ys>, is that so?", "have we more <xs> than <ys>?", "would you say there are more <xs> than <ys>?",
    "are the <xs> in the majority against the <ys>?", "do the <xs> beat the <ys> in number?"
)


class Wondering(Shaping):
    """Shapes of what is asked."""

    def counted(self) -> tuple[str, Goal]:
        """ "disregarding the purple cubes, what is the number of blocks?"."""
        way = self.draws.random()
        told = Description("block", self.people.color() if self.draws.chance(0.4) else "")
        if way < 0.2:
            left_out = Description("block", self.people.color((told.color,)))
            told = Description("block", but=left_out)
            b = f"the {self.several(left_out)}"
            return self.told(COUNTED_BUT, xs=self.several(Description("block")), b=b), Tell("count", Things("", told))
        if way < 0.35:
            size = self.draws.pick(("big", "big", "small"))
            goal = Tell("count", Things("", Description("block", size=size)))
            return self.told(SORT, xs=self.several(Description("block")), s=self.voice.word("sizes", size)), goal
        if way < 0.5:
            kind = self.draws.pick(("bowl", "bowl", "block", "thing"))
            words = (
                "there on the table",
                "on the table",
                "directly on the table",
                "right on the table",
                "standing on the table",
            )
            text = self.told(COUNTED, xs=self.several(Description(kind)), b=self.voice.pick(words))
            return text, Tell("count", Things("", Description(kind, where=(Where("on table"),))))
        bowl = self.people.the("bowl", way=self.draws.pick(("color", "color", "where", "superlative")))
        inner, b = self.bare(bowl), f"{self.voice.pick(('in', 'inside', 'in'))} {self.x(bowl)}"
        if way < 0.65:
            inner = Things("a", Description("bowl"))
            b = self.voice.pick(("in the bowls", "in any bowl", "in bowls", "in one of the bowls"))
        size = self.draws.pick(("small", "big")) if not told.color and self.draws.chance(0.4) else ""
        told = replace(told, size=size, kind="block" if told.color or size or self.draws.chance(0.6) else "thing")
        text = self.told(COUNTED, xs=self.several(told), b=b)
        return text, Tell("count", Things("", replace(told, where=(Where("in", inner),))))

    def contents(self) -> tuple[str, Goal]:
        """ "tell me the bowl that the orange block farthest from you is in"."""
        if self.draws.chance(0.4):
            x = self.things("block")[0]
            k = self.voice.word("nouns", "bowl")
            told = Description("bowl", where=(Where("holding", self.bare(x)),))
            return self.told(IN_WHICH, x=self.x(x), k=k, ks=self.several(Description("bowl"))), Tell(
                "what", Things("", told)
            )
        bowl = self.things("bowl")[0]
        goal = Tell("what", Things("", Description("thing", where=(Where("in", self.bare(bowl)),))))
        return self.told(CONTENTS, p=self.x(bowl)), goal

    def most(self) -> tuple[str, Goal]:
        """ "which one of all the bowls is furthest to the right?"."""
        kind = self.draws.pick(("block", "block", "bowl"))
        told = Description(kind, superlative=self.people.superlative(kind))
        after = self.voice.word("after", told.superlative).removeprefix("that is ").removeprefix("which is ")
        core, several = self.talk.conditions.one(Description(kind)), self.several(Description(kind))
        is_color = self.draws.chance(0.4)
        text = self.told(
            MOST_COLORED if is_color else MOST,
            k=core,
            ks=several,
            w=self.voice.word("before", told.superlative),
            a=after,
        )
        return text, Tell("color", Things("the", told)) if is_color else Tell("what", Things("", told))

    def colored_there(self) -> tuple[str, Goal]:
        """ "in the bowl which is orange lies a block. what is its color?"."""
        kind, relation, row = self.draws.pick((("block", "on", ON_IT), ("bowl", "in", IN_IT)))
        place = self.things(kind)[0]
        k = self.voice.pick(("block", "cube", "block"))
        goal = Tell("color", Things("the", Description("block", where=(Where(relation, self.bare(place)),))))
        return self.told(row, p=self.x(place), k=k), goal

    def whereabouts(self) -> tuple[str, Goal]:
        """ "where have you put the cube which is next to the cyan block?"."""
        x = self.things("block")[0] if self.draws.chance(0.7) else self.people.the("block", way="superlative")
        return self.told(WHEREABOUTS, x=self.x(x)), Tell("where", x)

    def so(self) -> tuple[str, Goal]:
        """ "is the yellow block where i wanted it, inside the blue bowl?"."""
        x = self.things("block")[0]
        if self.draws.chance(0.3):
            x = Things(self.draws.pick(("both", "all")), Description("block", self.people.color()))
        fact = self.goes(x, **{"in": 0.4, "on": 0.25, "at": 0.15, "left_of": 0.1, "right_of": 0.1})
        p, noun = self.x(fact.place) if isinstance(fact.place, Things) else "", self.nouns.say(x)
        text = self.told(SO, many=noun.many, x=noun.text, to=lambda: self.to(fact, p), at=lambda: self.at(fact, p))
        return text, Tell("whether", fact)

    def there(self) -> tuple[str, Goal]:
        """ "is the number of green blocks greater than that of red ones?"."""
        way = self.draws.random()
        if way < 0.3:
            bowl = self.things("bowl")[0]
            inside = Description("thing", where=(Where("in", self.bare(bowl)),))
            return self.told(PUT_IN, p=self.x(bowl)), Tell("whether", Exists(Things("a", inside)))
        if way < 0.55:
            kind = self.draws.pick(("block", "block", "bowl"))
            these, those = (Description(kind, color) for color in self.draws.shuffled(_COLORS)[:2])
            test = More(Things("", these), Things("", those))
            return self.told(OUTNUMBER, xs=self.several(these), ys=self.several(those)), Tell("whether", test)
        told = Description(self.draws.pick(("block", "bowl")), self.people.color())
        n = self.talk.conditions.one(told)
        return article_of(self.told(THERE, x=f"a {n}", n=n), n), Tell("whether", Exists(Things("a", told)))


_COLORS = (
    "red", "green", "blue", "yellow", "orange", "purple", "cyan", "white"
)
