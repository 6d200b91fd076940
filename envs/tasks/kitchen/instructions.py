"""Which instructions a kitchen can be asked, and what each form of them asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from envs.tasks.kitchen.phrasings import TEMPLATES, Roles
from envs.tasks.kitchen.scene import (
    BIN,
    CLASSES,
    DRAWER,
    OPEN,
    SHUT,
    STOWABLE,
    Relation,
    at,
    held,
    is_fetch,
    near,
    sighted,
)
from envs.world.floorplan import SURFACES

MOST_FETCHES = 4
"""Things that one instruction may ask to be carried."""
NEEDED = {"spill": "sponge", "spilled": "sponge", "season": "pepper shaker"}
"""Form -> the thing that it asks for without naming it, and without which it makes no sense."""
FITTING = {"spilled": CLASSES["drink"], "finished": (*CLASSES["drink"], "chip bag", "tea box", "cup")}
"""Form -> what people say it of; what they say of anything else is understood all the same."""
FROM_DRAWER = ("take_out", "empty", "out_shut")
"""Forms about what is in the drawer at the start."""

WANTED = {"thirsty": "drink", "hungry": "snack", "fruit": "fruit"}
"""Form -> the class of things that any of will do."""
_STOWED = ("stow", "tidy", "guests")


class Present(NamedTuple):
    """What an instruction is about: where things are, and the drawer."""

    starts: dict[str, str]  # thing -> place
    is_drawer_open: bool


def forms(family: str) -> tuple[str, ...]:
    """The forms of a family."""
    return tuple(form for name, form in TEMPLATES if name == family)


def goal_of(form: str, roles: Roles, present: Present, *, most: int = MOST_FETCHES) -> tuple[Relation, ...] | None:
    """The goal that a form and its roles ask for; None when it cannot be had of what is there, or takes more than
    `most` things to be carried."""
    named = [word for role, word in roles.items() if role.startswith("thing")]
    if len(set(named)) < len(named) or not set(named) <= set(present.starts):
        return None
    goal = _GOALS[form](roles, present)
    fetches = list(filter(is_fetch, goal))
    if not goal or len(fetches) > most or not all(fetches):
        return None
    if any(r[0].place == DRAWER and not {t.thing for t in r} & set(STOWABLE) for r in fetches):
        return None
    return goal


def _fetch(*pairs: tuple[str, str]) -> tuple[Relation, ...]:
    return tuple(at((thing,), place) for thing, place in pairs)


def _any_of(kind: str, place: str, present: Present) -> tuple[Relation, ...]:
    return _any_present(CLASSES[kind], place, present)


def _all(names: list[str], place: str, present: Present) -> tuple[Relation, ...]:
    return _fetch(*((name, place) for name in present.starts if name in names))


def _lying(place: str, present: Present) -> list[str]:
    return [name for name, start in present.starts.items() if start == place]


_GOALS: dict[str, Callable[[Roles, Present], tuple[Relation, ...]]] = {
    "go": lambda r, p: (near(r["place"]),), "find": lambda r, p: (sighted(r["thing"]),),
    "hold": lambda r, p: (held(r["thing"]),), "open": lambda r, p: (OPEN,), "shut": lambda r, p: (SHUT,),
    "move": lambda r, p: _fetch((r["thing"], r["place"])), "take_out": lambda r, p: _fetch((r["thing"], r["place"])),
    "any": lambda r, p: _any_of(r["kind"], r["place"], p),
    "all_of": lambda r, p: _all(CLASSES[r["kind"]], r["place"], p),
    "discard": lambda r, p: _fetch((r["thing"], BIN)), "finished": lambda r, p: _fetch((r["thing"], BIN)),
    "spilled": lambda r, p: (*_fetch((r["thing"], BIN)), *_any_present(["sponge"], "table", p)),
    "leave": lambda r, p: (*_fetch((r["thing"], DRAWER)), OPEN),
    "out_shut": lambda r, p: (*_fetch((r["thing"], r["place"])), SHUT),
    "two": lambda r, p: _fetch((r["thing"], r["place"]), (r["thing2"], r["place"])),
    "each": lambda r, p: _fetch((r["thing"], r["place"]), (r["thing2"], r["place2"])),
    "three": lambda r, p: _fetch(*((r[t], r["place"]) for t in ("thing", "thing2", "thing3"))),
    "waste": lambda r, p: _fetch((r["thing"], BIN), (r["thing2"], BIN), (r["thing3"], r["place"])),
    "put_away": lambda r, p: (*_fetch((r["thing"], DRAWER)), SHUT, *_fetch((r["thing2"], r["place"]),
                                                                           (r["thing3"], r["place"]))),
    "empty": lambda r, p: _all(_lying(DRAWER, p), r["place"], p),
    "clear": lambda r, p: _all(_lying(r["place"], p), r["place2"], p),
    "spill": lambda r, p: _any_present(["sponge"], "table", p),
    "season": lambda r, p: _any_present(["pepper shaker"], "table", p),
    **{form: (lambda r, p, kind=kind: _any_of(kind, "table", p)) for form, kind in WANTED.items()},
    **{form: (lambda r, p: (*_fetch((r["thing"], DRAWER)), SHUT)) for form in _STOWED},
}


def _any_present(names: Iterable[str], place: str, present: Present) -> tuple[Relation, ...]:
    return (at((n for n in names if n in present.starts), place),)


def draw_roles(form: str, family: str, present: Present, rng: np.random.Generator) -> Roles:
    """Roles filled at random from what is there; whether they make a sound instruction is for `is_sound` to say."""
    things = [name for name in present.starts if (present.starts[name] == DRAWER) == (form in FROM_DRAWER)]
    things = [things[i] for i in rng.permutation(len(things)) if form not in FITTING or things[i] in FITTING[form]]
    places = [(*SURFACES, BIN, DRAWER)[i] for i in rng.permutation(5)] if form in ("go", "each") or (
        form == "move" and family == "kitchen_structured") else [SURFACES[i] for i in rng.permutation(3)]
    words = {"thing": things[:1], "thing2": things[1:2], "thing3": things[2:3], "place": places[:1],
             "place2": places[1:2], "kind": [list(CLASSES)[rng.integers(len(CLASSES))]]}
    wanted = {role for wording in TEMPLATES[family, form] for role in words if f"{{{role}}}" in wording}
    if any("{noun}" in wording for wording in TEMPLATES[family, form]):
        wanted.add("thing")
    return {role: words[role][0] for role in words if role in wanted and words[role]}


def is_sound(form: str, family: str, roles: Roles, present: Present) -> bool:
    """Whether the roles suffice, the goal can be had, and none of it holds already but what only has to stay so."""
    wanted = {role for wording in TEMPLATES[family, form] for role in _roles_in(wording)}
    if not wanted <= set(roles):
        return False
    goal = goal_of(form, roles, present)
    if goal is None or (form == "clear" and len(goal) < 2) or (form == "all_of" and len(goal) < 2):
        return False
    fetches = list(filter(is_fetch, goal))
    if any(present.starts[t.thing] == t.place for r in fetches for t in r):
        return False
    return bool(fetches) or not all(_holds_at_start(r, present) for r in goal)


def _roles_in(wording: str) -> list[str]:
    names = [part.split("}")[0] for part in wording.split("{")[1:]]
    return ["thing" if name == "noun" else name for name in names]


def _holds_at_start(relation: Relation, present: Present) -> bool:
    return relation == (OPEN if present.is_drawer_open else SHUT)
