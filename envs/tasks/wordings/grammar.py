"""Patterns of words, and how one is drawn from them.

    (put|place*3|) <x> into <p>     one of several, three times as likely, or nothing; slots, filled by name
    <x> {goes/go} into <p>          the first for one thing, the second for several
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from envs.tasks.wordings.draws import Draws

Slots = Mapping[str, str | Callable[[], str]]
_TOKEN = re.compile(r"[()|]|<[^<>]+>|\{[^{}]*/[^{}]*\}|[^()|<{]+")
_WEIGHT = re.compile(r"\*(\d+)$")


@cache
def compiled(pattern: str) -> tuple:
    """The parts of a pattern: a str; ("one", alternatives of lists of parts); ("slot", name); ("many", one, two)."""
    tokens = _TOKEN.findall(pattern)
    if "".join(tokens) != pattern:
        raise ValueError(f"expected a pattern, got {pattern!r}")
    parts, at = _sequence(tokens, 0)
    if at != len(tokens):
        raise ValueError(f"expected closed parentheses in {pattern!r}")
    return tuple(parts)


def _sequence(tokens: list[str], at: int) -> tuple[list, int]:
    parts: list = []
    while at < len(tokens) and tokens[at] not in (")", "|"):
        token = tokens[at]
        if token == "(":
            options, at = _options(tokens, at + 1)
            parts.append(("one", options))
        elif token[0] == "<":
            parts.append(("slot", token[1:-1]))
        elif token[0] == "{":
            parts.append(("many", *token[1:-1].split("/")))
        else:
            parts.append(token)
        at += 1
    return parts, at


def _options(tokens: list[str], at: int) -> tuple[list, int]:
    """Alternatives as often as they weigh, and where their parenthesis closes."""
    options: list = []
    while True:
        parts, at = _sequence(tokens, at)
        weight = _WEIGHT.search(parts[-1]) if parts and isinstance(parts[-1], str) else None
        if weight:
            parts[-1] = parts[-1][:weight.start()]
        options += [parts] * (int(weight[1]) if weight else 1)
        if at >= len(tokens):
            raise ValueError("expected a closing parenthesis")
        if tokens[at] == ")":
            return options, at
        at += 1


def expand(pattern: str, draws: Draws, slots: Slots | None = None, *, many: bool = False) -> str:
    """One text of a pattern. slots: what stands for each <name>, made when it is met. Raises KeyError for others."""
    found: list[str] = []
    _expand(compiled(pattern), draws, slots or {}, many, found)
    return tidy("".join(found))


def _expand(parts, draws: Draws, slots: Slots, many: bool, found: list[str]) -> None:
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        elif part[0] == "one":
            _expand(draws.pick(part[1]), draws, slots, many, found)
        elif part[0] == "many":
            found.append(part[2] if many else part[1])
        else:
            value = slots[part[1]]
            found.append(value if isinstance(value, str) else value())


_SPACE_BEFORE = re.compile(r"\s+([,.;:?!])")


def tidy(text: str) -> str:
    """The text with single spaces, and none before a stop."""
    text = " ".join(text.split())
    return _SPACE_BEFORE.sub(r"\1", text) if any(f" {stop}" in text for stop in ",.;:?!") else text


def slots_of(pattern: str) -> frozenset[str]:
    """Names of the slots of a pattern."""
    return frozenset(re.findall(r"<([^<>]+)>", pattern))
