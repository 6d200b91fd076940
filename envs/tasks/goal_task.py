"""The task whose goal is told in the goal language: any scene, any goal, judged by `envs.goals` on true state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from envs.goals import judge
from envs.goals.outcome import Outcome, Task, outcome_of
from envs.goals.planner import standing
from envs.goals.sampling import KINDS_OF_PLANS, SHARES, draw_goal
from envs.goals.scene_spec import MOST_THINGS, Told, read_scene
from envs.goals.scenes import draw_scene
from envs.goals.spelling import read, write
from envs.goals.table import Table
from envs.goals.telling import tell
from envs.goals.wanted import Wanted
from envs.tasks import phrasings
from envs.tasks.meaning import goal_in
from envs.tasks.scene import Things as Entities
from envs.tasks.told_scenes import build, read_table
from envs.world import World


@dataclass(frozen=True, slots=True)
class GoalScene(Entities):
    """What is there, what is wanted of it, and how it came to be as it is.

    goal: in the goal language; "" for none. outcome: what the goal comes to on the table as it was when it was told.
    tables: the first one is that table, the last one the present one; between them those on which a step came to hold.
    """

    goal: str = ""
    outcome: Outcome | None = None
    tables: tuple[Table, ...] = ()
    task: str = "goal"

    @property
    def aim(self) -> Wanted | None:
        """What is wanted of the table; None where nothing is to be done: no goal, a question, a refusal, an answer."""
        return self.outcome.wanted if isinstance(self.outcome, Task) else None

    @property
    def is_judged(self) -> bool:
        """Whether the table shows that the goal is met: of nobody's goal, a question or a refusal it does not."""
        return self.aim is not None

    @property
    def wants_held(self) -> bool:
        """Whether something is in the hand once the goal is met."""
        ways = self.aim.ways if self.aim else ()
        return any(t.relation == "held" and t.is_wanted for way in ways for t in standing(way, len(way) - 1))

    @property
    def reached(self) -> tuple[int, ...]:
        """How many steps of each way have come to hold."""
        return tuple(judge.reached(way, self.tables) for way in self.aim.ways) if self.aim else ()

    def aimed(self, goal: str, table: Table) -> GoalScene:
        """The same things with a goal that is told while the table is like this. Raises GoalError for no goal."""
        outcome = outcome_of(read(goal), table) if goal else None
        return replace(self, goal=goal, outcome=outcome, tables=(table,))

    def now(self, table: Table) -> GoalScene:
        """The scene after the table has become like this: what it was before is kept where a step came to hold."""
        ways = self.aim.ways if self.aim else ()
        counts = self.tables[:1] + tuple(t for i, t in enumerate(self.tables[1:], 1) if any(
            judge.reached(way, self.tables[:i + 1]) > judge.reached(way, self.tables[:i]) for way in ways))
        return replace(self, tables=(*counts, table))


@dataclass(frozen=True, slots=True)
class GoalTask:
    """Scenes and goals that are told; where nobody tells any, they are drawn."""

    name: str = "goal"

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int = 3, max_objects: int = 7,
                require: tuple[str, ...] = ()) -> GoalScene:
        """A drawn scene with a drawn goal that comes to a plan on it."""
        fewest = _FEWEST_DRAWN
        if require or not fewest <= max(min_objects, fewest) <= max_objects <= MOST_THINGS:
            raise ValueError(f"goal: expected no require, and min_objects <= max_objects with max_objects in "
                             f"[{fewest}, {MOST_THINGS}], got {require}, {min_objects} and {max_objects}; tell the "
                             f"scene instead")
        told = read_scene(draw_scene(rng, things=(max(min_objects, fewest), max_objects)))
        scene = self.arrange_told(world, rng, told)
        return scene.aimed(write(draw_goal(rng, scene.tables[0], shares=_PLANNED)), scene.tables[0])

    def read_scene(self, spec: Any) -> tuple[Told, ...]:
        """A told scene, checked, or one that was read before. Raises SceneError."""
        is_read = isinstance(spec, tuple) and bool(spec) and all(isinstance(thing, Told) for thing in spec)
        return spec if is_read else read_scene(spec)

    def arrange_told(self, world: World, rng: np.random.Generator, things: Sequence[Told]) -> GoalScene:
        """The told scene in the empty world, at rest, without a goal."""
        entities = build(world, rng, things)
        return GoalScene(entities, tables=(read_table(world, [e.name for e in entities], None),))

    def aim(self, world: World, scene: Entities, goal: str, held: str | None) -> GoalScene:
        """The things of a scene of any task with a goal that is told now. Raises GoalError."""
        return GoalScene(scene.entities).aimed(goal, self.table(world, scene, held))

    def table(self, world: World, scene: Entities, held: str | None) -> Table:
        """What a scene's things are to each other now. PRIVILEGED."""
        return read_table(world, scene.names, held)

    def witness(self, world: World, scene: Any, held: str | None) -> Any:
        """The scene with what has come about since it was looked at last: goals have an order. PRIVILEGED."""
        return scene.now(self.table(world, scene, held)) if isinstance(scene, GoalScene) else scene

    def instruction(self, scene: GoalScene, rng: np.random.Generator) -> str:
        """The goal in plain words; whoever tells a goal may tell other words with it."""
        return tell(read(scene.goal)) if scene.goal else ""

    def progress(self, world: World, scene: GoalScene) -> float:
        """Of the tables that were witnessed, in [0, 1]; 1 is success."""
        return judge.progress(scene.aim, scene.tables) if scene.aim else 0.0

    def as_it_is(self, world: World, scene: GoalScene) -> GoalScene:
        """The scene itself: it was witnessed."""
        return scene

    def retarget(self, scene: GoalScene, instruction: str) -> GoalScene | None:
        """The scene with the goal that words of the five families ask for; None where they are not known, or do not
        say what is to be done on this table."""
        understood = phrasings.understand(instruction)
        if understood is None:
            return None
        aimed = scene.aimed(goal_in(*understood), scene.tables[-1])
        return aimed if aimed.is_judged else None


GOAL_TASK = GoalTask()

_FEWEST_DRAWN = 3
_PLANNED = {kind: share for kind, share in SHARES.items() if kind in KINDS_OF_PLANS and kind != "done"}
