"""How large an override may be: what is longer, deeper or stands for more jobs is refused before anything reads it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from embodied.cli.errors import UsageError

MAX_CHARACTERS, MAX_DEPTH = 4000, 24
"""Of one override. Its reader takes up to 0.3 ms a character, and several calls a bracket."""
MAX_JOBS = 10_000
_OPENING, _CLOSING, _SHOWN = "([{", ")]}", 40


def check_size(text: str) -> None:
    """Raise UsageError for an override that is too long, or nested too deep."""
    key, _, value = text.partition("=")
    depth, shown = max(_depth(value), key.count("."), key.count("/")), f"{text[:_SHOWN]!r}..."
    if depth > MAX_DEPTH:
        raise UsageError(f"{shown}: expected at most {MAX_DEPTH} levels, got {depth}")
    if len(text) > MAX_CHARACTERS:
        raise UsageError(f"{shown}: expected at most {MAX_CHARACTERS} characters, got {len(text)}; use a YAML file")


def _depth(value: str) -> int:
    """How many brackets are open at once, at most; those in quotes count too, for nobody writes so many."""
    depth = deepest = 0
    for character in value:
        depth += (character in _OPENING) - (character in _CLOSING)
        deepest = max(deepest, depth)
    return deepest


def check_jobs(parsed: Sequence[Any]) -> None:
    """Raise UsageError for a sweep of more than MAX_JOBS jobs; ranges are counted, not gone through."""
    jobs = 1
    for override in parsed:
        if override.is_discrete_sweep():
            jobs *= _choices(override)
        if jobs > MAX_JOBS:
            raise UsageError(f"{override.input_line[:_SHOWN]!r}: expected a sweep of at most {MAX_JOBS} jobs, got "
                             "more; "
                             f"give a shorter range")


def _choices(override: Any) -> float:
    if not override.is_range_sweep():
        return len(override.value().list) if override.is_choice_sweep() else 1
    sweep = override.value()
    if not sweep.step or not math.isfinite(sweep.step):
        raise UsageError(f"{override.input_line[:_SHOWN]!r}: expected a step that leads somewhere, got {sweep.step}")
    return max(0.0, (sweep.stop - sweep.start) / sweep.step)
