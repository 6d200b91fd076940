"""Towers in words: lists from the bottom up, or from the top down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envs.goals.language import Do, Fact, Things
from envs.tasks.wordings.clauses import Clauses, Command

if TYPE_CHECKING:
    from envs.tasks.wordings.talk import Talk

UPWARDS = (
    "@build a tower: <up>", "@stack <up> from bottom to top", "@make a (tower|stack|pile) from the bottom up: <up>",
    "@build a (tower|stack) with <first> at the bottom<middle> and <last> on top",
    "@make a (tower|stack): <first> at the bottom<middles>, <last> on top",
    "@stack <up>, (in that order|from the bottom up|bottom to top)",
    "@build a (tower|pile) of <up>, from bottom to top", "@pile up <up>, starting at the bottom",
    "from (the|) bottom to (the|) top: <up>", "tower from bottom to top: <up>", "bottom to top: <up>",
    "i want a (tower|stack) with <first> at the bottom<middle> and <last> at the top", "a tower: <chain>",
    "tower: <chain>", "@build a tower: <chain>", "@make a stack starting with <first>: <chain>",
    "<first> is the base<middles>, <last> goes on top", "start with <first>, <onward>",
    "@take <first> as the base, <onward>", "the bottom is <first>, <onward>",
    "@construct a tower with <first> as the base<middles>, <last> at the top",
    "i'd like a (tower|stack), bottom up: <up>", "bottom <first><middles>, top <last>", "<up>, from bottom to top",
    "<up>, bottom to top", "<then>, bottom to top", "<then>, from the bottom up",
    "stack: <then>, starting at the bottom", "@stack <then>, bottom to top", "<up> - bottom to top, please",
    "a tower from bottom to top: <then>", "@make a tower: <then>, bottom first",
    "pile: bottom <first><middles>, <last> on top", "@erect a tower: <up>, from the ground up",
    "first <first>, <onward>"
)
DOWNWARDS = (
    "@build a tower, from top to bottom: <down>", "from (the|) top to (the|) bottom: <down>",
    "@make a tower with <last> on top<downmid> and <first> at the bottom", "@stack <over>", "<over>",
    "tower top to bottom: <down>", "@put <over>", "i want <over>", "top to bottom: <down>", "@pile <over>",
    "i'd like a stack with <last> at the top<downmid> and <first> at the bottom", "@build <over>",
    "@make a stack, top down: <down>", "a tower with <last> on top<downmid> and <first> as the base",
    "top <last><downmids>, bottom <first>", "@get <over>", "@make it <over>"
)
DOWNWARDS = tuple(d for d in DOWNWARDS if not d.startswith(("@build <over>", "@make it")))


UPON = ("on top of it", "on top", "on it", "on that")


def tower_of(goal: Do) -> tuple[Things, ...]:
    """What a tower is made of, from the bottom up; () where the steps build none from the bottom up."""
    found: list[Things] = []
    for step in goal.steps:
        fact = step[0]
        if len(step) > 1 or not isinstance(fact, Fact) or fact.relation != "on" or not isinstance(fact.place, Things):
            return ()
        if found and fact.place != found[-1]:
            return ()
        found = [*found, fact.things] if found else [fact.place, fact.things]
    is_plain = all(t.quantifier == "the" for t in found) and len(set(found)) == len(found)
    return tuple(found) if is_plain and len(found) > 2 else ()


class Towers:
    """Says towers."""

    def __init__(self, clauses: Clauses) -> None:
        self.voice, self.nouns = clauses.voice, clauses.nouns

    def say(self, tower: tuple[Things, ...], talk: Talk) -> str:
        """A tower as a text. tower: from the bottom up."""
        names = self._names(tower)
        slots = {
            "up": _row(names),
            "then": ", then ".join(names),
            "down": _row(names[::-1]),
            "first": names[0],
            "last": names[-1],
            "over": self._over(names),
            "middle": self._between(names[1:-1]),
            "middles": self._between(names[1:-1]),
            "downmid": self._between(names[-2:0:-1]),
            "downmids": self._between(names[-2:0:-1]),
            "chain": self._chain(names),
            "onward": self._onward(names),
        }
        command = Command(self.voice.form(UPWARDS if self.voice.chance(0.62) else DOWNWARDS, slots))
        return talk.order(command) if command.pattern.startswith("@") and self.voice.chance(0.5) else command.form()

    def _names(self, tower: tuple[Things, ...]) -> list[str]:
        plain = all(
            t.description == type(t.description)(t.description.kind, t.description.color) and t.description.color
            for t in tower
        )
        if plain and self.voice.chance(0.5):
            mark = self.voice.pick(("", "the ", "the {} one"))
            colors = [self.nouns.color(t.description.color) for t in tower]
            return [mark.format(c) if "{" in mark else mark + c for c in colors]
        return [self.nouns.say(t, one=0.3).text for t in tower]

    def _between(self, names: list[str]) -> str:
        if len(names) == 1:
            return self.voice.pick((f", {names[0]} in the middle", f", then {names[0]}", f", {names[0]} in between"))
        return "".join(f", then {name}" for name in names)

    def _over(self, names: list[str]) -> str:
        joint = self.voice.pick((" on ", " on top of ", " on ", " onto "))
        return joint.join(names[::-1])

    def _chain(self, names: list[str]) -> str:
        """ "white, then blue on it, then red"."""
        parts = [
            names[0],
            *(
                f"then {name}{self.voice.pick((' on it', ' on top', ' on top of it', ' on that', '', ''))}"
                for name in names[1:]
            ),
        ]
        return ", ".join(parts)

    def _onward(self, names: list[str]) -> str:
        return ", ".join(
            f"{self.voice.pick(('then', 'then', 'next', 'and then'))} {name} {self.voice.pick(UPON)}"
            for name in names[1:]
        )


def _row(names: list[str]) -> str:
    return ", ".join(names)
