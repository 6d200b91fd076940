"""Whether a text is prose that is worth learning from, by counts alone: the rules of Gopher (Rae et al. 2021, appendix
A.1.1) and C4 (Raffel et al. 2020), with bounds for technical English."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

_WORD = re.compile(r"\S+")
_SENTENCE_END = (".", "!", "?", ":", ";", '"', "'", ")", "`")
_STOP_WORDS = frozenset(["the", "be", "to", "of", "and", "that", "have", "with", "is", "in", "a", "for", "it", "as",
                         "or", "this", "are"])


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between what a text of prose lies; shares are of its words or lines."""

    fewest_words: int = 40
    most_words: int = 200_000
    shortest_word: float = 2.8  # characters, a mean
    longest_word: float = 10.5
    most_symbols: float = 0.12  # of the characters: neither letters, digits, spaces nor the marks of sentences
    least_alphabetic: float = 0.7  # of the words: with a letter in them
    fewest_stop_words: int = 3  # different ones
    most_repeated_lines: float = 0.35  # of the lines, longer than a few characters
    most_repeated_words: float = 0.2  # of the words: the most frequent four in a row
    least_ended: float = 0.08  # of the lines: at the end of a sentence


BOUNDS = Bounds()


def why_poor(text: str, bounds: Bounds = BOUNDS) -> str | None:
    """The first reason not to learn from a text, a name that can be counted; None for prose."""
    words = _WORD.findall(text)
    if not bounds.fewest_words <= len(words) <= bounds.most_words:
        return "length"
    if not bounds.shortest_word <= sum(map(len, words)) / len(words) <= bounds.longest_word:
        return "word length"
    if _symbols(text) > bounds.most_symbols:
        return "symbols"
    if sum(any(c.isalpha() for c in word) for word in words) < bounds.least_alphabetic * len(words):
        return "numbers"
    if len(_STOP_WORDS & {word.lower().strip(".,;:()") for word in words}) < bounds.fewest_stop_words:
        return "no sentences"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if _repeated([line for line in lines if len(line) > 8]) > bounds.most_repeated_lines:
        return "repeated lines"
    if _fours(words) > bounds.most_repeated_words:
        return "repeated words"
    if sum(line.endswith(_SENTENCE_END) for line in lines) < bounds.least_ended * len(lines):
        return "no ends of sentences"
    return None


def _symbols(text: str) -> float:
    """The share of characters that prose has few of."""
    strange = sum(not (c.isalnum() or c.isspace() or c in ".,;:!?'\"()-`") for c in text)
    return strange / max(len(text), 1)


def _repeated(lines: list[str]) -> float:
    """The share of lines that stand somewhere before."""
    return 1 - len(set(lines)) / len(lines) if lines else 0.0


def _fours(words: list[str]) -> float:
    """The share of words that the most frequent four in a row make up."""
    counted = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    if not counted:
        return 0.0
    [(_, most)] = counted.most_common(1)
    return 4 * most / len(words) if most > 1 else 0.0
