"""The five families of tasks: a task arranges a scene, words its instruction, and measures progress towards it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from envs.goals import judge
from envs.interface import TASK_IDS
from envs.names import unknown
from envs.tasks import layout, phrasings
from envs.tasks.drafts import FEWEST, USUAL_FEWEST, Draft, draw
from envs.tasks.meaning import goal_of
from envs.tasks.predicates import Rest
from envs.tasks.scene import COLORS, PLAIN_NAMES, Entity, Scene, split_name
from envs.world import BOWL_FLOOR_M, BOWL_HEIGHT_M, BOWL_OUTER_RADIUS_M, World

TASKS: tuple[str, ...] = tuple(TASK_IDS)
"""Names of all families."""

BLOCK_SIDES_M = (0.036, 0.050)
MOST_OBJECTS = 10
"""As many as the table has room for with the gaps that grasping needs."""

_OVERHANG_M = 0.003  # how much wider than its base a block of a starting stack, or of a goal, may be
_JITTER_M = 0.003  # by which starting stacks are out of true
_DRAFTS_PER_COUNT = 4


def make_task(name: str) -> Task:
    """The family of that name. Raises ValueError for an unknown one."""
    if name not in TASKS:
        raise ValueError(unknown(name, TASKS, what="task"))
    return Task(name)


@dataclass(frozen=True, slots=True)
class Task:
    """One family; holds no state of any scene."""

    name: str

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int = 3, max_objects: int = 8,
                require: tuple[str, ...] = ()) -> Scene:
        """A new scene on the empty table of `world`, at rest.

        min_objects gives way to what the family needs to be more than a guess, where max_objects leaves room for that.
        require: entity names that must be there; the goal is about the first of them.
        """
        require = tuple(require)
        _check_counts(self.name, min_objects, max_objects, require)
        fewest = min(max(min_objects, USUAL_FEWEST[self.name]), max_objects)
        count = int(rng.integers(fewest, max_objects + 1))
        draft, entities = stage(world, rng, count, FEWEST[self.name],
                                lambda fewer: draw(self.name, rng, fewer, require))
        return Scene(entities, draft.goal, self.name)

    def instruction(self, scene: Scene, rng: np.random.Generator) -> str:
        """One of many wordings of what the scene's goal asks for."""
        form, roles = wording(scene)
        return phrasings.say(form, roles, rng)

    def progress(self, world: World, scene: Scene) -> float:
        """Share of the goal's relations that hold, in [0, 1]; 1 is success. A fallen block never counts."""
        return judge.progress(scene.aim, (Rest(world),))

    def as_it_is(self, world: World, scene: Scene) -> Scene:
        """The scene itself: its words refer to nothing that moves."""
        return scene

    def retarget(self, scene: Scene, instruction: str) -> Scene | None:
        """The scene with the goal that the instruction asks for.

        None when it is worded unlike any of the known phrasings, or asks for what is not there.
        """
        understood = phrasings.understand(instruction)
        if understood is None:
            return None
        goal = goal_of(*understood, scene.names)
        if goal is None or goal == scene.goal:
            return scene if goal else None
        return replace(scene, goal=goal, task=TASK_OF_FORM[understood[0]])


TASK_OF_FORM = {"in": "put_in_bowl", "on": "stack", "tower": "tower", "sort": "sort"}


def wording(scene: Scene) -> tuple[str, dict[str, str]]:
    """Form of phrasing and its roles for the goal of a scene."""
    if scene.task == "sort":
        return "sort", {}
    first = scene.goal[0]
    if first.relation == "in":
        return "in", {"block": first.thing, "bowl": first.place}
    if len(scene.goal) == 1:
        return "on", {"block": first.thing, "base": first.place}
    return "tower", {"low": first.place, "middle": first.thing, "high": scene.goal[1].thing}


def _check_counts(task: str, min_objects: int, max_objects: int, require: tuple[str, ...]) -> None:
    for name in require:
        split_name(name)
        if name not in PLAIN_NAMES:
            raise ValueError(f"require: expected a color and a kind, got {name!r}; tell a whole scene to have several "
                             f"things of one color and kind")
    if len(set(require)) < len(require):
        raise ValueError(f"require: expected each entity once, got {require}")
    least = max(FEWEST[task], len(require))
    if not least <= max_objects <= MOST_OBJECTS or not 1 <= min_objects <= max_objects:
        raise ValueError(f"{task}: expected min_objects <= max_objects with max_objects in [{least}, {MOST_OBJECTS}], "
                         f"got {min_objects} and {max_objects}; require holds {len(require)}")


