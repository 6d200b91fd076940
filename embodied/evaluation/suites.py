"""Which episodes a suite plays: tasks, seeds of a split, and the policies beside the model."""

from __future__ import annotations

from typing import Literal

from envs.interface import SEED_RANGES

PolicyName = Literal["model", "unconstrained", "blind", "shuffled", "random", "majority", "oracle", "saycan",
                     "chat"]
POLICIES: tuple[PolicyName, ...] = ("model", "unconstrained", "blind", "shuffled", "random", "majority", "oracle",
                                    "saycan", "chat")

BASELINES: tuple[PolicyName, ...] = ("blind", "shuffled", "random", "majority", "oracle")
"""Policies that the report sets beside the model."""
PRIVILEGED: tuple[PolicyName, ...] = ("oracle",)
"""Policies that are told the truth: bounds for the others, and labelled wherever they are shown."""


def labelled(name: str) -> str:
    """How a policy is named in tables, videos and on the terminal."""
    return f"{name} (PRIVILEGED)" if name in PRIVILEGED else name


def episode_seeds(split: str, first: int, count: int) -> range:
    """`count` seeds of a split, from its `first`-th on. Raises ValueError when the split has not so many."""
    if split not in SEED_RANGES:
        raise ValueError(f"split: expected one of {', '.join(SEED_RANGES)}, got {split!r}")
    seeds = SEED_RANGES[split][first:first + count]
    if count < 1 or len(seeds) < count:
        raise ValueError(f"episodes: expected 1 to {len(SEED_RANGES[split]) - first} from seed {first} on, got {count}")
    return seeds

