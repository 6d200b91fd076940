"""What to say of a name that nobody knows: which ones are known, and which of them was meant. For both houses."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Any

_LONGEST = 100  # characters of a word that are compared: the time grows with their square
_MOST = 20  # names that are listed


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known name that is most like the word; None where none is. likeness: in [0, 1], the least that counts."""
    return next(iter(difflib.get_close_matches(word[:_LONGEST], list(known), n=1, cutoff=likeness)), None)


def hint(word: str, known: Iterable[str], *, within: str = "", otherwise: str = "", likeness: float = 0.6) -> str:
    """The end of a message: "; did you mean ...?", else what to do otherwise, else "". within: stands before the name
    that is meant, such as "planner."."""
    near = nearest(word, known, likeness=likeness)
    if near is not None:
        return f"; did you mean {within + near!r}?"
    return f"; {otherwise}" if otherwise else ""


def unknown(word: Any, known: Collection[str], *, what: str = "", otherwise: str = "") -> str:
    """A message: "what: expected one of [...], got ...; did you mean ...?". otherwise: as of `hint`."""
    shown = ", ".join(map(repr, list(known)[:_MOST])) + (", ..." if len(known) > _MOST else "")
    remedy = hint(str(word), known, otherwise=otherwise)
    return f"{what and what + ': '}expected one of [{shown}], got {cut(repr(word), _LONGEST)}{remedy}"


def cut(text: str, most: int) -> str:
    """The text, its end replaced by dots where it has more characters."""
    return text if len(text) <= most else text[: most - 3] + "..."
