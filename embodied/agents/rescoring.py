"""Which of several readings of a person's words is meant, once each is held against what is on the table.

People speak of what is there: of two readings, one that can be done and one that names what is not there, the first is
likelier than the words alone say (grounded decoding: Huang et al. 2023, arXiv:2303.00855, whose affordances are a
probability of each token; here they are of whole goals). Readings that come to the same are one.

    P(reading | words, table)  ~  P(reading | words) * how often what is meant comes to such an end
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from embodied.planning.dialogue import Reading
from envs.goals.judge import progress
from envs.goals.outcome import OF_WORDS, Outcome, Question, Task, Told, outcome_of
from envs.goals.planner import simulate
from envs.goals.table import Table

USUAL = {"task": 1.0, "done": 0.172, "question": 0.165, "told": 3.679, "refusal": 0.157, "words": 1.687, "unknown": 1.0}
"""What a reading's probability is multiplied by for what it comes to: a task, one that is done already, a question
back, an answer, a refusal for what is on the table, one for the words alone (what it cannot do, what is no request);
unknown: readings that nobody looked for. Values: fitted by scripts/weigh_opinions.py on 213 written wordings
(docs/training.md)."""


OVERTURNED = 2.5
"""What a table says is likelier is not believed against words that make something else more than so many times as
likely. On 310 development wordings as many are heeded rightly as with no bound, and two fewer likeliest readings are
right; of 406 refusals that were due, 290 instead of 263 (docs/evaluation.md)."""


def rescored(reading: Reading, table: Table) -> Reading:
    """The likeliest of a reading and its alternatives on a table, with the probability of all that come to the same;
    the others are its alternatives. A reading that has none is given back as it is. Where the words alone are clear
    (`OVERTURNED`), it is what they say, with the little probability that the table leaves to it."""
    if not reading.alternatives:
        return reading
    several = [replace(reading, alternatives=()), *reading.alternatives]
    ends = [outcome_of(one.goal, table) for one in several]
    weights = [one.confidence * USUAL[end_of(end)] for one, end in zip(several, ends, strict=True)]
    unknown = max(0.0, 1 - sum(one.confidence for one in several)) * USUAL["unknown"]
    ranked = sorted(grouped(ends, table), key=lambda group: -sum(weights[place] for place in group))
    told = [sum(several[place].confidence for place in group) for group in ranked]
    clearest = max(range(len(ranked)), key=told.__getitem__)
    if told[clearest] > OVERTURNED * told[0]:
        ranked.insert(0, ranked.pop(clearest))
    chosen = [_one_of(group, several, weights, unknown) for group in ranked]
    return replace(chosen[0], alternatives=tuple(chosen[1:]))


def _one_of(group: Sequence[int], several: Sequence[Reading], weights: Sequence[float], unknown: float) -> Reading:
    """The likeliest reading of a group that comes to the same, with the probability of the whole group."""
    best = max(group, key=lambda place: weights[place])
    whole = sum(weights) + unknown
    return replace(several[best], confidence=sum(weights[place] for place in group) / whole if whole else 0.0)


def grouped(ends: Sequence[Outcome], table: Table) -> list[list[int]]:
    """Places of the outcomes that are the same, together, in the order of the first of each."""
    groups: list[list[int]] = []
    for place, end in enumerate(ends):
        same = next((group for group in groups if are_same(ends[group[0]], end, table)), None)
        groups.append([place]) if same is None else same.append(place)
    return groups


def end_of(outcome: Outcome) -> str:
    """Of `USUAL`, which one it is."""
    if isinstance(outcome, Task):
        return "task" if outcome.calls else "done"
    if isinstance(outcome, Question):
        return "question"
    if isinstance(outcome, Told):
        return "told"
    return "words" if outcome.reason in OF_WORDS else "refusal"


def are_same(one: Outcome, other: Outcome, table: Table) -> bool:
    """Whether a person would not mind which of two is done or said: of tasks, whether either's plan does the other,
    too."""
    if isinstance(one, Task) and isinstance(other, Task):
        return one.calls == other.calls or (_does(one, other, table) and _does(other, one, table))
    if isinstance(one, Question) and isinstance(other, Question):
        return {*one.options} == {*other.options}
    return one == other


def _does(one: Task, other: Task, table: Table) -> bool:
    tables = [simulate(table, one.calls[:count]) for count in range(len(one.calls) + 1)]
    return progress(other.wanted, tables) >= 1
