"""The one way in which a verb says that it cannot do what was asked: a readable line and an exit code."""

from __future__ import annotations

from collections.abc import Iterable

from envs.names import hint

BAD_REQUEST = 2
"""Exit code of a request that was never started: unknown key, value out of range, unknown verb."""

NOT_DONE = 1
"""Exit code of a valid request that could not be carried out."""


class UsageError(Exception):
    """What is wrong and what to do about it, in one line; `exit_code` goes to the shell."""

    def __init__(self, message: str, exit_code: int = BAD_REQUEST):
        super().__init__(message)
        self.exit_code = exit_code


def suggest(name: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known name, or lists a few of them: "; did you mean ...?"."""
    known = sorted(set(known))
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return hint(name, known, otherwise=f"known: {shown}" if known else "", likeness=0.5)
