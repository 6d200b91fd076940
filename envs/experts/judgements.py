"""Affordance and failure, asked and answered in words (PaLM-E, section 6.4 and appendix B). PRIVILEGED.

"Is it possible to <skill> here?" is asked of calls that the domain's judge allows and of as many of the same skill that
it does not, so that neither the skill nor a constant answer tells. "Was <skill> successful?" is asked of the last call.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from envs.experts.judge import SkillJudge
from envs.interface import NamedCall
from envs.skills.signatures import PlanLanguage, Signature
from envs.tasks.tamp_words import DENIALS, DOUBTS

AFFORDANCE, FAILURE = "affordance", "failure"
JUDGEMENTS = (AFFORDANCE, FAILURE)
"""Families of questions about single skills, in every world that has a judge of them."""

POSSIBLE = ("Q: Is it possible to {} here?", "Can the robot {} now?")
SUCCESSFUL = ("Q: Was {} successful?", "Did the robot manage to {}?")
YES, NO = "A: Yes.", "A: No."

Namer = Callable[[str], str]
"""Name of a thing -> how words refer to it, with its article."""

Asked = tuple[str, str, NamedCall, bool]
"""Family, phrasing, the call that is asked about, and whether the answer is yes."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What single skills are asked about.

    view: what the domain's judge needs of it. names: of the things at hand, without the held one. last: the call that
    led to it, and why it fell short (None: it did not); None before the first. called: how words refer to a thing.
    """

    view: Any
    names: Sequence[str]
    last: tuple[NamedCall, str | None] | None
    called: Namer


def sample_judgements(language: PlanLanguage, judge: SkillJudge, families: Sequence[str], moment: Moment,
                      rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """Records (see `envs.experts.queries`) of the families, at most `count` of each, no two of the same words."""
    asked = [*(_failures(language, moment, rng) if FAILURE in families else ()),
             *(_affordances(language, judge, moment, rng, count) if AFFORDANCE in families else ())]
    return [_record(family, phrasing.format(_worded(language, call, moment.called)), is_so)
            for family, phrasing, call, is_so in asked]


def _failures(language: PlanLanguage, moment: Moment, rng: np.random.Generator) -> list[Asked]:
    """The question about the last call; none where there was none that moves anything."""
    if moment.last is None:
        return []
    call, shortfall = moment.last
    if call[0] == language.answers.text_skill or not language.skills[call[0]].wording:
        return []
    return [(FAILURE, _drawn(SUCCESSFUL, rng), call, shortfall is None)]


def _affordances(language: PlanLanguage, judge: SkillJudge, moment: Moment, rng: np.random.Generator, count: int
                 ) -> list[Asked]:
    """As many calls that can be made as cannot, but for an odd one."""
    pairs = [pair for signature in language.signatures for pair in _pairs(signature, judge, moment, rng)]
    sides = [(pairs[k][side], not side) for k in rng.permutation(len(pairs)) for side in rng.permutation(2)]
    return [(AFFORDANCE, _drawn(POSSIBLE, rng), call, is_possible) for call, is_possible in sides[:count]]


def _drawn(phrasings: Sequence[str], rng: np.random.Generator) -> str:
    return phrasings[int(rng.integers(len(phrasings)))]


def _pairs(signature: Signature, judge: SkillJudge, moment: Moment, rng: np.random.Generator
           ) -> Iterator[tuple[NamedCall, NamedCall]]:
    """A call of a skill that can be made now beside one that cannot, as often as there are both, each once."""
    if len(signature.parameters) != 1:
        return
    [parameter] = signature.parameters
    names = moment.names if parameter.kind == "object" else judge.words.get(parameter.name, ())
    sides: dict[bool, list[NamedCall]] = {True: [], False: []}
    for k in rng.permutation(len(names)):
        name = names[k]
        sides[judge.why_not(moment.view, signature.name, name) is None].append((signature.name, name))
    yield from zip(sides[True], sides[False], strict=False)


def _worded(language: PlanLanguage, made: NamedCall, call: Namer) -> str:
    """A call as an instruction: "pick up the red object"."""
    signature = language.skills[made[0]]
    return signature.wording.format(*(call(value) if parameter.kind == "object" else value
                                      for parameter, value in zip(signature.parameters, made[1:], strict=True)))


def _record(family: str, instruction: str, is_so: bool) -> dict[str, Any]:
    """about: None, so that all that is there has to be seen for the answer to be right."""
    return {"task": family, "instruction": instruction, "calls": [], "any_order": False, "refusal": None,
            "is_question": True, "answer": YES if is_so else NO, "about": None}


def understood(text: str) -> bool | None:
    """Whether a text says yes; None where it says neither or both, denies what it affirms, or doubts."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    said = words & {"yes", "no"}
    if len(said) != 1 or words & DOUBTS or (said == {"yes"} and words & DENIALS):
        return None
    return said == {"yes"}
