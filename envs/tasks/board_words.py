"""Every way to word an instruction about the board: spoken by `say`, and read, with those of `board_rewordings`, by
`understand`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from envs.tasks.board_rewordings import REWORDINGS
from envs.words import plain_words
from envs.world.board import Compass, compass, place_words, side_words, way_words
from envs.world.toys import TOY_NAMES

PHRASINGS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "block_to_block": (
        "push the {block} to the {other}", "move the {block} next to the {other}", "slide the {block} to the {other}",
        "bring the {block} over to the {other}", "push the {block} until it touches the {other}",
        "the {block} should be next to the {other}"),
    "block_to_location": (
        "push the {block} to the {place}", "move the {block} to the {place}", "slide the {block} into the {place}",
        "bring the {block} to the {place} of the board", "the {block} belongs in the {place}"),
    "block_to_relative": (
        "push the {block} {way}", "move the {block} {way}", "slide the {block} {way}", "nudge the {block} {way}",
        "the {block} should go {way}"),
    "block_to_block_relative": (
        "push the {block} to the {side} of the {other}", "move the {block} to the {side} of the {other}",
        "slide the {block} to the {side} of the {other}", "put the {block} on the {side} of the {other}",
        "I want the {block} on the {side} of the {other}"),
    "point_to_block": (
        "move to the {block}", "point at the {block}", "move the arm to the {block}", "go to the {block}",
        "bring the arm next to the {block}"),
    "separate": (
        "push the {block} away from the {other}", "separate the {block} from the {other}",
        "move the {block} apart from the {other}", "get the {block} away from the {other}",
        "keep the {block} and the {other} apart"),
    "closest_corner": (
        "There is a block that is closest to {corner}. Push that block to the other block of the same color.",
        "push the block that is closest to the {corner} to the other block of the same color",
        "find the block nearest to the {corner} and bring it to the other block of its color",
        "which block is closest to the {corner}? move it next to the other block of its color"),
    "sort_corners": (
        "How to sort the blocks by colors into corners?", "sort the blocks by color into corners",
        "push the blocks of each color into a corner of their own", "give every color its own corner of the board",
        "tidy the board: one corner for each color"),
    "push_side": (
        "How to push all the blocks that are on the {half} side together, without bringing over any of the blocks that "
        "are on the {far} side?",
        "push all the blocks on the {half} side together and leave those on the {far} side there",
        "group the blocks of the {half} half, without any block of the {far} half",
        "bring the blocks that are on the {half} side together; the {far} side stays as it is"),
})
"""Task -> sentences; the first of the last three are PaLM-E's own."""

_SLOTS = MappingProxyType({
    "block": f"(?P<block>{'|'.join(TOY_NAMES)})", "other": f"(?P<other>{'|'.join(TOY_NAMES)})",
    "place": r"(?P<where>center|[\w ]+? (?:corner|side))", "corner": r"(?P<where>[\w ]+? corner)",
    "way": r"(?P<where>[\w ]+?)", "side": r"(?P<where>[\w ]+?)", "half": "(?P<where>left|right)",
    "far": "(?P<far>left|right)"})

Roles = dict[str, str | Compass]
""""block", "other": names; "where": a Compass."""


def say(task: str, roles: Roles, rng: np.random.Generator) -> str:
    """One sentence of a task's."""
    sentences = PHRASINGS[task]
    sentence = sentences[rng.integers(len(sentences))]
    return re.sub(r"\{(\w+)\}", lambda slot: _fill(slot[1], roles), sentence)


def _fill(slot: str, roles: Roles) -> str:
    if slot in ("block", "other"):
        return roles[slot]
    up, left = roles["where"]
    return {"place": place_words, "corner": place_words, "way": way_words, "side": side_words, "half": side_words,
            "far": lambda _: side_words((0, -left))}[slot]((up, left))


def understand(text: str) -> tuple[str, Roles] | None:
    """Task and roles of a sentence of the tables, capitals and stops aside; None when any of it is otherwise."""
    said = plain_words(text)
    plain = "" if said is None else " ".join(said)
    for task, patterns in _PATTERNS.items():
        for pattern in patterns:
            if match := pattern.fullmatch(plain):
                return _roles(task, match.groupdict())
    return None


def _roles(task: str, said: dict[str, str]) -> tuple[str, Roles] | None:
    where, far = said.pop("where", None), said.pop("far", None)
    if where is None:
        return task, said
    found = (0, 0) if where == "center" else compass(where)
    if found is None or (task == "closest_corner" and not all(found)) or where == far:
        return None
    return task, {**said, "where": found}


def _pattern(sentence: str) -> re.Pattern[str]:
    tokens = re.findall(r"\{\w+\}|[a-z]+", sentence.lower())
    return re.compile(" ".join(_SLOTS[t[1:-1]] if t.startswith("{") else t for t in tokens if t != "please"))


_ORDER = ("point_to_block", "separate", "block_to_block_relative", "block_to_block", "closest_corner", "sort_corners",
          "push_side", "block_to_location", "block_to_relative")  # those that read any words as a place come last
_PATTERNS = {task: tuple(_pattern(s) for s in (*PHRASINGS[task], *REWORDINGS[task])) for task in _ORDER}
