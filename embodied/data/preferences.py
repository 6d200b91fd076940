"""Which of two plans of one moment is preferred: lines of JSON that people, rules and forks of the world write alike.

    {"id": "12.0", "instruction": "...", "seed": 3, "history": [], "moment": "3.0", "plans": ["...", "..."],
     "choice": "first", "rater": "anna", "time": "2026-01-31T12:00:00+00:00"}

A folder of pairs holds `pairs.jsonl` (the lines without the last three), `prompts.safetensors` (what the planner read
at each moment: what is needed to score a plan), `films/ID-1.mp4` and `films/ID-2.mp4` of those pairs that have films,
and, for nobody who is asked, `outcomes.jsonl`: what truly followed. `pairs.json` says how they were made.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from embodied.data.files import write_whole

Choice = Literal["first", "second", "tie", "unsure"]
"""unsure: the rater cannot tell; nothing is learned from it."""
CHOICES: tuple[Choice, ...] = get_args(Choice)

PAIRS, PROMPTS, OUTCOMES, FILMS, CARD = "pairs.jsonl", "prompts.safetensors", "outcomes.jsonl", "films", "pairs.json"


class PreferenceError(ValueError):
    """A line that is none; the message names file, line and field."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two plans of one moment. seed: of the scene. history: actions that were carried out in it before, as
    `env.unwrapped.encode` gives them, arrays as lists. moment: the name of its prompt."""

    id: str
    instruction: str
    seed: int
    history: tuple[Mapping[str, Any], ...]
    moment: str
    plans: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Preference:
    """What a rater said of a pair. time: ISO 8601, with its zone."""

    pair: Pair
    choice: Choice
    rater: str
    time: str


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What followed each plan of a pair: whether the task was done, and how much of it, 0..1."""

    id: str
    is_success: tuple[bool, bool]
    progress: tuple[float, float]

    @property
    def choice(self) -> Choice:
        """The plan that more followed from: success before progress; a tie where neither differs."""
        first, second = zip(self.is_success, self.progress, strict=True)
        return "tie" if first == second else "first" if first > second else "second"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two raters, over pairs that both judged, "can't tell" left out. share: of equal choices. kappa: Cohen's
    (1960), 0 as by chance, 1 as one; None where chance alone would make them agree."""

    raters: tuple[str, str]
    pairs: int
    share: float
    kappa: float | None


def now() -> str:
    """The time of a record that is written now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append_preference(path: Path, preference: Preference) -> None:
    """Add a whole line, flushed to the disk: a kill leaves it there or not. One that was cut short by a kill or a full
    disk before is ended first, and is refused when it is read."""
    line = json.dumps(_values(preference), allow_nan=False, ensure_ascii=False).encode() + b"\n"
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())


