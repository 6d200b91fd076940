"""Instructions about one scene and what each of them needs: training labels, made from the true state of the world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from envs.experts import oracle
from envs.goals.language import TABLE
from envs.goals.table import Table
from envs.goals.wanted import Target
from envs.interface import NamedCall
from envs.tasks import phrasings
from envs.tasks.families import TASK_OF_FORM
from envs.tasks.meaning import goal_of
from envs.tasks.scene import COLORS, KINDS, Scene, has_namesakes, split_name, unmistakable
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
    table = oracle.read(world, scene, held)
    return [_answer(table, scene.task, instruction, scene.goal), *others(table, rng, count - 1)][:count]


def others(table: Table, rng: np.random.Generator, count: int) -> list[dict[str, Any]]:
    """`count` instructions of every family over a table, some of which must be declined."""
    return [_refusal(table, rng) if rng.random() < REFUSAL_SHARE else _instruction(table, rng) for _ in range(count)]


def _answer(table: Table, task: str, instruction: str, goal: tuple[Target, ...]) -> dict[str, Any]:
    """The record of an instruction that can be granted, unless what it is about has fallen off the table."""
    gone = [n for t in goal for n in (t.thing, t.place) if n not in table.things]
    if gone and task != "sort":
        return declined(task, instruction, f"I see no {gone[0]}")
    calls = oracle.plan(table, goal)
    return {"task": task, "instruction": instruction, "calls": [list(call) for call in calls],
            "any_order": task == "sort" and is_any_order(table, calls), "refusal": None, "is_question": False,
            "about": _about(table, task, goal, calls)}


def _about(table: Table, task: str, goal: tuple[Target, ...], calls: list[NamedCall]) -> list[str]:
    """What the answer rests on: all that the instruction is about. A sort is the same without what is sorted already,
    while there is something left to do."""
    if task == "sort" and calls:
        return []
    names = dict.fromkeys(name for t in goal for name in (t.thing, t.place))
    return [name for name in names if name in table.things]


def declined(task: str, instruction: str, reason: str) -> dict[str, Any]:
    return {"task": task, "instruction": instruction, "calls": [], "any_order": False, "refusal": reason,
            "is_question": False, "about": []}


def is_any_order(table: Table, calls: list[NamedCall]) -> bool:
    """Whether the calls are pairs of pick and place_in that may be done in any order: nothing held, nothing stacked."""
    picked = [name for _, name in calls[::2]]
    is_pairs = [skill for skill, _ in calls] == ["pick", "place_in"] * (len(calls) // 2)
    is_loose = all(table.under.get(name) == TABLE and not table.above(name) for name in picked)
    return bool(calls) and table.held is None and is_pairs and is_loose


def _instruction(table: Table, rng: np.random.Generator) -> dict[str, Any]:
    """An instruction of a family drawn evenly from those that this table can serve; a refusal when it can serve
    none."""
    drawn_ones = [drawn for draw in _DRAWERS if (drawn := draw(table, rng))]
    if (done := _done_instructions(table)) and rng.random() < DONE_SHARE:
        drawn_ones = done
    if not drawn_ones:
        return _refusal(table, rng)
    return _spoken(table, drawn_ones[rng.integers(len(drawn_ones))], rng)


def _spoken(table: Table, drawn: Instruction, rng: np.random.Generator) -> dict[str, Any]:
    form, roles = drawn
    goal = goal_of(form, roles, _present(table))
    query = _answer(table, TASK_OF_FORM[form], phrasings.say(form, roles, rng), goal)
    needs_clearing = len(goal) == 1 and table.held is None and any(c[0] == "put_down_beside" for c in query["calls"])
    return {**query, "task": "unblock"} if needs_clearing and form != "sort" else query


def _present(table: Table) -> tuple[str, ...]:
    names = (*sorted(table.under), *sorted(table.bowls), *([table.held] if table.held else []))
    return tuple(name for name in names if name in table.things)


def _tellable(table: Table) -> tuple[str, ...]:
    """What color and kind alone tell from everything else: instructions are about nothing else."""
    return tuple(unmistakable(_present(table)))


def _pairs(table: Table) -> tuple[Target, ...]:
    """What sorting asks for; nothing where things of one color and kind leave open what that would be."""
    return () if has_namesakes(_present(table)) else goal_of("sort", {}, _present(table)) or ()


def _bowls(table: Table) -> list[str]:
    return sorted(name for name in _tellable(table) if table.things[name].kind == "bowl")


def _blocks(table: Table, rng: np.random.Generator) -> list[str]:
    """The blocks in random order, the held one mostly first."""
    names = [n for n in _tellable(table) if table.things[n].kind == "block"]
    names = [names[i] for i in rng.permutation(len(names))]
    if table.held and rng.random() < HELD_SHARE:
        names.sort(key=lambda name: name != table.held)
    return names


def _draw_in(table: Table, rng: np.random.Generator) -> Instruction | None:
    blocks, bowls = _blocks(table, rng), _bowls(table)
    return ("in", {"block": blocks[0], "bowl": bowls[rng.integers(len(bowls))]}) if blocks and bowls else None


def _draw_on(table: Table, rng: np.random.Generator) -> Instruction | None:
    blocks = _blocks(table, rng)
    return ("on", {"block": blocks[0], "base": blocks[1]}) if len(blocks) >= 2 else None


def _draw_tower(table: Table, rng: np.random.Generator) -> Instruction | None:
    blocks = _blocks(table, rng)
    if len(blocks) < 3:
        return None
    trio = [blocks[i] for i in rng.permutation(3)]
    stacked = [[b, base] for b in blocks if (base := table.under.get(b)) in blocks]
    if stacked and rng.random() < BEGUN_SHARE:
        pair = stacked[rng.integers(len(stacked))]
        trio = [next(b for b in blocks if b not in pair), *pair]
    return "tower", dict(zip(_ROLES["tower"], trio, strict=True))


def _draw_sort(table: Table, rng: np.random.Generator) -> Instruction | None:
    return ("sort", {}) if _pairs(table) else None


def _draw_unblock(table: Table, rng: np.random.Generator) -> Instruction | None:
    """An instruction that something is in the way of: about a buried block, or a buried base."""
    blocks = _blocks(table, rng)
    buried = [b for b in blocks if table.above(b)]
    if not buried:
        return None
    others, bowls = [b for b in blocks if b != buried[0]], _bowls(table)
    if bowls and rng.random() < 0.5:
        return "in", {"block": buried[0], "bowl": bowls[rng.integers(len(bowls))]}
    if not others:
        return None
    pair = (buried[0], others[0]) if rng.random() < 0.5 else (others[0], buried[0])
    return "on", dict(zip(_ROLES["on"], pair, strict=True))


_DRAWERS: tuple[Callable[[Table, np.random.Generator], Instruction | None], ...] = (
    _draw_in, _draw_on, _draw_tower, _draw_sort, _draw_unblock)


def _done_instructions(table: Table) -> list[Instruction]:
    """Instructions that hold already."""
    told = _tellable(table)
    done: list[Instruction] = [("in", {"block": b, "bowl": bowl}) for b in told
                               if table.things[b].kind == "block" and (bowl := table.bowl_of(b)) in told]
    done += [("on", {"block": b, "base": base}) for b, base in table.under.items()
             if base in table.under and table.holds(b, "on", base) and b in told and base in told]
    pairs = _pairs(table)
    return done + ([("sort", {})] if pairs and all(pair.is_met(table) for pair in pairs) else [])


def _refusal(table: Table, rng: np.random.Generator) -> dict[str, Any]:
    """An instruction that cannot be granted, and why."""
    if not _pairs(table) and not has_namesakes(_present(table)) and rng.random() < HOPELESS_SORT_SHARE:
        return declined("sort", phrasings.say("sort", {}, rng), "no block has a bowl of its color")
    draw = rng.random()
    form = ("in", "on", "tower")[rng.integers(3)] if _absent(table, "block") else "in"
    roles = _anything(table, form, rng)
    if draw < UNKNOWN_WORD_SHARE:
        reason = _garble(roles, rng)
    elif draw < UNKNOWN_WORD_SHARE + BOWL_MOVE_SHARE and _bowls(table):
        form, roles, reason = *_bowl_move(table, rng), "I can only move blocks"
    else:
        reason = _miss(table, roles, rng)
    return declined(TASK_OF_FORM[form], phrasings.say(form, roles, rng), reason)


def _absent(table: Table, kind: str) -> list[str]:
    there = {split_name(name) for name in _present(table)}
    return [f"{color} {kind}" for color in COLORS if (color, kind) not in there]


def _anything(table: Table, form: str, rng: np.random.Generator) -> Roles:
    """Roles filled from what is there, and from what is not where that does not suffice."""
    roles: Roles = {}
    for role in _ROLES[form]:
        kind = "bowl" if role == "bowl" else "block"
        there = [n for n in _tellable(table) if split_name(n)[1] == kind and n not in roles.values()]
        names = there or [n for n in _absent(table, kind) if n not in roles.values()]
        roles[role] = names[rng.integers(len(names))]
    return roles


def _miss(table: Table, roles: Roles, rng: np.random.Generator) -> str:
    """Names something absent in one role, in place; returns the reason, about the first absent thing."""
    absent = {kind: _absent(table, kind) for kind in KINDS}
    candidates = [role for role, name in roles.items() if absent[split_name(name)[1]]]
    role = candidates[rng.integers(len(candidates))]
    missing = [name for name in absent[split_name(roles[role])[1]] if name not in roles.values()] or [roles[role]]
    roles[role] = missing[rng.integers(len(missing))]
    return "I see no " + next(name for name in roles.values() if name not in _present(table))


def _garble(roles: Roles, rng: np.random.Generator) -> str:
    """Puts an unknown word into one role, in place; returns the reason."""
    role = list(roles)[rng.integers(len(roles))]
    color, noun = split_name(roles[role])
    if rng.random() < 0.5:
        word = phrasings.UNKNOWN_COLORS[rng.integers(len(phrasings.UNKNOWN_COLORS))]
        roles[role] = f"{word} {noun}"
    else:
        word = phrasings.UNKNOWN_THINGS[rng.integers(len(phrasings.UNKNOWN_THINGS))]
        roles[role] = f"{color} {word}"
    return f"I do not know the word {word}"


def _bowl_move(table: Table, rng: np.random.Generator) -> Instruction:
    """An instruction to move a bowl."""
    bowls = _bowls(table)
    bowl = bowls[rng.integers(len(bowls))]
    form = "in" if len(bowls) > 1 and rng.random() < 0.5 else "on"
    roles = {"block": bowl, **{r: n for r, n in _anything(table, form, rng).items() if r != "block"}}
    if roles.get("bowl") == bowl:
        roles["bowl"] = next(other for other in bowls if other != bowl)
    return form, roles
