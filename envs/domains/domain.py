"""What an environment has to know of a domain, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from envs.robots.robot import Robot
from envs.skills.signatures import Signature
from envs.world.images import View
from envs.world.world import World


class Task(Protocol):
    """One family of wishes; holds no state of any scene. A scene is whatever the domain's tasks agree on; it has a
    `task`, the name of the family that its goal belongs to."""

    name: str

    def arrange(self, world: World, rng: np.random.Generator, *, min_objects: int, max_objects: int,
                require: tuple[str, ...] = ()) -> Any:
        """A new scene in the empty world, at rest."""

    def instruction(self, scene: Any, rng: np.random.Generator) -> str:
        """One of many wordings of what the scene's goal asks for."""

    def progress(self, world: World, scene: Any) -> float:
        """In [0, 1]; 1 is success."""

    def retarget(self, scene: Any, instruction: str) -> Any | None:
        """The scene with the goal that the instruction asks for; None when it is not understood."""


def is_met_with_an_empty_hand(progress: float, robot: Robot) -> bool:
    """Whether the goal is met and nothing is held."""
    return progress >= 1.0 and not robot.is_grasping()


@dataclass(frozen=True)
class Domain:
    """Everything that makes a world of its own. PRIVILEGED are the expert's and all after it: they read true state."""

    name: str
    tasks: Mapping[str, Task]
    signatures: Mapping[str, Signature]
    """Skill name -> signature, in the order of the skill-level action space."""
    entity_names: tuple[str, ...]
    """Every name that a thing can have here."""
    make_world: Callable[[], World]
    make_robot: Callable[[World], Robot]
    views: Callable[[Robot], Mapping[str, View]]
    """Camera name -> where it stands now; the names never change."""
    onlooker: View
    """For pictures and films; no observation comes from here."""
    remaining_calls: Callable[[World, Any, str | None], Sequence[tuple[str, str]]]
    """ORACLE (world, scene, held): skill and argument of every call that is left to do, [] when the goal holds. The
    argument is the name of an entity, or the words of a "text" parameter."""
    sample_asks: Callable[..., list[dict[str, Any]]]
    """Labels (world, scene, rng, count, held, instruction): see `envs.experts.asks`."""
    is_success: Callable[[float, Robot], bool] = is_met_with_an_empty_hand
    """(progress, robot): whether the episode has reached its end."""
    disturb: Callable[[World, Any, np.random.Generator], str | None] | None = None
    """(world, scene, rng): does to the world what people do who are in it too, and says what; None when nothing was to
    be done."""
