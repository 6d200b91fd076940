"""Lines of a data set: a text, what was said before it, and the goal that it means."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from envs.goals.language import Cannot, Description, Do, Fact, Goal, Nothing, Things, Unclear
from envs.goals.spelling import write
from envs.tasks.wordings import chatter, chinese_shapes
from envs.tasks.wordings.chinese_lines import ChineseLines
from envs.tasks.wordings.clauses import MATCHING
from envs.tasks.wordings.dialogue import Dialogue
from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.idle import Idle
from envs.tasks.wordings.lexicon import Split
from envs.tasks.wordings.noise import british, mistyped, texted, without_articles, written
from envs.tasks.wordings.nouns import Noun
from envs.tasks.wordings.people import People
from envs.tasks.wordings.repairs import repaired
from envs.tasks.wordings.shapes import SHAPED, Shapes
from envs.tasks.wordings.tables import Tables
from envs.tasks.wordings.talk import Talk
from envs.tasks.wordings.voice import Style, Voice

SHARES = {
    "plain": 1.0,
    "synonym": 1.1,
    "typo": 1.0,
    "case": 0.8,
    "polite": 0.9,
    "fragment": 1.0,
    "pronoun": 1.0,
    "negation": 1.1,
    "relative": 1.1,
    "size": 0.9,
    "two-step": 1.1,
    "quantity": 1.1,
    "condition": 1.1,
    "ambiguous": 0.7,
    "impossible": 0.8,
    "correction": 1.0,
    "question": 0.9,
    "nothing": 0.35,
    "unclear": 0.3,
    "cannot": 0.35,
}
"""Kinds of lines, and how often each is drawn."""
STYLES = {
    "plain": Style(rare=0.15),
    "synonym": Style(rare=0.92),
    "typo": Style(typos=1.0),
    "case": Style(case=1.0),
    "polite": Style(polite=0.9, chat=0.75),
    "fragment": Style(fragment=1.0),
    "correction": Style(repair=1.0),
    "unclear": Style(typos=0, chat=0, polite=0),
    "nothing": Style(chat=0, polite=0),
    "pronoun": Style(fragment=0),
}


TALKS = {"pronoun": 0.5, "correction": 0.45, "ambiguous": 0.3}
"""Shares of lines of a kind that follow other turns."""


SAMPLED = 0.15
"""Share of goals about a drawn table, as the sampler's, of kinds in `OF_TABLES`."""
OF_TABLES = {
    "plain": "fact",
    "synonym": "fact",
    "polite": "fact",
    "relative": "fact",
    "ambiguous": "fact",
    "case": "clauses",
    "typo": "fact",
    "negation": "negative",
    "two-step": "ordered",
    "pronoun": "ordered",
    "quantity": "many",
    "condition": "conditional",
    "question": "question",
    "fragment": "fact",
}
TERSE = 0.07
"""Share of lines that name things by a colour alone."""
TEXTED = 0.03
"""Share of texts as on a telephone."""
BLOCK = Things("the", Description("block"))
CHINESE = 0.1
"""Share of lines in Mandarin."""
CHINESE_SHAPED = 0.25
"""Share of those that have a shape."""


@dataclass(frozen=True, slots=True)
class Line:
    """text: what is said; before: earlier turns; goal: what it means."""

    text: str
    goal: Goal
    kind: str
    before: tuple[dict, ...] = field(default=())

    def plain(self) -> dict:
        """As it stands in a file."""
        return {
            "text": self.text,
            **({"before": list(self.before)} if self.before else {}),
            "goal": write(self.goal),
            "kind": self.kind,
        }


