"""What an environment has to know of a domain, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from envs.experts.judge import SkillJudge
from envs.experts.judgements import JUDGEMENTS, Moment, sample_judgements
from envs.goals.table import Table
from envs.interface import TABLE_WORKSPACE, NamedCall, Outcome, Workspace
from envs.names import unknown
from envs.robots.robot import Robot
from envs.skills.signatures import PlanLanguage
from envs.world.graphics import Graphics
from envs.world.images import Picture, View
from envs.world.world import World


class Perturber(Protocol):
    """Draws what goes wrong in each call; `happened` names it afterwards, None when nothing did."""

    happened: str | None
    rng: np.random.Generator

    def before(self, world: World, held: str | None) -> None:
        """At the start of a call, behind the planner's back."""

    def during(self, world: World, period: int, held: str | None) -> None:
        """After each control period of it."""

    def after(self, world: World, held: str | None) -> None:
        """Between the call and the next look."""

    def cover(self, pictures: Mapping[str, Picture]) -> dict[str, Picture]:
        """What the cameras see of it."""


class Task(Protocol):
    """One family of instructions; holds no state of any scene. A scene is whatever the domain's tasks agree on; it has
    a `task`, the name of the family that its goal belongs to. Where the domain has the skill `answer`, a task also has
    `is_right(scene, text)`."""

    name: str

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int, max_objects: int,
                require: tuple[str, ...] = ()) -> Any:
        """A new scene in the empty world, at rest."""

    def instruction(self, scene: Any, rng: np.random.Generator) -> str:
        """One of many wordings of what the scene's goal asks for."""

    def progress(self, world: World, scene: Any) -> float:
        """In [0, 1]; 1 is success."""

    def retarget(self, scene: Any, instruction: str) -> Any | None:
        """The scene with the goal that the instruction asks for; None when any of it is not understood, or asks for
        what is not there: nobody judges it then."""

    def as_it_is(self, world: World, scene: Any) -> Any:
        """The scene with what its words refer to ("to the left", "what is in the drawer") as it is now: another
        instruction is about that, not about the start. PRIVILEGED."""


class ToldTask(Task, Protocol):
    """The task of a domain whose scenes and goals can be told, as `reset(options={"scene": ..., "goal": ...})` does."""

    def read_scene(self, spec: Any) -> Any:
        """A told scene, checked before anything is built. Raises ValueError."""

    def arrange_told(self, world: World, rng: np.random.Generator, things: Any) -> Any:
        """What `read_scene` returned in the empty world, at rest, without a goal."""

    def aim(self, world: World, scene: Any, goal: str, held: str | None) -> Any:
        """The things of a scene of any task with a goal that is told now; its `is_judged` says whether the table shows
        that the goal is met. PRIVILEGED. Raises ValueError for a text that is no goal."""

    def table(self, world: World, scene: Any, held: str | None) -> Table:
        """What a scene's things are to each other now. PRIVILEGED."""

    def witness(self, world: World, scene: Any, held: str | None) -> Any:
        """The scene with what has come about since it was looked at last. PRIVILEGED."""


def is_met_with_an_empty_hand(progress: float, robot: Robot, scene: Any) -> bool:
    """Whether the goal is met and nothing is held but what the scene `wants_held`, where it says so."""
    return progress >= 1.0 and (getattr(scene, "wants_held", False) or not robot.is_grasping())


