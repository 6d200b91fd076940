"""Goals drawn for a table: every construct of the language, told as people would on that table.

    drawn = draw(np.random.default_rng(0), split="train")
    drawn.scene, write(drawn.goal), drawn.outcome

docs/goals.md tells the kinds and the split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from envs.goals.chance import ordered, pick, weighted
from envs.goals.combinations import fits_split
from envs.goals.drafts import Drafter
from envs.goals.language import Cannot, Do, Fact, Goal, Nothing, Unclear
from envs.goals.normal import normal
from envs.goals.outcome import OF_WORDS, Outcome, Question, Refusal, Task, Told, outcome_of
from envs.goals.planner import simulate
from envs.goals.references import Trouble
from envs.goals.scenes import Scene, draw_scene, table_of
from envs.goals.speaker import Speaker, UnspeakableError
from envs.goals.spoiling import VERBS, Spoiler
from envs.goals.table import Table

SHARES: Mapping[str, float] = {
    "fact": 0.23, "quantity": 0.14, "clauses": 0.08, "negation": 0.08, "steps": 0.14, "condition": 0.08, "done": 0.02,
    "tell": 0.07, "ambiguous": 0.06, "missing": 0.025, "too_few": 0.012, "cannot_move": 0.01, "no_container": 0.008,
    "no_base": 0.008, "conflict": 0.015, "cannot_do": 0.01, "nothing": 0.006, "unclear": 0.006}
"""Kinds of goals, and how often they are drawn. Up to "done" they come to a plan, "tell" to an answer, "ambiguous" to
a question, the others to a refusal of that reason."""
KINDS_OF_PLANS = ("fact", "quantity", "clauses", "negation", "steps", "condition", "done")
MOST_MOVED = 4
"""Picks of a plan, and steps, unless another difficulty is asked for."""
_IDLE = 0.12
"""Share of goals that hold already which are kept, of kinds that are not about that."""
_TRIES = 40
_TRIES_OF_TEST = 240
_STEADY_M = 0.003
_MOST_HIGH = 4
_STEPS = {2: 0.62, 3: 0.26, 4: 0.12}

Split = Literal["train", "test"]


class UndrawableError(ValueError):
    """No goal of the kind asked for was found on this table: draw another table."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene, the table that it is, a goal about it and what that comes to. kind: of `SHARES`."""

    scene: Scene
    table: Table
    kind: str
    goal: Goal
    outcome: Outcome


def draw(rng: np.random.Generator, *, things: tuple[int, int] = (3, 7), kind: str | None = None,
         shares: Mapping[str, float] = SHARES, difficulty: int | None = None, split: Split | None = None) -> Drawn:
    """A scene with a goal, as `draw_scene` and `draw_goal`; tables on which nothing was found are drawn anew."""
    _check(kind, shares, difficulty, split)
    kind = kind or weighted(rng, _of_split(shares, split))
    while True:
        scene = draw_scene(rng, things=things)
        table = table_of(scene)
        found = _find(rng, table, kind, difficulty, split)
        if found is not None:
            return Drawn(scene, table, kind, *found)


def draw_goal(rng: np.random.Generator, table: Table, *, kind: str | None = None,
              shares: Mapping[str, float] = SHARES, difficulty: int | None = None, split: Split | None = None) -> Goal:
    """A goal about a table, in its normal form.

    kind: of `SHARES`, drawn by the shares where None. difficulty: picks of the plan or steps, whichever are more, 1 to
    4, of goals that come to a plan; any where None. split: see `envs.goals.combinations`. Raises UndrawableError where
    none was found, ValueError for arguments that make no sense.
    """
    _check(kind, shares, difficulty, split)
    for drawn in [kind] if kind else ordered(rng, _of_split(shares, split)):
        found = _find(rng, table, drawn, difficulty, split)
        if found is not None:
            return found[0]
    raise UndrawableError(f"expected a table with a goal of kind {kind or 'any'}, split {split} and difficulty "
                          f"{difficulty}, found none on {', '.join(table.things)}")


