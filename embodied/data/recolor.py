"""Scenes in other colors: what each thing looks like comes from a thing of its kind in another scene, and the words
follow.

Nothing but colors changes: where things are, what lies on what and so what a plan does are as they were. Names are
color and kind ("red block"), and words speak of a thing by that color.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from embodied.data.detections import ViewDetections
from embodied.data.queries import Answer, Calls, Query, Refusal, TextAnswer
from embodied.planning.looks import COLOR_WORDS
from embodied.prompt import Slot

MOST_VIEWS = 5000
"""Views that looks are taken from, spread over all."""


class Palette:
    """What things of each kind and color look like in some views."""

    def __init__(self, views: Iterable[ViewDetections]) -> None:
        seen = list({id(view): view for view in views}.values())  # what is asked about one view comes as often
        self._crops: dict[str, list[np.ndarray]] = {}
        for view in seen[::max(len(seen) // MOST_VIEWS, 1)]:
            for slot, name in zip(view.slots, view.names, strict=True):
                if name is not None:
                    self._crops.setdefault(name, []).append(slot.crop)
        kinds: dict[str, set[str]] = {}
        for color, kind in map(split_name, self._crops):
            kinds.setdefault(kind, set()).add(color)
        self.colors = sorted(set.intersection(*kinds.values()) & set(COLOR_WORDS)) if kinds else []

    def draw(self, rng: np.random.Generator) -> dict[str, str]:
        """Color -> another that stands for it, each once; of the colors that every kind of thing has."""
        return dict(zip(self.colors, (self.colors[i] for i in rng.permutation(len(self.colors))), strict=True))

    def recolored(self, slot: Slot, name: str | None, colors: Mapping[str, str], rng: np.random.Generator) -> Slot:
        """The slot with the looks of a thing of its kind and new color; as it is without a name."""
        known = () if name is None else self._crops.get(reworded(name, colors), ())
        return replace(slot, crop=known[int(rng.integers(len(known)))]) if known else slot


def split_name(name: str) -> tuple[str, str]:
    """Color and kind of a thing by its name."""
    color, _, kind = name.partition(" ")
    return color, kind


def reworded(text: str, colors: Mapping[str, str]) -> str:
    """A text, or a name, with each color that it says put as the one that stands for it."""
    return re.sub(r"[a-z]+", lambda match: colors.get(match[0], match[0]), text)


def renamed(query: Query, colors: Mapping[str, str]) -> Query:
    """The query about the same things in their new colors."""
    def names(those: Sequence[str] | None) -> tuple[str, ...] | None:
        return None if those is None else tuple(reworded(name, colors) for name in those)

    return replace(query, instruction=reworded(query.instruction, colors), answer=_answer(query.answer, colors),
                   about=names(query.about), referrals=names(query.referrals), words=names(query.words))


def _answer(answer: Answer, colors: Mapping[str, str]) -> Answer:
    match answer:
        case Calls(calls, any_order, told):
            put = tuple(tuple(reworded(value, colors) if isinstance(value, str) else value for value in call)
                        for call in calls)
            return Calls(put, any_order, told and reworded(told, colors))
        case TextAnswer(text):
            return TextAnswer(reworded(text, colors))
        case Refusal(reason):
            return Refusal(reworded(reason, colors))
    return replace(answer, text=reworded(answer.text, colors))
