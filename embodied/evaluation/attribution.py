"""Whose fault a failed episode was: perception, planning or skill, told from the truth after the fact.

Each decision is compared with a privileged look at the scene taken just before it (names, true boxes, what is held,
what an expert would still do). The planner never gets any of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from envs.interface import Box, Observation, Outcome, Referent, SkillCall

Component = Literal["perception", "planning", "skill", "other"]
COMPONENTS: tuple[Component, ...] = ("perception", "planning", "skill", "other")

MATCH_DISTANCE_M = 0.035
"""A measured box names the true object whose centre is this near (a block is 0.036 to 0.050 m wide) ..."""

MATCH_SHARE = 0.35
"""... or nearer than this share of the true object's width: bowls (0.13 m, measured hollow) may be off by more."""


@dataclass(frozen=True, slots=True)
class Truth:
    """A privileged look at the scene, for judging only. wanted: what an expert would still do, in order; of one who has
    to look about first, what it would do next, which may be less than all (is_partial)."""

    boxes: Mapping[str, Box]
    held: str | None
    wanted: tuple[tuple[str, str], ...]
    any_order: bool = False
    is_partial: bool = False

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> Truth:
        wanted = tuple((str(call[0]), str(call[1]) if len(call) > 1 else "") for call in view["wanted"])
        return cls(dict(view["boxes"]), view["held"], wanted, bool(view.get("any_order", False)),
                   bool(view.get("is_partial", False)))

    def acceptable(self) -> set[tuple[str, str]]:
        """The calls that an expert might make next."""
        first = set(self.wanted[:1])
        if self.any_order and self.held is None:
            first |= {call for call in self.wanted if call[0] == "pick"}
        return first


@dataclass(frozen=True, slots=True)
class Decision:
    """One step of the episode: the truth before it, what the planner saw and decided, how it went.

    call: None = the planner stopped here (refused, or said that all is done). seen: measured boxes of its slots.
    """

    truth: Truth
    call: SkillCall | None
    outcome: Outcome | None
    seen: tuple[Box, ...] | None  # None: the planner does not see objects (it points at pixels)
    observation: Observation | None = None
    why: str = ""  # its reason for stopping


@dataclass(frozen=True, slots=True)
class Fault:
    component: Component
    reason: str


def attribute_failure(decisions: Sequence[Decision]) -> Fault:
    """The fault of a failed episode: the first one after its last progress (an earlier one was made good). Where what
    is left is not known, the first one after the last decision without a fault."""
    if decisions and decisions[0].truth.is_partial:
        return _last_fault(decisions)
    left = [len(d.truth.wanted) for d in decisions]
    lowest = min(left, default=0)
    start = left.index(lowest) if left else 0
    for at in range(start, len(decisions)):
        after = decisions[at + 1].truth if at + 1 < len(decisions) else None
        fault = fault_of(decisions[at], after)
        if fault is not None:
            return fault
    return Fault("other", "no single decision was at fault")


def is_planned(decisions: Sequence[Decision]) -> bool:
    """Whether no decision was wrong by what was seen or chosen: whatever went wrong was a skill's."""
    return all(fault is None or fault.component == "skill" for fault in map(fault_of, decisions))


def _last_fault(decisions: Sequence[Decision]) -> Fault:
    """The first of the faults that stand together last. That a plan gets no shorter is none: one may look about."""
    found: Fault | None = None
    for fault in map(fault_of, reversed(decisions)):
        if fault is None and found is not None:
            break
        found = fault or found
    return found or Fault("other", "no single decision was at fault")


def fault_of(decision: Decision, after: Truth | None = None) -> Fault | None:
    """The fault of one decision, None where it was right and went well."""
    if decision.call is None:
        return _fault_of_stopping(decision)
    named = [true_name(argument, decision) if isinstance(argument, Referent) else str(argument)
             for argument in decision.call.arguments]
    if None in named:
        return Fault("perception", f"{decision.call.skill} was aimed where no object is")
    chosen = decision.call.skill, named[0] if named else ""
    if decision.call.skill != "home" and chosen not in decision.truth.acceptable():
        return _fault_of_choice(decision, " ".join([decision.call.skill, *named]))
    return _fault_of_motion(decision, after)


