"""How people single things out on a table: references that mean just what they shall, and seldom say more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from envs.goals.chance import ordered, pick, shuffled, weighted
from envs.goals.language import SUPERLATIVES, Description, Things, Where
from envs.goals.references import Trouble, find
from envs.goals.table import BESIDE_M, Table

_PLAIN = 0.78
"""Share of things of a colour of their own that are called by it, where they are not the only ones of their kind."""
_BARE = 0.3
"""Share of the only blocks and bowls that are called so without a colour."""
_VAGUE_KIND = 0.03
"""Share of blocks and bowls that are called things."""
_TALKATIVE = 0.04
"""Share of references that say more than is needed."""
_ANEW = 0.12
"""Share of things that are told in other words when they are spoken of again."""
_WAYS = {"size": 0.28, "superlative": 0.34, "where": 0.38}
_BRACKETS = {"in": 3.0, "on": 3.0, "under": 1.5, "holding": 2.0, "beside": 1.3, "left of": 0.8, "right of": 0.8,
             "nearest": 0.7, "farthest": 0.25, "alone": 0.7, "empty": 3.0, "on table": 0.8}
_OF_ALL = ("nearest", "farthest")
_MOST_TRIES = 8

Fits = Callable[[str], bool] | None


class UnspeakableError(Exception):
    """Nothing was found to say; draw something else."""


class Speaker:
    """Draws references to things of one table."""

    def __init__(self, rng: np.random.Generator, table: Table) -> None:
        self.rng, self.table = rng, table
        self._said: dict[str, Description] = {}
        sides = [table.things[name].side_m for name in table.blocks]
        self._is_sized = max(sides, default=0.0) - min(sides, default=0.0) > 0.005

    def forget(self) -> None:
        """Starts a new goal, in which nothing has been spoken of."""
        self._said.clear()

    def the(self, name: str, fits: Fits = None) -> Things:
        """A reference that means one thing, most often the same as before in this goal. fits: as of `find`. Raises
        UnspeakableError where none was found."""
        said = self._said.get(name)
        if said is None or self.rng.random() < _ANEW or not self._means(said, name, fits):
            said = self._said[name] = self.description(name, fits)
        return Things("the", said)

    def description(self, name: str, fits: Fits = None, *, depth: int = 0, colorless: bool = False) -> Description:
        """A description that fits one thing alone. depth: of brackets around it. colorless: it tells no colour."""
        thing = self.table.things[name]
        kind = "thing" if self.rng.random() < _VAGUE_KIND else thing.kind
        plain = Description(kind, thing.color)
        if self._means(Description(kind), name, fits):
            return Description(kind) if colorless or self.rng.random() < _BARE else plain
        is_plain = not colorless and self._means(plain, name, fits)
        if is_plain and self.rng.random() < (_PLAIN if depth == 0 else 0.93):
            return self._talkative(plain, name, depth) if depth == 0 and self.rng.random() < _TALKATIVE else plain
        for told in self._candidates(name, kind, is_plain or colorless, depth):
            if self._means(told, name, fits):
                return told
        if is_plain:
            return plain
        raise UnspeakableError(name)

    def _candidates(self, name: str, kind: str, is_colorless: bool, depth: int) -> Iterator[Description]:
        """Descriptions that are true of a thing, first with less in them."""
        color = self.table.things[name].color
        for _ in range(_MOST_TRIES):
            told = self._with_more(Description(kind), name, depth)
            if told is not None:
                yield told
                if not is_colorless:
                    yield replace(told, color=color)

    def _talkative(self, told: Description, name: str, depth: int) -> Description:
        more = self._with_more(told, name, depth + 1)
        try:
            return more if more is not None and find(more, self.table) == [name] else told
        except Trouble:
            return told

    def _with_more(self, told: Description, name: str, depth: int) -> Description | None:
        """The description with one more thing that is true, or may be; None where nothing came to mind."""
        way = weighted(self.rng, _WAYS)
        if way == "size":
            size = self._size(told, name)
            return replace(told, size=size) if size else None
        if way == "superlative" and depth < 2:
            return replace(told, superlative=self._superlative(told.kind))
        where = self.bracket(name, depth)
        return where and replace(told, where=(where,))

    def _size(self, told: Description, name: str) -> str:
        """The size of a thing among those that a description fits; "" where it is neither small nor big there."""
        sides = [self.table.things[other].side_m for other in find(told, self.table)]
        if told.kind != "block" or max(sides) - min(sides) < 0.005:
            return ""
        side = self.table.things[name].side_m
        return "small" if side < min(sides) + 0.002 else "big" if side > max(sides) - 0.002 else ""

    def _superlative(self, kind: str) -> str:
        if kind == "bowl" or self.rng.random() < 0.6:
            return pick(self.rng, SUPERLATIVES[:4])
        return pick(self.rng, SUPERLATIVES[4:6] if self._is_sized and self.rng.random() < 0.7 else SUPERLATIVES[6:])

    def _means(self, told: Description, name: str, fits: Fits) -> bool:
        try:
            return find(told, self.table, fits=fits) == [name]
        except Trouble:
            return False

    # Brackets --------------------------------------------------------------------------------------------------------

    def bracket(self, name: str, depth: int = 0) -> Where | None:
        """A bracket that is true of a thing, as far as that can be told from it alone; None where none was found."""
        if depth > 1 or (depth == 1 and self.rng.random() < 0.7):
            return None
        for relation in ordered(self.rng, _BRACKETS)[:5]:
            others = self._others(relation, name)
            if others is None:
                return Where(relation)
            if others:
                try:
                    return Where(relation, self._inner(relation, others, depth))
                except UnspeakableError:
                    continue
        return None

    def _inner(self, relation: str, others: list[str], depth: int) -> Things:
        other = pick(self.rng, others)
        thing = self.table.things[other]
        if relation not in _OF_ALL and self.rng.random() < 0.06:
            return Things("a", Description(thing.kind, thing.color if self.rng.random() < 0.4 else ""))
        same = find(Description(thing.kind, thing.color), self.table)
        if relation in _OF_ALL and len(same) == 2 and set(same) <= set(others) and self.rng.random() < 0.4:
            return Things("both", Description(thing.kind, thing.color))
        return Things("", self.description(other, depth=depth + 1))

    def _others(self, relation: str, name: str) -> list[str] | None:
        """Things by which a bracket may tell this one; None where the bracket needs none; [] where it does not fit."""
        table, thing = self.table, self.table.things[name]
        carrier, bowl = table.under.get(name), table.bowl_of(name)
        if relation in ("alone", "empty", "on table"):
            is_bare, is_kind = not table.above(name), (thing.kind == "bowl") == (relation == "empty")
            return None if is_kind and table.stands(name) and (is_bare or relation == "on table") else []
        if relation == "in":
            return [bowl] if bowl else []
        if relation == "on":
            return [carrier] if carrier in table.things and carrier != bowl else []
        if relation in ("under", "holding"):
            is_bowl = thing.kind == "bowl"
            return list(table.above(name)) if is_bowl == (relation == "holding") else []
        return [other for other in table.things if other != name and self._is_beside(relation, name, other)]

    def _is_beside(self, relation: str, name: str, other: str) -> bool:
        if relation in ("nearest", "farthest"):
            return True
        if other in (*self.table.below(name), *self.table.above(name)):
            return False
        if relation == "beside":
            return self.table.apart_m(name, other) <= BESIDE_M
        ahead = self.table.things[name].y - self.table.things[other].y
        return ahead > 0.02 if relation == "left of" else ahead < -0.02

    # Several things --------------------------------------------------------------------------------------------------

    def class_of(self, kind: str, fits: Fits = None) -> tuple[Description, list[str]]:
        """A description of some things of a kind, of at least one, and their names."""
        for _ in range(_MOST_TRIES):
            told = self._class(kind)
            try:
                found = find(told, self.table, fits=fits)
            except Trouble:
                continue
            if found:
                return told, found
        raise UnspeakableError(kind)

    def _class(self, kind: str) -> Description:
        of_kind = self.table.blocks if kind == "block" else self.table.bowls
        if not of_kind:
            raise UnspeakableError(kind)
        name = pick(self.rng, of_kind)
        word = "thing" if self.rng.random() < _VAGUE_KIND else kind
        told = Description(word, self.table.things[name].color if self.rng.random() < 0.45 else "")
        form = weighted(self.rng, {"plain": 0.52, "size": 0.13, "where": 0.2, "but": 0.15})
        if form == "size" and (size := self._size(told, name)):
            return replace(told, size=size)
        if form == "where" and (where := self.bracket(name)) is not None:
            return replace(told, where=(where,))
        if form == "but":
            return replace(told, but=self._exception(told, kind))
        return told

    def _exception(self, told: Description, kind: str) -> Description | None:
        inside = find(told, self.table)
        if len(inside) < 2:
            return None
        for name in shuffled(self.rng, inside)[:2]:
            out = Description(kind, self.table.things[name].color)
            if told.color or self.rng.random() < 0.3:
                out = self.description(name)
            if 0 < len(find(out, self.table)) < len(inside) and out != told:
                return out
        return None

    def some(self, kind: str, fits: Fits = None, *, quantifiers: dict[str, float] | None = None
             ) -> tuple[Things, list[str]]:
        """A reference to several things of a kind, or to any of them, and names of what fits."""
        told, found = self.class_of(kind, fits)
        count = len(found)
        weights = {"all": 0.38 * (count > 1), "both": 0.24 * (count == 2),
                   "a": 0.26 if count > 1 else 0.1 * (told.but is None)}
        if count >= 2:
            weights[str(2 + int(self.rng.random() * (min(count, 4) - 1)))] = 0.22
        if quantifiers:
            weights = {q: w * quantifiers.get(q, quantifiers.get("2", 0) if q.isdigit() else 0)
                       for q, w in weights.items()}
        if not any(weights.values()):
            raise UnspeakableError(kind)
        return Things(weighted(self.rng, weights), told), found
