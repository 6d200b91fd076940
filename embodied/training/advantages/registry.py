"""The registry of advantages: a decorator puts a function into it, under a name that settings may say.

    @advantage("progress", needs=("progress",))
    def progress(group: Group, context: Context) -> Numbers: ...
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from embodied.training.advantages.records import Context, Group, ScoredDecision
from envs.names import unknown

Numbers = Sequence[Sequence[float]]
"""For each trajectory of a group a number for each of its decisions, in the group's order."""
Function = Callable[[Group, Context], Numbers]

MEASURED = tuple(field.name for field in fields(ScoredDecision) if field.name != "reward")
"""What a decision may have that an advantage may need."""


@dataclass(frozen=True, slots=True)
class Advantage:
    """A registered function. needs: fields of `ScoredDecision` that must be known of every decision, so that whoever
    plays the episodes knows beforehand what to measure. least: trajectories of the smallest group it understands."""

    name: str
    needs: tuple[str, ...]
    least: int
    function: Function

    def __call__(self, group: Group, context: Context | None = None) -> tuple[tuple[float, ...], ...]:
        """The advantage of each decision of each trajectory, in the unit of the reward or, scaled, in deviations.

        The training repeats it over the tokens of the decision. ValueError for a group that is too small or lacks what
        is needed, and for a function that does not give a finite number for each decision.
        """
        self._check(group)
        numbers = tuple(tuple(map(float, row)) for row in self.function(group, context or Context()))
        expected, got = [len(t.decisions) for t in group.trajectories], list(map(len, numbers))
        if got != expected or not all(math.isfinite(number) for row in numbers for number in row):
            raise ValueError(f"advantage {self.name}: expected a finite number for each decision, {expected} of them, "
                             f"got {got}: {numbers}")
        return numbers

    def _check(self, group: Group) -> None:
        if len(group.trajectories) < self.least:
            raise ValueError(f"advantage {self.name}: expected a group of at least {self.least} trajectories, got "
                             f"{len(group.trajectories)}; play more from each start, or leave the group out")
        for name in self.needs:
            for i, trajectory in enumerate(group.trajectories):
                for t, decision in enumerate(trajectory.decisions):
                    if getattr(decision, name) is None:
                        raise ValueError(f"advantage {self.name}: expected {name} of every decision, got None for "
                                         f"decision {t} of trajectory {i}; measure it, or choose an advantage "
                                         "that does not need it")


_KNOWN: dict[str, Advantage] = {}


def advantage(name: str, *, needs: Sequence[str] = (), least: int = 1) -> Callable[[Function], Advantage]:
    """Register the decorated function, which becomes an `Advantage`. ValueError for a name that is taken and for a need
    that no decision has."""
    if name in _KNOWN:
        raise ValueError(f"advantage {name!r}: expected a new name, got one that is registered; choose another")
    for need in needs:
        if need not in MEASURED:
            raise ValueError(unknown(need, MEASURED, what=f"needs of advantage {name!r}"))

    def register(function: Function) -> Advantage:
        return _KNOWN.setdefault(name, Advantage(name, tuple(needs), least, function))

    return register


def advantage_named(name: str) -> Advantage:
    """The registered one. ValueError for a name that nobody registered."""
    if name not in _KNOWN:
        raise ValueError(unknown(name, _KNOWN, what="advantage", otherwise="import the module that registers it first"))
    return _KNOWN[name]


def advantage_names() -> tuple[str, ...]:
    """All that are registered, in that order."""
    return tuple(_KNOWN)
