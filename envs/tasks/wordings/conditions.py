"""Tests in words: what is so, and whether it is so."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import NUMBERS, Description, Exists, Fact, More, Not, Test, Things
from envs.tasks.wordings.clauses import Clauses
from envs.tasks.wordings.forms import article
from envs.tasks.wordings.nouns import Noun

THERE = (
    "there {is/are} <x>", "there's <x>", "you (see|can see) <x>", "you (find|spot) <x>", "i have <x>",
    "there {is/are} <x> (here|on the table|around)", "<x> {exists/exist}", "we have <x>", "there happens to be <x>",
    "<x> {is/are} (there|present|around)", "you've got <x>", "there {is/are} really <x>"
)
THERE_NOT = (
    "there is no <n>", "there isn't (<a>|any) <n>", "there are no <ns>", "there aren't any <ns>",
    "you (see|find) no <n>", "you don't see (<a>|any) <n>", "there's no <n>", "we have no <n>", "no <n> is there",
    "there is not a single <n>", "you can't find (<a>|any) <n>"
)
EMPTY = (
    "<p> is empty", "<p> is (still|currently) empty", "<p> has nothing in it", "<p> contains nothing",
    "<p> is unoccupied", "<p> does not contain anything"
)
NOT_EMPTY = ("<p> is not empty", "<p> isn't empty", "<p> is not (still|) empty")
SOMETHING = (
    "there is (something|anything) <st>", "there's (something|anything) <st>", "(something|anything) is <st>",
    "you see (something|anything) <st>"
)
NO_THING = ("there is nothing <st>", "nothing is <st>", "there isn't anything <st>", "there's nothing <st>")
HAS = (
    SOMETHING,
    ("<p> has (something|anything) <in> it", "<p> has something <in> it", "<p> has got (something|anything) <in> it",
     "<p> has stuff <in> it", "<p> has a thing <in> it", "<p> already has something <in> it"),
)
HAS_NOT = (
    NO_THING,
    ("<p> has nothing <in> it", "<p> doesn't have anything <in> it", "<p> has not got anything <in> it",
     "<p> does not have anything <in> it", "<p> has no block <in> it"),
)
MORE = (
    "there are more <xs> than <ys>", "you see more <xs> than <ys>", "there are more <xs> than there are <ys>",
    "the <xs> outnumber the <ys>", "we have more <xs> than <ys>",
    "the number of <xs> is (greater|larger|higher|bigger) than the number of <ys>", "i have more <xs> than <ys>",
    "the <xs> are in the majority over the <ys>", "there are fewer <ys> than <xs>"
)
MORE = MORE[:7] + MORE[8:]
NOT_MORE = (
    "there are not more <xs> than <ys>", "there aren't more <xs> than <ys>", "the <xs> don't outnumber the <ys>"
)


class Conditions:
    """Says tests."""

    def __init__(self, clauses: Clauses) -> None:
        self.clauses, self.voice, self.nouns = clauses, clauses.voice, clauses.nouns

    def say(self, test: Test) -> str:
        """It as a clause that says that it is so: "there is a red block"."""
        if isinstance(test, Not):
            return self._denied(test.test)
        if isinstance(test, Exists):
            return self._exists(test.things)
        if isinstance(test, More):
            return self.voice.form(MORE, self.compared(test))
        state = self.clauses.state(test, self.counted(test.things) if test.things.quantifier == "a" else None)
        if test.relation == "held":
            return self.voice.fill(
                "(you are holding <x>|you hold <x>|<x> {is/are} <st>|you have <x> in your hand)",
                {"x": state.x, "st": state.where},
                many=state.many,
            )
        return self.voice.fill(
            "<x> {is/are} (|||||already|currently|still) <st>", {"x": state.x, "st": state.where}, many=state.many
        )

    def compared(self, test: More) -> dict:
        return {"xs": lambda: self.several(test.these.description), "ys": lambda: self.several(test.those.description)}

    def several(self, told: Description) -> str:
        """Several of a description, without an article."""
        core = self.nouns.core(told, many=True)
        return self.nouns.without(" ".join(filter(None, [core.front, core.noun, core.behind])), told, True)

    def one(self, told: Description) -> str:
        """One of a description, without an article."""
        core = self.nouns.core(told, many=False)
        return self.nouns.without(" ".join(filter(None, [core.front, core.noun, core.behind])), told, True)

    def _exists(self, things: Things) -> str:
        told = things.description
        if is_empty_bowl(told) and things.quantifier not in NUMBERS and self.voice.chance(0.8):
            return self.voice.form(EMPTY, {"p": self.nouns.say(Things("the", Description("bowl", told.color))).text})
        if is_something(told):
            return self._something(told, HAS)
        x = self.counted(things)
        return self.voice.form(THERE, {"x": x.text}, many=x.many)

    def counted(self, things: Things) -> Noun:
        """Things that may be there: "a red block", "at least two bowls"."""
        if things.quantifier in NUMBERS:
            if self.voice.chance(0.1):
                less = NUMBER.get(str(int(things.quantifier) - 1), "one")
                return Noun(
                    f"more than {less} {(self.several if less != 'one' else self.one)(things.description)}",
                    less != "one",
                )
            told = self.nouns.say(things)
            return (
                Noun(self.voice.pick(("", "", "at least ")) + told.text, True)
                if not told.text.startswith(("exactly", "just", "any"))
                else (Noun(told.text.split(" ", 1)[1], True))
            )
        if things.quantifier == "both":
            return self.nouns.say(things)
        if self.voice.chance(0.15):
            return Noun(f"{self.voice.pick(('any', 'some'))} {self.several(things.description)}", True)
        core = self.one(things.description)
        return Noun(f"{self.voice.pick((article(core),) * 3 + ('at least one', 'any'))} {core}", False)

    def _something(self, told: Description, rows: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        """That there is anything in or on something, or nothing. rows: said of what is there, and of the place."""
        if self.voice.chance(0.55):
            return self.voice.form(rows[0], {"st": self.bracket(told)})
        where = told.where[0]
        return self.voice.form(rows[1], {"p": self.nouns.inner(where.things).text, "in": where.relation})

    def bracket(self, told: Description) -> str:
        where = told.where[0]
        return self.voice.fill(
            "(in*3|inside) <p>" if where.relation == "in" else "(on*3|on top of) <p>", self.nouns.slots(where)
        )

    def _denied(self, test: Test) -> str:
        if isinstance(test, Not):
            return self.say(test.test)
        if isinstance(test, Exists):
            return self._missing(test.things)
        if isinstance(test, More):
            return self.voice.form(NOT_MORE, self.compared(test))
        if test.things.quantifier == "a":
            state = self.clauses.state(test, Noun(f"no {self.one(test.things.description)}", False))
            return f"{state.x} is {state.where}"
        state = self.clauses.state(test)
        return self.voice.fill(
            "<x> ({is/are} not*3|{isn't/aren't}*3|{is/are} not yet|{isn't/aren't} yet) <st>",
            {"x": state.x, "st": state.where},
            many=state.many,
        )

    def _missing(self, things: Things) -> str:
        told = things.description
        if is_empty_bowl(told) and things.quantifier not in NUMBERS and self.voice.chance(0.9):
            return self.voice.form(
                NOT_EMPTY, {"p": self.nouns.say(Things("the", Description("bowl", told.color))).text}
            )
        if is_something(told):
            return self._something(told, HAS_NOT)
        if things.quantifier in NUMBERS:
            number = things.quantifier if self.voice.chance(0.2) else NUMBER[things.quantifier]
            return f"there are not {self.voice.pick(('at least ', ''))}{number} {self.several(told)}"
        one = self.one(told)
        return self.voice.form(THERE_NOT, {"n": one, "a": article(one), "ns": lambda: self.several(told)})


NUMBER = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}


def is_empty_bowl(told: Description) -> bool:
    """Whether a description is of one bowl that is empty, which people say of the bowl."""
    return (
        bool(told.color)
        and not told.color.startswith('"')
        and told.kind == "bowl"
        and [w.relation for w in told.where] == ["empty"]
        and (not told.superlative and not told.but and not told.size)
    )


def bowl_of(test) -> Things | None:
    """The bowl that a test is about; None where it is about none."""
    if isinstance(test, Not):
        return bowl_of(test.test)
    if isinstance(test, Fact):
        return test.place if test.relation == "in" and test.place.quantifier == "the" else None
    if not isinstance(test, Exists):
        return None
    told = test.things.description
    if is_empty_bowl(told) and test.things.quantifier not in NUMBERS:
        return Things("the", Description("bowl", told.color))
    is_in = [where.relation for where in told.where] == ["in"] and told.where[0].things.quantifier == ""
    return replace(told.where[0].things, quantifier="the") if is_in else None


def is_something(told: Description) -> bool:
    """Whether a description is of anything in or on something."""
    return (
        told == Description("thing", where=told.where)
        and len(told.where) == 1
        and told.where[0].relation in ("in", "on")
    )


__all__ = ["Conditions", "Fact"]
