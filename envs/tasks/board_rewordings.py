"""More words for the board's instructions, in which nothing is drawn: they are learned and understood, too."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from envs.world.board import COMPASS, CORNERS, Compass, place_words, side_words, way_words

REWORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "block_to_location": (
        "{block} to the {place}", "put the {block} in the {place}", "can you push the {block} to the {place}?",
        "please move the {block} to the {place}", "I want the {block} in the {place}",
        "the {block} should be at the {place}", "get the {block} to the {place}", "take the {block} into the {place}"),
    "block_to_relative": (
        "{block} {way}", "can you push the {block} {way}?", "please move the {block} {way}", "take the {block} {way}",
        "shift the {block} {way}", "bring the {block} {way}", "I want the {block} further {way}"),
    "block_to_block": (
        "{block} to the {other}", "put the {block} next to the {other}", "can you push the {block} to the {other}?",
        "please bring the {block} to the {other}", "bring the {block} and the {other} together",
        "I want the {block} beside the {other}", "get the {block} next to the {other}",
        "shove the {block} against the {other}"),
    "block_to_block_relative": (
        "{block} to the {side} of the {other}", "can you push the {block} to the {side} of the {other}?",
        "please move the {block} to the {side} of the {other}", "the {block} belongs on the {side} of the {other}",
        "bring the {block} to the {side} of the {other}", "get the {block} on the {side} of the {other}"),
    "point_to_block": (
        "touch the {block}", "can you point at the {block}?", "please go to the {block}", "show me the {block}",
        "where is the {block}?", "move next to the {block}", "reach the {block}"),
    "separate": (
        "take the {block} away from the {other}", "can you separate the {block} from the {other}?",
        "the {block} is too close to the {other}", "please move the {block} away from the {other}",
        "the {block} and the {other} should not touch", "pull the {block} and the {other} apart"),
    "closest_corner": (
        "push the block nearest to the {corner} to the other block of its color",
        "take the block that is closest to the {corner} to the one of the same color",
        "the block closest to the {corner} belongs next to the other block of the same color",
        "can you bring the block nearest to the {corner} to the other one of its color?",
        "push the block closest to the {corner} to the block of the same colour"),
    "sort_corners": (
        "sort the blocks by colour into the corners", "sort the blocks", "sort them by color",
        "sort the blocks by color into the corners", "put each color in its own corner",
        "can you sort the blocks by color?", "group the blocks by color in the corners",
        "each color in a corner, please", "push all blocks of one color into one corner",
        "please sort the blocks into the corners"),
    "push_side": (
        "push all the blocks on the {half} side together", "gather the blocks on the {half} side",
        "can you group the blocks that are on the {half} side?", "bring the blocks on the {half} together",
        "put all blocks of the {half} side together"),
})
"""Task -> sentences, as `board_words.PHRASINGS` has them; those that speak of places first: a place would pass
for a block."""

_WORDS = MappingProxyType({
    "place": (place_words, COMPASS), "corner": (place_words, CORNERS), "side": (side_words, COMPASS),
    "way": (way_words, COMPASS), "half": (side_words, ((0, 1), (0, -1)))})


def rewordings(phrasings: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """A wording of the phrasings, with slots for blocks alone -> the other ones for the same."""
    found = {}
    for task, others in REWORDINGS.items():
        for where in _directions(phrasings[task][0]):
            said = tuple(_put(other, where) for other in others)
            found |= {_put(sentence, where): said for sentence in phrasings[task]}
    return found


def _directions(sentence: str) -> list[Compass | None]:
    """All that its slot for a direction or place may mean; [None] where it has none."""
    slot = next((s for s in _WORDS if f"{{{s}}}" in sentence), None)
    if slot is None:
        return [None]
    return [where for where in _WORDS[slot][1] if any(where) or slot == "place"]


def _put(sentence: str, where: Compass | None) -> str:
    """The sentence with the words of a direction."""
    for slot, (words, known) in _WORDS.items() if where is not None else ():
        if where in known and f"{{{slot}}}" in sentence:
            sentence = sentence.replace(f"{{{slot}}}", words(where))
    return sentence.replace("{far}", side_words((0, -where[1]))) if where is not None else sentence