def _fault_of_stopping(decision: Decision) -> Fault | None:
    if not decision.truth.wanted:
        return None
    return _fault_of_choice(decision, f"to stop ({decision.why})" if decision.why else "to stop")


def _fault_of_choice(decision: Decision, chosen: str) -> Fault:
    """A wrong choice is perception's fault where the wanted thing was not among what was seen."""
    if not decision.truth.wanted:
        return Fault("planning", f"chose {chosen} with nothing left to do")
    skill, name = decision.truth.wanted[0]
    if not was_seen(name, decision):
        return Fault("perception", f"the {name} was not seen")
    return Fault("planning", f"chose {chosen} where {' '.join(filter(None, (skill, name)))} was due")


def _fault_of_motion(decision: Decision, after: Truth | None) -> Fault | None:
    outcome, skill = decision.outcome, decision.call.skill
    if outcome is not None and outcome.status != "done":
        return Fault("skill", f"{skill}: {outcome.reason or outcome.status}")
    if after is not None and skill != "home" and len(after.wanted) >= len(decision.truth.wanted) > 0:
        return Fault("skill", f"{skill} reported success, but nothing came nearer to the goal")
    return None


def true_name(referent: Referent, decision: Decision) -> str | None:
    """The true object that a referent was measured at, None where no object is."""
    if referent.box is not None:
        return match(referent.box, decision.truth.boxes)
    center = measured_center(referent, decision.observation)
    return None if center is None else _nearest(center, 0.0, decision.truth.boxes, width_weight=0.0)


def match(box: Box, truth: Mapping[str, Box]) -> str | None:
    """The true object that a measured box fits best in place and width: a bowl is not the block inside it."""
    return _nearest(np.asarray(box.center), max(box.size[:2]), truth, width_weight=1.0)


def _nearest(center: np.ndarray, width_m: float, truth: Mapping[str, Box], width_weight: float) -> str | None:
    """The object with the least distance plus weighted difference in width, of those near enough."""
    misfit = {name: _distance(center, box) + width_weight * abs(width_m - max(box.size[:2]))
              for name, box in truth.items() if _distance(center, box) <= _tolerance_m(box)}
    return min(misfit, key=misfit.get, default=None)


def measured_center(referent: Referent, observation: Observation | None) -> np.ndarray | None:
    """float64[3] m, world: the centre of the referent's box, or the surface point under its pixel."""
    if referent.box is not None:
        return np.asarray(referent.box.center)
    if referent.pixel is None or observation is None:
        return None
    column, row = referent.pixel
    depth = observation.depth[referent.camera]
    return observation.cameras[referent.camera].lift(depth)[row, column]


def was_seen(name: str, decision: Decision) -> bool:
    """Whether the named object was among what the planner saw; always so for planners without object slots."""
    if decision.seen is None or name not in decision.truth.boxes or name == decision.truth.held:
        return True
    return any(match(box, decision.truth.boxes) == name for box in decision.seen)


def _distance(center: np.ndarray, box: Box) -> float:
    return float(np.linalg.norm(np.asarray(center) - np.asarray(box.center)))


def _tolerance_m(box: Box) -> float:
    return max(MATCH_DISTANCE_M, MATCH_SHARE * max(box.size[:2]))


def failure_split(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """{"count", "perception", "planning", "skill", "other", "reasons"} over the failed episodes."""
    failed = [r for r in records if r["success"] is False]
    components = Counter(r["attribution"]["component"] for r in failed)
    reasons = Counter(f"{r['attribution']['component']}: {r['attribution']['reason']}" for r in failed)
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return {"count": len(failed), **{c: components[c] for c in COMPONENTS}, "reasons": dict(ordered[:20])}
