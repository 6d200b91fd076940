"""Questions about the scene."""

from __future__ import annotations

from envs.goals.language import NUMBERS, TABLE, Description, Exists, Fact, More, Not, Tell, Test, Things
from envs.tasks.wordings.conditions import Conditions, is_empty_bowl, is_something

COUNT = (
    "how many <xs> are there?", "how many <xs> do you see?", "count the <xs>", "tell me how many <xs> there are",
    "how many <xs>?", "what is the number of <xs>?", "how many <xs> can you see?", "can you count the <xs>?",
    "how many <xs> are on the scene?", "how many <xs> have we got?", "i'd like to know how many <xs> there are",
    "number of <xs>?", "could you tell me how many <xs> there are?", "do you know how many <xs> there are?",
    "please count the <xs> for me", "how many <xs> do we have?", "what's the count of <xs>?",
    "say how many <xs> you see", "give me the number of <xs>", "how many <xs> do you count?",
    "i wonder how many <xs> there are", "just count the <xs>", "the <xs>, how many are there?",
    "how many of the things are <xs>?", "tell me the number of <xs>"
)
COUNT_AT = (
    "how many <xs> are <b>?", "how many <xs> are there <b>?", "count the <xs> <b>", "how many <xs> do you see <b>?",
    "tell me how many <xs> are <b>", "can you tell me how many <xs> are <b>?", "how many of the <xs> are <b>?",
    "what is the number of <xs> <b>?", "do you know how many <xs> are <b>?", "how many <xs> have we got <b>?",
    "i'd like to know how many <xs> are <b>", "say how many <xs> are <b>", "number of <xs> <b>?",
    "could you count the <xs> <b>?", "how many <xs> do you find <b>?"
)
COUNT_COLOR = (
    "how many <xs> are <c>?", "how many of the <xs> are <c>?", "how many <xs> do you see that are <c>?",
    "count the <xs> that are <c>", "tell me how many <xs> are <c>", "how many <c> ones among the <xs>?",
    "of the <xs>, how many are <c>?", "how many <xs> have the color <c>?"
)
WHETHER = (
    "tell me (if|whether) <t>", "do you know (if|whether) <t>?", "i want to know (if|whether) <t>",
    "can you (tell me|check|see) (if|whether) <t>?", "is it true that <t>?", "check (if|whether) <t>", "<t>, right?",
    "<t>?", "i wonder (if|whether) <t>", "would you say that <t>?", "could you look (if|whether) <t>?",
    "is it the case that <t>?", "<t>, correct?", "so <t>?", "am i right that <t>?", "true or false: <t>",
    "<t>, yes or no?", "<t>, isn't that so?", "please tell me (if|whether) <t>", "let me know (if|whether) <t>"
)
WHERE = (
    "where is <x>?", "where's <x>?", "tell me where <x> is", "give me the position of <x>", "location of <x>?",
    "<x>: where?", "where can i find <x>?", "do you know where <x> is?", "can you see where <x> is?",
    "where did <x> go?", "in which place is <x>?", "i can't find <x>, where is it?", "what is the location of <x>?",
    "where do you see <x>?", "<x>, where is it?", "could you tell me where <x> is?", "find <x> for me, where is it?",
    "where would i find <x>?", "show me where <x> is", "where has <x> gone?", "say where <x> is",
    "i'm looking for <x>, where is it?", "what's the position of <x>?", "whereabouts is <x>?", "any idea where <x> is?",
    "where exactly is <x>?", "what is <x> on or in?", "i lost <x>, can you tell me where it is?"
)
COLOR = (
    "what color is <x>?", "what's the color of <x>?", "which color does <x> have?", "tell me the color of <x>",
    "give me the color of <x>", "gimme the color of <x>", "color of <x>?", "<x>: what color?", "what colour is <x>?",
    "which color is <x>?", "do you know what color <x> is?", "can you tell me the color of <x>?",
    "<x>, what color is it?", "what is the colour of <x>?", "what color does <x> have?",
    "could you say what color <x> is?", "of what color is <x>?", "i'd like to know the color of <x>",
    "name the color of <x>", "say the color of <x>", "in what color is <x>?", "i can't see <x>, what color is it?",
    "please name the color of <x>", "how is <x> colored?"
)
WHAT_THING = (
    "what is <b>?", "what's <b>?", "what do you see <b>?", "tell me what is <b>", "what have we got <b>?",
    "which things are <b>?", "what is there <b>?", "do you see anything <b>? what is it?", "list what is <b>",
    "can you tell me what's <b>?", "name everything <b>", "what can you see <b>?", "what things are <b>?",
    "say what is <b>", "could you say what is <b>?", "what's there <b>?", "what objects are <b>?",
    "i'd like to know what is <b>", "describe what is <b>"
)
WHAT_ALL = (
    "what do you see?", "what is on the table?", "what's on the table?", "what can you see?",
    "list everything that you see", "what things are there?", "tell me what you see", "describe the table",
    "what is there?", "what have we got here?", "which objects are there?", "what's in front of you?",
    "describe the scene", "name all the things on the table", "what's there?", "what all is on the table?"
)
WHAT_KIND = (
    "which <x> {is/are} <b>?", "what <x> {is/are} <b>?", "which <x> do you see <b>?", "tell me which <x> {is/are} <b>",
    "name the <x> <b>", "list the <x> <b>", "which of the <xs> {is/are} <b>?",
    "can you tell me which <x> {is/are} <b>?", "do you know which <x> {is/are} <b>?",
    "which {one is/ones are} the <x> <b>?", "i want to know which <x> {is/are} <b>", "say which <x> {is/are} <b>"
)
WHAT_KINDS = (
    "which <xs> are there?", "what <xs> do you see?", "list the <xs>", "name the <xs>", "which <xs> do you see?",
    "what <xs> are there?", "tell me which <xs> there are", "which <xs> are on the table?", "name all <xs>",
    "what <xs> have we got?"
)


