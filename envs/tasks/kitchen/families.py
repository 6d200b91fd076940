"""The seven families of the kitchen's instructions: a task arranges the kitchen, words an instruction, measures
progress."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from envs.goals import judge
from envs.interface import KITCHEN_IDS
from envs.names import unknown
from envs.tasks.kitchen import instructions, layout, phrasings, predicates
from envs.tasks.kitchen.instructions import Present
from envs.tasks.kitchen.scene import DRAWER, NOTHING_KNOWN, STOWABLE, THINGS, Known, Relation, Scene
from envs.world import World
from envs.world.floorplan import DRAWER_TRAVEL_M, SURFACES
from envs.world.goods import Pantry

FAMILIES: tuple[str, ...] = tuple(KITCHEN_IDS)
OPEN_DRAWER_M = DRAWER_TRAVEL_M - 0.015
MOST_OBJECTS = 10

_FEWEST = {"kitchen_long_horizon": 5, "kitchen_structured": 3}
_IN_DRAWER_SHARE = 0.4
_OPEN_SHARE = 0.5
_DRAFTS = 400


@dataclass(frozen=True, slots=True)
class KitchenScene(Scene):
    """A scene that knows the form of its instruction, and what a robot has come to know of it."""

    form: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    known: Known = NOTHING_KNOWN


class KitchenTask:
    """One family; holds no state of any scene, only shapes of its worlds' goods."""

    def __init__(self, name: str) -> None:
        if name not in FAMILIES:
            raise ValueError(unknown(name, FAMILIES, what="task"))
        self.name = name

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int = 3, max_objects: int = 8,
                require: tuple[str, ...] = ()) -> KitchenScene:
        """A new scene in the empty kitchen, at rest. require: names of things that must be there."""
        require = tuple(require)
        _check(self.name, min_objects, max_objects, require)
        scene, spots = _draft(rng, self.name, (min_objects, max_objects), require)
        opening = OPEN_DRAWER_M if scene.is_drawer_open else 0.0
        layout.furnish(world, rng, world.keepsake("pantry", Pantry), dict(scene.starts), spots, opening)
        return scene

    def instruction(self, scene: KitchenScene, rng: np.random.Generator) -> str:
        """One of many wordings of what the scene's goal asks for."""
        return phrasings.say(scene.task, scene.form, dict(scene.roles), rng)

    def progress(self, world: World, scene: Scene) -> float:
        """Share of the goal's relations that hold, in [0, 1]; 1 is success."""
        return judge.progress(scene.aim, (predicates.Kitchen(world),))

    def as_it_is(self, world: World, scene: KitchenScene) -> KitchenScene:
        """The scene with its things where they lie now, and the drawer as it is. PRIVILEGED."""
        starts = tuple((name, predicates.where(world, name)) for name in scene.names)
        return replace(scene, starts=starts, is_drawer_open=predicates.drawer_m(world) > predicates.OPEN_M)

    def retarget(self, scene: KitchenScene, instruction: str) -> KitchenScene | None:
        """The scene with the goal that the instruction asks for; None when it is worded unlike any known phrasing or
        asks for what is not there."""
        understood = phrasings.understand(instruction)
        if understood is None:
            return None
        family, form, roles = understood
        goal = instructions.goal_of(form, roles, Present(dict(scene.starts), scene.is_drawer_open))
        return goal and replace(scene, goal=goal, task=family, form=form, roles=tuple(roles.items()))


def goal_of_text(scene: Scene, instruction: str) -> tuple[Relation, ...] | None:
    """The goal that a known wording asks for in a scene; None for any other text."""
    understood = phrasings.understand(instruction)
    return understood and instructions.goal_of(*understood[1:], Present(dict(scene.starts), scene.is_drawer_open))


def _check(task: str, min_objects: int, max_objects: int, require: tuple[str, ...]) -> None:
    for name in require:
        if name not in THINGS:
            raise ValueError(unknown(name, THINGS, what="require"))
    least = max(_FEWEST.get(task, 2), len(require))
    if not (1 <= min_objects <= max_objects and least <= max_objects <= MOST_OBJECTS):
        raise ValueError(f"{task}: expected min_objects <= max_objects with max_objects in [{least}, {MOST_OBJECTS}], "
                         f"got {min_objects} and {max_objects}; require holds {len(require)}")


def _draft(rng: np.random.Generator, family: str, counts: tuple[int, int], require: tuple[str, ...]
           ) -> tuple[KitchenScene, layout.Spots]:
    """A scene with a sound instruction, and a spot for everything in it."""
    form = instructions.forms(family)[rng.integers(len(instructions.forms(family)))]
    for _ in range(_DRAFTS):
        present = _present(rng, family, form, counts, require)
        roles = instructions.draw_roles(form, family, present, rng)
        if not instructions.is_sound(form, family, roles, present):
            continue
        spots = layout.draw(rng, list(present.starts.items()))
        if spots is not None:
            goal = instructions.goal_of(form, roles, present)
            return KitchenScene(tuple(present.starts.items()), present.is_drawer_open, goal, family, form,
                                tuple(roles.items())), spots
    raise ValueError(f"{family}: found no scene with {require} in {_DRAFTS} tries; require fewer things")


def _present(rng: np.random.Generator, family: str, form: str, counts: tuple[int, int], require: tuple[str, ...]
             ) -> Present:
    """Things drawn to be there, and where."""
    low, high = max(counts[0], min(_FEWEST.get(family, 2), counts[1])), counts[1]
    forced = list(dict.fromkeys([*require, *([instructions.NEEDED[form]] if form in instructions.NEEDED else [])]))
    count = max(int(rng.integers(low, high + 1)), len(forced))
    others = [name for name in (THINGS[i] for i in rng.permutation(len(THINGS))) if name not in forced]
    names = [*forced, *others[:count - len(forced)]]
    starts = {names[i]: SURFACES[rng.integers(len(SURFACES))] for i in rng.permutation(len(names))}
    stowable = [name for name in starts if name in STOWABLE]
    if stowable and (form in instructions.FROM_DRAWER or rng.random() < _IN_DRAWER_SHARE):
        starts[stowable[rng.integers(len(stowable))]] = DRAWER
    return Present(starts, bool(rng.random() < _OPEN_SHARE))
