"""What a family of questions about the table of blocks is: how it is asked, what is true, how answers are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from envs.goals.table import Table

Roles = Mapping[str, str]
"""Slot of a phrasing -> the thing that fills it. The role "extreme" fills the slot "a" with what it singles out."""

Asked = tuple[dict[str, str], str]
"""Roles of a question, and its true answer."""

YES_NO = ("yes", "no")


@dataclass(frozen=True, slots=True)
class Family:
    """One family of questions. A family is the constant FAMILY of a file of this package, which bears its name."""

    number: int
    """Place among the families: 1 to 4 are PaLM-E's q1 to q4."""
    phrasings: tuple[str, ...]
    """Wordings with a slot in braces for each role; the first one is the paper's."""
    answers: tuple[str, ...]
    """Every answer that there is, in one word; `YES_NO` for what is affirmed or denied."""
    query: Callable[[Table, str], Sequence[Asked]]
    """(table, naming): every question that a table can be asked, with its true answer. naming: how words name things,
    "color" or "index". PRIVILEGED."""
    tell: Callable[[Roles, str], str]
    """(words of each slot, answer): the paper's form of the answer."""
    claims: tuple[str, ...] = ()
    """Words that are said of what is affirmed or denied, so that a sentence with one of them needs no yes or no."""
    is_drawn: bool = True
    """Whether a scene's answer is drawn before the scene, so that none is the better guess."""
    needs_stack: bool = False
    """Whether one block at least lies on another in every scene."""
