"""The datasets of a run, and which of their episodes are held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from embodied.data.batches import Sampler
from embodied.data.dataset import Dataset
from embodied.data.facts import language_of
from embodied.data.mixture import MixedSampler
from embodied.training.settings import TrainSettings
from envs.names import unknown


def open_datasets(settings: TrainSettings) -> list[Dataset]:
    """The datasets of the run. LanguageError when a skill of one of their worlds is no longer what it was."""
    datasets = [Dataset(folder) for folder in settings.datasets]
    for dataset in datasets:
        language_of(dataset.facts, f"dataset {dataset.path}")
    return datasets


def split(count: int, settings: TrainSettings) -> tuple[np.ndarray, np.ndarray]:
    """(training, validation): int64[N], places of `count` episodes in rising order.

    Those held out are drawn by the seed, at least one of two or more.
    """
    order = np.random.default_rng([settings.seed, 1]).permutation(count)
    held_out = min(max(round(count * settings.validation_fraction), 1), count - 1)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def split_all(datasets: Sequence[Dataset], settings: TrainSettings) -> tuple[list[set[int]], list[set[int]]]:
    """The same of each dataset: (training, validation)."""
    parts = [split(len(dataset), settings) for dataset in datasets]
    return [set(learned.tolist()) for learned, _ in parts], [set(held_out.tolist()) for _, held_out in parts]


def at_most(count: int | None, places: Sequence[int], families: Sequence[str], seed: int, *,
            limits: Mapping[str, int] | None = None) -> list[int]:
    """Of each family at most so many of the places, drawn by the seed, in their order; all of them where count is
    None. families: of every example. limits: family -> the same, of that one alone. Raises ValueError for a family that
    no example is of."""
    if strange := sorted(set(limits or ()) - set(families)):
        raise ValueError(unknown(strange[0], sorted(set(families)), what="family of limits"))
    if count is None and not limits:
        return list(places)
    most = limits or {}
    seen: Counter[str] = Counter()
    kept = []
    for i in np.random.default_rng([seed, 3]).permutation(len(places)):
        family = families[places[i]]
        if (limit := most.get(family, count)) is None or seen[family] < limit:
            seen[family] += 1
            kept.append(places[i])
    return sorted(kept)


def mixed_sampler(lengths: Sequence[Sequence[int] | np.ndarray], settings: TrainSettings, batch_size: int,
                  views: Sequence[np.ndarray | None] | None = None) -> MixedSampler:
    """The sampler of a stage. lengths, views: of the examples of each dataset, as `Sampler` takes them."""
    samplers = [Sampler(part, batch_size=batch_size, seed=settings.seed, views=which)
                for part, which in zip(lengths, views or [None] * len(lengths), strict=True)]
    return MixedSampler(samplers, tuple(settings.datasets.values()))
