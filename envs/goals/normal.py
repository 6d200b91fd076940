"""One spelling for goals that differ in spelling alone, and whether two goals come to the same on a table."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import (
    COLORS,
    KINDS,
    LONE_RELATIONS,
    NEAR_RELATIONS,
    Cannot,
    Clause,
    Description,
    Do,
    Exists,
    Fact,
    Goal,
    If,
    Keep,
    More,
    Not,
    Step,
    Tell,
    Test,
    Things,
    Where,
)
from envs.goals.outcome import Outcome, Question, Refusal, Task, Told, outcome_of
from envs.goals.spelling import write_test, write_things
from envs.goals.table import Table

_BRACKETS = {relation: at for at, relation in enumerate((*LONE_RELATIONS, *NEAR_RELATIONS))}


def normal(goal: Goal) -> Goal:
    """The goal in the one spelling that the sampler writes; it means the same on every table.

    Quantifiers: "the" where none stands in a fact, in `keep`, `tell where` and `tell color`; "a" in `there_is` but for
    numbers and "both"; none in `more`, `tell count`, `tell what`; in a bracket none for "the". Brackets in the order
    of `LONE_RELATIONS`, `NEAR_RELATIONS`. Clauses of a step: facts, then what shall not be, then what is kept, each by
    the alphabet, none twice. No double negation.
    """
    if isinstance(goal, Do):
        return Do(tuple(map(_step, goal.steps)))
    if isinstance(goal, If):
        return If(_test(goal.test), normal(goal.then), goal.otherwise and normal(goal.otherwise))
    if isinstance(goal, Tell):
        if goal.about == "whether":
            return Tell("whether", _test(goal.what))
        return Tell(goal.about, _bare(goal.what) if goal.about in ("count", "what") else _definite(goal.what))
    return Cannot(" ".join(goal.verb.lower().split())) if isinstance(goal, Cannot) else goal


def _step(clauses: Step) -> Step:
    return tuple(sorted(dict.fromkeys(map(_clause, clauses)), key=_rank))


def _clause(clause: Clause) -> Clause:
    return Keep(_definite(clause.things)) if isinstance(clause, Keep) else _test(clause)


def _rank(clause: Clause) -> tuple[int, str]:
    if isinstance(clause, Keep):
        return 2, write_test(Exists(clause.things))
    return int(isinstance(clause, Not)), write_test(clause)


def _test(test: Test) -> Test:
    if isinstance(test, Not):
        inner = _test(test.test)
        return inner.test if isinstance(inner, Not) else Not(inner)
    if isinstance(test, Exists):
        counts = test.things.quantifier not in ("the", "a", "all", "each", "")
        return Exists(replace(_bare(test.things), quantifier=test.things.quantifier if counts else "a"))
    if isinstance(test, More):
        return More(_bare(test.these), _bare(test.those))
    place = _definite(test.place) if isinstance(test.place, Things) else test.place
    return Fact(test.relation, _definite(test.things), place)


def _definite(things: Things) -> Things:
    return Things(things.quantifier or "the", _description(things.description))


def _bare(things: Things) -> Things:
    return Things("", _description(things.description))


def _description(told: Description) -> Description:
    kind, color = told.kind.strip('"'), told.color.strip('"')
    where = sorted(dict.fromkeys(map(_where, told.where)), key=_bracket)
    return replace(told, kind=kind if kind in KINDS else told.kind, color=color if color in COLORS else told.color,
                   where=tuple(where), but=told.but and _description(told.but))


def _bracket(where: Where) -> tuple[int, str]:
    return _BRACKETS[where.relation], write_things(where.things) if where.things else ""


def _where(where: Where) -> Where:
    if where.things is None:
        return where
    quantifier = where.things.quantifier
    return replace(where, things=Things("" if quantifier == "the" else quantifier,
                                        _description(where.things.description)))


# The same ------------------------------------------------------------------------------------------------------------

def same(goal: Goal, other: Goal, table: Table) -> bool:
    """Whether two goals come to the same on a table: the same ways of meeting them and the same things kept, the same
    options of a question, the same refusal, or the same question with the same answer."""
    return normal(goal) == normal(other) or gist(outcome_of(goal, table)) == gist(outcome_of(other, table))


def gist(outcome: Outcome) -> tuple:
    """What counts of an outcome, comparable: without the plan, the verb of what the robot cannot do, and which of the
    things that contradict each other is named."""
    if isinstance(outcome, Task):
        ways = frozenset(tuple(frozenset(step) for step in way) for way in outcome.wanted.ways)
        return "task", ways, outcome.wanted.keep
    if isinstance(outcome, Question):
        return "question", frozenset(outcome.options)
    if isinstance(outcome, Refusal):
        about = () if outcome.reason in ("cannot_do", "conflict") else outcome.about
        return "refusal", outcome.reason, tuple(words.replace(" the ", " ") for words in about)
    assert isinstance(outcome, Told)
    answer = outcome.answer
    return "answer", outcome.asked.about, frozenset(answer) if isinstance(answer, tuple) else str(answer)
