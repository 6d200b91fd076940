"""What a text asks the pushing policy to do: words in, an order out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from envs.skills.push_table import OURS, PushTable
from envs.words import plain_words
from envs.world.board import COMPASS_WORDS, Compass, compass

DEFAULT_SHIFT_M = 0.15
"""How far "push the red star to the left" means."""
MOST_SHIFT_M = 0.60
_MOST_CHARACTERS = 200

Kind = Literal["to_toy", "beside", "to_place", "by", "away", "reach"]

_VERB = "(?:push|move|slide|drag|bring|shove|nudge|take|get|put)"
_TOY = r"(\w+ \w+)"
_WAY = f"((?:(?:{'|'.join(sorted(COMPASS_WORDS))}|and|to) ?)+?)"
_AMOUNT = r"(?:by )?(?:(\d+(?:\.\d+)?) ?cm )?"
_PATTERNS: tuple[tuple[Kind, re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (kind, re.compile(pattern), groups) for kind, pattern, groups in (
        ("away", f"{_VERB} {_TOY} (?:away|apart|off) from {_TOY}", ("subject", "other")),
        ("away", f"separate {_TOY} (?:from|and) {_TOY}", ("subject", "other")),
        ("beside", f"{_VERB} {_TOY} (?:just )?(?:to |at |on )?{_WAY} (?:side )?(?:of|from) {_TOY}",
         ("subject", "where", "other")),
        ("beside", f"{_VERB} {_TOY} (above|below) {_TOY}", ("subject", "where", "other")),
        ("to_place", rf"{_VERB} {_TOY} (?:in|on|at|toward|towards)?(?:to)? ?{_WAY} (?:corner|side|edge)(?: of board)?",
         ("subject", "where")),
        ("to_place", f"{_VERB} {_TOY} (?:in|on|at|toward|towards)?(?:to)? ?(?:center|centre|middle)(?: of board)?",
         ("subject",)),
        ("by", f"{_VERB} {_TOY} {_AMOUNT}(?:to |towards )?{_WAY}", ("subject", "amount", "where")),
        ("to_toy", f"{_VERB} {_TOY} (?:over |close |next |up )?(?:to|toward|towards|into|against|beside|near) {_TOY}",
         ("subject", "other")),
        ("reach", f"(?:move|go|point|come|reach)(?: arm| effector| peg)?(?: over)? (?:to|at|toward|towards) {_TOY}",
         ("subject",)),
    ))


@dataclass(frozen=True, slots=True)
class Order:
    """What to do. subject, other: "red star", or "red block" for the only red one."""

    kind: Kind
    subject: str
    other: str | None = None
    where: Compass | None = None
    shift_m: float = DEFAULT_SHIFT_M

    @property
    def names(self) -> tuple[str, ...]:
        """The toys that it is about."""
        return tuple(name for name in (self.subject, self.other) if name)

    def close_m(self, table: PushTable = OURS) -> float:
        """How near to the place a block has to come: of a short way, not so near that staying where it is would do."""
        return min(table.close_m, self.shift_m / 2) if self.kind == "by" else table.close_m


def understand(text: str, table: PushTable = OURS) -> Order | str:
    """The order that a text gives about toys of a table, or why it gives none, as a clause."""
    if len(text) > _MOST_CHARACTERS:
        return "the text is too long"
    plain = " ".join(word for word in plain_words(text) or () if word not in ("the", "a"))
    for kind, pattern, groups in _PATTERNS:
        if match := pattern.fullmatch(plain):
            return _order(kind, dict(zip(groups, match.groups(), strict=True)), table)
    colors, shapes = [*table.palette], [*table.outlines]
    example = f"push the {colors[0]} {shapes[0]} to the {colors[-1]} {shapes[-1]}"
    return f'I do not understand the text; say "{example}"'


def _order(kind: Kind, said: dict[str, str | None], table: PushTable) -> Order | str:
    names = [name for role in ("subject", "other") if (name := said.get(role))]
    if reason := next(filter(None, (_unknown(name, table) for name in names)), None):
        return reason
    if len(set(names)) < len(names):
        return "the text names one block twice"
    where = compass(said.get("where") or "")
    if where is None and said.get("where") is not None:
        return "the direction contradicts itself"
    if kind == "to_place":
        where = where or (0, 0)
    shift_m = float(said.get("amount") or DEFAULT_SHIFT_M * 100) / 100
    if not 0.0 < shift_m <= MOST_SHIFT_M:
        return f"the distance is not between 0 and {MOST_SHIFT_M * 100:.0f} cm"
    return Order(kind, names[0], names[1] if len(names) > 1 else None, where, shift_m)


def _unknown(name: str, table: PushTable) -> str | None:
    """Why a name can be that of no block."""
    color, shape = name.split(" ")
    if color not in table.palette:
        return f"I do not know the color {color}"
    return None if shape in (*table.outlines, "block") else f"I do not know the shape {shape}"
