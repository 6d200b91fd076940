"""A person and a table for minds in tests: words that mean what a dictionary says, and things that calls put about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from embodied.planning.dialogue import Reading, Turn
from embodied.planning.instruction import InstructionError
from embodied.planning.language import Plan
from embodied.prompt import Slot
from envs.goals.spelling import read
from envs.interface import Box, Observation, Outcome, Referent, Transition
from tests.embodied.planning.scenes import bowl, colored, observation, slot

RGB = {"red": (220, 20, 20), "blue": (20, 40, 210), "green": (20, 180, 40), "white": (240, 240, 240)}
FRONT_M = 0.3
"""Height of a table that lies in front of the toy camera."""


class Words:
    """An `Understander` of the words that a dictionary has, as goals in the goal language; of no others. Those that it
    has with "... " before them it understands only where something was said before."""

    def __init__(self, meanings: Mapping[str, str]) -> None:
        self.meanings, self.heard = dict(meanings), []

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        self.heard.append((text, list(before)))
        if "\x07" in text:
            raise InstructionError("expected words")
        goal = self.meanings.get(text) or (self.meanings.get(f"... {text}") if before else None)
        return Reading(None, 0.0) if goal is None else Reading(read(goal))


class ToyTable:
    """Things at places, as slots: what a mind perceives of them, and what its calls do."""

    def __init__(self, **things: tuple[float, float]) -> None:
        """things: red_block=(x, y), ..; a number at the end tells things apart that look alike."""
        self.slots = {name: _slot(name, *place) for name, place in things.items()}
        self.held: str | None = None
        self.history: list[Transition] = []

    def perceive(self, _: Observation) -> list[Slot]:
        return [one for name, one in self.slots.items() if name != self.held]

    def see(self) -> Observation:
        """A new look."""
        return observation(0.04 if self.held else 0.08)

    def follow(self, plan: Plan, calls: int | None = None) -> None:
        """Does the calls of a plan, or the first of them."""
        for call in plan.calls[:calls]:
            before = self.see()
            self._do(call.skill, [a for a in call.arguments if isinstance(a, Referent)])
            self.history.append(Transition(before, call, Outcome("done", "", 1.0), self.see(), 0.0, False, False))

    def _do(self, skill: str, things: Sequence[Referent]) -> None:
        if skill == "pick":
            self.held = self._at(things[0].box)
            return
        center = (0.3, 0.3, FRONT_M) if not things else things[0].box.center
        lift = {"place_in": 0.01, "place_on": 0.04}.get(skill, 0.0)
        aside = {"place_in": 0.045 * self._in(center), "place_on": 0.0}.get(skill, 0.12)
        moved = self.slots[self.held]
        box = Box((center[0], center[1] + aside, center[2] + lift), moved.box.size)
        self.slots[self.held], self.held = replace(moved, box=box), None

    def _in(self, center: tuple[float, float, float]) -> int:
        """How many blocks lie in the bowl there: the next one lies beside them."""
        return sum(abs(one.box.center[0] - center[0]) < 0.01 and 0.0 <= one.box.center[1] - center[1] < 0.1
                   for name, one in self.slots.items() if "block" in name and name != self.held)

    def _at(self, box: Box) -> str:
        return next(name for name, one in self.slots.items() if one.box == box)

    def lose(self, name: str) -> None:
        """The thing falls off the table."""
        del self.slots[name]


def _slot(name: str, x: float, y: float) -> Slot:
    color, kind = name.split("_")[:2]
    made = colored(slot(x, y), RGB[color])
    made = bowl(made) if kind == "bowl" else made
    return replace(made, box=replace(made.box, center=(x, y, FRONT_M)))


def names(plan: Plan) -> list[Any]:
    """The skills of a plan."""
    return [call.skill for call in plan.calls]