class Maker:
    """Makes lines."""

    def __init__(self, rng: np.random.Generator, split: Split = "train", *, unseen: bool = False) -> None:
        self.draws, self.split, self.unseen = Draws(rng), split, unseen
        self.people, self.tables = People(self.draws, split), Tables(rng)

    def line(self, kind: str = "") -> Line:
        """One line. kind: of `SHARES`, drawn where it is not told."""
        kind = kind or self.draws.weighted(SHARES)
        if not self.unseen and self.draws.chance(CHINESE):
            return self._chinese(kind)
        style = STYLES.get(kind, Style())
        voice = Voice(self.draws, style, self.split, self.unseen)
        voice.is_foreign = self.draws.chance(style.foreign)
        voice.is_terse = self.draws.chance(TERSE)
        talk = Talk(voice)
        if kind in ("nothing", "unclear", "cannot"):
            text, goal = self._idle(kind, talk)
        elif self.draws.chance(TALKS.get(kind, 0.015)):
            return self._turn(kind, style, voice, talk)
        elif self.draws.chance(SHAPED.get(kind, 0.0)):
            text, goal = Shapes(talk, self.people).drawn(kind)
        else:
            goal = self.goal(kind)
            text = self._text(kind, goal, style, talk)
        return Line(self.finish(text, goal, style, voice), goal, kind)

    def _text(self, kind: str, goal: Goal, style: Style, talk: Talk) -> str:
        """A goal in words; "it" for a block of which nobody has spoken, in some ambiguous texts."""
        fact = goal.steps[0][0] if isinstance(goal, Do) else None
        if (
            kind == "ambiguous"
            and isinstance(fact, Fact)
            and fact.things == BLOCK
            and (len(goal.steps) == len(goal.steps[0]) == 1 and self.draws.chance(0.35))
        ):
            return talk.fact(
                fact, Noun(self.draws.pick(("it", "it", "that", "this", "this one", "that one", "that thing")), False)
            )
        if isinstance(goal, Do) and self.draws.chance(style.repair):
            return repaired(talk, goal)
        return talk.say(goal)

    def _chinese(self, kind: str) -> Line:
        """A line in Mandarin."""
        style = replace(
            STYLES.get(kind, Style()),
            rare=0.6 if kind == "synonym" else 0.2,
            fragment=0.6 if kind == "fragment" else 0.05,
        )
        people = People(self.draws, self.split, is_chinese=True)
        maker = ChineseLines(Voice(self.draws, style, self.split), people)
        before: tuple[dict, ...] = ()
        if kind in ("nothing", "unclear", "cannot"):
            text, goal = maker.idle(kind)
        elif self.draws.chance(TALKS.get(kind, 0.01)):
            before, text, goal = maker.turn(kind)
        elif kind in chinese_shapes.SHAPES and self.draws.chance(CHINESE_SHAPED):
            text, goal = chinese_shapes.ChineseShapes(maker.chinese, people).drawn(kind)
        else:
            kept, self.people = self.people, people
            goal = self.goal(kind)
            self.people = kept
            text = maker.text(goal, is_repaired=kind == "correction")
        return Line(maker.finish(text, goal, kind), goal, kind, before)

    def _turn(self, kind: str, style: Style, voice: Voice, talk: Talk) -> Line:
        """A line with turns before it."""
        talk.voice.style = replace(style, fragment=0.1, repair=0.0)
        dialogue = Dialogue(talk, self.people)
        make = {"ambiguous": dialogue.answer, "correction": dialogue.corrected, "pronoun": dialogue.further}.get(
            kind
        ) or self.draws.pick((dialogue.answer, dialogue.corrected, dialogue.further))
        if kind == "pronoun" and self.draws.chance(0.2):
            make = dialogue.answer
        before, text, goal = dialogue.longer(make())
        return Line(self.finish(text, goal, replace(style, chat=style.chat / 4), voice), goal, kind, before)

    def _idle(self, kind: str, talk: Talk) -> tuple[str, Goal]:
        idle = Idle(talk)
        if kind == "nothing":
            return idle.nothing(self.people.the("block"), self.people.fact()), Nothing()
        if kind == "unclear":
            return idle.unclear(), Unclear()
        text, verb = idle.cannot(self.people.the("block" if self.draws.chance(0.75) else "bowl"))
        return text, Cannot(verb)

    # Goals by kind ---------------------------------------------------------------------------------------------------

    def goal(self, kind: str) -> Goal:
        """A goal as the kind asks for it."""
        if kind in OF_TABLES and self.draws.chance(SAMPLED):
            return self.tables.goal(OF_TABLES[kind])
        make = getattr(self, f"_{kind.replace('-', '_')}", None)
        return make() if make else self._any()

    def _any(self) -> Goal:
        chance = self.draws.random()
        if chance < 0.6:
            return Do(((self.people.fact(),),))
        if chance < 0.68:
            return Do(((self.people.fact(is_many=True),),))
        if chance < 0.82:
            return Do((self.people.clauses(2 if self.draws.chance(0.75) else 3),))
        if chance < 0.88:
            return self._two_step()
        if chance < 0.9:
            return Do(((self.people.emptied(),),))
        return self.draws.pick((self._negation, self._condition, self._quantity))()

    def _fragment(self) -> Goal:
        if self.draws.chance(0.55):
            return Do(((self.people.fact(is_many=self.draws.chance(0.15)),),))
        return (
            Do((self.people.clauses(2 if self.draws.chance(0.7) else 3),))
            if self.draws.chance(0.8)
            else self.people.ordered(2)
        )

    def _correction(self) -> Goal:
        if self.draws.chance(0.85):
            return Do(((self.people.fact(is_many=self.draws.chance(0.1)),),))
        return Do((self.people.clauses(2),))

    def _pronoun(self) -> Goal:
        first = self.people.fact(
            relation=self.draws.weighted({"in": 0.45, "on": 0.2, "beside": 0.1, "at": 0.1, "table": 0.15})
        )
        others = [first]
        while len(others) < 2 or (len(others) < 3 and self.draws.chance(0.1)):
            second = (
                self.people.next_step(others, is_last=True)
                if self.draws.chance(0.7)
                else self.people.fact(x=others[-1].things)
            )
            if hasattr(second, "things") and second != others[-1]:
                others.append(second)
        return Do(tuple((fact,) for fact in others))

    def _negation(self) -> Goal:
        return self.people.negative()

    def _relative(self) -> Goal:
        way = self.draws.random()
        x = self.people.the("block", way="where" if way < 0.7 else "superlative" if way < 0.8 else "color")
        fact = self.people.fact(x=x)
        if isinstance(fact.place, Things) and (way >= 0.8 or self.draws.chance(0.15)):
            kind = fact.place.description.kind
            fact = replace(fact, place=self.people.the(kind, way="where" if self.draws.chance(0.85) else "superlative"))
        return Do(((fact,),))

    def _size(self) -> Goal:
        way = self.draws.random()
        told = self.people.description("block", way="size")
        if way < 0.35:
            told = replace(told, size="", superlative=self.draws.pick(("biggest", "smallest")))
        quantifier = self.draws.weighted({"the": 0.75, "all": 0.12, "a": 0.07, "both": 0.06}) if way >= 0.35 else "the"
        x = Things(quantifier, told)
        if self.draws.chance(0.22):
            fact = self.people.fact(relation=self.draws.pick(("on", "on", "beside")))
            return Do(((replace(fact, place=Things("the", told)),),))
        if self.draws.chance(0.12):
            other = Things(x.quantifier if x.quantifier != "a" else "the", opposite(told))
            return Do(((self.people.fact(x=x, relation="in"), self.people.fact(x=other, relation="in")),))
        return Do(((self.people.fact(x=x),),))

    def _two_step(self) -> Goal:
        return self.people.ordered(self.draws.weighted({2: 0.75, 3: 0.2, 4: 0.05}))

    def _quantity(self) -> Goal:
        chance = self.draws.random()
        people = self.people
        if chance < 0.12:
            return Do(((people.emptied(),),))
        if chance < 0.24:
            x = Things("all", Description("block") if self.draws.chance(0.75) else people.several("block"))
            return Do(((Fact("in", x, MATCHING),),))
        if chance < 0.36:
            quantifier = self.draws.weighted({"a": 0.7, "2": 0.2, "all": 0.1})
            told = people.several("block")
            bowls = Things("each", Description("bowl", people.color() if self.draws.chance(0.15) else ""))
            return Do(((Fact("in", Things(quantifier, replace(told, kind="block")), bowls),),))
        fact = people.fact(
            is_many=True, relation=self.draws.weighted({"in": 0.62, "table": 0.14, "at": 0.12, "beside": 0.12})
        )
        if chance < 0.45:
            return Do((people.apart([fact, people.fact(is_many=True, relation="in")]),))
        return Do(((fact,),))

    def _condition(self) -> Goal:
        return self.people.conditional()

    def _ambiguous(self) -> Goal:
        people = self.people
        if self.draws.chance(0.5):
            x = Things(
                "the",
                self.draws.pick(
                    (
                        Description("block"),
                        Description("block", people.color()),
                        Description("block", size=self.draws.pick(("small", "big"))),
                    )
                ),
            )
            fact = people.fact(x=x)
            return Do(
                (
                    (
                        replace(fact, place=Things("the", Description("bowl")))
                        if fact.relation == "in" and self.draws.chance(0.5)
                        else fact,
                    ),
                )
            )
        return self._any()

    def _impossible(self) -> Goal:
        return self.people.impossible()

    def _question(self) -> Goal:
        return self.people.question()

    # The last touch --------------------------------------------------------------------------------------------------

    def finish(self, text: str, goal: Goal, style: Style, voice: Voice) -> str:
        """A text with small talk around it, typing errors, capitals and stops."""
        draws = self.draws
        if draws.chance(style.chat) and not isinstance(goal, Nothing | Unclear):
            text = self._chatty(text, voice)
        if draws.chance(0.75 if voice.is_foreign else 0.02) and not isinstance(goal, Unclear):
            text = without_articles(text)
        spare = frozenset(_quoted(goal))
        if draws.chance(0.12) and "gray" not in spare:
            text = british(text)
        if draws.chance(TEXTED) and not isinstance(goal, Unclear | Cannot):
            text = texted(draws, text, spare)
        if draws.chance(style.typos) and not isinstance(goal, Unclear):
            text = mistyped(
                draws,
                text,
                count=1 + (draws.random() < 0.45) + (draws.random() < 0.2) + (style.typos == 1.0 and len(text) > 50),
                spare=spare,
            )
        return written(draws, text, style.case)

    def _chatty(self, text: str, voice: Voice) -> str:
        slots = {
            name: (lambda row=row: voice.form(row))
            for name, row in (
                ("hello", chatter.HELLOS),
                ("reason", chatter.REASONS),
                ("remark", chatter.REMARKS),
                ("thanks", chatter.THANKS),
            )
        }
        chance = self.draws.random()
        if chance < 0.62 or chance > 0.9:
            text = f"{voice.form(chatter.BEFORE, slots)} {text}"
        if chance > 0.55:
            after = voice.form(chatter.CLOSINGS if self.draws.chance(0.08) else chatter.AFTER, slots)
            text = (
                f"{text}{'' if after[0] in ',.!;' else ' '}{after}"
                if not text.endswith("?")
                else f"{text} {after.lstrip(',.!;- ')}"
            )
        if self.draws.chance(0.1):
            text = f"{self.draws.pick(chatter.HEDGES)}{text}"
        return text


def opposite(told: Description) -> Description:
    """The same of the other size."""
    sizes, extremes = {"small": "big", "big": "small"}, {"biggest": "smallest", "smallest": "biggest"}
    return replace(
        told, size=sizes.get(told.size, told.size), superlative=extremes.get(told.superlative, told.superlative)
    )


def _quoted(goal: Goal) -> set[str]:
    """Words that a goal copies."""
    text = write(goal)
    return {word for part in text.split('"')[1::2] for word in part.replace("-", " ").split()}
