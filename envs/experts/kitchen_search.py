"""The kitchen as a robot can know it, which sees no more than what it stands before: what it came to know, and what it
should do next by that. The teacher of planners that are shown as much; `envs.experts.kitchen` knows everything instead.

A plan goes as far as what is known carries it: where an instruction leaves open what it is about ("something to
drink", "clear the table"), it ends with a look at the next place that was not looked at yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.experts.kitchen import State, plan
from envs.interface import NamedCall, Outcome
from envs.tasks.kitchen import predicates
from envs.tasks.kitchen.families import FAMILIES, KitchenScene
from envs.tasks.kitchen.instructions import (
    FROM_DRAWER,
    MOST_FETCHES,
    NEEDED,
    WANTED,
    Present,
    draw_roles,
    forms,
    goal_of,
    is_sound,
)
from envs.tasks.kitchen.phrasings import Roles, say
from envs.tasks.kitchen.scene import BIN, CLASSES, DRAWER, OPEN, THINGS, Known, Relation
from envs.world import World
from envs.world.floorplan import SURFACES

SOMEWHERE = "somewhere"
"""The place of a thing that was not seen yet."""
OF_A_CLASS = ("any", *WANTED)
"""Forms that any thing of a class grants."""
_OF_ALL = ("all_of", "clear", "empty")
"""Forms about whatever is found."""
_BY_THE_DRAWER = ("open", "shut", "stow", "tidy", "guests", "leave", "take_out", "out_shut", "put_away")
"""Forms whose first call hangs on whether the drawer is open."""
_OF_THE_DRAWER = ("open", "shut")
"""Forms that nothing but a look at the drawer can say to be done."""
_DRAWS = 60


def note(world: World, scene: KitchenScene, held: str | None, call: tuple[str, Sequence[Any]] | None,
         outcome: Outcome | None) -> KitchenScene:
    """The scene with what a robot knows after a call, or at the start. PRIVILEGED in that it reads the place before
    which the robot stands as it is, and so takes recognising for certain."""
    place, before = predicates.served(world), scene.known
    is_open = predicates.drawer_m(world) > predicates.OPEN_M if place == DRAWER else before.is_open
    at = {name: where for name, where in before.at if name != held}
    looked, seen = before.looked, set()
    if place not in (None, BIN) and (place != DRAWER or is_open):
        seen = {name for name in scene.names if name != held and predicates.where(world, name) == place}
        at = {name: where for name, where in at.items() if where != place} | dict.fromkeys(seen, place)
        looked = looked | {place}
    skill, word = (call[0], next(iter(call[1]), None)) if call else (None, None)
    is_done = outcome is not None and outcome.status == "done"
    if skill == "put_down" and is_done and word == BIN and before.held:
        at[before.held] = BIN
    if skill == "find" and not is_done and at.get(word) == DRAWER and not (place == DRAWER and is_open):
        is_open = False if place == DRAWER else None  # it was not looked into: somebody may have shut it
    elif skill == "find" and not is_done:
        at.pop(word, None)
    missed = before.missed | ({word} if skill == "find" and not is_done else set())
    return replace(scene, known=Known(
        tuple(sorted(at.items())), looked, is_open, frozenset(missed - seen), _sighted(before, skill, word, is_done),
        held, None if held is None else before.held_from if held == before.held else dict(before.at).get(held, place)))


def _sighted(before: Known, skill: str | None, word: str | None, is_done: bool) -> str | None:
    """What the robot stands straight before, as far as it was brought there; what could not be picked is looked for
    anew."""
    if skill is None:
        return before.sighted
    return word if skill == "find" and is_done else None


def next_calls(form: str, roles: Roles, known: Known, robot: str | None) -> list[NamedCall] | str:
    """What to do by what is known, [] when all that is asked for holds; or the reason why nothing can be done, a
    clause. robot: the place before which it stands."""
    state = _believed(form, roles, known, robot)
    unseen = _to_look_at(form, roles, known)
    if unseen is None and known.is_open is None and DRAWER in map(state.at.get, _named(form, roles)):
        unseen = DRAWER
    if unseen is not None:
        return _look(unseen, known, state)
    if form in _OF_THE_DRAWER and robot != DRAWER:
        return [("go_to", DRAWER)]
    goal = _goal(form, roles, known)
    if goal is None:
        return [] if form in _OF_ALL else _unseen(roles["kind"] if form == "any"
                                                                      else WANTED.get(form, "such thing"))
    lost = _lost(goal, state)
    return plan(state, goal) or (_unseen(lost) if lost else [])


def _goal(form: str, roles: Roles, known: Known) -> tuple[Relation, ...] | None:
    """What is asked for, by what is known; however many things lie where all of them are asked for."""
    return goal_of(form, roles, Present(_starts(form, roles, known), bool(known.is_open)),
                   most=len(THINGS) if form in _OF_ALL else MOST_FETCHES)


def _believed(form: str, roles: Roles, known: Known, robot: str | None) -> State:
    at = {name: place for name, place in known.at if name != known.held}
    for name in _named(form, roles):
        if name not in at and name != known.held and (place := _guess(form, name, known)):
            at[name] = place
    sighted = frozenset([known.sighted]) if known.sighted in at else frozenset()
    return State(at, known.held, bool(known.is_open), robot, sighted)


def _guess(form: str, name: str, known: Known) -> str | None:
    """Where a thing may be that is named but was not seen; None where there is nowhere left to look."""
    if (form in FROM_DRAWER or name in known.missed) and DRAWER not in known.looked:
        return DRAWER
    return None if name in known.missed else SOMEWHERE


def _named(form: str, roles: Roles) -> list[str]:
    """The things that an instruction names, or cannot do without."""
    return [*(word for role, word in roles.items() if role.startswith("thing")), *filter(None, [NEEDED.get(form)])]


def _starts(form: str, roles: Roles, known: Known) -> Mapping[str, str]:
    """Where things are, for what an instruction is about: what is held is where it was taken from."""
    held = {known.held: known.held_from or SOMEWHERE} if known.held else {}
    return {**dict.fromkeys(_named(form, roles), SOMEWHERE), **dict(known.at), **held}


def _to_look_at(form: str, roles: Roles, known: Known) -> str | None:
    """The place that has to be looked at before anything else can be said."""
    if form in OF_A_CLASS:
        names = CLASSES[roles["kind"] if form == "any" else WANTED[form]]
        is_known = known.held in names or any(name in names and place != BIN for name, place in known.at)
        return None if is_known else _next_unseen(known)
    if form == "all_of":
        return _next_unseen(known)
    if form in ("clear", "empty"):
        place = roles["place"] if form == "clear" else DRAWER
        return None if place in known.looked else place
    is_by_the_drawer = form in _BY_THE_DRAWER or DRAWER in roles.values()
    return DRAWER if is_by_the_drawer and known.is_open is None else None


def _next_unseen(known: Known) -> str | None:
    return next((place for place in (*SURFACES, DRAWER) if place not in known.looked), None)


def _look(place: str, known: Known, state: State) -> list[NamedCall]:
    """Calls after which what is at a place is seen, or, of the drawer, at first whether it is open."""
    return [("go_to", place)] if place != DRAWER or known.is_open is None else plan(state, (OPEN,))


def _lost(goal: Sequence[Relation], state: State) -> str | None:
    """A thing that is asked for and nowhere to be had."""
    gone = (r for r in goal if not state.has(r) and r[0].relation in ("at", "held", "sighted")
            and not any(t.thing == state.held or state.at.get(t.thing) not in (None, BIN, predicates.FLOOR) for t in r))
    return next((relation[0].thing for relation in gone), None)


def _unseen(what: str) -> str:
    """The clause for a thing that is nowhere to be seen, in two words as refusals are spelled."""
    return f"I see no {what if ' ' in what else f'{what} here'}"


def sample_queries(world: World, scene: KitchenScene, rng: np.random.Generator, count: int, held: str | None,
                   instruction: str) -> list[dict[str, Any]]:
    """`count` instructions over the present kitchen, the scene's own first, each with what to do by what is known; see
    `envs.experts.queries`."""
    robot, known = predicates.served(world), scene.known
    queries = [_query(scene.task, scene.form, dict(scene.roles), instruction, known, robot)]
    present = Present({n: predicates.where(world, n) for n in scene.names if n != held},
                      predicates.drawer_m(world) > predicates.OPEN_M)
    for _ in range(_DRAWS * count):
        if len(queries) >= count:
            break
        family = FAMILIES[rng.integers(len(FAMILIES))]
        form = forms(family)[rng.integers(len(forms(family)))]
        roles = draw_roles(form, family, present, rng)
        if is_sound(form, family, roles, present):
            queries.append(_query(family, form, roles, say(family, form, roles, rng), known, robot))
    return queries[:count]


def _query(task: str, form: str, roles: Roles, instruction: str, known: Known, robot: str | None) -> dict[str, Any]:
    todo = next_calls(form, roles, known, robot)
    is_refused = isinstance(todo, str)
    return {"task": task, "instruction": instruction, "calls": [] if is_refused else [list(call) for call in todo],
            "any_order": False, "refusal": todo if is_refused else None, "is_question": False,
            "about": _about(form, roles, known)}


def _about(form: str, roles: Roles, known: Known) -> list[str]:
    """What has to have been seen for the answer to be right: what is found by its name needs not, but in the drawer."""
    goal = _goal(form, roles, known) or ()
    wanted = {target.thing for relation in goal for target in relation}
    is_open_ended = form in (*OF_A_CLASS, *_OF_ALL)
    return [name for name, place in known.at if name in wanted and place != BIN and (is_open_ended or place == DRAWER)]
