"""References in words: "the red block in the blue bowl", "both cubes", "anything but the green one"."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from envs.goals.language import KINDS, NUMBERS, Description, Things, Where
from envs.tasks.wordings.brackets import (
    ALL_OTHERS,
    ANY_OTHER,
    BARE,
    CLAUSES,
    EMPTY,
    EXCEPT,
    HEAPS,
    NEEDING_COLOR,
    PAIRS,
    SINGLE_EXCEPT,
)
from envs.tasks.wordings.forms import article, plural
from envs.tasks.wordings.lexicon import NUMBERS as NUMBER_WORDS
from envs.tasks.wordings.voice import Voice


class Noun(NamedTuple):
    """A reference in words. many: whether verbs agree with several."""

    text: str
    many: bool


class Core(NamedTuple):
    """Words in front of a noun, the noun, and what stands behind it."""

    front: str
    noun: str
    behind: str



MINE = ("that", "this", "my", "our", "that there")
IS_NOT = ("that is not", "that isn't", "which is not", "not the one", "but not the one")


class Nouns:
    """Says references."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice

    def say(self, things: Things, *, clear: bool = True, one: float = 0.12) -> Noun:
        """A reference. clear: what tells it by place stands in a clause of its own. one: share of "the red one"."""
        told, quantifier = things.description, things.quantifier or "the"
        if self.voice.is_terse and quantifier in ("the", "both", "all") and (short := self._tersely(told, quantifier)):
            return Noun(short, quantifier != "the")
        many = quantifier in ("all", "both") or quantifier in NUMBERS
        if quantifier in ("all", "each") and self.voice.chance(0.45 if quantifier == "all" else 1.0):
            return self._every(told, clear, one, is_each=quantifier == "each")
        if told.but is not None and not many:
            return Noun(self._one_but(things, clear), False)
        special = self._special(things)
        if special:
            return special
        core = self.core(told, many=many, clear=clear, one=one)
        text = _joined(getattr(self, f"_{_NAMES.get(quantifier, 'count')}")(core, quantifier, told), core.behind)
        return Noun(self.without(text, told, clear), many)

    def _tersely(self, told: Description, quantifier: str) -> str:
        """As who has no time says it: "red", "blue bowl", "both reds"; "" for what is not told by a colour alone."""
        if not told.color or told.color.startswith('"') or told != Description(told.kind, told.color):
            return ""
        color = self.color(told.color)
        if quantifier == "the":
            return (
                color if told.kind == "block" and self.voice.chance(0.7) else f"{color} {self._noun(told, False, 0.0)}"
            )
        if told.kind != "block" or not color.isalpha() or self.voice.chance(0.5):
            return ""
        words = ("both", "the two", "both the") if quantifier == "both" else ("all the", "the", "all")
        return f"{self.voice.pick(words)} {color}s"

    def _special(self, things: Things) -> Noun | None:
        """Other shapes: "the bigger of the two red blocks", "everything red", "any block that isn't red"."""
        told = things.description
        if (
            things.quantifier in ("the", "")
            and told.superlative in PAIRS
            and not (told.size or told.where or told.but)
            and self.voice.chance(0.15)
        ):
            words = self.core(replace(told, superlative=""), many=True, one=0.15 if told.color else 0.0)
            return Noun(
                self.voice.fill(PAIRS[told.superlative], {"ns": _joined(words.front, words.noun, words.behind)}), False
            )
        if (
            things.quantifier == "all"
            and told.kind == "thing"
            and (told.color or told.where)
            and not (told.but or told.size or told.superlative)
            and self.voice.chance(0.7)
        ):
            return Noun(self._whatever(told), False)
        return self._of_other_colors(things)

    def _of_other_colors(self, things: Things) -> Noun | None:
        """ "any block that isn't red", "all non-red blocks", of all or any but those of one colour."""
        told, but = things.description, things.description.but
        if (
            but is None
            or not but.color
            or but != Description(told.kind, but.color)
            or told != Description(told.kind, but=but)
        ):
            return None
        row = {"a": ANY_OTHER, "all": ALL_OTHERS}.get(things.quantifier)
        if row is None or told.kind not in ("block", "bowl") or not self.voice.chance(0.3):
            return None
        one, several = (self._noun(Description(told.kind), is_many, 0.0) for is_many in (False, True))
        return Noun(self.voice.form(row, {"c": self.color(but.color), "n": one, "ns": several}), False)

    def _whatever(self, told: Description) -> str:
        """All things of a colour, or at a place."""
        if told.color and not told.where:
            return self.voice.fill(
                (
                    "(everything <c>*3|everything that is <c>*2|everything that's <c>|anything <c>|all that "
                    "is <c>|whatever is <c>|all the <c> stuff|all <c> things|every <c> thing|anything that "
                    "is <c>)"
                ),
                {"c": self.color(told.color)},
            )
        bare = self.voice.fill(BARE[told.where[0].relation], self.slots(told.where[0]))
        return self.voice.fill(
            (
                "(everything|whatever is|anything that is|everything that is|all that is|everything that's|"
                "all the stuff|all the things|whatever you find) <b>"
            ),
            {"b": f"{self.color(told.color)} {bare}".strip()},
        )

    # Quantifiers -----------------------------------------------------------------------------------------------------

    def _the(self, core: Core, _: str, told: Description) -> str:
        front = f"{core.front} {core.noun}".strip()
        if not self.voice.chance(0.93):
            return (
                f"{self.voice.pick(MINE if core.noun != 'one' else MINE[:2])} {front}"
                if (not told.superlative)
                else f"the {front}"
            )
        return f"the {front}"

    def _a(self, core: Core, _: str, told: Description) -> str:
        front = f"{core.front} {core.noun}".strip()
        slots = {"a": article(front), "front": front, "many": plural(front)}
        return self.voice.fill(
            "(<a> <front>*9|any <front>*5|one <front>*3|some <front>|any one of the <many>|one of the <many>*2|"
            "any of the <many>|any single <front>|any old <front>|a random <front>|whichever <front>)",
            slots,
        )

    def _all(self, core: Core, _: str, told: Description) -> str:
        front = f"{core.front} {core.noun}".strip()
        words = "(all the*4|all of the*2|the*3|all those)" if core.noun == "ones" else (
            "(all the*8|all*6|all of the*4|the*6|any and all|all those|absolutely all|only the)")
        return self.voice.fill(words + " <front>", {"front": front})

    def _both(self, core: Core, _: str, told: Description) -> str:
        front = f"{core.front} {core.noun}".strip()
        return self.voice.fill(
            "(both*5|both of the*2|both the*2|the two*4|the pair of|these two|those two|the couple of) <front>",
            {"front": front},
        )

    def _count(self, core: Core, quantifier: str, told: Description) -> str:
        front = f"{core.front} {core.noun}".strip()
        number = quantifier if self.voice.chance(0.2) else NUMBER_WORDS[quantifier]
        if quantifier != "2" and self.voice.chance(0.15):
            return self.voice.fill("(all <n>|all <n> of the|the <n>) <front>", {"front": front, "n": number})
        pair = "|a couple of|a pair of" if quantifier == "2" else ""
        return self.voice.fill(f"(<n>*6|any <n>*2|<n> of the*2|exactly <n>|any <n> of the|just <n>{pair}) <front>",
                               {"front": front, "n": number})

    def _every(self, told: Description, clear: bool, one: float, *, is_each: bool) -> Noun:
        core = self.core(told, many=False, clear=clear, one=one)
        front = f"{core.front} {core.noun}".strip()
        if (
            told.kind in ("block", "thing")
            and not (told.color or told.size or told.where or is_each)
            and self.voice.chance(0.3)
        ):
            text = self.voice.fill(
                "(everything*4|every last one|the whole lot)"
                if told.kind == "thing"
                else "(every*2|each|every single) <front>",
                {"front": front},
            )
        else:
            text = self.voice.fill(
                "(each <front>*4|every <front>*4|each of the <many>|every single <front>)"
                if is_each
                else "(every <front>*6|each <front>*3|every single <front>|each and every <front>|each of the <many>)",
                {"front": front, "many": plural(front)},
            )
        return Noun(self.without(_joined(text, core.behind), told, clear), False)

    # Exceptions ------------------------------------------------------------------------------------------------------

    def without(self, text: str, told: Description, clear: bool) -> str:
        if told.but is None:
            return text
        return f"{text} {self.voice.form(EXCEPT, {'b': self.exception(told)})}"

    def exception(self, told: Description) -> str:
        """What is left out: "the red one", "red", "the one in the blue bowl"."""
        but = told.but
        if but == Description(but.kind, but.color) and but.color and but.color != told.color and self.voice.chance(0.6):
            color = self.color(but.color)
            return self.voice.fill("the <c> (one*4|ones*2|)" if self.voice.chance(0.85) else "<c>", {"c": color})
        core = self.core(but, many=False, clear=True, one=0.7)
        return f"the {_joined(core.front, core.noun, core.behind)}"

    def _one_but(self, things: Things, clear: bool) -> str:
        """One thing that is not another: "any block but the red one", "the red block that isn't in the blue bowl"."""
        told = things.description
        base = Things(things.quantifier, Description(told.kind, told.color, told.size, told.superlative, told.where))
        text, but = self.say(base, clear=clear).text, told.but
        head = Description(but.kind, but.color, but.size)
        if but.where and head == Description(told.kind, told.color, told.size) and self.voice.chance(0.5):
            bracket = self.voice.fill(BARE[but.where[0].relation], self.slots(but.where[0]))
            return f"{text} {self.voice.pick(IS_NOT)} {bracket}"
        return f"{text} {self.voice.form(SINGLE_EXCEPT, {'b': self.exception(told)})}"

    # Descriptions ----------------------------------------------------------------------------------------------------

    def core(self, told: Description, *, many: bool, clear: bool = True, one: float = 0.12) -> Core:
        """A description without its article."""
        front, behind = [], []
        if told.superlative:
            is_before = self.voice.chance(0.62)
            word = self.voice.word("before" if is_before else "after", told.superlative)
            if not is_before and told.superlative in HEAPS and not many and self.voice.chance(0.5):
                word = self.voice.form(HEAPS[told.superlative])
            (front if is_before else behind).append(word)
        if told.size:
            front.append(self.voice.word("sizes", told.size))
        for where in told.where:
            self._place(where, front, behind, many, clear)
        color = self.color(told.color)
        noun = self._noun(told, many, one)
        if color and not behind and not front and self.voice.chance(0.015):
            behind.append(
                self.voice.pick(("that is", "which is", "that's")) + f" {color}" if not many else f"that are {color}"
            )
        elif color:
            front.append(color)
        if self.voice.is_foreign and color and noun != "one" and self.voice.chance(0.3):
            front.remove(color) if color in front else None
            return Core(" ".join(front), f"{noun} {color}" if color not in behind else noun, " ".join(behind))
        return Core(" ".join(front), noun, " ".join(behind))

    def color(self, color: str) -> str:
        """A colour in words."""
        return color.strip('"') if color.startswith('"') or not color else self.voice.word("colors", color)

    def _noun(self, told: Description, many: bool, one: float) -> str:
        if told.kind not in KINDS:
            noun = told.kind.strip('"')
        elif (
            told.kind == "block"
            and self.voice.chance(one)
            and (told.color or told.size or told.superlative or told.where)
        ):
            noun = "one"
        else:
            noun = self.voice.word("nouns", told.kind)
            if noun in NEEDING_COLOR and not (told.color or told.size):
                noun = told.kind
        return plural(noun) if many else noun

    def _place(self, where: Where, front: list[str], behind: list[str], many: bool, clear: bool) -> None:
        if where.relation == "empty" and self.voice.chance(0.75):
            front.append(self.voice.of(EMPTY))
        elif where.relation == "same color" and self.voice.chance(0.25):
            front.append(self.voice.pick(("matching", "same-colored", "like-colored", "corresponding")))
        elif clear and self.voice.chance(0.85):
            behind.append(self.voice.form(CLAUSES[where.relation], self.slots(where), many=many))
        else:
            behind.append(self.voice.fill(BARE[where.relation], self.slots(where), many=many))

    def slots(self, where: Where) -> dict:
        if where.things is None:
            return {}

        def inner() -> str:
            return self.inner(where.things).text

        def inner_is() -> str:
            noun = self.inner(where.things)
            return f"{noun.text} {'are' if noun.many else 'is'}"

        return {"p": inner, "p.is": inner_is}

    def inner(self, things: Things) -> Noun:
        """A reference within a bracket."""
        if things.description == Description("thing") and things.quantifier == "a":
            return Noun(self.voice.pick(("something", "anything", "a thing")), False)
        return self.say(things, one=0.25 if things.description.kind == "block" else 0.0)


_NAMES = {"the": "the", "a": "a", "all": "all", "both": "both"}


def _joined(*parts: str) -> str:
    return " ".join(filter(None, parts))
