"""What a robot remembers: what it saw where it stood, what it holds, and what it has done so far.

After PaLM-E's prompts for a mobile manipulator (section 6.3), which tell the steps so far. Departure: what was seen
before is in the sentence, too, with the place where it was seen; the paper shows the present image alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from embodied.planning.perception import held_since
from embodied.prompt import MAX_OBJECTS, Slot
from envs.interface import Observation, Transition
from envs.skills.signatures import PlanLanguage

_SAME_M = 0.05
"""Things stand further apart than this, middle to middle."""
MOST_STEPS = 24
"""Steps that a prompt tells, the latest ones."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a robot sees of the place before which it stands.

    place: None on the way. slots: what lies there, boxes in its own frame, on a board in the world's; None where that
    cannot be seen (a bin, a shut drawer). is_open: of a place that can be shut; None of others. span_m: from where to
    where along the place's own y the camera sees it.
    """

    place: str | None
    slots: tuple[Slot, ...] | None = None
    is_open: bool | None = None
    span_m: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of the looks and steps of an episode."""

    here: str | None = None
    things: tuple[Slot, ...] = ()  # as each was seen last, in the order of `looked`
    looked: tuple[str, ...] = ()  # places whose things were seen, in the order in which they were first
    is_open: bool | None = None  # the drawer; None: it was not seen yet
    held: str | None = None  # the word that it was picked by
    steps: tuple[str, ...] = ()

    def see(self, look: Look) -> Memory:
        """The memory after one more look: what should be in sight and is not is forgotten."""
        if look.place is None or look.slots is None:
            return replace(self, here=look.place, is_open=self.is_open if look.is_open is None else look.is_open)
        low_m, high_m = look.span_m
        kept = [slot for slot in self.things if slot.place != look.place or not (
            low_m <= slot.box.center[1] <= high_m or any(_is_same(slot, seen) for seen in look.slots))]
        looked = self.looked if look.place in self.looked else (*self.looked, look.place)
        things = sorted((*kept, *look.slots)[-MAX_OBJECTS:], key=lambda slot: looked.index(slot.place))
        return replace(self, here=look.place, looked=looked, things=tuple(things),
                       is_open=self.is_open if look.is_open is None else look.is_open)

    def act(self, skill: str, words: Sequence[str], *, is_done: bool, held: str | None) -> Memory:
        """The memory after a call. held: the word by which what is in the hand now was picked."""
        step = " ".join([skill, *words, *([] if is_done else ["failed"])])
        return replace(self, held=held, steps=(*self.steps, step)[-MOST_STEPS:])

    def without_steps(self) -> Memory:
        """The same for whoever is told nothing of what was done."""
        return replace(self, steps=())


def _is_same(before: Slot, now: Slot) -> bool:
    """Whether two slots of one place are one thing, seen whole once and cut by the edge of the picture once."""
    return math.dist(before.box.center[:2], now.box.center[:2]) < _SAME_M


def recall(look: Callable[[Observation], Look], observation: Observation, history: Sequence[Transition],
           language: PlanLanguage) -> Memory:
    """The memory of an episode. look: what is seen in one of its observations."""
    memory = Memory().see(look(history[0].before if history else observation))
    for place, transition in enumerate(history, start=1):
        picked = held_since(history[:place], language)
        memory = memory.act(transition.call.skill, list(map(str, transition.call.arguments)),
                            is_done=transition.outcome.status == "done",
                            held=None if picked is None else str(picked.call.arguments[0]))
        memory = memory.see(look(transition.after))
    is_new = history and history[-1].after.time_s != observation.time_s
    return memory.see(look(observation)) if is_new else memory
