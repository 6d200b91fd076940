"""Labels for free: whether a skill is possible now, and whether the last one did what it means. PRIVILEGED."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from envs.experts.oracle import read_state
from envs.experts.symbols import shortfall, why_not


@dataclass(frozen=True, slots=True)
class SkillJudge:
    """How a domain judges single skills, from true state.

    view(world, scene, held): what the answers need of a moment. why_not(view, skill, argument): why the skill is not
    possible then, a clause, or None. shortfall(before, skill, argument, after): why it did not do what it means.
    """

    view: Callable[..., Any]
    why_not: Callable[[Any, str, str], str | None]
    shortfall: Callable[[Any, str, str, Any], str | None]


TABLE_JUDGE = SkillJudge(read_state, why_not, shortfall)
"""Of blocks and bowls on a table."""
