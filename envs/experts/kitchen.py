"""The expert of the kitchen: reads true state into symbols, plans what is left to do, says what is possible. ORACLE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from envs.interface import NamedCall
from envs.tasks.kitchen import predicates
from envs.tasks.kitchen.scene import BIN, DRAWER, STOWABLE, Relation, Scene, is_fetch
from envs.world import World
from envs.world.floorplan import PLACES

_ASIDE = "near counter"  # where what is held by mistake is put


@dataclass
class State:
    """The kitchen as symbols; skills change it."""

    at: dict[str, str]
    held: str | None
    is_open: bool
    robot: str | None
    sighted: frozenset[str] = frozenset()
    """What the robot stands about straight before."""

    def holds(self, thing: str, relation: str, place: str | None) -> bool:
        """Whether a relation holds of one thing, the drawer or the robot."""
        if relation == "at":
            return self.at.get(thing) == place and thing != self.held
        if relation in ("open", "shut"):
            return self.is_open == (relation == "open")
        if relation == "near":
            return self.robot == place
        return self.held == thing if relation == "held" else thing in self.sighted

    def has(self, relation: Relation) -> bool:
        """Whether one of the targets is met, at least."""
        return any(target.is_met(self) for target in relation)

    def why_not(self, skill: str, word: str = "") -> str | None:
        """Why a call is not possible now, as a clause; None when it is. word: of a skill that takes one."""
        if skill == "go_to":
            return None if word in PLACES else f"there is no place called {word!r}"
        if skill == "find":
            return None if self._is_findable(word) else f"the {word} is nowhere to be seen"
        if skill == "pick":
            return self._why_no_pick(word)
        if skill == "put_down":
            return self._why_no_put(word)
        if skill in ("open_drawer", "close_drawer"):
            return self._why_no_slide(skill == "open_drawer")
        return None

    def _is_findable(self, name: str) -> bool:
        place = self.at.get(name)
        return name != self.held and place not in (None, predicates.FLOOR, BIN) and (place != DRAWER or self.is_open)

    def _why_no_pick(self, name: str) -> str | None:
        if self.held:
            return "the gripper is not empty"
        if not self._is_findable(name) or self.at[name] != self.robot:
            return f"there is no {name} where the robot stands"
        return None

    def _why_no_put(self, place: str) -> str | None:
        if self.held is None:
            return "the gripper holds nothing"
        if self.robot != place:
            return f"the robot is not at the {place}"
        return "the drawer is closed" if place == DRAWER and not self.is_open else None

    def _why_no_slide(self, is_opening: bool) -> str | None:
        if self.robot != DRAWER:
            return "the robot is not at the drawer"
        if self.held:
            return "the gripper is not empty"
        return f"the drawer is already {'open' if is_opening else 'closed'}" if self.is_open == is_opening else None

    def apply(self, skill: str, word: str = "") -> None:
        """Does what a skill does when all goes well."""
        if skill == "go_to":
            self.robot, self.sighted = word, frozenset()
        elif skill == "find":
            self.robot, self.sighted = self.at[word], frozenset([word])
        elif skill == "pick":
            self.held = word
            self.at.pop(word)
        elif skill == "put_down":
            self.at[self.held], self.held = word, None
        elif skill in ("open_drawer", "close_drawer"):
            self.is_open = skill == "open_drawer"


def read_state(world: World, scene: Scene, held: str | None) -> State:
    """The symbols of the kitchen now."""
    at = {name: predicates.where(world, name) for name in scene.names if name != held}
    sighted = frozenset(name for name in at if predicates.Kitchen(world).holds(name, "sighted", None))
    return State(at, held, predicates.drawer_m(world) > predicates.OPEN_M, predicates.served(world), sighted)


def remaining_calls(world: World, scene: Scene, held: str | None) -> list[NamedCall]:
    """Every call that is still needed from the current state, [] when the goal holds."""
    return plan(read_state(world, scene, held), scene.goal)


def plan(state: State, goal: tuple[Relation, ...]) -> list[NamedCall]:
    """Every call that is still needed, [] when the goal holds; what cannot be had is given up. The drawer is seen to
    last, so that nothing has to be opened twice."""
    calls: list[NamedCall] = []

    def do(skill: str, *words: str) -> None:
        calls.append((skill, *words))
        state.apply(skill, *words)

    ordered = sorted(goal, key=lambda r: not is_fetch(r))
    if state.held and not _is_wanted(state, ordered):
        _reach(state, _ASIDE, do)
        do("put_down", _ASIDE)
    for relation in ordered:
        if not state.has(relation):
            _STEPS[relation[0].relation](state, relation, do)
    return calls


def _is_wanted(state: State, goal: list[Relation]) -> bool:
    """Whether what is held can stay in the hand: it is delivered next, or to be held."""
    for relation in goal:
        kind = relation[0].relation
        if kind == "at" and not state.has(relation):
            return state.held in _things(relation) and (relation[0].place != DRAWER or state.is_open)
        if kind == "held":
            return state.has(relation)
        if kind in ("open", "shut") and not state.has(relation):
            return False
    return all(relation[0].relation in ("near", "sighted") for relation in goal)


def _things(relation: Relation) -> list[str]:
    return [target.thing for target in relation]


def _reach(state: State, place: str, do: Any) -> None:
    if state.robot != place:
        do("go_to", place)


def _move_drawer(state: State, is_open: bool, do: Any) -> None:
    if state.is_open != is_open:
        _reach(state, DRAWER, do)
        do("open_drawer" if is_open else "close_drawer")


def _deliver(state: State, relation: Relation, do: Any) -> None:
    things, place = _things(relation), relation[0].place
    if place == DRAWER:
        _move_drawer(state, True, do) if state.held is None else None
    if state.held not in things:
        able = [n for n in things if state.at.get(n) not in (predicates.FLOOR, BIN, None)]
        able = [n for n in able if place != DRAWER or n in STOWABLE]
        if not able:
            return
        _take(state, min(able, key=lambda n: state.at[n] == DRAWER and not state.is_open), do)
    _reach(state, place, do)
    do("put_down", place)


def _take(state: State, name: str, do: Any) -> None:
    if state.at.get(name) in (predicates.FLOOR, BIN, None):
        return
    if state.at[name] == DRAWER:
        _move_drawer(state, True, do)
    if name not in state.sighted:
        do("find", name)
    do("pick", name)


def _sight(state: State, name: str, do: Any) -> None:
    if state.at.get(name) == DRAWER:
        _move_drawer(state, True, do)
    if state.at.get(name) not in (predicates.FLOOR, BIN, None):
        do("find", name)


_STEPS = {
    "at": _deliver, "sighted": lambda state, r, do: _sight(state, r[0].thing, do),
    "held": lambda state, r, do: _take(state, r[0].thing, do), "near": lambda state, r, do: do("go_to", r[0].place),
    "open": lambda state, r, do: _move_drawer(state, True, do),
    "shut": lambda state, r, do: _move_drawer(state, False, do)}


def why_failed(before: State, after: State, skill: str, word: str = "") -> str | None:
    """Why the last call did not do what it is for, as a clause; None when it did. Judged by state alone."""
    reason = before.why_not(skill, word)
    if reason is not None and skill != "go_to":
        return reason
    if skill in ("go_to", "find"):
        target = word if skill == "go_to" else after.at.get(word)
        return None if after.robot == target else f"the robot is not at the {target}"
    if skill == "pick":
        return None if after.held == word else f"the robot does not hold the {word}"
    if skill == "put_down":
        put = before.held
        return None if after.at.get(put) == word and after.held is None else f"the {put} is not at the {word}"
    if skill in ("open_drawer", "close_drawer"):
        is_right = after.is_open == (skill == "open_drawer")
        return None if is_right else f"the drawer is {'open' if after.is_open else 'closed'}"
    return None
