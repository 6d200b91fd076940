"""What a scene of each family holds, before it has a place: colors, who lies on whom, and the goal.

Geometry alone must not give the answer away: every family has distractors of the same kinds, and stacks stand about in
scenes whose goal has nothing to do with them. A planner that cannot tell colors apart and picks among the blocks and
bowls at random meets the goal in less than 15 % of the default scenes of each family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from envs.goals.wanted import Target
from envs.tasks.meaning import goal_of
from envs.tasks.scene import COLORS, split_name

_IDLE_STACK_SHARE = 0.35  # of the scenes of the families that need no clearing
_FILLED_BOWL_SHARE = 0.25  # of the scenes with a bowl that the goal does not ask for
_SECOND_STACK_SHARE = 0.8  # of the unblock scenes that have the blocks for it


@dataclass(frozen=True, slots=True)
class Draft:
    """blocks, bowls: entity names. under: block -> the block or bowl that carries it at the start."""

    blocks: tuple[str, ...]
    bowls: tuple[str, ...]
    goal: tuple[Target, ...]
    under: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """How many blocks and bowls: at least, better, and bowls at most."""

    blocks: int
    bowls: int
    better_blocks: int
    better_bowls: int
    most_bowls: int


def _cast(rng: np.random.Generator, count: int, need: Need, require: tuple[str, ...]
          ) -> tuple[list[str], list[str]]:
    """Names of `count` blocks and bowls (more if `need` and `require` together ask for it), the required ones first."""
    asked = {kind: [n for n in require if split_name(n)[1] == kind] for kind in ("block", "bowl")}
    least_blocks, least_bowls = max(need.blocks, len(asked["block"])), max(need.bowls, len(asked["bowl"]))
    most_bowls = max(least_bowls, min(need.most_bowls, count - least_blocks))
    low = int(np.clip(need.better_bowls, least_bowls, most_bowls))
    high = int(np.clip(count - need.better_blocks, low, most_bowls))
    bowls = int(rng.integers(low, high + 1))
    blocks = max(count - bowls, least_blocks)
    return _names(rng, "block", blocks, asked["block"]), _names(rng, "bowl", bowls, asked["bowl"])


def _names(rng: np.random.Generator, kind: str, count: int, first: list[str]) -> list[str]:
    others = [f"{color} {kind}" for color in COLORS if f"{color} {kind}" not in first]
    return first + [others[i] for i in rng.permutation(len(others))[: count - len(first)]]


def _idle_stack(rng: np.random.Generator, lower: list[str], upper: list[str], goal: tuple[Target, ...]
                ) -> dict[str, str]:
    """Now and then one block of `upper` on one of `lower`; never what the goal asks for."""
    pairs = [(a, b) for a in upper for b in lower if a != b and Target(a, "on", b) not in goal]
    if not pairs or rng.random() > _IDLE_STACK_SHARE:
        return {}
    return dict([pairs[rng.integers(len(pairs))]])


def put_in_bowl(rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    blocks, bowls = _cast(rng, count, Need(1, 1, 3, 2, 4), require)
    goal = (Target(blocks[0], "in", bowls[0]),)
    return Draft(tuple(blocks), tuple(bowls), goal, _idle_stack(rng, blocks[1:], blocks, goal))


def stack(rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    blocks, bowls = _cast(rng, count, Need(2, 0, 4, 0, 3), require)
    goal = (Target(blocks[0], "on", blocks[1]),)
    return Draft(tuple(blocks), tuple(bowls), goal, _idle_stack(rng, blocks[2:], blocks, goal))


def tower(rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    blocks, bowls = _cast(rng, count, Need(3, 0, 4, 0, 3), require)
    high, middle, low = blocks[:3]
    goal = (Target(middle, "on", low), Target(high, "on", middle))
    return Draft(tuple(blocks), tuple(bowls), goal, _idle_stack(rng, blocks, [b for b in blocks if b != low], goal))


def sort(rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    """Two or three pairs, the rest unmatched."""
    first = list(dict.fromkeys(split_name(name)[0] for name in require))
    colors = first + [c for c in (list(COLORS)[i] for i in rng.permutation(len(COLORS))) if c not in first]
    pairs = 3 if count >= 7 and rng.random() < 0.6 else 2
    names = [f"{color} {kind}" for color in colors[:pairs] for kind in ("block", "bowl")]
    names += [name for name in require if name not in names]
    for color in colors[max(pairs, len(first)):][: max(0, count - len(names))]:
        names.append(f"{color} {'block' if rng.random() < 0.5 else 'bowl'}")
    blocks = [name for name in names if name.endswith("block")]
    bowls = tuple(name for name in names if name.endswith("bowl"))
    goal = goal_of("sort", {}, tuple(names))
    return Draft(tuple(blocks), bowls, goal, _idle_stack(rng, blocks, blocks, goal))


def unblock(rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    """A bowl or a base to go to, and something in the way."""
    kinds = [split_name(name)[1] for name in require]
    is_in = "bowl" in kinds or (kinds.count("block") < 2 and rng.random() < 0.5)
    blocks, bowls = _cast(rng, count, Need(2, 1, 4, 2, 3) if is_in else Need(3, 0, 5, 0, 2), require)
    goal = (Target(blocks[0], "in", bowls[0]),) if is_in else (Target(blocks[0], "on", blocks[1]),)
    spare = blocks[1:] if is_in else blocks[2:]
    under = _burial(rng, goal[0], spare)
    free = [b for b in spare if b not in under]
    if len(free) >= 2 and rng.random() < _SECOND_STACK_SHARE:
        under[free[0]] = free[1]
    return Draft(tuple(blocks), tuple(bowls), goal, under)


def _burial(rng: np.random.Generator, target: Target, spare: list[str]) -> dict[str, str]:
    """What lies on the wanted block, on its base, or on both."""
    where, under = rng.random(), {}
    if target.relation == "in":
        under[spare[0]] = target.thing
        if len(spare) >= 2 and where < 0.3:
            under[spare[1]] = spare[0]
    elif where < 0.1:
        under[target.place] = target.thing
    elif where < 0.5 or len(spare) < 2:
        under[spare[0]] = target.thing
    else:
        under[spare[0]] = target.place
        if where > 0.8:
            under[spare[1]] = target.thing
    return under


_FAMILIES: dict[str, Callable[[np.random.Generator, int, tuple[str, ...]], Draft]] = {
    "put_in_bowl": put_in_bowl, "stack": stack, "sort": sort, "tower": tower, "unblock": unblock,
}


def draw(task: str, rng: np.random.Generator, count: int, require: tuple[str, ...]) -> Draft:
    """A draft of the family; now and then some block lies in a bowl that the goal has no use for."""
    draft = _FAMILIES[task](rng, count, require)
    bases = {target.place for target in draft.goal}
    bowls = [bowl for bowl in draft.bowls if bowl not in bases]
    blocks = [b for b in draft.blocks if b not in bases and b not in {*draft.under, *draft.under.values()}]
    if not bowls or not blocks or rng.random() > _FILLED_BOWL_SHARE:
        return draft
    return replace(draft, under={**draft.under, blocks[rng.integers(len(blocks))]: bowls[rng.integers(len(bowls))]})


FEWEST = {"put_in_bowl": 2, "stack": 2, "sort": 4, "tower": 3, "unblock": 3}
"""Fewest things that a scene of each family can be made of."""
USUAL_FEWEST = {"put_in_bowl": 5, "stack": 4, "sort": 5, "tower": 5, "unblock": 6}
"""Fewest things of a scene when the caller allows as many: enough distractors that guessing seldom helps."""
