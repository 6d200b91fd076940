"""One goal in words: what the data sets are made with, for a goal of one's own.

    worded = say(goal, table, np.random.default_rng(0))
    worded.text, worded.kinds, worded.constructs

The texts of one goal are true of it on every table: what a person says does not depend on what he leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.goals.combinations import constructs_of
from envs.goals.language import Cannot, Description, Do, Goal, If, Nothing, Tell, Things, Unclear
from envs.goals.table import Table
from envs.tasks.wordings.chinese import Chinese
from envs.tasks.wordings.idle import Idle
from envs.tasks.wordings.lexicon import COLORS, Split
from envs.tasks.wordings.lines import Maker
from envs.tasks.wordings.talk import Talk
from envs.tasks.wordings.voice import Style, Voice

_KINDS = {
    "but": "negation",
    "not": "negation",
    "keep": "negation",
    "then": "two-step",
    "all": "quantity",
    "both": "quantity",
    "number": "quantity",
    "each": "quantity",
    "if": "condition",
    "small": "size",
    "big": "size",
    "biggest": "size",
    "smallest": "size",
    "tell": "question",
    "nothing": "nothing",
    "unclear": "unclear",
    "cannot": "cannot",
}


@dataclass(frozen=True, slots=True)
class Worded:
    """A text for a goal. kinds: of `lines.SHARES`, those that it is by its goal and its style. constructs: of the goal
    language, as `envs.goals.combinations` names them."""

    text: str
    kinds: frozenset[str]
    constructs: frozenset[str]


def say(
    goal: Goal,
    table: Table | None,
    rng: np.random.Generator,
    style: Style | None = None,
    *,
    split: Split = "train",
    unseen: bool = False,
    language: str = "en",
) -> Worded:
    """A goal in words.

    table: what the goal is about; of small talk about things that are there, elsewhere None will do. style: shares of
    ways to speak. unseen: words that training does not have wherever there are such. language: "en" or "zh".
    """
    if language not in ("en", "zh"):
        raise ValueError(f"expected the language en or zh, got {language!r}")
    maker, style = Maker(rng, split, unseen=unseen), style or Style()
    voice = Voice(maker.draws, style, split, unseen)
    text = (
        _mandarin(goal, voice) if language == "zh" else maker.finish(_english(goal, table, voice), goal, style, voice)
    )
    constructs = constructs_of(goal)
    return Worded(text, frozenset({_KINDS[c] for c in constructs if c in _KINDS} or {"plain"}), constructs)


def _mandarin(goal: Goal, voice: Voice) -> str:
    if isinstance(goal, Do | If | Tell):
        return Chinese(voice).say(goal)
    raise ValueError(f"expected something to do, a condition or a question for Mandarin, got {goal}")


def _english(goal: Goal, table: Table | None, voice: Voice) -> str:
    talk = Talk(voice)
    if isinstance(goal, Do | If | Tell):
        return talk.say(goal)
    thing = _some_thing(table, voice)
    if isinstance(goal, Nothing):
        return Idle(talk).nothing(thing)
    if isinstance(goal, Cannot):
        return Idle(talk).unable(thing, goal.verb)
    assert isinstance(goal, Unclear)
    return Idle(talk).unclear()


def _some_thing(table: Table | None, voice: Voice) -> Things:
    """Something to speak of, which is there where a table is told."""
    if table is None or not table.things:
        return Things("the", Description("block", voice.pick(list(COLORS))))
    thing = voice.pick(list(table.things.values()))
    return Things("the", Description(thing.kind, thing.color))
