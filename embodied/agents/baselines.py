"""What a planner must beat: plans at random, one and the same plan, and the same model with its pictures covered or
lent to another scene.

A planner reads pictures in its prompt (`BlindBackend`, `ShuffledBackend`); a mind has eyes alone (`covered`, `Lent`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from embodied.agents.backends.base import Backend
from embodied.agents.scene_state import Perceive
from embodied.planning.language import Plan, refer, write
from embodied.planning.memory import Look
from embodied.planning.perception import Perception, held_since
from embodied.prompt import Entity, Image, Prompt, Sample, Segment, Slot
from envs.interface import Box, Observation, Referent, SkillCall, Transition
from envs.skills.signatures import Effect, PlanLanguage

Seen = TypeVar("Seen")
NOWHERE = Box((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))


class RandomPlanner:
    """Any valid plan over what the backend sees: grasp something, release it at something else, done."""

    label = "random"

    def __init__(self, backend: Backend, rng: np.random.Generator) -> None:
        self._backend, self._rng = backend, rng

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = (), *,
             seed: int | None = None) -> Plan:
        """One random move, or a random release of what is in the hand; done where nothing can be moved."""
        rng, language = self._rng if seed is None else np.random.default_rng(seed), self._backend.language
        perception = Perception.of(self._backend.perceive(observation), observation, language)
        order = [int(j) for j in rng.permutation(len(perception.slots))]
        is_holding = held_since(history, language) is not None
        calls = [] if is_holding or len(order) < 2 else _call(language, "grasp", perception, order, rng)
        if calls or is_holding:
            calls += _call(language, "release", perception, order, rng)
        plan = Plan(tuple(calls), perception=perception)
        return replace(plan, text=write(plan))


class MajorityPlanner:
    """The same plan again and again, whatever is asked: the whole plan that the expert begins with most often."""

    label = "majority"

    def __init__(self, begun: Sequence[Sequence[SkillCall]]) -> None:
        """begun: the expert's plans at the start of some episodes. Raises ValueError for plans that point at things:
        those of one scene are none in another; and where there is nothing to do in any."""
        if any(isinstance(argument, Referent) for calls in begun for call in calls for argument in call.arguments):
            raise ValueError("policy=majority: expected plans of words alone, got some that point at things")
        counted = Counter(tuple(calls) for calls in begun if calls)
        if not counted:
            raise ValueError("policy=majority: expected episodes in which there is something to do, got none")
        self.calls, _ = counted.most_common(1)[0]

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        """That plan."""
        plan = Plan(self.calls, perception=Perception((), observation.time_s))
        return replace(plan, text=write(plan))


def _call(language: PlanLanguage, effect: Effect, perception: Perception, order: list[int], rng: np.random.Generator
          ) -> list[SkillCall]:
    """A call of any skill with that effect, on the last places of the order, which it takes; none where no skill takes
    so few objects and nothing else."""
    skills = [s for s in language.signatures if s.effect == effect and len(s.parameters) <= len(order)
              and all(p.kind == "object" for p in s.parameters)]
    if not skills:
        return []
    skill = skills[int(rng.integers(len(skills)))]
    places = [order.pop() for _ in skill.parameters]
    return [SkillCall(skill.name, tuple(refer(f"obj_{j + 1}", perception.slots[j]) for j in places))]


class _Veil:
    """A backend whose model reads prompts changed on the way; what it says is still grounded in the true scene."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self.scene, self.language = backend, backend.scene, backend.language
        self.names_by_number = backend.names_by_number

    def perceive(self, observation: Observation) -> list[Slot]:
        return self._backend.perceive(observation)

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        return self._backend.complete(self._change(prompt), grammar, max_new_tokens=max_new_tokens, seed=seed)

    def unknown_words(self, text: str) -> list[str]:
        return self._backend.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self._backend.known_words()

    def _change(self, prompt: Prompt) -> Prompt:
        raise NotImplementedError


