"""How people tell things apart, drawn without a table."""

from __future__ import annotations

from dataclasses import replace

from envs.goals.language import (
    Description,
    Things,
    Where,
)
from envs.tasks.wordings.chinese_words import UNKNOWN as CHINESE_UNKNOWN
from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.lexicon import UNKNOWN_COLORS, UNKNOWN_KINDS, Split
from envs.tasks.wordings.voice import options

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
RELATIONS = {
    "in": 0.44,
    "on": 0.2,
    "beside": 0.08,
    "left_of": 0.045,
    "right_of": 0.045,
    "at": 0.06,
    "table": 0.08,
    "held": 0.05,
}
SUPERLATIVES = {
    "leftmost": 1.0,
    "rightmost": 1.0,
    "nearest": 0.9,
    "farthest": 0.7,
    "biggest": 0.8,
    "smallest": 0.8,
    "highest": 0.3,
    "lowest": 0.25,
}
BRACKETS = {
    "in": 3.0,
    "on": 3.0,
    "on table": 0.6,
    "under": 1.4,
    "holding": 2.0,
    "beside": 1.8,
    "left of": 1.0,
    "right of": 1.0,
    "nearest": 1.5,
    "farthest": 0.8,
    "alone": 0.6,
    "empty": 2.4,
}
_OF_BLOCKS = ("in", "on", "on table", "under", "beside", "left of", "right of", "nearest", "farthest", "alone")
_OF_BOWLS = ("holding", "beside", "left of", "right of", "nearest", "farthest", "empty")


class Describing:
    """Draws references. told: shares of ways to tell things apart: "color", "bare", "size", "superlative", "where"."""

    def __init__(self, draws: Draws, split: Split = "train", *, is_chinese: bool = False) -> None:
        self.draws, self.split = draws, split
        self.unknown_words = tuple(CHINESE_UNKNOWN.values()) if is_chinese else (UNKNOWN_KINDS, UNKNOWN_COLORS)
        self.told = {"color": 0.7, "bare": 0.06, "size": 0.06, "superlative": 0.07, "where": 0.11}

    def color(self, but: tuple[str, ...] = ()) -> str:
        color = self.draws.pick(COLORS)
        return color if color not in but else self.color(but)

    def description(self, kind: str, *, depth: int = 0, way: str = "") -> Description:
        """Words for one thing. way: how it is told, of `told`."""
        way = way or (
            "color"
            if depth > 1
            else self.draws.weighted(self.told)
            if depth == 0
            else self.draws.weighted({"color": 0.86, "bare": 0.06, "size": 0.03, "superlative": 0.05})
        )
        if way == "bare":
            return Description(kind)
        plain = Description(
            kind, self.color() if way == "color" or self.draws.chance(0.5 if way != "where" else 0.3) else ""
        )
        if way == "size" and kind == "block":
            return replace(plain, size=self.draws.pick(("small", "big")))
        if way == "superlative":
            return replace(
                plain,
                superlative=self.superlative(kind),
                size=self.draws.pick(("small", "big")) if kind == "block" and self.draws.chance(0.06) else "",
            )
        return (
            replace(plain, where=(self.where(kind, depth),))
            if way == "where"
            else replace(plain, color=plain.color or self.color())
        )

    def superlative(self, kind: str) -> str:
        found = self.draws.weighted(SUPERLATIVES)
        return found if kind == "block" or found not in ("highest", "lowest") else self.superlative(kind)

    def where(self, kind: str, depth: int = 0) -> Where:
        """What tells a thing by others."""
        relation = self.draws.weighted({r: BRACKETS[r] for r in (_OF_BOWLS if kind == "bowl" else _OF_BLOCKS)})
        if relation in ("on table", "alone", "empty"):
            return Where(relation)
        return Where(relation, self._inner(relation, depth))

    def _inner(self, relation: str, depth: int) -> Things:
        kind = {"in": "bowl", "on": "block", "under": "block", "holding": "block"}.get(relation) or self.draws.pick(
            ("block", "bowl")
        )
        if relation in ("under", "holding") and self.draws.chance(0.12):
            return Things("a", Description(self.draws.pick(("thing", "block"))))
        if relation in ("in", "beside", "on") and self.draws.chance(0.05):
            return Things("a", Description(kind))
        quantifier = (
            "both" if relation in ("nearest", "farthest", "beside", "holding") and self.draws.chance(0.07) else ""
        )
        return Things(quantifier, self.description(kind, depth=depth + 1, way="color" if quantifier else ""))

    def the(self, kind: str, **kwargs) -> Things:
        return Things("the", self.description(kind, **kwargs))

    def some(self, kind: str = "block") -> Things:
        """Several things, or any one."""
        quantifier = self.draws.weighted({"all": 0.36, "both": 0.24, "a": 0.2, "2": 0.14, "3": 0.05, "4": 0.01})
        told = self.several(kind, quantifier)
        if quantifier in ("all", "a", "2") and self.draws.chance(0.2) and not told.where and not told.superlative:
            told = replace(told, but=self.but(told))
        return Things(quantifier, told)

    def several(self, kind: str, quantifier: str = "all") -> Description:
        """Words for several things."""
        way = self.draws.weighted({"color": 0.55, "bare": 0.22, "size": 0.09, "where": 0.14})
        told = self.description(kind, way=way)
        while told.where and told.where[0].relation in ("nearest", "farthest"):
            told = self.description(kind, way=way)
        return (
            replace(told, kind="thing")
            if kind == "block" and quantifier == "all" and told == Description("block") and self.draws.chance(0.25)
            else told
        )

    def but(self, told: Description) -> Description:
        """What is left out of several."""
        if told.color:
            return (
                replace(told, where=(self.where(told.kind),), but=None)
                if self.draws.chance(0.7) or told.kind == "bowl"
                else replace(told, size=self.draws.pick(("small", "big")))
            )
        if self.draws.chance(0.75):
            return Description("block" if told.kind == "thing" else told.kind, self.color())
        return self.description(
            "block" if told.kind == "thing" else told.kind, way=self.draws.pick(("superlative", "where", "size"))
        )

    def unknown(self, kind: str) -> Things:
        """A thing that no table has."""
        if self.draws.chance(0.62):
            return Things(
                self.draws.pick(("the", "the", "the", "a")),
                Description(f'"{self._word(self.unknown_words[0])}"', self.color() if self.draws.chance(0.12) else ""),
            )
        return Things(
            self.draws.pick(("the", "the", "the", "a", "all")),
            Description(kind, f'"{self._word(self.unknown_words[1])}"'),
        )

    def _word(self, row: str) -> str:
        return self.draws.pick(self.draws.pick(options(row, self.split)))
