"""Labels for free: whether a skill is possible now, and whether the last one did what it means. PRIVILEGED."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from envs.experts.affordances import shortfall, why_not
from envs.experts.oracle import read


@dataclass(frozen=True, slots=True)
class SkillJudge:
    """How a domain judges single skills, from true state.

    view(world, scene, held): what the answers need of a moment. why_not(view, skill, *arguments): why the call is not
    possible then, a clause, or None. shortfall(before, after, skill, *arguments): why it did not do what it means. Of
    an object, the argument is its true name. words: name of a parameter that is a text -> what may be said there, as
    far as affordances ask about it.
    """

    view: Callable[..., Any]
    why_not: Callable[..., str | None]
    shortfall: Callable[..., str | None]
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)


TABLE_JUDGE = SkillJudge(read, why_not, shortfall)
"""Of blocks and bowls on a table."""
