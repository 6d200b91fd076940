"""The dataset of a run, and which of its episodes are held out."""

from __future__ import annotations

import numpy as np

from embodied.data.dataset import Dataset
from embodied.data.facts import language_of
from embodied.training.settings import TrainSettings


def open_dataset(settings: TrainSettings) -> Dataset:
    """The dataset of the run. LanguageError when a skill of its world is no longer what it was."""
    dataset = Dataset(settings.dataset)
    language_of(dataset.facts, f"dataset {dataset.path}")
    return dataset


def split(count: int, settings: TrainSettings) -> tuple[np.ndarray, np.ndarray]:
    """(training, validation): int64[N], places of `count` episodes in rising order.

    Those held out are drawn by the seed, at least one of two or more.
    """
    order = np.random.default_rng([settings.seed, 1]).permutation(count)
    held_out = min(max(round(count * settings.validation_fraction), 1), count - 1)
    return np.sort(order[held_out:]), np.sort(order[:held_out])
