"""The expert of every family: reads the true state of the world into symbols and plans. ORACLE."""

from __future__ import annotations

from envs.experts import planner
from envs.experts.symbols import State, state
from envs.interface import NamedCall
from envs.tasks import predicates
from envs.tasks.scene import Scene
from envs.world import World


def read_state(world: World, scene: Scene, held: str | None) -> State:
    """The symbols of what stands on the table now."""
    bowls = [name for name in scene.named("bowl") if not predicates.is_gone(world, name)]
    under = predicates.supports(world, scene.named("block"), bowls, held)
    askew = [block for block, carrier in under.items()
             if carrier in under and not predicates.is_upon(world, block, carrier)]
    return state(under, bowls, held, askew)


def remaining_calls(world: World, scene: Scene, held: str | None) -> list[NamedCall]:
    """Every call that is still needed from the current state, [] when the goal holds."""
    return planner.plan(read_state(world, scene, held), scene.goal)
