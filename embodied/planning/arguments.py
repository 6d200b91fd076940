"""How the arguments of a call are spelled in a plan's text, one way each, for grammar, writer and parser alike.

Objects go by the names that the prompt gave them (`obj_3`, or two location tokens), texts stand in double quotes and
are of plain characters, numbers are decimals of `DECIMALS` places: `pour(obj_3, "slowly", 0.250)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from envs.interface import Referent
from envs.skills.signatures import Parameter

TEXT_LIMIT = 200
"""Most characters of a text that a skill is given."""
TEXT_CHARACTERS = "A-Za-z0-9 .,:;?!'-"
TEXT_PATTERN = rf"[A-Za-z0-9][{TEXT_CHARACTERS}]{{0,{TEXT_LIMIT - 1}}}"
"""Regular expression of a text, without its quotes."""
DECIMALS = 3
"""Places after the point of every number: millimetres, where the unit is m."""

_SCALE = 10**DECIMALS
_TEXT = re.compile(f'"({TEXT_PATTERN})"')
_NUMBER = re.compile(rf"-?[0-9]{{1,9}}(?:\.[0-9]{{1,{DECIMALS}}})?")
_LOCATION = re.compile(r"<loc_(0|[1-9][0-9]{0,3})><loc_(0|[1-9][0-9]{0,3})>")


class PlanError(ValueError):
    """A text that is not a plan; the message is a clause for people and language models."""


def spell(argument: Referent | str | float) -> str:
    """An argument as plans spell it. Raises PlanError for a text or number that has no spelling."""
    if isinstance(argument, Referent):
        return argument.words
    if isinstance(argument, str):
        return _spell_text(argument)
    if not math.isfinite(argument) or round(argument, DECIMALS) != argument:
        raise PlanError(f"a number has at most {DECIMALS} places after the point, got {argument!r}; round it")
    return f"{argument:.{DECIMALS}f}"


def _spell_text(text: str) -> str:
    if not re.fullmatch(TEXT_PATTERN, text):
        raise PlanError(f"a text has 1 to {TEXT_LIMIT} characters [{TEXT_CHARACTERS}] and begins with a letter or "
                        f"digit, got {short(text)}; pass it through plain_text()")
    return f'"{text}"'


def plain_text(text: str) -> str:
    """The text as a plan can carry it: allowed characters only, at most `TEXT_LIMIT` of them; "nothing" for none."""
    kept = " ".join(re.sub(f"[^{TEXT_CHARACTERS}]+", " ", text).split())
    return kept.lstrip(" .,:;?!'-")[:TEXT_LIMIT].rstrip() or "nothing"


def pieces_of(text: str) -> list[str]:
    """The spelled arguments between the brackets of a call. Raises PlanError for a quote that is not closed."""
    outside, *quoted = text.split('"')
    if len(quoted) % 2:
        raise PlanError(f"a text ends with the double quote that it begins with, got {short(text)}")
    pieces = outside.split(", ") if text else []
    for inside, after in zip(quoted[::2], quoted[1::2], strict=True):
        first, *rest = after.split(", ")
        pieces = [*pieces[:-1], f'{pieces[-1]}"{inside}"{first}', *rest]
    return pieces


def read(piece: str, parameter: Parameter, skill: str, names: Collection[str], locations: int
         ) -> Referent | str | float:
    """The argument that a piece of a plan's text spells. Raises PlanError. names, locations: what may be pointed at."""
    if parameter.kind == "text":
        return _read_text(piece, parameter, skill)
    if parameter.kind == "number":
        return _read_number(piece, parameter, skill)
    return _read_object(piece, names, locations)


def _read_object(words: str, names: Collection[str], locations: int) -> Referent:
    if words in names or (locations and _is_location(words, locations)):
        return Referent(words)
    raise PlanError(f"there is no object {short(words)}, the names are {', '.join(names) or 'none'}")


def _read_text(piece: str, parameter: Parameter, skill: str) -> str:
    match = _TEXT.fullmatch(piece)
    if match is None:
        raise PlanError(f"{parameter.name} of {skill} is 1 to {TEXT_LIMIT} plain characters in double quotes, got "
                        f"{short(piece)}")
    return match[1]


def _read_number(piece: str, parameter: Parameter, skill: str) -> float:
    if not _NUMBER.fullmatch(piece) or not parameter.low <= float(piece) <= parameter.high:
        raise PlanError(f"{parameter.name} of {skill} is a number from {parameter.low:g} to {parameter.high:g} with at "
                        f"most {DECIMALS} places after the point, got {short(piece)}")
    return float(piece)


def bin_of(words: str) -> tuple[int, int] | None:
    """Column and row of the bin that two location tokens name; None for other words."""
    match = _LOCATION.fullmatch(words)
    return None if match is None else (int(match[1]), int(match[2]))


def _is_location(words: str, bins: int) -> bool:
    place = bin_of(words)
    return place is not None and max(place) < bins


def short(text: str) -> str:
    """The text in quotes, cut where it is long."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


# What a mask lets through ---------------------------------------------------------------------------------------------

def number_pattern(parameter: Parameter) -> str:
    """Regular expression of the numbers between a parameter's bounds, as `spell` writes them. Raises ValueError where
    there is none."""
    low = int((Decimal(repr(parameter.low)) * _SCALE).to_integral_value(ROUND_CEILING))
    high = int((Decimal(repr(parameter.high)) * _SCALE).to_integral_value(ROUND_FLOOR))
    if low > high:
        raise ValueError(f"{parameter.name}: expected bounds with a number of {DECIMALS} places between them, got "
                         f"{parameter.low!r} and {parameter.high!r}")
    negative = [] if low >= 0 else [f"-{p}" for p in _decimals(max(1, -high), -low)]
    return "|".join([*negative, *(_decimals(max(0, low), high) if high >= 0 else [])])


def _decimals(low: int, high: int) -> list[str]:
    """Patterns of low .. high thousandths, both at least 0."""
    found: list[str] = []
    for length in range(DECIMALS + 1, len(str(high)) + 1 if high >= _SCALE else DECIMALS + 2):
        least, most = max(low, 10**(length - 1) if length > DECIMALS + 1 else 0), min(high, 10**length - 1)
        if least <= most:
            found += _digits(str(least).zfill(length), str(most).zfill(length))
    return [_pointed(pattern) for pattern in found]


def _digits(low: str, high: str) -> list[tuple[str, ...]]:
    """Patterns, one part a digit, of the numbers low .. high of as many digits."""
    if not low or (set(low), set(high)) == ({"0"}, {"9"}):
        return [("[0-9]",) * len(low)]
    first, last = int(low[0]), int(high[0])
    if first == last:
        return [(low[0], *rest) for rest in _digits(low[1:], high[1:])]
    zeros, nines = "0" * (len(low) - 1), "9" * (len(low) - 1)
    found = [(low[0], *rest) for rest in _digits(low[1:], nines)]
    if last - first > 1:
        found.append((f"[{first + 1}-{last - 1}]", *["[0-9]"] * len(zeros)))
    return [*found, *((high[0], *rest) for rest in _digits(zeros, high[1:]))]


def _pointed(digits: tuple[str, ...]) -> str:
    return f"{''.join(digits[:-DECIMALS])}\\.{''.join(digits[-DECIMALS:])}"
