"""What an agent knows of the scene before it asks: what is in sight, and what is in its hand since which pick."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embodied.planning.looks import Scene
from embodied.planning.perception import Perception, held_since, nearest_slot
from embodied.prompt import MAX_OBJECTS, Slot
from envs.interface import Observation, Referent, Transition
from envs.skills.signatures import PlanLanguage

Perceive = Callable[[Observation], Sequence[Slot]]
"""What finds objects in an observation: `perceive` of a backend."""


@dataclass(frozen=True, slots=True)
class SceneState:
    """The scene as an agent sees it now."""

    perception: Perception
    is_holding: bool = False
    held: Slot | None = None  # how it looked when it was picked

    def scene(self, history: Sequence[Transition] = ()) -> Scene:
        """The same in words, for the judge. history: of the episode."""
        return Scene.of(self.perception.slots, self.held, is_holding=self.is_holding,
                        is_begun=any(t.outcome.status == "done" for t in history))


def read_scene(perceive: Perceive | None, observation: Observation, language: PlanLanguage,
               history: Sequence[Transition] = (), *, with_distractors: bool = False) -> SceneState:
    """What is in sight now, and what the hand holds. perceive: None for who sees whole images only. language: of
    plans. with_distractors: for who is told of what is neither block nor bowl, too."""
    picked = held_since(history, language)
    held = None if picked is None or perceive is None else _recall(perceive, picked)
    slots = () if perceive is None else perceive(observation)
    perception = Perception.of(slots, observation, language, limit=MAX_OBJECTS - (held is not None),
                               with_distractors=with_distractors)
    return SceneState(perception, picked is not None, held)


def _recall(perceive: Perceive, picked: Transition) -> Slot | None:
    """How the held object looked before it was picked."""
    referent = next(iter(picked.call.arguments), None)
    if not isinstance(referent, Referent) or referent.box is None:
        return None
    return nearest_slot(perceive(picked.before), referent.box)
