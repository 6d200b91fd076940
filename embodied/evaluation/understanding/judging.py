"""The judge of one wording: what the mind did and said, held against the true tables. PRIVILEGED.

*Wrong motion*: a thing was displaced by a call that the goal does not ask for. What a call means decides, not how it
went: what slips counts as failed. A question is right only if its options are the true candidates, a refusal only if
its reason is the one that decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from embodied.evaluation.understanding.items import Item, spelled
from embodied.planning.closed_loop import Step
from embodied.planning.language import Plan
from envs.goals.answers import Answer
from envs.goals.judge import asks_for, progress
from envs.goals.language import Do, If
from envs.goals.outcome import OF_WORDS, Outcome, Question, Refusal, Task, Told, chosen_of, outcome_of
from envs.goals.planner import simulate
from envs.goals.spelling import read
from envs.goals.table import Table
from envs.interface import NamedCall, Referent, SkillCall

DISPLACED_M = 0.03
_SAID = (("missing", r"^I see no (?!objects)"), ("too_few", r"^I see (fewer|only)"), ("cannot_move", r"cannot move|"
         r"only blocks can be picked"), ("no_container", r"only into bowls"), ("no_base", r"onto blocks"),
         ("conflict", r"contradicts"), ("unclear", r"did not understand|do not know the word|only know plain English"),
         ("cannot_do", r"^I cannot|I can only"), ("nothing", r"nothing to do"))
"""Reasons by the words of refusals, of minds that give no other."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """right: the outcome is the right one. wrong_motion: something was moved that nobody asked for. did: "plan",
    "question", "refusal" or "answer"; the same of what was right: `Item.ending`. contradicts: a refusal for what is on
    the table gave a reason that is not so, whatever was meant; None of all else."""

    right: bool
    wrong_motion: bool
    did: str
    reason: str = ""  # of a refusal
    contradicts: bool | None = None


def judge(item: Item, steps: Sequence[Step], tables: Sequence[Table]) -> Verdict:
    """The verdict on an episode. tables: the true ones, before the first call and after each."""
    truth = item.outcome if item.goal is None else outcome_of(item.goal, tables[0])
    is_wrong = any(_is_wrong(motion, truth, tables) for motion in motions(steps, tables))
    last, end = steps[-1].plan, steps[-1].end or ""
    did = did_of(last, end)
    is_right = not is_wrong and _is_right(item, truth, last, end, tables)
    reason = reason_of(last) if did == "refusal" else ""
    is_of_table = bool(reason) and reason not in OF_WORDS
    return Verdict(is_right, is_wrong, did, reason, contradicts(last, tables[-1]) if is_of_table else None)


def contradicts(plan: Plan, table: Table) -> bool | None:
    """Whether the reason that a plan refuses for is not so on the true table as it is then, of what was understood;
    None where the plan does not say what was understood."""
    if not plan.understood:
        return None
    truth = outcome_of(read(plan.understood), table)
    return not (isinstance(truth, Refusal) and truth.reason == reason_of(plan))


def did_of(plan: Plan, end: str) -> str:
    """How an episode ended, as items tell it."""
    if plan.answer is not None:
        return "answer"
    if plan.question is not None:
        return "question"
    return "refusal" if end.startswith("refused") else "plan"


def reason_of(plan: Plan) -> str:
    """The reason of a refusal, "" where it gives none that is known."""
    if isinstance(plan.outcome, Refusal):
        return plan.outcome.reason
    return next((reason for reason, words in _SAID if re.search(words, plan.refusal or "")), "")


# What was said -------------------------------------------------------------------------------------------------------

def _is_right(item: Item, truth: Outcome, last: Plan, end: str, tables: Sequence[Table]) -> bool:
    did = did_of(last, end)
    if isinstance(truth, Task):
        return did == "plan" and end in ("success", "done") and is_met(item, truth, tables)
    moved = len(tables) > 1 and any(_is_displaced(name, tables[0], tables[-1]) for name in tables[0].things)
    if moved:
        return False
    if isinstance(truth, Question):
        asked = {true_name(referent, tables[0]) for referent in last.about}
        return did == "question" and asked == {*truth.options}
    if isinstance(truth, Refusal):
        return did == "refusal" and reason_of(last) == truth.reason
    return did == "answer" and isinstance(last.outcome, Told) and _said(last, tables[0]) == spelled(truth.answer)


def is_met(item: Item, truth: Task, tables: Sequence[Table]) -> bool:
    """Whether all that is wanted came about, with nothing else in the hand."""
    is_holding = any(t.relation == "held" and t.is_wanted for way in truth.wanted.ways for step in way for t in step)
    chosen = isinstance(item.goal, Do | If) and chosen_of(item.goal, tables[0])
    is_done = not chosen or progress(truth.wanted, tables) >= 1.0
    return is_done and (tables[-1].held is None or is_holding)


def _said(plan: Plan, table: Table) -> str | dict[str, str] | tuple[str, ...]:
    """The answer of a plan with things by their true names."""
    answer: Answer = plan.outcome.answer
    if isinstance(answer, tuple):
        return spelled(tuple(true_name(referent, table) or "?" for referent in plan.about))
    if isinstance(answer, dict) and plan.about:
        [relation] = answer
        return {relation: true_name(plan.about[0], table) or "?"}
    return spelled(answer)


# What was moved ------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, slots=True)
class Motion:
    """Calls that belong together: a pick, and the release of what was picked. before, after: places of the tables."""

    calls: tuple[NamedCall, ...]
    before: int
    after: int


def motions(steps: Sequence[Step], tables: Sequence[Table]) -> list[Motion]:
    """What the calls of an episode mean, with things by their true names."""
    found: list[Motion] = []
    done = [step.transition for step in steps if step.transition is not None]
    for place, transition in enumerate(done):
        call = true_call(transition.call, tables[place])
        if call is None or call[0] in ("home", "answer"):
            continue
        if call[0] == "pick":
            found.append(Motion((call,), place, place + 1))
        elif found and len(found[-1].calls) == 1:
            found[-1] = Motion((*found[-1].calls, call), found[-1].before, place + 1)
    return found


def true_call(call: SkillCall, table: Table) -> NamedCall | None:
    """A call with things by their true names; None where it points at nothing that can be told."""
    values: list[str | float] = []
    for argument in call.arguments:
        name = true_name(argument, table, held=None if call.skill == "pick" else table.held) if isinstance(
            argument, Referent) else argument
        if name is None:
            return None
        values.append(name)
    return (call.skill, *values)


def true_name(referent: Referent, table: Table, held: str | None = None) -> str | None:
    """The thing that is nearest to where a referent was measured. held: is not meant."""
    if referent.box is None:
        return None
    def apart(name: str) -> float:
        thing = table.things[name]
        return float(np.linalg.norm(np.subtract((thing.x, thing.y, thing.z), referent.box.center)))

    return min((name for name in table.things if name != held), key=apart, default=None)


def _is_wrong(motion: Motion, truth: Outcome, tables: Sequence[Table]) -> bool:
    before, name = tables[motion.before], motion.calls[0][1]
    if not any(_is_displaced(name, before, table) for table in tables[motion.before:motion.after + 1]):
        return False
    if not isinstance(truth, Task):
        return True
    meant = [simulate(before, motion.calls[:count]) for count in range(1, len(motion.calls) + 1)]
    return not asks_for(truth.wanted, tables[:motion.before + 1], meant)


def _is_displaced(name: str, before: Table, after: Table) -> bool:
    if name not in after.things or name not in before.things:
        return name in before.things
    one, other = before.things[name], after.things[name]
    is_far = float(np.hypot(one.x - other.x, one.y - other.y)) > DISPLACED_M
    return is_far or before.under.get(name) != after.under.get(name) or (after.held == name != before.held)
