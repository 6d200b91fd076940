"""Data sets of wordings: lines with a text, what was said before it, and the goal that it means, no text twice."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from envs.goals.combinations import fits_split
from envs.goals.normal import normal
from envs.goals.spelling import read, write
from envs.tasks.wordings import turns
from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.lexicon import Split
from envs.tasks.wordings.lines import Line, Maker

WRITTEN = Path(__file__).parent / "written"
"""Lines that a language model wrote for goals that were drawn for it (docs/goal_wordings.md)."""
_SPLITS = ("train", "validation", "test")
UNRELATED = 0.2
"""Share of the lines that need no earlier turns which follow some all the same: people change the subject."""
MOST_TURNS = 4
"""Before such a line, of person and robot together; as many as `MindAgent` recalls."""
_RECALLED = 64
"""Lines made last, from which those turns are drawn."""


def lines(count: int, split: Split, seed: int, *, unseen: bool = False, all_combinations: bool = False,
          counts: Counter | None = None) -> Iterator[Line]:
    """A number of lines, no text twice, each with its goal in the normal form, the same for the same arguments.

    all_combinations: with those too that `envs.goals.combinations` keeps out of training. counts: takes up how many
    were left out, by the reason. Raises ValueError for a split or a count that does not exist.
    """
    if split not in _SPLITS or count < 0:
        raise ValueError(f"expected a split of {_SPLITS} and a count of 0 or more, got {split!r} and {count}")
    counts = Counter() if counts is None else counts
    maker, seen = Maker(np.random.default_rng([seed, _SPLITS.index(split)]), split, unseen=unseen), {}
    earlier, draws = deque(maxlen=_RECALLED), Draws(np.random.default_rng([seed, _SPLITS.index(split), 1]))
    while len(seen) < count:
        line = maker.line()
        line = replace(line, goal=normal(line.goal))
        key, goal = (line.text.lower(), json.dumps(line.before)), write(line.goal)
        if not all_combinations and not fits_split(line.goal, "train"):
            counts["combination kept out"] += 1
        elif key in seen:
            counts["same text" if seen[key] == goal else "same text, other goal"] += 1
        else:
            seen[key] = goal
            counts[line.kind] += 1
            yield after_unrelated(line, earlier, draws)
            earlier.append(line)


def written(split: Split, seed: int) -> Iterator[Line]:
    """Every line of `WRITTEN` for training or validation, in a drawn order, now and then after other turns, the same
    for the same seed. Raises ValueError for a split that has none."""
    paths = sorted(WRITTEN.glob(f"{split}-*.jsonl"))
    if not paths:
        raise ValueError(f"expected a split of which there are written lines, train or validation, got {split!r}")
    rows = [json.loads(row) for path in paths for row in path.read_text("utf-8").split("\n") if row]
    earlier, draws = deque(maxlen=_RECALLED), Draws(np.random.default_rng(seed))
    for row in draws.shuffled(rows):
        line = Line(row["text"], read(row["goal"]), row["kind"], tuple(row.get("before", ())))
        yield after_unrelated(line, earlier, draws)
        earlier.append(line)


def after_unrelated(line: Line, earlier: Sequence[Line], draws: Draws) -> Line:
    """The line after turns that have nothing to do with it, of one to three earlier lines, now and then. An ambiguous
    line stays alone: an "it" in it would mean what was spoken of."""
    if line.before or line.kind == "ambiguous" or not earlier or not draws.chance(UNRELATED):
        return line
    before: list[dict] = []
    for _ in range(draws.weighted({1: 0.5, 2: 0.3, 3: 0.2})):
        other = draws.pick(earlier)
        before += [*other.before, {"person": other.text, "goal": write(other.goal)}]
        if draws.chance(0.3):
            before.append({"robot": draws.pick(turns.DONE)})
    return replace(line, before=tuple(before[-MOST_TURNS:]))
