"""Data sets of wordings: lines with a text, what was said before it, and the goal that it means, no text twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from envs.goals.combinations import fits_split
from envs.goals.normal import normal
from envs.goals.spelling import write
from envs.tasks.wordings.lexicon import Split
from envs.tasks.wordings.lines import Line, Maker

_SPLITS = ("train", "validation", "test")


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
            yield line
