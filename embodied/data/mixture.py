"""Datasets of several worlds, mixed by weights: a batch is of one of them, and is worded as its own facts say.

Which dataset a step is dealt, and which examples of it, follow from (seed, step) alone; a single dataset gives the
batches that it gives without a mixture.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

import numpy as np

from embodied.data.batches import Sampler
from embodied.data.examples import Example, Examples, Item, Sight
from embodied.data.teaching import card
from embodied.planning.declaration import why_not_spoken, widest, world_of
from envs.skills.signatures import PlanLanguage

ROUND = 1000
"""Steps after which every dataset has had its share of them, in whole steps."""
DEAL_STREAM = 0x6D78  # keeps the dealer's draws apart from those of the samplers, which start at the same seed


class MixedSampler:
    """A `Sampler` over the examples of several datasets, side by side: places count on from one to the next."""

    def __init__(self, samplers: Sequence[Sampler], weights: Sequence[float]):
        """weights: of each dataset, in any unit. ValueError for one that is not above 0."""
        self.samplers, self.shares = tuple(samplers), shares(weights)
        self.batch_size, self.seed = samplers[0].batch_size, samplers[0].seed
        self.together = samplers[0].together
        self.lengths = np.concatenate([sampler.lengths for sampler in samplers])
        self._first = [0, *accumulate(len(sampler.lengths) for sampler in samplers)]
        self._order = lru_cache(maxsize=2)(self._deal)

    def batch_at(self, step: int) -> np.ndarray:
        """int64[batch_size], places of the examples of a step."""
        dataset, turn = self.dealt(step)
        return self._first[dataset] + self.samplers[dataset].batch_at(turn)

    def dealt(self, step: int) -> tuple[int, int]:
        """The dataset of a step, and how many steps that one has had before."""
        number, place = divmod(step, ROUND)
        order = self._order(number)
        dataset = int(order[place])
        return dataset, number * self.shares[dataset] + int(np.count_nonzero(order[:place] == dataset))

    def _deal(self, number: int) -> np.ndarray:
        """int64[ROUND]: the dataset of each step of a round."""
        order = np.repeat(np.arange(len(self.shares)), self.shares)
        return np.random.default_rng([self.seed, DEAL_STREAM, number]).permutation(order)


def shares(weights: Sequence[float]) -> tuple[int, ...]:
    """How many steps of a round each dataset is dealt: at least one, and together all of them."""
    if not weights or min(weights) <= 0 or not np.isfinite(weights).all():
        raise ValueError(f"mixture: expected a weight above 0 for each dataset, got {list(weights)}; leave those out "
                         "that are not to be learned from")
    exact = np.array(weights) / sum(weights) * (ROUND - len(weights))
    whole = np.floor(exact).astype(int)
    rest = ROUND - len(weights) - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:rest]] += 1
    return tuple(int(count) + 1 for count in whole)


class Mixture:
    """The examples of several datasets, side by side; behaves as the `Examples` of one."""

    def __init__(self, parts: Sequence[Examples]):
        """ValueError where no dataset's language has the skills of all the others, and they are not of several worlds
        that have names."""
        self.parts = tuple(parts)
        names = world_names([part.language for part in parts])
        self.worlds = {name: Mixture([part for part, its in zip(parts, names, strict=True) if its == name])
                       for name in dict.fromkeys(names)}
        """World -> its part of the mixture, in their order; {} where one language has the skills of all."""
        first = next(iter(self.worlds.values()), None)
        self.language = widest([part.language for part in parts]) if first is None else first.language
        self._first = [0, *accumulate(map(len, parts))]

    @cached_property
    def items(self) -> list[Item]:
        """What each example is about, before it is worded."""
        return [item for part in self.parts for item in part.items]

    @property
    def card(self) -> dict[str, Any]:
        """How many queries all datasets have, how many are kept to be taught, and how many are left out why."""
        left_out = sum((part.left_out for part in self.parts), Counter())
        return card(len(self) + left_out.total(), left_out)

    @property
    def cameras(self) -> Mapping[str, Any]:
        """What was seen with: the camera of each name, of the first world that has one."""
        return {name: camera for part in reversed(self.parts) for name, camera in part.dataset.facts["cameras"].items()}

    @property
    def rewordings(self) -> list[str]:
        """What words may be put as, beside those of the datasets."""
        return [text for part in self.parts for text in part.rewordings]

    def __len__(self) -> int:
        return self._first[-1]

    def __getitem__(self, place: int) -> Example:
        part, own = self._find(place)
        return part[own]

    def view_of(self, place: int) -> tuple[int, ...]:
        """The view that an example is about; see `Examples.view_of`."""
        part, own = self._find(place)
        return self.parts.index(part), *part.view_of(own)

    def sight(self, place: int, rng: np.random.Generator | None = None, *, has_pixels: bool = True) -> Sight:
        """What is shown of the view of an example; see `Examples.sight`."""
        part, own = self._find(place)
        return part.sight(own, rng, has_pixels=has_pixels)

    def worded(self, place: int, sight: Sight, rng: np.random.Generator | None = None) -> Example:
        """The example with what is shown of its view; see `Examples.worded`."""
        part, own = self._find(place)
        return part.worded(own, sight, rng)

    def places(self, episodes: Sequence[Container[int]]) -> list[list[int]]:
        """For each dataset the places of the examples of some of its episodes. episodes: their places in it."""
        return [[first + i for i, item in enumerate(part.items) if item.file in chosen]
                for first, part, chosen in zip(self._first, self.parts, episodes, strict=False)]

    def _find(self, place: int) -> tuple[Examples, int]:
        part = bisect_right(self._first, place) - 1
        return self.parts[part], place - self._first[part]


def world_names(languages: Sequence[PlanLanguage]) -> list[str]:
    """The world of each dataset, by the language of its plans; [] where one of the languages has the skills of all.
    Raises ValueError where none has, and one is of no world that has a name."""
    if widest(languages) is not None:
        return []
    names = [world_of(language) for language in languages]
    if None in names:
        why = next(why for other in languages if (why := why_not_spoken(other, languages[0])))
        raise ValueError("mixture: expected datasets of known worlds, or such that one's plan language has the skills "
                         f"of all others, got {why}; train a planner for each")
    return names
