"""How calls and plans are spoken to people: "pick red block" for `pick(obj_6)`, by the looks of what is pointed at.

One home for it: the terminal, the videos of demos, rollouts and recordings say the same of the same call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from embodied.planning.language import Plan, object_names, words_of
from embodied.planning.looks import looks_of
from embodied.prompt import Slot
from envs.goals.outcome import Refusal
from envs.goals.spelling import read
from envs.goals.telling import tell
from envs.interface import Referent, SkillCall


def looks_by_name(slots: Sequence[Slot]) -> dict[str, str]:
    """What each object of a prompt looks like, by the name that a plan calls it: {"obj_1": "blue bowl", ..}."""
    return dict(zip(object_names(len(slots)), map(looks_of, slots), strict=True))


def looks_in(plan: Plan) -> dict[str, str]:
    """As `looks_by_name`, of what a plan was made for; {} for plans that were not made of measured objects."""
    return {} if plan.perception is None else looks_by_name(plan.perception.slots)


def spoken(skill: str, arguments: Iterable[Any], looks: Mapping[str, str]) -> str:
    """A call in a few words: "place in blue bowl". arguments: as events carry them. looks: of what they may name."""
    return " ".join([skill.replace("_", " "), *(_word(argument, looks) for argument in arguments)])


def say_call(call: SkillCall, plan: Plan) -> str:
    """A call of a plan, `spoken`."""
    return spoken(call.skill, words_of(call), looks_in(plan))


def _word(argument: Any, looks: Mapping[str, str]) -> str:
    return looks.get(argument, argument) if isinstance(argument, str) else json.dumps(argument)


def meaning(plan: Plan) -> dict[str, str] | None:
    """What the planner took a person's words to mean: {"goal": in the goal language, "words": in English}; None where
    it does not say, or did not understand them."""
    if not plan.understood or (isinstance(plan.outcome, Refusal) and plan.outcome.reason == "unclear"):
        return None
    return {"goal": plan.understood, "words": tell(read(plan.understood))}


def describe(plan: Plan) -> str:
    """The plan for people: numbered steps, "nothing left to do", a question, or why not."""
    if plan.question is not None:
        return f"Question: {plan.question}"
    if plan.answer is not None:
        return f"Answer: {plan.answer}"
    if plan.refusal is not None:
        return f"No: {plan.refusal}." + (f" {plan.hint}" if plan.hint else "")
    if plan.is_done:
        return "Nothing left to do."
    looks = looks_in(plan)
    return "\n".join(f"{i}. {_step(call, looks)}" for i, call in enumerate(plan.calls, start=1))


def _step(call: SkillCall, looks: Mapping[str, str]) -> str:
    """A call with where its things were measured, and the names that a plan's text has for them."""
    return " ".join([spoken(call.skill, (), looks), *(_thing(a, looks) for a in call.arguments)])


def _thing(argument: Referent | str | float, looks: Mapping[str, str]) -> str:
    if not isinstance(argument, Referent):
        return str(argument)
    word = _word(argument.words, looks)
    facts = [] if word == argument.words else [argument.words]
    if argument.box is not None:
        x, y, _ = argument.box.center
        facts.append(f"at x {x:.2f} m, y {y:+.2f} m")
    return f"{word} ({' '.join(facts)})" if facts else word
