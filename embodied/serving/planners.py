"""Who may plan for a robot. A privileged planner reads what no robot can sense, so it plans only where somebody asked
for it by its name, and is shown as what it is wherever it plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from embodied.planning.declaration import why_not_planned
from embodied.serving.errors import ApiError
from envs.skills.signatures import LANGUAGES, PlanLanguage


@dataclass(frozen=True, slots=True)
class PlannerKind:
    """A planner as clients list it."""

    name: str
    meaning: str
    is_privileged: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "privileged": self.is_privileged, "meaning": self.meaning}


SHOWN_IN_WORDS = ("tabletop",)
"""Domains whose scenes a prompted model can be told in words."""
KINDS = (
    PlannerKind("model", "the weights that plan in this world, from camera images and depth"),
    PlannerKind("chat", "a prompted language model, from what the loaded weights see"),
    PlannerKind("oracle", "the scripted expert, which reads the simulator's true state", is_privileged=True),
)
"""All of them, the usual one first."""
NAMES = tuple(kind.name for kind in KINDS)
PRIVILEGED = frozenset(kind.name for kind in KINDS if kind.is_privileged)


def kinds_of(domain: str, language: PlanLanguage, *, has_chat: bool) -> list[PlannerKind]:
    """Those who can plan in a domain. language: of the loaded weights."""
    can_plan = {"model": why_not_planned(language, LANGUAGES[domain]) is None,
                "chat": has_chat and domain in SHOWN_IN_WORDS, "oracle": True}
    return [kind for kind in KINDS if can_plan[kind.name]]


def usual(kinds: Sequence[PlannerKind], preferred: str | None = None) -> str | None:
    """Who plans where nobody is named: the one that the server was told to prefer, else the first one that is not
    privileged; None where there is neither."""
    if preferred in [kind.name for kind in kinds]:
        return preferred
    return next((kind.name for kind in kinds if not kind.is_privileged), None)


def chosen(asked: str | None, domain: str, kinds: Sequence[PlannerKind], preferred: str | None = None) -> str:
    """Name of who plans. Raises ApiError 422 for one that cannot, and where nobody was named and all are privileged."""
    names = [kind.name for kind in kinds]
    if asked is not None and asked not in names:
        raise ApiError(422, "invalid", f"planner: expected one of {names} in {domain}, got {asked!r}")
    name = asked or usual(kinds, preferred)
    if name is None:
        options = "; ".join(f'"planner": "{kind.name}" is {kind.meaning}' for kind in kinds)
        raise ApiError(422, "planner_needed", f"planner: expected one by name: in {domain} nobody plans from what a "
                                              f"robot senses; privileged: {options}")
    return name
