"""Whether a skill would work here, told from what was measured of the scene: the "can" of SayCan (arXiv 2204.01691).

SayCan multiplies what a language model would say by a learned value function. Here the second factor is not learned: it
is a handful of rules over measured boxes and the hand, each a reason why a skill fails. It knows nothing of the
instruction.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from embodied.agents.scene_state import SceneState
from embodied.planning.language import place_of
from embodied.planning.perception import WIDE_M, supports
from envs.interface import TABLE_WORKSPACE, Box
from envs.skills.signatures import Effect, Relation, Signature

LIKELY, UNLIKELY = 0.95, 0.02
"""Chance of a skill that nothing speaks against, and of one that something does: perception errs, so never 1 or 0."""

REACH_M = TABLE_WORKSPACE.grown(reach_m=0.02).reach_m
"""Farthest from the robot's axis that an arm at the table grasps from above, with play for what was measured."""
HAND_M = 0.075
"""Widest side that open fingers go around: they open 8 cm."""


def affordance(skill: Signature, names: Sequence[str], state: SceneState) -> float:
    """Chance in (0, 1) that a skill works on the objects of those names in this scene."""
    return LIKELY if why_not(skill, names, state) is None else UNLIKELY


def why_not(skill: Signature, names: Sequence[str], state: SceneState) -> str | None:
    """What speaks against a skill on objects, a clause; None when nothing does."""
    if skill.effect == "grasp" and state.is_holding:
        return "the hand is full"
    if skill.effect == "release" and not state.is_holding:
        return "the hand is empty"
    return next(filter(None, (_against(skill, name, state) for name in names)), None)


def _against(skill: Signature, name: str, state: SceneState) -> str | None:
    """What speaks against a skill on one object."""
    place = place_of(name)
    box, is_covered = state.perception.slots[place].box, place in supports(state.perception.slots)
    if math.hypot(*box.center[:2]) > REACH_M:
        return "it is out of reach"
    check = _CHECKS.get((skill.effect, skill.relation))
    return None if check is None else check(box, is_covered)


def _against_grasp(box: Box, is_covered: bool) -> str | None:
    if is_covered:
        return "something rests on it"
    return "it is too wide for the hand" if min(box.size[:2]) > HAND_M else None


def _against_inside(box: Box, is_covered: bool) -> str | None:
    return None if min(box.size[:2]) > WIDE_M else "it is no container"


def _against_on(box: Box, is_covered: bool) -> str | None:
    if min(box.size[:2]) > WIDE_M:
        return "it has no flat top"
    return "something rests on it already" if is_covered else None


_CHECKS: dict[tuple[Effect, Relation | None], Callable[[Box, bool], str | None]] = {
    ("grasp", None): _against_grasp, ("release", "in"): _against_inside, ("release", "on"): _against_on}
