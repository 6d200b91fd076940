"""Instructions about one scene and what each of them needs: training labels, made from the true state of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from envs.experts import planner
from envs.experts.oracle import read_state
from envs.experts.symbols import State
from envs.interface import NamedCall
from envs.tasks import phrasings
from envs.tasks.families import TASK_OF_FORM, goal_of
from envs.tasks.predicates import TABLE
from envs.tasks.scene import (
    COLORS,
    KINDS,
    On,
    Relation,
    Scene,
    has_namesakes,
    matching_pairs,
    split_name,
    unmistakable,
)
from envs.world import World

REFUSAL_SHARE = 0.15
UNKNOWN_WORD_SHARE = 0.2  # of the refusals
BOWL_MOVE_SHARE = 0.2  # of the refusals
HOPELESS_SORT_SHARE = 0.35  # of the refusals where no block has a bowl of its color
DONE_SHARE = 0.1  # of the other instructions, where something holds already that can be asked for
HELD_SHARE = 0.6  # of the instructions made while something is held: they are about it
BEGUN_SHARE = 0.5  # of the towers asked for where something stands on a block: that pair is the lower half

Roles = dict[str, str]
Instruction = tuple[str, Roles]
"""Form of phrasing, and its roles."""

_ROLES = {"in": ("block", "bowl"), "on": ("block", "base"), "tower": ("high", "middle", "low"), "sort": ()}


def sample_queries(world: World, scene: Scene, rng: np.random.Generator, count: int, held: str | None,
                   instruction: str) -> list[dict[str, Any]]:
    """`count` instructions: the scene's own, then others of every family over the same table, some of which must be
    declined.

    Each is {"task", "instruction", "calls": [[skill, *arguments], ...], "any_order", "refusal": None | reason,
    "is_question", "about"}. is_question: it is answered in words. about: what has to be seen for the answer to be
    right, beside what the calls name; a name of nothing in sight for what cannot be seen, such as how things were
    before.
    """
    state = read_state(world, scene, held)
    return [_answer(state, scene.task, instruction, scene.goal), *others(state, rng, count - 1)][:count]


def others(state: State, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """`count` instructions of every family over a table, some of which must be declined."""
    return [_refusal(state, rng) if rng.random() < REFUSAL_SHARE else _instruction(state, rng) for _ in range(count)]


def _answer(state: State, task: str, instruction: str, goal: tuple[Relation, ...]) -> dict[str, Any]:
    """The record of an instruction that can be granted, unless what it is about has fallen off the table."""
    gone = [n for r in goal for n in (r.block, r.destination) if not state.is_present(n)]
    if gone and task != "sort":
        return declined(task, instruction, f"I see no {gone[0]}")
    calls = planner.plan(state, goal)
    return {"task": task, "instruction": instruction, "calls": [list(call) for call in calls],
            "any_order": task == "sort" and is_any_order(state, calls), "refusal": None, "is_question": False,
            "about": _about(state, task, goal, calls)}


def _about(state: State, task: str, goal: tuple[Relation, ...], calls: list[NamedCall]) -> list[str]:
    """What the answer rests on: all that the instruction is about. A sort is the same without what is sorted already,
    while there is something left to do."""
    if task == "sort" and calls:
        return []
    names = dict.fromkeys(name for r in goal for name in (r.block, r.destination))
    return [name for name in names if state.is_present(name)]


def declined(task: str, instruction: str, reason: str) -> dict[str, Any]:
    return {"task": task, "instruction": instruction, "calls": [], "any_order": False, "refusal": reason,
            "is_question": False, "about": []}


def is_any_order(state: State, calls: list[NamedCall]) -> bool:
    """Whether the calls are pairs of pick and place_in that may be done in any order: nothing held, nothing stacked."""
    picked = [name for _, name in calls[::2]]
    is_pairs = [skill for skill, _ in calls] == ["pick", "place_in"] * (len(calls) // 2)
    is_loose = all(state.under.get(name) == TABLE and not state.above(name) for name in picked)
    return bool(calls) and state.held is None and is_pairs and is_loose


def _instruction(state: State, rng: np.random.Generator) -> dict[str, Any]:
    """An instruction of a family drawn evenly from those that this table can serve; a refusal when it can serve
    none."""
    drawn_ones = [drawn for draw in _DRAWERS if (drawn := draw(state, rng))]
    if (done := _done_instructions(state)) and rng.random() < DONE_SHARE:
        drawn_ones = done
    if not drawn_ones:
        return _refusal(state, rng)
    return _spoken(state, drawn_ones[rng.integers(len(drawn_ones))], rng)


def _spoken(state: State, drawn: Instruction, rng: np.random.Generator) -> dict[str, Any]:
    form, roles = drawn
    goal = goal_of(form, roles, _present(state))
    query = _answer(state, TASK_OF_FORM[form], phrasings.say(form, roles, rng), goal)
    needs_clearing = len(goal) == 1 and state.held is None and any(c[0] == "put_down_beside" for c in query["calls"])
    return {**query, "task": "unblock"} if needs_clearing and form != "sort" else query


def _present(state: State) -> tuple[str, ...]:
    names = (*sorted(state.under), *sorted(state.bowls), *([state.held] if state.held else []))
    return tuple(name for name in names if state.is_present(name))


def _tellable(state: State) -> tuple[str, ...]:
    """What color and kind alone tell from everything else: instructions are about nothing else."""
    return tuple(unmistakable(_present(state)))


def _pairs(state: State) -> tuple[Relation, ...]:
    """What sorting asks for; nothing where things of one color and kind leave open what that would be."""
    return () if has_namesakes(_present(state)) else matching_pairs(_present(state))


def _bowls(state: State) -> list[str]:
    return sorted(name for name in _tellable(state) if name in state.bowls)


def _blocks(state: State, rng: np.random.Generator) -> list[str]:
    """The blocks in random order, the held one mostly first."""
    names = [n for n in _tellable(state) if n not in state.bowls]
    names = [names[i] for i in rng.permutation(len(names))]
    if state.held and rng.random() < HELD_SHARE:
        names.sort(key=lambda name: name != state.held)
    return names


def _draw_in(state: State, rng: np.random.Generator) -> Instruction | None:
    blocks, bowls = _blocks(state, rng), _bowls(state)
    return ("in", {"block": blocks[0], "bowl": bowls[rng.integers(len(bowls))]}) if blocks and bowls else None


def _draw_on(state: State, rng: np.random.Generator) -> Instruction | None:
    blocks = _blocks(state, rng)
    return ("on", {"block": blocks[0], "base": blocks[1]}) if len(blocks) >= 2 else None


def _draw_tower(state: State, rng: np.random.Generator) -> Instruction | None:
    blocks = _blocks(state, rng)
    if len(blocks) < 3:
        return None
    trio = [blocks[i] for i in rng.permutation(3)]
    stacked = [[b, base] for b in blocks if (base := state.under.get(b)) in blocks]
    if stacked and rng.random() < BEGUN_SHARE:
        pair = stacked[rng.integers(len(stacked))]
        trio = [next(b for b in blocks if b not in pair), *pair]
    return "tower", dict(zip(_ROLES["tower"], trio, strict=True))


def _draw_sort(state: State, rng: np.random.Generator) -> Instruction | None:
    return ("sort", {}) if _pairs(state) else None


def _draw_unblock(state: State, rng: np.random.Generator) -> Instruction | None:
    """An instruction that something is in the way of: about a buried block, or a buried base."""
    blocks = _blocks(state, rng)
    buried = [b for b in blocks if state.above(b)]
    if not buried:
        return None
    others, bowls = [b for b in blocks if b != buried[0]], _bowls(state)
    if bowls and rng.random() < 0.5:
        return "in", {"block": buried[0], "bowl": bowls[rng.integers(len(bowls))]}
    pair = (buried[0], others[0]) if rng.random() < 0.5 else (others[0], buried[0])
    return "on", dict(zip(_ROLES["on"], pair, strict=True))


_DRAWERS: tuple[Callable[[State, np.random.Generator], Instruction | None], ...] = (
    _draw_in, _draw_on, _draw_tower, _draw_sort, _draw_unblock)


def _done_instructions(state: State) -> list[Instruction]:
    """Instructions that hold already."""
    told = _tellable(state)
    done: list[Instruction] = [("in", {"block": b, "bowl": bowl}) for b in told
                               if b not in state.bowls and (bowl := state.bowl_of(b)) in told]
    done += [("on", {"block": b, "base": base}) for b, base in state.under.items()
             if base in state.under and state.holds(On(b, base)) and b in told and base in told]
    pairs = _pairs(state)
    return done + ([("sort", {})] if pairs and all(state.holds(pair) for pair in pairs) else [])


def _refusal(state: State, rng: np.random.Generator) -> dict[str, Any]:
    """An instruction that cannot be granted, and why."""
    if not _pairs(state) and not has_namesakes(_present(state)) and rng.random() < HOPELESS_SORT_SHARE:
        return declined("sort", phrasings.say("sort", {}, rng), "no block has a bowl of its color")
    draw = rng.random()
    form = ("in", "on", "tower")[rng.integers(3)] if _absent(state, "block") else "in"
    roles = _anything(state, form, rng)
    if draw < UNKNOWN_WORD_SHARE:
        reason = _garble(roles, rng)
    elif draw < UNKNOWN_WORD_SHARE + BOWL_MOVE_SHARE and _bowls(state):
        form, roles, reason = *_bowl_move(state, rng), "I can only move blocks"
    else:
        reason = _miss(state, roles, rng)
    return declined(TASK_OF_FORM[form], phrasings.say(form, roles, rng), reason)


def _absent(state: State, kind: str) -> list[str]:
    there = {split_name(name) for name in _present(state)}
    return [f"{color} {kind}" for color in COLORS if (color, kind) not in there]


def _anything(state: State, form: str, rng: np.random.Generator) -> Roles:
    """Roles filled from what is there, and from what is not where that does not suffice."""
    roles: Roles = {}
    for role in _ROLES[form]:
        kind = "bowl" if role == "bowl" else "block"
        there = [n for n in _tellable(state) if split_name(n)[1] == kind and n not in roles.values()]
        names = there or [n for n in _absent(state, kind) if n not in roles.values()]
        roles[role] = names[rng.integers(len(names))]
    return roles


def _miss(state: State, roles: Roles, rng: np.random.Generator) -> str:
    """Names something absent in one role, in place; returns the reason, about the first absent thing."""
    absent = {kind: _absent(state, kind) for kind in KINDS}
    candidates = [role for role, name in roles.items() if absent[split_name(name)[1]]]
    role = candidates[rng.integers(len(candidates))]
    missing = [name for name in absent[split_name(roles[role])[1]] if name not in roles.values()] or [roles[role]]
    roles[role] = missing[rng.integers(len(missing))]
    return "I see no " + next(name for name in roles.values() if name not in _present(state))


def _garble(roles: Roles, rng: np.random.Generator) -> str:
    """Puts an unknown word into one role, in place; returns the reason."""
    role = list(roles)[rng.integers(len(roles))]
    color, noun = roles[role].split(" ")
    if rng.random() < 0.5:
        word = phrasings.UNKNOWN_COLORS[rng.integers(len(phrasings.UNKNOWN_COLORS))]
        roles[role] = f"{word} {noun}"
    else:
        word = phrasings.UNKNOWN_THINGS[rng.integers(len(phrasings.UNKNOWN_THINGS))]
        roles[role] = f"{color} {word}"
    return f"I do not know the word {word}"


def _bowl_move(state: State, rng: np.random.Generator) -> Instruction:
    """An instruction to move a bowl."""
    bowls = _bowls(state)
    bowl = bowls[rng.integers(len(bowls))]
    form = "in" if len(bowls) > 1 and rng.random() < 0.5 else "on"
    roles = {"block": bowl, **{r: n for r, n in _anything(state, form, rng).items() if r != "block"}}
    if roles.get("bowl") == bowl:
        roles["bowl"] = next(other for other in bowls if other != bowl)
    return form, roles
