"""Which paraphrases of a text are kept, whoever proposes them: those that a reader takes for the same goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from envs.goals.language import Goal
from envs.goals.normal import normal, same
from envs.goals.table import Table

Reader = Callable[[str], Goal | None]
"""The goal that a text means; None where the reader does not know."""
_MOST_CHARACTERS = 400


class Sieve:
    """Keeps texts that mean a goal. known: texts that are there already. counts: how many were kept, and left out by
    the reason."""

    def __init__(self, reader: Reader, known: Iterable[str] = ()) -> None:
        self._reader, self._seen, self.counts = reader, set(map(_plain, known)), Counter()

    def keep(self, text: str, goal: Goal, table: Table | None = None) -> bool:
        """Whether a text is readable, new, and read as that goal; on a table, as one that comes to the same there."""
        reason = self._reason(text, goal, table)
        self.counts[reason or "kept"] += 1
        if not reason:
            self._seen.add(_plain(text))
        return not reason

    def _reason(self, text: str, goal: Goal, table: Table | None) -> str:
        if not is_readable(text):
            return "unreadable"
        if _plain(text) in self._seen:
            return "repeat"
        found = self._reader(text)
        if found is None:
            return "not understood"
        is_same = same(found, goal, table) if table is not None else normal(found) == normal(goal)
        return "" if is_same else "another goal"


def is_readable(text: str) -> bool:
    """Whether a text has letters, no more of other signs than of these, and a length that people write."""
    letters = sum(mark.isalpha() for mark in text)
    is_repeating = any(mark * 6 in text for mark in set(text) if mark.isalnum())
    return (
        letters > 0 and 2 * letters >= len(text.replace(" ", "")) and len(text) <= _MOST_CHARACTERS and not is_repeating
    )


def _plain(text: str) -> str:
    return " ".join("".join(mark if mark.isalnum() else " " for mark in text.lower()).split())
