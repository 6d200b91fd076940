"""What slots look like in words, by measured colour and size alone ("red block"), and the scene that they make up.

One home for it: chat models are told the scene in these words, and the judge of `understanding` holds plans against
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from embodied.planning.language import place_of
from embodied.planning.perception import WIDE_M, carries, supports
from embodied.prompt import Slot
from envs.interface import Referent, SkillCall
from envs.skills.signatures import Signature

DARK, ANY_KIND = "dark", "any"
"""Colour of what is too dark to tell; kind of what was never looked at."""
MASKED = 12
"""Brightest channel (of 255) of what the mask left out of a crop, with play for its resampled rim."""
GREY_SATURATION = 0.25
"""Below this the colour of a pixel is white, grey or black."""
HUES = ((16.0, "red"), (41.0, "orange"), (70.0, "yellow"), (160.0, "green"), (205.0, "cyan"), (260.0, "blue"),
        (320.0, "purple"), (345.0, "pink"), (360.0, "red"))
"""Upper ends of hues in degrees and their English words."""
GREYS = ((45.0, "black"), (100.0, "grey"), (255.0, "white"))
"""Upper ends of the brightest channel of what has no hue."""

COLOR_WORDS = tuple(sorted({word for _, word in (*HUES, *GREYS)}))
_HUE_ENDS = np.array([end for end, _ in HUES[:-1]], np.float32)
_HUE_WORDS = np.array([COLOR_WORDS.index(word) for _, word in HUES])
_GREY_ENDS = np.array([end for end, _ in GREYS[:-1]], np.float32)
_GREY_WORDS = np.array([COLOR_WORDS.index(word) for _, word in GREYS])


def looks_of(slot: Slot) -> str:
    """Colour and kind of what a slot shows: "red block"."""
    return f"{color_of(slot.crop)} {kind_of(slot)}"


def kind_of(slot: Slot) -> str:
    """"thing" for what the eyes say is neither bowl nor block; else by its box alone: "bowl" for what is wide and flat,
    "block" for what a hand could grasp, "thing" for the rest."""
    if slot.is_distractor:
        return "thing"
    (width, depth, height), narrow = slot.box.size, min(slot.box.size)
    if min(width, depth) > WIDE_M > height:
        return "bowl"
    return "block" if max(width, depth) < WIDE_M and narrow > 0 and max(slot.box.size) < 3 * narrow else "thing"


def color_of(crop: np.ndarray) -> str:
    """The colour word of most pixels of a masked crop uint8[S, S, 3]; "dark" where nothing is bright enough to tell."""
    return colors_of([crop])[0]


def colors_of(crops: Sequence[np.ndarray]) -> list[str]:
    """The colour word of each crop; side by side, for a scene of twelve is named before every plan.

    Pixels vote one by one, for a crop may show a strip of a neighbour too.
    """
    if not crops:
        return []
    channels = np.concatenate([crop.reshape(-1, 3) for crop in crops]).T.astype(np.float32)
    owners = np.repeat(np.arange(len(crops)), [crop.size // 3 for crop in crops])
    is_shown = np.maximum.reduce(channels) > MASKED
    ballots = owners[is_shown] * len(COLOR_WORDS) + _color_words(*channels[:, is_shown])
    votes = np.bincount(ballots, minlength=len(crops) * len(COLOR_WORDS)).reshape(len(crops), -1)
    return [COLOR_WORDS[row.argmax()] if row.any() else DARK for row in votes]


def _color_words(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    """int64[P]: the place among `COLOR_WORDS` of each pixel's colour; float32[P] each."""
    top = np.maximum(np.maximum(red, green), blue)
    span = top - np.minimum(np.minimum(red, green), blue)
    safe = np.maximum(span, 1)
    hue = np.where(top == red, (green - blue) / safe, np.where(top == green, (blue - red) / safe + 2,
                                                               (red - green) / safe + 4))
    named = _HUE_WORDS[np.searchsorted(_HUE_ENDS, 60 * np.where(hue < 0, hue + 6, hue))]
    grey = _GREY_WORDS[np.searchsorted(_GREY_ENDS, top)]
    return np.where(span < GREY_SATURATION * top, grey, named)


def without_parts(slots: Sequence[Slot]) -> list[Slot]:
    """The slots but those that are a part of another: a bowl's floor or rim, taken for a thing of its own."""
    bases = supports(slots)
    return [slot for slot, base in zip(slots, bases, strict=True)
            if base is None or kind_of(slot) == "block" or kind_of(slots[base]) != "bowl"
            or color_of(slot.crop) != color_of(slots[base].crop)]


def bases_of(slots: Sequence[Slot]) -> list[int | None]:
    """What each slot rests on, as `supports` has it, but a block before a bowl: where things stand on each other, the
    segmenter now and then takes all of them for one wide thing more."""
    def rank(place: int) -> tuple[bool, float]:
        return kind_of(slots[place]) == "block", slots[place].box.center[2]

    return [max((j for j, base in enumerate(slots) if j != i and carries(base.box, top.box)), key=rank, default=None)
            for i, top in enumerate(slots)]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is in sight and how it stands, to follow a plan through.

    looks: colour and kind of each slot, then of what is held. under: what each rests on, None = the table or the hand.
    is_begun: whether something was done before.
    """

    looks: tuple[tuple[str, str], ...]
    under: tuple[int | None, ...]
    held: int | None = None
    is_begun: bool = False
    count: int = 0  # of slots
    is_loose: bool = False  # what is held was picked from the table, where it stood in nobody's way

    @classmethod
    def of(cls, slots: Sequence[Slot], held: Slot | None = None, *, is_holding: bool = False, is_begun: bool = False
           ) -> Scene:
        """The scene of a perception. held: how what is in the hand looked; without it, is_holding says that there
        is."""
        known = [*slots, *([] if held is None else [held])]
        looks = [*zip(colors_of([s.crop for s in known]), map(kind_of, known), strict=True)]
        if is_holding and held is None:
            looks.append((DARK, ANY_KIND))
        return cls(tuple(looks), (*bases_of(slots), *[None] * (len(looks) - len(slots))),
                   len(slots) if len(looks) > len(slots) else None, is_begun, len(slots))

    def words(self, place: int | None) -> str:
        """"red block"; "thing" for what cannot be told."""
        color, kind = self.looks[place] if place is not None else (DARK, ANY_KIND)
        return f"{color} {kind}" if color != DARK else "thing" if kind == ANY_KIND else kind

    def below(self, place: int) -> list[int]:
        """What a thing rests on, from the nearest down."""
        found, base = [], self.under[place]
        while base is not None and base not in found:  # measured boxes may carry each other in a circle
            found.append(base)
            base = self.under[base]
        return found

    def targets(self, call: SkillCall) -> list[int]:
        """The places of what a call acts on, the thing that it moves or its first goal first."""
        named = (a.words for a in call.arguments if isinstance(a, Referent))
        return [place_of(name) for name in named if not name.startswith("<")]

    def after(self, call: SkillCall, signature: Signature) -> Scene:
        """The scene once a call of that signature has done what it says."""
        target = next(iter(self.targets(call)), None)
        if target is None or signature.effect == "none":
            return self
        if signature.effect == "grasp":  # what rests on it falls off
            under = tuple(None if base == target or n == target else base for n, base in enumerate(self.under))
            return replace(self, under=under, held=target, is_loose=self.under[target] is None)
        base = target if signature.relation in ("in", "on") and self.held is not None else None
        under = tuple(base if n == self.held else under for n, under in enumerate(self.under))
        return replace(self, under=under, held=None, is_loose=False)