def _check(kind: str | None, shares: Mapping[str, float], difficulty: int | None, split: str | None) -> None:
    unknown = [k for k in (*shares, *([kind] if kind else [])) if k not in SHARES]
    if unknown:
        raise ValueError(f"expected kinds of {tuple(SHARES)}, got {unknown}")
    if difficulty is not None and difficulty not in range(1, MOST_MOVED + 1):
        raise ValueError(f"expected a difficulty of 1 to {MOST_MOVED}, or None, got {difficulty!r}")
    if split not in (None, "train", "test"):
        raise ValueError(f"expected the split train or test, or None, got {split!r}")
    if split == "test" and kind in OF_WORDS:
        raise ValueError(f"expected a kind with combinations for the split test, got {kind!r}, which has none")


def _of_split(shares: Mapping[str, float], split: str | None) -> dict[str, float]:
    return {kind: share for kind, share in shares.items() if split != "test" or kind not in OF_WORDS}


def _find(rng: np.random.Generator, table: Table, kind: str, difficulty: int | None, split: str | None
          ) -> tuple[Goal, Outcome] | None:
    """A goal of a kind and what it comes to; None where none was found."""
    try:
        draft = _draft_of(rng, table, kind, difficulty)
    except UnspeakableError:
        return None
    for _ in range(_TRIES_OF_TEST if split == "test" else _TRIES):
        try:
            goal = normal(draft())
        except (UnspeakableError, Trouble):
            continue
        if fits_split(goal, split):
            outcome = outcome_of(goal, table)
            if _is_right(rng, table, outcome, kind, goal, difficulty):
                return goal, outcome
    return None


def _draft_of(rng: np.random.Generator, table: Table, kind: str, difficulty: int | None) -> Callable[[], Goal]:
    """What draws goals of a kind, not all of which will do."""
    speaker = Speaker(rng, table)
    drafter = Drafter(speaker)
    spoiler = Spoiler(drafter)
    steps = difficulty or MOST_MOVED

    def several() -> int:
        return weighted(rng, {n: weight for n, weight in _STEPS.items() if n <= max(2, steps)})

    drafts: dict[str, Callable[[], Goal]] = {
        "fact": lambda: Do(((drafter.fact(),),)),
        "quantity": lambda: Do(((drafter.many(),),)),
        "clauses": lambda: Do((drafter.clauses(several()),)),
        "negation": drafter.negative,
        "steps": lambda: drafter.ordered(several()),
        "condition": drafter.conditional,
        "done": lambda: _done(drafter),
        "tell": drafter.question,
        "cannot_do": lambda: Cannot(pick(rng, VERBS)),
        "nothing": Nothing,
        "unclear": Unclear,
    }
    draft = drafts.get(kind) or getattr(spoiler, kind)

    def afresh() -> Goal:
        speaker.forget()
        return draft()

    return afresh


def _done(drafter: Drafter) -> Do:
    """Something that holds already."""
    name = drafter.block()
    relation, place = drafter.truth(name)
    return Do(((Fact(relation, drafter.mover(name), drafter.spoken(place)),),))


def _is_right(rng: np.random.Generator, table: Table, outcome: Outcome, kind: str, goal: Goal, difficulty: int | None
              ) -> bool:
    """Whether a goal came to what its kind shall come to, and is as difficult as was asked for."""
    if kind == "tell":
        return isinstance(outcome, Told)
    if kind == "ambiguous":
        return isinstance(outcome, Question)
    if kind not in KINDS_OF_PLANS:
        return isinstance(outcome, Refusal) and outcome.reason == kind
    if not isinstance(outcome, Task):
        return False
    if kind == "done" or not outcome.calls:
        return not outcome.calls and (kind == "done" or rng.random() < _IDLE) and difficulty is None
    return _is_as_difficult(outcome, goal, difficulty) and _is_steady(outcome, table)


def _is_steady(task: Task, table: Table) -> bool:
    """Whether no block comes to stand on one that is smaller, or too high."""
    last = simulate(table, task.calls)
    sides = {name: thing.side_m for name, thing in table.things.items()}
    return all(len(last.below(block)) < _MOST_HIGH and sides[block] <= sides.get(carrier, 1.0) + _STEADY_M
               for block, carrier in last.under.items())


def difficulty_of(goal: Goal, task: Task) -> int:
    """How many things are picked, or how many steps it has, whichever are more."""
    steps = max(len(way) for way in task.wanted.ways)
    return max(steps, sum(skill == "pick" for skill, *_ in task.calls))


def _is_as_difficult(task: Task, goal: Goal, difficulty: int | None) -> bool:
    found = difficulty_of(goal, task)
    return found == difficulty if difficulty else found <= MOST_MOVED
