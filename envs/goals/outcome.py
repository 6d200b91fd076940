"""What a goal comes to on a table: something to do, a question, a refusal with its reason, or an answer."""

from __future__ import annotations

from dataclasses import dataclass

from envs.goals.answers import Answer, answer, is_true
from envs.goals.language import Cannot, Do, Goal, If, Nothing, Tell, Unclear
from envs.goals.planner import plan
from envs.goals.references import Trouble
from envs.goals.table import Table
from envs.goals.wanted import Wanted, wanted
from envs.interface import NamedCall


@dataclass(frozen=True, slots=True)
class Task:
    """What is wanted, and the shortest plan for it; [] where it holds already."""

    wanted: Wanted
    calls: tuple[NamedCall, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Which of these things do you mean? about: the words that fit them all."""

    about: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """reason: as of `Trouble`, or "cannot_do", "unclear", "nothing". about: the words or names that it is about."""

    reason: str
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a question about the scene."""

    asked: Tell
    answer: Answer


OF_WORDS = ("cannot_do", "unclear", "nothing")
"""Reasons of refusals that no table would change; the others hang on what is there."""

CAN_DO = frozenset((
    "bring", "carry", "clear", "drop", "empty", "fetch", "fill", "get", "grab", "grasp", "hold", "lay", "leave", "lift",
    "move", "pick", "pile", "place", "put", "raise", "remove", "return", "set", "shift", "sort", "stack", "take",
    "transfer", "unstack", "放", "拿", "放下", "拿起", "移", "移动", "搬", "取", "堆", "叠"))
"""Verbs of what the robot can do: it never says that it cannot do one, but that it did not understand."""

_PARTICLES = frozenset(["up", "down", "off", "out", "away", "on", "in", "over", "it", "them", "there", "this", "that"])

Outcome = Task | Question | Refusal | Told


def outcome_of(goal: Goal, table: Table) -> Outcome:
    """What a goal comes to on the table as it is when it is said."""
    try:
        return _outcome(goal, table)
    except Trouble as trouble:
        if trouble.reason == "ambiguous":
            return Question(trouble.about[0], trouble.options)
        return Refusal(trouble.reason, trouble.about)


def can_do(verb: str) -> bool:
    """Whether the robot can do what a verb says: "put", "pick up", but not "take a photo"."""
    first, *others = verb.lower().split() or [""]
    return first in CAN_DO and _PARTICLES.issuperset(others)


def _outcome(goal: Goal, table: Table) -> Outcome:
    if isinstance(goal, Tell):
        return Told(goal, answer(goal, table))
    if isinstance(goal, Cannot):
        return Refusal("unclear") if can_do(goal.verb) else Refusal("cannot_do", (goal.verb,))
    if isinstance(goal, Nothing | Unclear):
        return Refusal(type(goal).__name__.lower())
    chosen = chosen_of(goal, table)
    if chosen is None:
        return Task(Wanted(((),)), ())
    aim = wanted(chosen, table)
    return Task(aim, tuple(plan(table, aim)))


def chosen_of(goal: Do | If, table: Table) -> Do | None:
    """The goal that a condition leaves, by the table as it is when it is said; None where that is nothing."""
    if isinstance(goal, Do):
        return goal
    return goal.then if is_true(goal.test, table) else goal.otherwise
