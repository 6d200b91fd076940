"""What people say and what they want by it: lines of JSON, to learn from and to measure by.

    {"text": "...", "before": [{"person": "...", "goal": "..."}, {"robot": "..."}], "goal": "in(...)", "kind": "..."}
"""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.planning.dialogue import Turn, read_turn, write_dialogue
from embodied.prompt import Prompt
from envs.goals.spelling import read, write


@dataclass(frozen=True, slots=True)
class Saying:
    """kind: of which measures are told apart. goal: its text, as `envs.goals` writes it."""

    text: str
    goal: str
    kind: str = "any"
    before: tuple[Turn, ...] = ()

    @property
    def prompt(self) -> Prompt:
        """The sentence that a model reads."""
        return write_dialogue(self.text, self.before)


class SayingError(ValueError):
    """A line that is none; the message names file and line."""


def files_of(patterns: Iterable[str]) -> list[Path]:
    """The files that names and patterns (`train-*.jsonl`) stand for, in the order of their names. Raises SayingError
    for one that stands for none."""
    found: list[Path] = []
    for pattern in patterns:
        there = sorted(glob.glob(pattern))
        if not there:
            raise SayingError(f"expected a file of sayings (lines of JSON), got {pattern!r}, which is not there")
        found += map(Path, there)
    return found


def read_sayings(paths: Sequence[Path]) -> list[Saying]:
    """All of some files. Raises SayingError for a line that is not of the form above, or whose goal is none."""
    return [saying for path in paths for saying in _of_file(path)]


def _of_file(path: Path) -> Iterator[Saying]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield read_saying(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise SayingError(f"{path}, line {number}: expected {{\"text\", \"goal\", ..}}, got {line[:80]!r}: "
                                  f"{error}") from error


def read_saying(values: Mapping[str, Any]) -> Saying:
    """The saying of a line's values. Raises ValueError (GoalError where the goal is none), KeyError or TypeError."""
    saying = Saying(values["text"], write(read(values["goal"])), values.get("kind", "any"),
                    tuple(map(read_turn, values.get("before") or ())))
    saying.prompt  # noqa: B018 - raises where it cannot be written
    return saying

