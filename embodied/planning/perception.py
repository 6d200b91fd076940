"""What a planner saw, and what the history of the episode tells of the hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embodied.prompt import MAX_OBJECTS, Image, Slot
from envs.interface import Box, Observation, Outcome, SkillCall, Transition
from envs.skills.signatures import PlanLanguage

if TYPE_CHECKING:
    from embodied.planning.memory import Memory

GRIP_CHANGE_M = 0.005
"""Fingers that moved further than this since the pick no longer hold what they picked: it slipped or was let go."""


RISE_M = 0.02
"""A centre that is higher than another by this much, over the same place, rests on it: half a block's side."""

WIDE_M = 0.09
"""Wider things hold what is narrower and over the same place: between a block's diagonal and a bowl's rim."""


@dataclass(frozen=True, slots=True)
class Perception:
    """Object slots in the order in which a prompt names them, when they were seen, and the image they were seen in."""

    slots: tuple[Slot, ...]
    time_s: float = 0.0  # simulated time of the observation
    image: Image | None = None
    numbers: tuple[int, ...] = ()  # of the slots' names, rising, and then of what is in the hand; () for 1, 2 ..
    memory: Memory | None = None  # of scenes that remember: the slots are what is remembered

    def number(self, place: int) -> int:
        """The number of a slot's name, or, one place after the last, of what is in the hand."""
        return self.numbers[place] if self.numbers else place + 1

    @classmethod
    def of(cls, slots: Iterable[Slot], observation: Observation, language: PlanLanguage,
           limit: int = MAX_OBJECTS, *, with_distractors: bool = False) -> Perception:
        """What was seen in an observation, in the order and by the camera that plans in the language point by.
        with_distractors: with what planners never learned of, too."""
        camera = language.cameras[0]
        shown = order_largest(slots if with_distractors else without_distractors(slots), limit)
        return cls(shown, observation.time_s, Image(camera, observation.rgb[camera]))


def supports(slots: Sequence[Slot]) -> list[int | None]:
    """For each slot, the place of the one that it rests on or in, by measured boxes alone; None = the table."""
    return [max((j for j in range(len(slots)) if j != i and carries(slots[j].box, slots[i].box)),
                key=lambda j: slots[j].box.center[2], default=None) for i in range(len(slots))]


def without_distractors(slots: Iterable[Slot]) -> list[Slot]:
    """Those of the slots that planners learned of."""
    return [slot for slot in slots if not slot.is_distractor]


def order_largest(slots: Iterable[Slot], limit: int = MAX_OBJECTS) -> tuple[Slot, ...]:
    """At most `limit` slots, the largest ones, ordered by `order_slots`: as a prompt names them. Distractors
    come last."""
    kept = sorted(slots, key=lambda slot: (slot.is_distractor, -slot.area_px))[:limit]
    distractors = [slot for slot in kept if slot.is_distractor]
    return (*order_slots(without_distractors(kept)), *order_slots(distractors))


def order_slots(slots: Iterable[Slot]) -> tuple[Slot, ...]:
    """The slots, each after what carries it, wide ones (that may hold others) first; level ones from the robot's left.

    A model that reads from left to right then knows the bowl of a block's color, or the base under it, when it comes
    to the block.
    """
    slots = tuple(slots)
    bases = supports(slots)
    order = sorted(range(len(slots)), key=lambda i: (_level(i, bases), *_place_in_row(slots[i])))
    return tuple(slots[i] for i in order)


def _level(place: int, bases: Sequence[int | None]) -> int:
    """How many slots lie under one, by the supports of all."""
    level, base = 0, bases[place]
    while base is not None and level < len(bases):  # measured boxes may carry each other in a circle
        level, base = level + 1, bases[base]
    return level


def _place_in_row(slot: Slot) -> tuple[bool, float, float]:
    x, y, _ = slot.box.center
    return max(slot.box.size[:2]) <= WIDE_M, -y, x


def carries(base: Box, top: Box) -> bool:
    """Whether `top` stands over `base`: higher by half a block, or inside something wide."""
    apart_m = np.hypot(top.center[0] - base.center[0], top.center[1] - base.center[1])
    is_above = top.center[2] - base.center[2] > RISE_M
    is_within = max(base.size[:2]) > WIDE_M > max(top.size[:2])
    return bool(apart_m < max(base.size[:2]) / 2 and (is_above or is_within))


def last_failure(history: Sequence[Transition]) -> tuple[SkillCall, Outcome] | None:
    """The latest call and its outcome when it did not succeed, else None."""
    if not history or history[-1].outcome.status == "done":
        return None
    return history[-1].call, history[-1].outcome


def held_since(history: Sequence[Transition], language: PlanLanguage) -> Transition | None:
    """The transition that picked what the hand still holds, by outcomes and finger opening; None = empty hand."""
    moving = language.grasping + language.releasing
    effective = [t for t in history if t.outcome.status == "done" and t.call.skill in moving]
    if not effective or effective[-1].call.skill not in language.grasping:
        return None
    change_m = history[-1].after.gripper_width_m - effective[-1].after.gripper_width_m
    return effective[-1] if abs(change_m) < GRIP_CHANGE_M else None


def nearest_slot(slots: Sequence[Slot], box: Box) -> Slot | None:
    """The slot whose centre lies nearest to the box's, None when there is no slot."""
    target = np.asarray(box.center)
    return min(slots, key=lambda slot: float(np.linalg.norm(np.asarray(slot.box.center) - target)), default=None)
