"""The check of a plan before anything moves: known skills, grounded and plausible referents, no end in circles.

It judges what a plan would do, never the words that led to it: whatever a prompt, a picture or a name talks a model
into, the robot is asked for skills of its table on things that were measured within its reach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from embodied.planning.arguments import TEXT_LIMIT
from embodied.planning.closed_loop import Planner
from embodied.planning.language import Plan, clause
from embodied.planning.perception import Perception
from embodied.serving.safety.envelope import Region
from envs.interface import Observation, Referent, SkillCall, Transition
from envs.skills.signatures import Parameter, Signature

MOST_CALLS = 32
"""Of one plan; tidying the fullest table takes 17."""
_GREATEST_M = 0.60  # of anything that a skill can be about
_NEAR_M = 0.015  # places that are nearer are one, by what depth tells
_ROUNDS, _ROUNDS_DONE = 3, 5  # so many times over, in a plan, and in an episode with its plan, is a circle
_SLOT = re.compile(r"obj_([1-9][0-9]*)")


def fault(plan: Plan, signatures: Mapping[str, Signature], workspace: Region | None = None,
          history: Sequence[Transition] = (), most_calls: int = MOST_CALLS) -> str | None:
    """Why a plan must not be carried out, a clause for people and language models; None when it may.

    signatures: the skills that are allowed. workspace: of the tool point, m; None leaves reach to the skills. history:
    what was done in this episode.
    """
    if len(plan.calls) > most_calls:
        return f"the plan has {len(plan.calls)} calls, the most is {most_calls}"
    for number, call in enumerate(plan.calls, start=1):
        if reason := _fault_of_call(call, signatures, workspace, plan.perception):
            return f"call {number}, {reason}"
    return _circle(plan.calls, [t.call for t in history])


def _fault_of_call(call: SkillCall, signatures: Mapping[str, Signature], workspace: Region | None,
                   perception: Perception | None) -> str | None:
    if call.skill not in signatures:
        return f"{call.skill}, is no skill of this robot"
    reason = signatures[call.skill].misfit(call.arguments)
    faults = (_fault_of_argument(p, argument, workspace, perception)
              for p, argument in zip(signatures[call.skill].parameters, call.arguments, strict=True))
    reason = reason or next(filter(None, faults), None)
    return reason and f"{call.skill}, {reason}"


def _fault_of_argument(parameter: Parameter, argument: Referent | str | float, workspace: Region | None,
                       perception: Perception | None) -> str | None:
    """Why an argument of the right kind must not be acted on."""
    if parameter.kind == "object" and not isinstance(argument, Referent):
        return f"its {parameter.name} is nothing that was seen"
    if isinstance(argument, Referent):
        return _ungrounded(argument, perception) or _implausible(argument, workspace)
    is_line = not isinstance(argument, str) or (0 < len(argument) <= TEXT_LIMIT and argument.isprintable())
    return None if is_line else f"its {parameter.name} is not a line of words"


def _ungrounded(referent: Referent, perception: Perception | None) -> str | None:
    """Why it is not known where a referent was measured."""
    if referent.box is None and (referent.camera is None or referent.pixel is None):
        return "its object was not measured anywhere"
    slot = _SLOT.fullmatch(referent.words)
    if perception is not None and slot is not None:
        place = int(slot[1]) - 1
        if place >= len(perception.slots):
            return f"there is no {referent.words} in sight"
        if referent.box is not None and referent.box != perception.slots[place].box:
            return f"{referent.words} is not where it was seen"
    if referent.box is None and perception is not None and perception.image is not None:
        height_px, width_px = perception.image.pixels.shape[:2]
        column, row = referent.pixel
        return None if 0 <= column < width_px and 0 <= row < height_px else "its object is outside the image"
    return None


def _implausible(referent: Referent, workspace: Region | None) -> str | None:
    """Why a measured box cannot be a thing within reach."""
    if referent.box is None:
        return None
    box = referent.box
    if not np.isfinite([*box.center, *box.size, box.yaw]).all():
        return "its object is at no finite place"
    if min(box.size) <= 0.0 or max(box.size) > _GREATEST_M:
        return "its object has no plausible size"
    if workspace is not None:
        low, high = np.array(workspace.low), np.array(workspace.high)
        if (np.array(box.center[:2]) < low[:2]).any() or (np.array(box.center[:2]) > high[:2]).any():
            return "its object is outside the workspace"
        if box.top_z_m < low[2] or box.bottom_z_m > high[2]:
            return "its object is outside the workspace"
    return None


def _circle(calls: Sequence[SkillCall], done: Sequence[SkillCall]) -> str | None:
    if _is_circling(calls, _ROUNDS):
        return "the plan goes round in circles"
    tail = [*done, *calls][-_ROUNDS_DONE * 4:] if calls else []
    return "the same has been tried over and over" if _is_circling(tail, _ROUNDS_DONE) else None


def _is_circling(calls: Sequence[SkillCall], rounds: int) -> bool:
    """Whether some run of calls comes so many times in a row."""
    for length in range(1, len(calls) // rounds + 1):
        for start in range(len(calls) - length * rounds + 1):
            block = calls[start:start + length]
            others = (calls[start + length * n:start + length * (n + 1)] for n in range(1, rounds))
            if all(_is_same(a, b) for other in others for a, b in zip(block, other, strict=True)):
                return True
    return False


def _is_same(a: SkillCall, b: SkillCall) -> bool:
    """Whether two calls do the same to the same place; names of things change from look to look."""
    if a.skill != b.skill or len(a.arguments) != len(b.arguments):
        return False
    return all(_is_same_argument(x, y) for x, y in zip(a.arguments, b.arguments, strict=True))


def _is_same_argument(a: Any, b: Any) -> bool:
    if not (isinstance(a, Referent) and isinstance(b, Referent)) or a.box is None or b.box is None:
        return a == b
    return bool(np.linalg.norm(np.subtract(a.box.center, b.box.center)) < _NEAR_M)


@dataclass(frozen=True)
class CheckedPlanner:
    """A planner whose bad plans become refusals."""

    planner: Planner
    signatures: Mapping[str, Signature]
    workspace: Region | None = None
    on_fault: Callable[[str], None] = lambda reason: None
    """Told why a plan was turned down."""

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition]) -> Plan:
        plan = self.planner.plan(instruction, observation, history)
        reason = fault(plan, self.signatures, self.workspace, history)
        if reason is None:
            return plan
        self.on_fault(reason)
        return replace(plan, calls=(), refusal=clause(reason))