class BlindBackend(_Veil):
    """The same model with black pictures; with geometry=False it does not know where anything is either."""

    label = "blind"

    def __init__(self, backend: Backend, *, geometry: bool = True) -> None:
        super().__init__(backend)
        self._geometry = geometry

    def _change(self, prompt: Prompt) -> Prompt:
        return map_pictures(prompt, self._cover, lambda image: replace(image, pixels=np.zeros_like(image.pixels)))

    def _cover(self, entity: Entity) -> Slot:
        slot = replace(entity.slot, crop=np.zeros_like(entity.slot.crop))
        if self._geometry:
            return slot
        return replace(slot, box=NOWHERE, camera=self.language.cameras[0], pixel=(0, 0), area_px=0)


class ShuffledBackend(_Veil):
    """The same model shown another scene: every answer is about the next of `others`, and acted out in this one."""

    label = "shuffled"

    def __init__(self, backend: Backend, others: Sequence[Observation]) -> None:
        """others: observations of other seeds. Raises ValueError when there is none in which anything is seen."""
        super().__init__(backend)
        if self.scene.remembers:
            raise ValueError("ShuffledBackend: expected a planner that is shown what its backend perceives, got one "
                             "that remembers looks of its own; lend it other looks, or compare it with blind")
        found = backend.perceive if self.scene.finds_objects else lambda observation: ()
        perceptions = [Perception.of(found(o), o, self.language) for o in others]
        self._perceptions = [p for p in perceptions if p.slots or not self.scene.finds_objects]
        self._asked = 0
        if not self._perceptions:
            raise ValueError(f"ShuffledBackend: expected others with objects in sight, got none in {len(others)}; "
                             "add observations of other seeds")

    def _change(self, prompt: Prompt) -> Prompt:
        other = self._perceptions[self._asked % len(self._perceptions)]
        self._asked += 1
        return map_pictures(prompt, lambda e: other.slots[(e.index - 1) % len(other.slots)], lambda _: other.image)


class LentCropsBackend(_Veil):
    """The same model shown what things of other scenes look like, at the places where it remembers its own."""

    label = "shuffled"

    def __init__(self, backend: Backend, looks: Iterable[Look]) -> None:
        """looks: at other scenes. Raises ValueError when nothing is seen in any."""
        super().__init__(backend)
        self._crops = [slot.crop for look in looks for slot in look.slots or ()]
        self._shown = 0
        if not self._crops:
            raise ValueError("LentCropsBackend: expected looks with things in sight, got none; look at other scenes")

    def _change(self, prompt: Prompt) -> Prompt:
        return map_pictures(prompt, self._lend, lambda image: image)

    def _lend(self, entity: Entity) -> Slot:
        self._shown += 1
        return replace(entity.slot, crop=self._crops[self._shown % len(self._crops)])


def covered(perceive: Perceive) -> Perceive:
    """Eyes that see black pictures, at the places where things are."""
    return lambda observation: [replace(slot, crop=np.zeros_like(slot.crop)) for slot in perceive(observation)]


class Lent(Generic[Seen]):
    """Eyes that see one of several other scenes instead of their own: another one in each look."""

    def __init__(self, look: Callable[[Observation], Seen], others: Sequence[Observation]) -> None:
        self._look, self._others, self._looks = look, others, 0

    def __call__(self, observation: Observation) -> Seen:
        self._looks += 1
        return self._look(self._others[self._looks % len(self._others)])

    def all(self) -> list[Seen]:
        """What is seen of each of the scenes."""
        return [self._look(other) for other in self._others]


def lent_look(eyes: str, others: Sequence[Observation]) -> Lent[Look]:
    """Looks of other scenes, by the eyes of that name, for a planner that remembers what it sees."""
    from embodied.models.looking import EYES

    return Lent(EYES[eyes].look, others)


def map_pictures(prompt: Prompt, slot_of: Callable[[Entity], Slot], image_of: Callable[[Image], Image]) -> Prompt:
    """The same sentence with other pictures in it."""
    def change(segment: Segment) -> Segment:
        if isinstance(segment, Entity):
            return replace(segment, slot=slot_of(segment))
        return image_of(segment) if isinstance(segment, Image) else segment

    return Prompt(tuple(map(change, prompt.segments)))