@dataclass(frozen=True)
class Domain:
    """Everything that makes a world of its own. What reads true state is PRIVILEGED: expert, labels, judge."""

    name: str
    tasks: Mapping[str, Task]
    language: PlanLanguage
    """What plans can say here; its skills are the skill-level action space, its cameras those of the observation."""
    entity_names: tuple[str, ...]
    """Every name that a thing can have here."""
    make_world: Callable[[Graphics], World]
    make_robot: Callable[[World], Robot]
    views: Callable[[Robot], Mapping[str, View]]
    """Camera name -> where it stands now; the names never change."""
    spectator: View
    """For pictures and videos; no observation comes from here."""
    remaining_calls: Callable[[World, Any, str | None], Sequence[NamedCall]]
    """ORACLE (world, scene, held): every call that is left to do, [] when the goal holds."""
    sample_queries: Callable[..., list[dict[str, Any]]]
    """Labels (world, scene, rng, count, held, instruction): see `envs.experts.queries`. Where there are `questions`,
    the keyword of that name chooses among them."""
    questions: tuple[str, ...] = ()
    """Families of questions that labels can be drawn from, by name; () where labels ask for one mix alone."""
    workspace: Workspace = TABLE_WORKSPACE
    """What the arm serves, in the frame of its foot: the world's where it stands still."""
    is_right: Callable[..., bool] | None = None
    """(world, scene, held, label, answer): whether words, or calls by true names, are a right answer to a label of
    `sample_queries`; None where nobody judges that."""
    judge: SkillJudge | None = None
    """Labels about single skills; None where the domain has none."""
    note: Callable[[World, Any, str | None, tuple[str, Sequence[Any]] | None, Outcome | None], Any] | None = None
    """(world, scene, held, call, outcome): the scene with what a robot that sees no more than what it stands before has
    come to know of it, after a call, or at the start (None); None where everything is in sight. For labels."""
    tells_next_alone: bool = False
    """Whether the calls of labels are what to do next, which may be less than all that is left to do."""
    make_perturber: Callable[[float, np.random.Generator, Any], Perturber] | None = None
    """(share of perturbed calls, generator, scene): what may go wrong here; None where nothing is made to."""
    robots: Mapping[str, Callable[[World], Robot]] = field(default_factory=dict)
    """Name -> what makes a robot that may be chosen in place of the domain's own."""
    objects: tuple[int, int] = (3, 8)
    """Fewest and most things of a scene where the caller does not say."""
    is_table: bool = False
    """Whether cameras and arm stand still before a table, which may then have another `Appearance`."""
    resets_per_world: int = 500
    """Resets after which world and robot are made anew (25 ms): PyBullet frees the memory of bodies, 36 kB a scene of
    the table, with their world only. Whoever holds on to a world may hold an old one."""
    is_success: Callable[[float, Robot, Any], bool] = is_met_with_an_empty_hand
    """(progress, robot, scene): whether the episode has reached its end."""
    told: ToldTask | None = None
    """The task whose scenes and goals can be told; None where the domain has none."""
    rewordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A wording of its tasks, with a slot such as "{a}" for each word that changes -> others for the same, in which
    nothing is drawn."""
    variants: Mapping[str, Mapping[str, Mapping[str, Task]]] = field(default_factory=dict)
    """Keyword of the environment -> value -> tasks that stand in for `tasks`; one at a time."""

    @property
    def judged(self) -> tuple[str, ...]:
        """Families of questions about single skills that labels can be drawn from, too; () without a judge."""
        return JUDGEMENTS if self.judge else ()

    def judgements(self, families: Sequence[str], moment: Moment, rng: np.random.Generator, count: int
                   ) -> list[dict[str, Any]]:
        """Labels of some of the families `judged`; see `envs.experts.judgements`."""
        return sample_judgements(self.language, self.judge, families, moment, rng, count)

    def tasks_as(self, chosen: Mapping[str, str], others: Iterable[str] = ()) -> Mapping[str, Task]:
        """The tasks, or those of a chosen variant (keyword -> value). others: keywords that are no variants, for the
        hint. Raises TypeError for a keyword that means nothing here, ValueError for an unknown value or for more than
        one keyword."""
        for keyword, value in chosen.items():
            if keyword not in self.variants:
                known = sorted({*self.variants, *others})
                raise TypeError(unknown(keyword, known, what=f"{self.name}: keywords"))
            if value not in self.variants[keyword]:
                raise ValueError(unknown(value, self.variants[keyword], what=keyword))
        if len(chosen) > 1:
            raise ValueError(f"expected one variant at a time, got {dict(chosen)}; leave the others out")
        return next((self.variants[keyword][value] for keyword, value in chosen.items()), self.tasks)
