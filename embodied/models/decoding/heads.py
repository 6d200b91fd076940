"""What a model says may come next: of the few words that a grammar lets, or of all.

B rows, A places that are asked what comes next, D width, V words of the model with its new ones, K words that may come
next, M names of objects. The head of a large vocabulary is a fifth of what a small model reads for a token; most of it
says nothing that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from embodied.models.decoding.products import project
from embodied.models.decoding.rows import log_sum
from embodied.prompt import MAX_OBJECTS

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

    from embodied.models.planner import PalmEForConditionalGeneration

SHARE = 4
"""Words of which at most one in so many may come are scored alone: rows that lie apart are read more slowly."""
MOST_PLACES = 64
"""Places that all words are scored at once at: 12 MB of scores of a vocabulary of 50,000."""


class Head:
    """A model's output layer and what stands beside it, of the weights as they are."""

    def __init__(self, model: PalmEForConditionalGeneration) -> None:
        self._model, self._layer, new = model, model.get_output_embeddings(), model.new_words
        self.width: int = model.word_count
        self._first_new = self.width if new is None else new.first_id
        rows = [] if not _is_readable(self._layer) else [self._layer.weight]
        if rows and new is not None:
            rows.append(new.rows if new.head is None else new.head)
        self._rows = [part.detach().numpy() for part in rows]
        self._bias = None if not rows or self._layer.bias is None else self._layer.bias.detach().numpy()

    def all(self, hidden: Float[Tensor, "B A D"], object_keys: Float[Tensor, "B M D"] | None
            ) -> Float[np.ndarray, "B A V"]:
        """The scores of every word."""
        return self._model.point(project(self._layer, hidden), hidden, object_keys).float().cpu().numpy()

    def is_few(self, words: Int64[np.ndarray, " K"]) -> bool:
        """Whether it pays to score so few words alone."""
        return bool(self._rows) and len(words) * SHARE <= self.width

    def few(self, state: Float[np.ndarray, " D"], words: Int64[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """The scores of some words, ascending, without what stands at the slots that names point at."""
        old = words[:words.searchsorted(self._first_new)]
        scores = self._rows[0][old] @ state
        if self._bias is not None:
            scores += self._bias[old]
        if len(old) == len(words):
            return scores
        return np.concatenate([scores, self._rows[1][words[len(old):] - self._first_new] @ state])

    def named(self, words: Int64[np.ndarray, " K"]) -> tuple[slice, Int64[np.ndarray, " N"]]:
        """Which of some words are names of objects: their places among the words, ascending, and the objects."""
        first = self._model.config.name_first_id
        begin, end = words.searchsorted([first, first + MAX_OBJECTS])
        return slice(begin, end), words[begin:end] - first

    def fits(self, hidden: Float[Tensor, "B A D"], object_keys: Float[Tensor, "B M D"]) -> Float[np.ndarray, "B A M"]:
        """How well each object fits what is about to be said."""
        return self._model.pointer(hidden, object_keys).float().numpy()


class Pass:
    """What the head says after the tokens of one pass."""

    def __init__(self, head: Head, hidden: Float[Tensor, "B A D"], object_keys: Float[Tensor, "B M D"] | None) -> None:
        self._head, self._hidden, self._keys = head, hidden, object_keys

    @cached_property
    def _all(self) -> Float[np.ndarray, "B A V"]:
        return self._head.all(self._hidden, self._keys)

    @cached_property
    def _fits(self) -> Float[np.ndarray, "B A M"]:
        return self._head.fits(self._hidden, self._keys)

    def scores(self, row: int, place: int, words: Int64[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """Of the words that may come next, ascending."""
        if not self._head.is_few(words):
            return self._all[row, place, words]
        scores = self._head.few(self._hidden[row, place].float().numpy(), words)
        if self._keys is not None:
            places, objects = self._head.named(words)
            if len(objects):
                scores[places] += self._fits[row, place, objects]
        return scores


@dataclass(frozen=True, slots=True)
class RowScores:
    """What the head says after the tokens of one row."""

    said: Pass
    row: int
    width: int

    def __call__(self, place: int, words: Int64[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        return self.said.scores(self.row, place, words)


def log_probs(head: Head, hidden: Float[Tensor, "A D"], object_keys: Float[Tensor, "M D"] | None,
              tokens: Sequence[int], temperature: float) -> list[float]:
    """Natural logarithms of how likely each token was after a state, among all words. temperature: that scores are
    divided by; 0 is 1."""
    keys, found = None if object_keys is None else object_keys[None], []
    for start in range(0, len(tokens), MOST_PLACES):
        part = tokens[start:start + MOST_PLACES]
        scores = head.all(hidden[None, start:start + len(part)], keys)[0]
        if temperature not in (0, 1):
            scores /= np.float32(temperature)
        found += (scores[np.arange(len(part)), part] - log_sum(scores)[:, 0]).tolist()
    return found


def _is_readable(layer: nn.Module) -> bool:
    """Whether single rows of a head can be read: it is plain, in float32 on a CPU."""
    return (type(layer) is nn.Linear and layer.weight.dtype == torch.float32 and layer.weight.device.type == "cpu")
