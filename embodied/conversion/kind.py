"""What is to be known of a kind of folder to bring one of an earlier form into the present one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

Language = str | None
"""The domain whose plan language it learned, for what names its language in a way that no version is known to have
written; None where nobody says."""


def free_to_all(folder: Path) -> AbstractContextManager[None]:
    """The hold of a folder that nobody works in for long."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Kind:
    """name: with its article. holds: what tells such a folder from others, in words.

    is_one: by the names in it alone. old_parts: what is of an earlier form, a clause each; none in the present form.
    renew: brings a copy into the present form, in place. check: raises ValueError or OSError unless it loads. hold:
    keeps others from working in it.
    """

    name: str
    holds: str
    is_one: Callable[[Path], bool]
    old_parts: Callable[[Path], list[str]]
    renew: Callable[[Path, Language], None]
    check: Callable[[Path], None]
    hold: Callable[[Path], AbstractContextManager[None]] = free_to_all
