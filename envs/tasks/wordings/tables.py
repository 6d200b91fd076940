"""Goals about drawn tables, as the sampler makes them, without their outcomes: quick, for texts alone."""

from __future__ import annotations

import numpy as np

from envs.goals.drafts import Drafter
from envs.goals.language import Do, Goal
from envs.goals.normal import normal
from envs.goals.references import Trouble
from envs.goals.scenes import draw_scene, table_of
from envs.goals.speaker import Speaker, UnspeakableError

_GOALS_A_TABLE = 6
_KEPT, _AGAIN = 400, 0.6
"""Goals of each form that are kept, and the share of draws that are one of them: each is worded anew."""


class Tables:
    """Draws goals, several about each table."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._left, self._drafter = rng, 0, None
        self._kept: dict[str, list[Goal]] = {}

    def goal(self, form: str) -> Goal:
        """A goal of a form: "fact", "many", "clauses", "negative", "ordered", "conditional", "question"."""
        kept = self._kept.setdefault(form, [])
        if len(kept) >= _KEPT / 10 and self._rng.random() < _AGAIN:
            return kept[int(self._rng.random() * len(kept))]
        while True:
            try:
                goal = normal(self._draft(form))
                if len(kept) < _KEPT:
                    kept.append(goal)
                else:
                    kept[int(self._rng.random() * _KEPT)] = goal
                return goal
            except (UnspeakableError, Trouble):
                self._left -= 1

    def _draft(self, form: str) -> Goal:
        if self._left <= 0 or self._drafter is None:
            self._drafter, self._left = Drafter(Speaker(self._rng, table_of(draw_scene(self._rng)))), _GOALS_A_TABLE
        self._left -= 1
        drafter = self._drafter
        if form in ("fact", "many"):
            return Do(((drafter.fact() if form == "fact" else drafter.many(),),))
        if form == "clauses":
            return Do((drafter.clauses(2),))
        return drafter.ordered(2) if form == "ordered" else getattr(drafter, form)()
