"""What an agent knows of the scene before it asks: what is in sight, and what is in its hand since which pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embodied.planning.looks import Scene
from embodied.planning.percept import Percept, held_since, nearest_slot
from embodied.prompt import MAX_OBJECTS, Slot
from envs.interface import Observation, Referent, Transition

Eyes = Callable[[Observation], Sequence[Slot]]
"""What finds objects in an observation: `perceive` of a backend."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The scene as an agent sees it now."""

    percept: Percept
    is_holding: bool = False
    held: Slot | None = None  # how it looked when it was picked

    def scene(self, history: Sequence[Transition] = ()) -> Scene:
        """The same in words, for the judge. history: of the episode."""
        return Scene.of(self.percept.slots, self.held, is_holding=self.is_holding,
                        is_begun=any(t.outcome.status == "done" for t in history))


def look(eyes: Eyes | None, observation: Observation, history: Sequence[Transition] = ()) -> Sight:
    """What is in sight now, and what the hand holds. eyes: None for who sees whole images only."""
    picked = held_since(history)
    held = None if picked is None or eyes is None else _recall(eyes, picked)
    slots = () if eyes is None else eyes(observation)
    percept = Percept.of(slots, observation, limit=MAX_OBJECTS - (held is not None))
    return Sight(percept, picked is not None, held)


def _recall(eyes: Eyes, picked: Transition) -> Slot | None:
    """How the held object looked before it was picked."""
    referent = next(iter(picked.call.arguments), None)
    if not isinstance(referent, Referent) or referent.box is None:
        return None
    return nearest_slot(eyes(picked.before), referent.box)
