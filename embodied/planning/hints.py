"""Which taught word a person may have meant by one that was never taught: one of the kind that its place asks for.

Spelling alone takes "two" for "to" and "cup" for "up". So small words are never suggested; a word that means something
here stands for its own kind; and of any other the word before tells what was about to be said.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from embodied.planning.asking import ACTS
from embodied.planning.wording import COLORS, NOUNS, NUMBERS, TURNS, is_known
from envs.names import nearest

_RELATIONS = frozenset(turn for turn in TURNS if " " not in turn)
_THINGS = frozenset((*COLORS, *NOUNS))
_KINDS: tuple[Collection[str], ...] = (COLORS, NOUNS, NUMBERS, ACTS, _RELATIONS)
_BEFORE_ACTS = frozenset(("", ".", ":", ";", ",", "and", "then", "please", "you", "kindly"))
_BEFORE_THINGS = frozenset((*COLORS, *NUMBERS, *ACTS, *_RELATIONS, "the", "a", "an", "every", "each", "all", "both",
                            "this", "that", "any", "some", ",", "and"))
_LIKENESS = 0.75
"""Least share of letters in common; of short words one letter may differ, not two."""


def meant(word: str, text: str, taught: Collection[str]) -> str | None:
    """The taught word that is most like a word of a text, and of a kind that fits; None where there is none."""
    fitting = sorted(_fitting(word, text.lower()).intersection(taught))
    return nearest(word, fitting, likeness=_LIKENESS)


def telling(words: Collection[str]) -> list[str]:
    """Of some words those that tell what to do with what; all of them where none does."""
    return sorted(word for word in words if any(word in kind for kind in _KINDS)) or sorted(words)


def _fitting(word: str, text: str) -> frozenset[str]:
    """What may stand where a word stands."""
    if is_known(word):
        return frozenset().union(*(kind for kind in _KINDS if word in kind))
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*|[^\w\s]", text)
    before = words[words.index(word) - 1] if word in words[1:] else ""
    if before in NOUNS:
        return _RELATIONS
    acts, things = frozenset(ACTS if before in _BEFORE_ACTS else ()), _THINGS if before in _BEFORE_THINGS else ()
    return acts.union(things)
