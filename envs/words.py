"""How a text is read into words: whole, or not at all. What a reader drops is neither done nor judged."""

from __future__ import annotations

import re
import unicodedata

STOPS = frozenset(".,;:!?'\"()\u2013\u2014\u2018\u2019\u201c\u201d")
"""Marks that say nothing of their own; dashes and quotation marks of print among them."""

_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d]\w*(?:-[^\W\d]\w*)*|\S")
_DASH = re.compile(r"(?<=\s)-+(?=\s)")


def plain_words(text: str) -> list[str] | None:
    """Words and numbers of a text in lower case, in one spelling of Unicode, without stops and without "please".

    None where it holds anything else, a sign or a symbol: these words would not say all that the text says.
    "red-block" is two words; the minus of "-5" is a sign.
    """
    tokens = _TOKEN.findall(_DASH.sub(" ", unicodedata.normalize("NFKC", text).lower()))
    if any(unicodedata.category(mark) == "No" for mark in text):  # "5²" would become 52
        return None
    if not all(token in STOPS or token[0].isalnum() or token[0] == "_" for token in tokens):
        return None
    return [word for token in tokens if token not in STOPS for word in token.split("-") if word != "please"]
