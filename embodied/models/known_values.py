"""One value of a stranger's file: of the kind that its key has, finite, within bounds, and not endless.

The standard library is all it needs; `known_keys` holds what it checks against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from embodied.models.known_keys import (
    BOUNDS,
    CHOICES,
    FREE_NAMES,
    KINDS,
    LARGEST_NUMBER,
    LENGTHS,
    LISTS,
    LONGEST_LIST,
    LONGEST_TEXT,
    OPTIONAL,
)
from envs.names import cut

DEEPEST = 5


class InvalidValueError(ValueError):
    """A key or value that no known configuration has; the message names it, what was expected and what came."""


def check_value(value: Any, key: str | None, where: str, depth: int = DEEPEST) -> None:
    """Raise InvalidValueError unless the value is one that the key may have; None is a key of which nothing is
    known. depth: levels of lists and objects that may be in it."""
    if value is None:
        _check_null(key, where)
    elif key in BOUNDS:
        _check_bounded(value, str(key), where)
    elif key in CHOICES and value not in CHOICES[str(key)]:
        raise InvalidValueError(f"{where}: expected one of {', '.join(CHOICES[str(key)])}, got {short(value)}")
    elif key in KINDS and not _IS[KINDS[str(key)]](value):
        raise InvalidValueError(f"{where}: expected {KINDS[str(key)]}{_or_null(key)}, got {short(value)}")
    else:
        _check_size(value, key, where, depth)


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def short(value: Any) -> str:
    """The value as it is written, cut where it is long."""
    return cut(repr(value), 60)


def _check_null(key: str | None, where: str) -> None:
    if key in (BOUNDS.keys() | CHOICES.keys() | KINDS.keys()) - OPTIONAL:
        kind = _number_kind(str(key)) if key in BOUNDS else KINDS.get(str(key), "text")
        raise InvalidValueError(f"{where}: expected {kind}, got null")


def _check_bounded(value: Any, key: str, where: str) -> None:
    items = value if isinstance(value, list) and key in LISTS else [value]
    if len(items) > LONGEST_LIST:
        raise InvalidValueError(f"{where}: expected at most {LONGEST_LIST:,} items, got {len(items):,}")
    least, most = BOUNDS[key]
    for item in items:
        if not (is_whole(item) if _is_whole_key(key) else _is_number(item)):
            raise InvalidValueError(f"{where}: expected {_number_kind(key)}{_or_null(key)}, got {short(item)}")
        if not least <= item <= most:
            raise InvalidValueError(f"{where}: expected a number from {least:,} to {most:,}, got {short(item)}")
    if key in LENGTHS and len(items) != LENGTHS[key]:
        raise InvalidValueError(f"{where}: expected a list of {LENGTHS[key]} numbers, got {short(value)}")


def _check_size(value: Any, key: str | None, where: str, depth: int) -> None:
    """Raise InvalidValueError for a number, text, list or object that is greater than any of a known file."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise InvalidValueError(f"{where}: expected at most {LONGEST_TEXT:,} characters, got {len(value):,}")
    elif isinstance(value, list | dict):
        if depth == 0 or len(value) > LONGEST_LIST:
            raise InvalidValueError(f"{where}: expected at most {LONGEST_LIST:,} items and {DEEPEST} levels, got more")
        named = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        for name, item in named:
            inner = where if name is None else f"{where}.{name[:60]}"
            # Below a name that is data everything is: a key of which nothing is known.
            check_value(item, None if key in FREE_NAMES or key is None else name, inner, depth - 1)
    elif not (isinstance(value, bool) or (_is_number(value) and abs(value) <= LARGEST_NUMBER)):
        raise InvalidValueError(f"{where}: expected a number from -{LARGEST_NUMBER:,} to {LARGEST_NUMBER:,}, got "
                                f"{short(value)}")


def _is_number(value: Any) -> bool:
    return is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _is_whole_key(key: str) -> bool:
    return all(isinstance(bound, int) for bound in BOUNDS[key])


def _number_kind(key: str) -> str:
    kind = "a whole number" if _is_whole_key(key) else "a number"
    return kind + (" or a list of them" if key in LISTS else "")


def _or_null(key: str | None) -> str:
    return " or null" if key in OPTIONAL else ""


_IS: dict[str, Callable[[Any], bool]] = {
    "true or false": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "a list of text": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "an object": lambda value: isinstance(value, dict),
}
