"""What people say where the paper says something else: more wordings of the questions and instructions of the
task-and-motion-planning table. Nothing is drawn in these; who learns from what was drawn may be taught them, too, and
an environment knows what they ask of things that go by their colors.

Slots stand for one word: a color, or, where a color is asked for, obj_1, obj_2 ... Other questions and instructions
that number things are not reworded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from envs.tasks.scene import COLORS
from envs.tasks.tamp_words import PHRASINGS, by_color, spoken
from envs.words import plain_words

_REWORDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "color": (
        "what color is {a}?",
        "what is the color of {a}?",
        "which color does {a} have?",
        "tell me what color {a} is",
        "the color of {a}, please",
    ),
    "where": (
        "where is the {a} block?",
        "where does the {a} one lie?",
        "on which side is the {a} cube?",
        "is the {a} block on the left, on the right or in the center?",
        "where on the table is the {a} block?",
        "tell me where the {a} cube is",
    ),
    "below": (
        "is the {a} block under the {b} one?",
        "is the {b} block on the {a} one?",
        "is the {b} cube on top of the {a} cube?",
        "does the {b} block stand on the {a} one?",
        "is there the {a} block below the {b} block?",
    ),
    "possible": (
        "could you grasp the {a} block, put it on the {b} block and then grasp the {c} block?",
        "can you take the {a} cube, place it on the {b} one and then take the {c} cube?",
        "is it possible to pick up the {a} block, put it on the {b} one, and then pick up the {c} one?",
    ),
    "grasp": (
        "how would you grasp the {a} block?",
        "how would you pick up the {a} cube?",
        "how do you get the {a} one?",
        "pick up the {a} block",
        "take the {a} cube",
        "grab the {a} one",
        "get the {a} block",
        "lift the {a} cube",
        "can you pick up the {a} block?",
        "could you take the {a} one, please?",
        "i want the {a} cube",
        "hold the {a} block",
        "give me the {a} block, please",
        "get hold of the {a} object",
    ),
    "build": (
        "how would you stack the {a} block on the {b} one?",
        "how would you put the {a} cube on the {b} cube?",
        "how do you get the {a} block onto the {b} block?",
        "stack the {a} block on the {b} block",
        "put the {a} cube on the {b} one",
        "put the {a} block on the {b} block",
        "put the {a} one on the {b} block",
        "put the {a} object on the {b} object",
        "put the {a} block on top of the {b} block",
        "place the {a} one on the {b} one",
        "can you stack the {a} cube on the {b} cube?",
        "could you put the {a} block on the {b} one, please?",
        "i want the {a} block on the {b} one",
        "move the {a} cube onto the {b} cube",
        "set the {a} block on the {b} block",
        "the {a} block goes on the {b} one",
        "make a tower with the {a} block on the {b} block",
        "get the {a} object on top of the {b} object",
    ),
})


def rewordings() -> dict[str, tuple[str, ...]]:
    """Each wording of `tamp_words.PHRASINGS`, things by color ("{a} object"; of a question for the color, by number
    alone), and the others for the same."""
    return {phrasing.format(**{slot: _called(family, slot) for slot in "abc"}): _REWORDINGS[family]
            for family, phrasings in PHRASINGS.items() if family in _REWORDINGS for phrasing in phrasings}


def _called(family: str, slot: str) -> str:
    return f"{{{slot}}}" if family == "color" else f"{{{slot}}} object"


def understand(text: str) -> tuple[str, dict[str, str]] | None:
    """The family and the roles of a question or instruction about things by color, in any of its wordings: ("build",
    {"a": "white block", "b": "red block"}); None for any other words. Block, cube, object and one are the same."""
    said = plain_words(text)
    plain = "" if said is None else " ".join(said)
    for family, pattern in _patterns():
        if match := pattern.fullmatch(plain):
            return family, {role: f"{color} block" for role, color in match.groupdict().items()}
    return None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    color = "|".join(COLORS)
    found = []
    for family in (name for name in _REWORDINGS if name != "color"):
        by_color = [text.format(**{slot: f"{{{slot}}} object" for slot in "abc"}) for text in PHRASINGS[family]]
        for text in (*by_color, *_REWORDINGS[family]):
            marked = " ".join(plain_words(re.sub(r"\{(\w)\}", r"slot\1", text)) or ())
            marked = re.sub(r"\b(?:block|cube|object|one)\b", "(?:block|cube|object|one)", marked)
            found.append((family, re.compile(re.sub(r"slot(\w)", rf"(?P<\1>{color})", marked))))
    return found


def by_colors(roles: Mapping[str, str]) -> dict[str, str]:
    """The roles of a question or instruction as `understand` gives them."""
    return {slot: f"{words.split()[0]} block" for slot, words in spoken(roles, by_color).items()}