class Asking:
    """Says questions."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions, self.voice = conditions, conditions.voice
        self.nouns, self.clauses = conditions.nouns, conditions.clauses

    def say(self, goal: Tell) -> str:
        """A question."""
        if goal.about == "whether":
            return self._whether(goal.what)
        if goal.about == "count":
            return self._count(goal.what.description)
        if goal.about == "what":
            return self._what(goal.what.description)
        x = self.nouns.say(goal.what if goal.what.quantifier else Things("the", goal.what.description))
        return self.voice.form(WHERE if goal.about == "where" else COLOR, {"x": x.text})

    def _count(self, told: Description) -> str:
        """How many there are, with what tells them in a clause of its own where there is such."""
        bare = Description(told.kind, told.color, told.size)
        if len(told.where) == 1 and not (told.but or told.superlative) and self.voice.chance(0.75):
            state = self.voice.fill(_STATE[told.where[0].relation], self.nouns.slots(told.where[0]))
            return self.voice.form(COUNT_AT, {"xs": lambda: self.conditions.several(bare), "b": state})
        if told == Description(told.kind, told.color) and told.color and self.voice.chance(0.2):
            return self.voice.form(
                COUNT_COLOR,
                {"xs": lambda: self.conditions.several(Description(told.kind)), "c": self.nouns.color(told.color)},
            )
        return self.voice.form(COUNT, {"xs": lambda: self.conditions.several(told)})

    def whether(self, test: Test) -> str:
        """A plain question whether something is so: "is the red block in the bowl?"."""
        return self._whether(test, 0.0)

    def _whether(self, test: Test, indirect: float = 0.35) -> str:
        if self.voice.chance(indirect):
            return self.voice.form(WHETHER, {"t": self.conditions.say(test)})
        inner, word = (test.test, "not ") if isinstance(test, Not) else (test, "")
        if isinstance(inner, Exists):
            return self._is_there(inner.things, word)
        if isinstance(inner, More):
            if word:
                return self.voice.form(WHETHER, {"t": self.conditions.say(test)})
            return self.voice.fill(
                "(are there*4|do you see*2|do we have|can you see) more <xs> than <ys>?",
                self.conditions.compared(inner),
            )
        if (
            inner.relation == "in"
            and not word
            and isinstance(inner.place, Things)
            and inner.place.quantifier == "the"
            and inner.things.quantifier in ("the", "a")
            and self.voice.chance(0.25)
        ):
            x, p = self.clauses.both(inner)
            return self.voice.fill(
                "(does <p> (contain|hold) <x>?*3|does <p> have <x> in it?|is <p> holding <x>?)",
                {"x": x.text, "p": p.text},
            )
        state = self.clauses.state(
            inner, self.conditions.counted(inner.things) if inner.things.quantifier == "a" else None
        )
        word = word or self.voice.pick(("", "", "already ", "still ", "now "))
        return f"{'are' if state.many else 'is'} {state.x} {word}{state.where}?"

    def _is_there(self, things: Things, word: str) -> str:
        told = things.description
        if is_empty_bowl(told) and things.quantifier not in NUMBERS and self.voice.chance(0.8):
            bowl = self.nouns.say(Things("the", Description("bowl", told.color))).text
            return self.voice.fill(f"(is <p> {word}empty?*4|is <p> {word}really empty?)", {"p": bowl})
        if word:
            return self.voice.form(WHETHER, {"t": self.conditions.say(Not(Exists(things)))})
        if is_something(told):
            return self.voice.fill(
                (
                    "(is there (anything|something) <st>?*5|is (anything|something) <st>?*2|do you see "
                    "(anything|something) <st>?)"
                ),
                {"st": self.conditions.bracket(told)},
            )
        x = self.conditions.counted(things)
        return self.voice.fill(
            (
                "({is/are} there <x>?*5|do you see <x>?*2|can you see <x>?*2|do we have <x>?|have we got "
                "<x>?|any chance there {is/are} <x>?|{is/are} there <x> here?)"
            ),
            {"x": x.text},
            many=x.many,
        )

    def _which(self, told: Description) -> str:
        """Which one is the biggest, or stands leftmost."""
        kind = self.conditions.one(Description(told.kind, told.color, told.size))
        word = self.voice.word("before", told.superlative)
        after = self.voice.word("after", told.superlative).removeprefix("that is ").removeprefix("which is ")
        many = self.conditions.several(Description(told.kind, told.color, told.size))
        slots = {"k": kind, "ks": many, "w": word, "a": after}
        return self.voice.fill(
            (
                "(which <k> is the <w>?*2|what is the <w> <k>?|which one is the <w> <k>?|which <k> is <a>?*2|"
                "tell me which <k> is the <w>|which of the (two |three |) <ks> is (the |)<w>?*2|"
                "which of the <ks> is <a>?|"
                "what is the <w> <k> that you see?|name the <w> <k>)"
            ),
            slots,
        )

    def _what(self, told: Description) -> str:
        if told == Description("thing"):
            return self.voice.form(WHAT_ALL)
        if told.superlative and not told.where and self.voice.chance(0.8):
            return self._which(told)
        if len(told.where) != 1 or told.superlative or told.but:
            return self.voice.form(WHAT_KINDS, {"xs": lambda: self.conditions.several(told)})
        if told.where[0].relation == "holding" and told.kind == "bowl" and self.voice.chance(0.5):
            inner, bowl = self.nouns.inner(told.where[0].things), self.conditions.one(Description("bowl", told.color))
            return self.voice.fill(
                (
                    "(which <n> (is|are) <x> in?|in which <n> (is|are) <x>?|which <n> (contains|holds|has) "
                    "<x>?|which <n> has <x> in it?|what <n> (is|are) <x> in?)"
                ).replace(
                    "(is|are)", "{is/are}"
                ),
                {"n": bowl, "x": inner.text},
                many=inner.many,
            )
        where = self.voice.fill(_STATE[told.where[0].relation], self.nouns.slots(told.where[0]))
        if told.kind == "thing" and not (told.color or told.size):
            return self.voice.form(WHAT_THING, {"b": where})
        head = Description(told.kind, told.color, told.size)
        many = self.voice.chance(0.5) and told.where[0].relation not in ("nearest", "farthest")
        return self.voice.form(
            WHAT_KIND,
            {
                "x": self.conditions.several(head) if many else self.conditions.one(head),
                "xs": self.conditions.several(head),
                "b": where,
            },
            many=many,
        )


_STATE = {
    "in": "(in*4|inside) <p>",
    "on": "(on*3|on top of) <p>",
    "on table": "(right|directly) on the table",
    "under": "(under*3|underneath|below) <p>",
    "holding": "holding <p>",
    "beside": "(next to*4|beside*2|near|close to) <p>",
    "left of": "(to the left of*3|left of) <p>",
    "right of": "(to the right of*3|right of) <p>",
    "nearest": "(nearest to|closest to) <p>",
    "farthest": "(farthest from|furthest from) <p>",
    "alone": "standing alone",
    "empty": "empty",
    "same color": "of the same color",
}

__all__ = ["TABLE", "Asking", "Fact"]
