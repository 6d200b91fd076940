"""An instruction as it enters: one spelling for what means the same, so that capitals and smart quotes change nothing.

What planners are taught is worded this way already (a fixed point of `clean_instruction`), so training and acting read
the same text; scenes with `has_plain_words` go further, in `scene.write_prompt`. Nothing that carries meaning goes:
words, their order, numbers, negations, commas; signs without a spelling in letters stay where they are, for whoever
reads on must see that they were there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

INSTRUCTION_LIMIT = 1000
"""Most characters of an instruction that a prompt carries."""

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`"), "'")
_DASHES = dict.fromkeys(map(ord, "\u2012\u2013\u2014\u2015"), ",")
_BLANKS = dict.fromkeys(map(ord, '<>()[]{}*"\u201c\u201d\u201e\u201f\u00ab\u00bb\u00a1\u00bf'), " ")
_STOPS = {ord("!"): "."}


class InstructionError(ValueError):
    """An instruction that no prompt can carry; the message is a clause for people."""


def clean_instruction(instruction: str) -> str:
    """The instruction in one spelling: compatibility forms folded, invisible characters gone, capitals only where a
    sentence begins, straight apostrophes, plain stops, single spaces. Angle brackets, which mark placeholders, go too.

    Raises InstructionError when nothing is left or more than `INSTRUCTION_LIMIT` characters are.
    """
    text = unicodedata.normalize("NFKC", instruction.translate(_APOSTROPHES | _BLANKS))
    text = "".join(map(_seen, text)).translate(_DASHES | _BLANKS | _STOPS)
    cleaned = _with_plain_case(_settled(_with_plain_stops, " ".join(text.split())))
    if not cleaned:
        raise InstructionError("the instruction is empty")
    if len(cleaned) > INSTRUCTION_LIMIT:
        raise InstructionError(f"the instruction has {len(cleaned)} characters, the limit is {INSTRUCTION_LIMIT}")
    return cleaned


def _seen(character: str) -> str:
    """The character, nothing for one that takes no place (zero-width, turning marks), a space for other blanks."""
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category[0] in "CZ" else character


def _settled(change: Callable[[str], str], text: str) -> str:
    """The text after so many changes that one more changes nothing: a comma's blank makes a dash of the next hyphen."""
    while (changed := change(text)) != text:
        text = changed
    return text


def _with_plain_stops(text: str) -> str:
    """Single quotes that are no apostrophes gone, hyphens between letters opened, dashes made commas, blanks where
    commas have them, one stop at the end."""
    text = " ".join(re.sub(r"(?<![^\W\d_])'|'(?![^\W\d_])", " ", text).split())
    text = re.sub(r"(?<=[^\W\d_])-(?=[^\W\d_])", " ", text)
    text = re.sub(r"\s+-+(?=\s)|--+", ",", text)
    text = re.sub(r"\s*,[\s,]*", ", ", text)
    text = re.sub(r"\s+(?=[.:;?])|^[\s.,:;?]+", "", text)
    text = re.sub(r"(?<=[.:;?])(?=[^\W\d_])", " ", text)
    body = text.rstrip(" .,:;?")
    return body + ("?" if "?" in text[len(body):] else "." if "." in text[len(body):] else "")


def _with_plain_case(text: str) -> str:
    """Lower case, but for "I" and for a first letter that alone is a capital."""
    words = text.split(" ")
    return " ".join(_cased(word, before) for word, before in zip(words, [".", *words[:-1]], strict=True))


def _cased(word: str, before: str) -> str:
    begins = before.endswith((".", "?", ":"))
    return word if re.match("I($|')", word) or (begins and word[1:] == word[1:].lower()) else word.lower()