def write_preferences(path: Path, preferences: Iterable[Preference]) -> None:
    """Publish a file of them, whole or not at all."""
    write_lines(path, map(_values, preferences))


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Publish lines of JSON, whole or not at all."""
    write_whole(path, "".join(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n" for line in lines).encode())


def _values(preference: Preference) -> dict[str, Any]:
    return {**asdict(preference.pair), "choice": preference.choice, "rater": preference.rater,
            "time": preference.time}


def read_preferences(path: Path) -> list[Preference]:
    """All lines, in their order. PreferenceError for one that is none, OSError where the file is not there."""
    return list(_lines(path, _preference))


def last_said(preferences: Iterable[Preference]) -> list[Preference]:
    """The last word of each rater on each pair: who takes a choice back writes another line."""
    return list({(one.rater, one.pair.id): one for one in preferences}.values())


def read_pairs(folder: Path) -> list[Pair]:
    """The pairs of a folder. PreferenceError for a line that is none, OSError where there are none."""
    return list(_lines(folder / PAIRS, _pair))


def read_outcomes(folder: Path) -> dict[str, PairOutcome]:
    """What truly followed the pairs of a folder, by their ids. PreferenceError and OSError as of `read_pairs`."""
    return {one.id: one for one in _lines(folder / OUTCOMES, _outcome)}


def from_forks(folder: Path, rater: str = "forks") -> list[Preference]:
    """The pairs of a folder, each with the choice that what followed makes, a tie where that is equal."""
    known, at = read_outcomes(folder), now()
    return [Preference(pair, known[pair.id].choice, rater, at) for pair in read_pairs(folder)]


def agreements(preferences: Iterable[Preference]) -> list[Agreement]:
    """Of each two raters that judged some of the same pairs."""
    said: dict[str, dict[str, Choice]] = defaultdict(dict)
    for one in preferences:
        said[one.rater][one.pair.id] = one.choice
    raters = sorted(said)
    found = [agreement((a, b), said[a], said[b]) for place, a in enumerate(raters) for b in raters[place + 1:]]
    return [one for one in found if one is not None]


def agreement(raters: tuple[str, str], first: Mapping[str, Choice], second: Mapping[str, Choice]) -> Agreement | None:
    """Of two raters' choices by the ids of pairs; None where they have no pair in common that both could tell."""
    both = [(first[key], second[key]) for key in first if key in second and "unsure" not in (first[key], second[key])]
    if not both:
        return None
    share = sum(a == b for a, b in both) / len(both)
    ours, theirs = (Counter(column) for column in zip(*both, strict=True))
    chance = sum(ours[choice] * theirs[choice] for choice in CHOICES) / len(both)**2
    return Agreement(raters, len(both), share, None if chance == 1 else (share - chance) / (1 - chance))


T = TypeVar("T")


def _lines(path: Path, read: Callable[[Mapping[str, Any]], T]) -> Iterator[T]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                values = json.loads(line)
                if not isinstance(values, Mapping):
                    raise ValueError(f"expected an object, got {type(values).__name__}")
                yield read(values)
            except ValueError as error:
                raise PreferenceError(f"{path}, line {number}: {error}; mend or remove the line") from error


def _preference(values: Mapping[str, Any]) -> Preference:
    choice = _field(values, "choice", str)
    if choice not in CHOICES:
        raise ValueError(f"choice: expected one of {', '.join(CHOICES)}, got {choice!r}")
    time = _field(values, "time", str)
    try:
        datetime.fromisoformat(time)
    except ValueError:
        raise ValueError(f"time: expected ISO 8601, got {time!r}") from None
    return Preference(_pair(values), choice, _named(values, "rater"), time)


def _pair(values: Mapping[str, Any]) -> Pair:
    history = _field(values, "history", list)
    if not all(isinstance(action, dict) for action in history):
        raise ValueError("history: expected a list of actions, objects each")
    seed = _field(values, "seed", int)
    if isinstance(seed, bool) or seed < 0:
        raise ValueError(f"seed: expected a whole number from 0 on, got {seed!r}")
    return Pair(_named(values, "id"), _field(values, "instruction", str), seed, tuple(history),
                _named(values, "moment"), _two(values, "plans", str))


def _outcome(values: Mapping[str, Any]) -> PairOutcome:
    return PairOutcome(_named(values, "id"), _two(values, "is_success", bool), _two(values, "progress", int, float))


def _field(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = values.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"{name}: expected {kind.__name__}, got {'nothing' if name not in values else repr(value)}")
    return value


def _named(values: Mapping[str, Any], name: str) -> str:
    if not (value := _field(values, name, str)):
        raise ValueError(f"{name}: expected at least one letter, got an empty text")
    return value


def _two(values: Mapping[str, Any], name: str, *kinds: type) -> tuple[Any, Any]:
    both: Sequence[Any] = _field(values, name, list)
    if len(both) != 2 or not all(isinstance(one, kinds) for one in both):
        raise ValueError(f"{name}: expected two of {kinds[0].__name__}, got {both!r}")
    return both[0], both[1]