def stage(world: World, rng: np.random.Generator, count: int, fewest: int, draft_of: Callable[[int], Draft]
          ) -> tuple[Draft, tuple[Entity, ...]]:
    """A draft of about `count` things that found room, and what now stands in the empty world, at rest.

    draft_of(count) draws one. Raises ValueError when not even `fewest` things find room.
    """
    draft, spots = _fit(rng, count, fewest, draft_of)
    sides_m = _sides(rng, draft)
    _spawn(world, rng, draft, sides_m, spots)
    world.settle()
    return draft, _entities(rng, draft, sides_m)


def _fit(rng: np.random.Generator, count: int, fewest: int, draft_of: Callable[[int], Draft]
         ) -> tuple[Draft, list[tuple[float, float]]]:
    """A draft and a place for each thing that stands on the table; fewer things when that many find no room."""
    for fewer in range(count, 0, -1):
        for _ in range(_DRAFTS_PER_COUNT):
            draft = draft_of(max(fewer, fewest))
            spots = layout.place(rng, [_footprint(draft, name) for name in _standing(draft)])
            if spots is not None:
                return draft, spots
    raise ValueError(f"expected room for {fewest} things, found none; require fewer")


def _standing(draft: Draft) -> list[str]:
    """Names of what stands on the table itself."""
    return [name for name in (*draft.bowls, *draft.blocks) if name not in draft.under]


def _footprint(draft: Draft, name: str) -> layout.Footprint:
    is_tall = name in draft.under.values() or any((t.relation, t.place) == ("on", name) for t in draft.goal)
    return layout.Footprint(BOWL_OUTER_RADIUS_M if name in draft.bowls else BLOCK_SIDES_M[1] / np.sqrt(2), is_tall)


def _sides(rng: np.random.Generator, draft: Draft) -> dict[str, float]:
    """Side of each block in metres; nothing rests, or is to rest, on a base much narrower than itself."""
    sides_m = {name: float(rng.uniform(*BLOCK_SIDES_M)) for name in draft.blocks}
    wanted = [(t.thing, t.place) for t in draft.goal if t.relation == "on"]
    for _ in draft.blocks:  # once per possible level, so that the limit climbs to the top of every stack
        for upper, lower in (*draft.under.items(), *wanted):
            sides_m[upper] = min(sides_m[upper], sides_m.get(lower, BLOCK_SIDES_M[1]) + _OVERHANG_M)
    return sides_m


def _spawn(world: World, rng: np.random.Generator, draft: Draft, sides_m: dict[str, float],
           spots: list[tuple[float, float]]) -> None:
    """Puts every thing of the draft into the world, stacks from the bottom up."""
    for standing, xy in zip(_standing(draft), spots, strict=True):
        bottom_z_m = 0.0
        for name in _column(draft, standing):
            rgb, yaw_rad = COLORS[split_name(name)[0]], float(rng.uniform(-np.pi, np.pi))
            if name in draft.bowls:
                world.spawn_bowl(name, rgb=rgb, xy=xy, yaw_rad=yaw_rad)
            else:
                world.spawn_block(name, side_m=sides_m[name], rgb=rgb, xy=xy, bottom_z_m=bottom_z_m, yaw_rad=yaw_rad)
            bottom_z_m += sides_m.get(name, BOWL_FLOOR_M)
            xy = tuple(float(v) for v in np.add(xy, rng.uniform(-_JITTER_M, _JITTER_M, 2)))


def _column(draft: Draft, name: str) -> list[str]:
    """The thing and what is over it, lowest first."""
    upper = next((block for block, lower in draft.under.items() if lower == name), None)
    return [name, *(_column(draft, upper) if upper else [])]


def _entities(rng: np.random.Generator, draft: Draft, sides_m: dict[str, float]) -> tuple[Entity, ...]:
    """Every entity, in an order that says nothing about the goal."""
    bowl_size = (2 * BOWL_OUTER_RADIUS_M, 2 * BOWL_OUTER_RADIUS_M, BOWL_HEIGHT_M)
    names = (*draft.blocks, *draft.bowls)
    shuffled = [names[i] for i in rng.permutation(len(names))]
    return tuple(Entity(name, split_name(name)[1], split_name(name)[0],
                        (sides_m[name],) * 3 if name in sides_m else bowl_size) for name in shuffled)
