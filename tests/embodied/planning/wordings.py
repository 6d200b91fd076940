"""Phrasings of instructions, each with the motions that its words permit, and what became of them by the true state.

wordings.json: "may" lists the ways in which a phrasing may be met, each a list of "red block in blue bowl, .."; none
where nothing may move; "via", what may be so in between. "sort": every block into the bowl of its color.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from embodied.planning.closed_loop import Planner, run
from envs.interface import SEED_RANGES
from envs.tasks.meaning import goal_of
from envs.tasks.predicates import supports

CORPUS = Path(__file__).parent / "wordings.json"
THINGS = ["red block", "green block", "yellow block", "blue bowl", "white bowl"]
"""On the table, with others, where a phrasing does not say."""

_MOVED_M = 0.03
_SEEDS = SEED_RANGES["validation"][500_000:]
_SOME = {"a": 1, "two": 2, "three": 3}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a phrasing. kind: "understood", "refused" (nothing moved), "half" (a part of what the words ask
    for, and no more) or "wrong" (something moved that they do not ask for, or was said that is not so)."""

    number: int
    kind: str
    end: str
    moved: tuple[str, ...]
    fault: str = ""


def corpus() -> list[dict[str, Any]]:
    """Every phrasing, numbered."""
    entries = json.loads(CORPUS.read_text(encoding="utf-8"))
    return [{"number": n, "things": THINGS, "absent": [], "via": [], **entry} for n, entry in enumerate(entries)]


def play(env: gymnasium.Env, planner: Planner, phrase: Mapping[str, Any], round_: int = 0) -> Result:
    """What a planner makes of a phrasing, in a scene of its own."""
    seed = _SEEDS[1000 * round_ + phrase["number"]]
    options = {"instruction": phrase["say"], "require": phrase["things"]}
    while not {*phrase["absent"]}.isdisjoint(_names(env, seed, options)):
        seed += 1_000_000 // 7
    before, end = None, None
    for step in run(env, planner, seed=seed, options=options, max_calls=16):
        end = step.end
    after = _state(env)
    env.reset(seed=seed, options=options)
    before = _state(env)
    return _result(phrase["number"], end, before, after, ways_of(phrase["may"], tuple(before)))


def _names(env: gymnasium.Env, seed: int, options: Mapping[str, Any]) -> list[str]:
    env.reset(seed=seed, options=dict(options))
    return list(env.unwrapped.world.names())


State = dict[str, tuple[str, np.ndarray]]
"""Thing -> what carries it, and where it is."""


def _state(env: gymnasium.Env) -> State:
    world = env.unwrapped.world
    names = world.names()
    blocks, bowls = [n for n in names if n.endswith("block")], [n for n in names if n.endswith("bowl")]
    carried = supports(world, blocks, bowls, env.unwrapped.held_name)
    return {n: (carried.get(n, "hand" if n in blocks else "table"), world.pose(n)[0]) for n in names}


Way = list[tuple[set[str], int, set[str]]]
"""Relations: of which things, how many at least, are on or in which."""


def ways_of(may: list[str], names: tuple[str, ...]) -> list[Way]:
    """The ways of a phrasing, among things of these names."""
    pairs = goal_of("sort", {}, names) or ()
    return [_way("; ".join(f"{t.thing} in {t.place}" for t in pairs) if way == "sort" else way, names) for way in may]


def _way(text: str, names: tuple[str, ...]) -> Way:
    relations = []
    for relation in filter(None, re.split("[,;] ?", text)):
        subject, place = re.split(" (?:in|on) ", relation)
        word, kind = subject.split(" ")
        is_general = word == "every" or word in _SOME
        subjects = {n for n in names if n.endswith(kind.removesuffix("s"))} if is_general else {subject}
        count = len(subjects) if word == "every" else _SOME.get(word, 1)
        relations.append((subjects, count, {n for n in names if n.endswith("bowl")} if place == "a bowl" else {place}))
    return relations


def _result(number: int, end: str, before: State, after: State, ways: list[Way]) -> Result:
    moved = tuple(n for n in before if before[n][0] != after[n][0]
                  or np.linalg.norm(before[n][1] - after[n][1]) > _MOVED_M)
    told = tuple(f"{n} to {after[n][0]}" for n in moved)
    best = min((_verdict(way, moved, before, after) for way in ways), default="wrong" if moved else "refused",
               key=("understood", "half", "refused", "wrong").index)
    fault = _false_words(end, best, tuple(before))
    return Result(number, "wrong" if fault else best, end, told, fault or ("moved" if best == "wrong" else ""))


def _verdict(way: Way, moved: tuple[str, ...], before: State, after: State) -> str:
    is_met = all(sum(_is_at(s, places, after) for s in subjects) >= count for subjects, count, places in way)
    if not all(_is_asked(n, way, before, after) for n in moved):
        return "wrong"
    return "understood" if is_met else "half" if moved else "refused"


def _is_at(name: str, places: set[str], state: State) -> bool:
    """Whether a thing is right on one of the places, or in it, perhaps on others."""
    base = state[name][0]
    while base.endswith("block") and base not in places:
        base = state[base][0]
    return base in places and (base == state[name][0] or base.endswith("bowl"))


def _is_asked(name: str, way: Way, before: State, after: State) -> bool:
    """Whether a thing is where the way wants it, or only went out of the way of something that is part of it."""
    below, base = set(), before[name][0]
    while base in before and base not in below:
        below.add(base)
        base = before[base][0]
    parts = set(itertools.chain(*((*subjects, *places) for subjects, _, places in way)))
    is_there = any(name in subjects and _is_at(name, places, after) for subjects, _, places in way)
    return is_there or (after[name][0] in ("table", "hand") and bool(below & parts)) or (after[name][0] in (
        "hand", "table") and any(name in subjects for subjects, _, _ in way))


def _false_words(end: str, kind: str, names: tuple[str, ...]) -> str:
    """What was said that is not so."""
    if end in ("success", "done") and kind != "understood":
        return f"said {end}"
    denied = re.search(r"I see no (\w+) (block|cube|bowl|dish)", end)
    thing = denied and f"{denied[1]} {'block' if denied[2] in ('block', 'cube') else 'bowl'}"
    return f"there is a {thing}" if thing in names else ""


def as_json(result: Result) -> dict[str, Any]:
    """The result for a file."""
    return asdict(result)
