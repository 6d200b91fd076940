"""Scenes in other colors: what each thing looks like comes from a thing of another scene, and the words follow.

Nothing but colors changes: where things are, what lies on what and so what a plan does are as they were. Names of
things begin with their color ("red block"), and words speak of it by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from embodied.data.detections import ViewDetections
from embodied.data.queries import Answer, Calls, Query, Refusal, TextAnswer
from embodied.prompt import Slot

MOST_LOOKS = 2000
"""Crops of a color that are drawn from."""


class Looks:
    """What things of each color look like in some views."""

    def __init__(self, views: Sequence[ViewDetections]) -> None:
        self._crops: dict[str, list[np.ndarray]] = {}
        for view in views:
            for slot, name in zip(view.slots, view.names, strict=True):
                if name is not None and len(known := self._crops.setdefault(color_of(name), [])) < MOST_LOOKS:
                    known.append(slot.crop)
        self.colors = sorted(self._crops)

    def draw(self, rng: np.random.Generator) -> dict[str, str]:
        """Color -> another that stands for it, each once."""
        return dict(zip(self.colors, (self.colors[i] for i in rng.permutation(len(self.colors))), strict=True))

    def recolored(self, slot: Slot, name: str | None, colors: Mapping[str, str], rng: np.random.Generator) -> Slot:
        """The slot with the looks of a thing of its new color; as it is without a name."""
        known = self._crops.get(colors.get(color_of(name), ""), ()) if name is not None else ()
        return replace(slot, crop=known[int(rng.integers(len(known)))]) if known else slot


def color_of(name: str) -> str:
    """The color of a thing by its name."""
    return name.split()[0]


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
            renamed_calls = tuple(tuple(reworded(value, colors) if isinstance(value, str) else value for value in call)
                                  for call in calls)
            return Calls(renamed_calls, any_order, told and reworded(told, colors))
        case TextAnswer(text):
            return TextAnswer(reworded(text, colors))
        case Refusal(reason):
            return Refusal(reworded(reason, colors))
    return replace(answer, text=reworded(answer.text, colors))
