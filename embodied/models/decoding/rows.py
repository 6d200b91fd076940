"""One answer as it is written: what may come next, what is chosen, how likely it was, and where it ends.

T tokens read at once, V words of the model's output layer, K words that may come next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

MOST_BOUND, MOST_GUESSES = 7, 15
"""Tokens that are read ahead of the choice, where they are bound to be chosen, and where some are guessed: sixteen
tokens at once cost two steps of a large model, more cost more."""


class Guide(Protocol):
    """What may come next, after the tokens that were said already."""

    def allowed(self, said: tuple[int, ...]) -> Int64[np.ndarray, " K"]:
        """int64[K], ascending: the words that may come next, one at least."""
        ...

    def forced(self, said: tuple[int, ...]) -> Sequence[int]:
        """Words that are bound to come next, as far as they are spelled in the usual way; none where that is open."""
        ...


class Draft(Protocol):
    """What may well come next."""

    def next(self, said: Sequence[int], allowed: Container[int]) -> int | None:
        """A guess that is allowed, None where there is none."""
        ...


class Scores(Protocol):
    """What a model says of the words that may come after one of its last tokens. width: V."""

    width: int

    def __call__(self, place: int, words: Int64[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """place: 0 after the last token that was said, then after each guess."""
        ...


@dataclass(slots=True)
class Row:
    """room: most tokens. end: the token that ends it. temperature: 0 for the likeliest word each time, else drawn from
    this row's own stream of chance. hears: told the tokens so far, the last one's probability and whether the row ends
    there; where it answers False, it does. draft: guesses beyond what is bound to come. log_probs: filled in by whoever
    asks the model about all words, when the row is over."""

    room: int
    end: int
    guide: Guide
    temperature: float = 0.0
    seed: int = 0
    hears: Callable[[list[int], float, bool], bool] | None = None
    draft: Draft | None = None
    said: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    masked_log_probs: list[float] = field(default_factory=list)
    is_over: bool = False
    _chance: torch.Generator | None = None

    def guesses(self) -> list[int]:
        """What is bound to be said next, and what may well be: read beside the last token, and held against what is
        then chosen."""
        most = min(MOST_BOUND if self.draft is None else MOST_GUESSES, self.room - len(self.said) - 1)
        said = list(self.said)
        while len(said) - len(self.said) < most:
            more = self.guide.forced(tuple(said)) or self._guess(said)
            if not more or more[0] == self.end:  # after which nothing is chosen
                break
            said += more
        return said[len(self.said):][:max(0, most)]

    def _guess(self, said: list[int]) -> Sequence[int]:
        """A word that may be said, if there is one."""
        token = None if self.draft is None else self.draft.next(said, self.guide.allowed(tuple(said)))
        return () if token is None else (token,)

    def take(self, scores: Scores, guesses: Sequence[int]) -> int:
        """Choose the token after the last one, and after each guess that was right. Returns how many were right."""
        for place in range(len(guesses) + 1):
            token, masked = self._choose(scores, place)
            self.said.append(token)
            self.masked_log_probs.append(masked)
            is_last = token == self.end or len(self.said) >= self.room
            goes_on = self.hears is None or self.hears(self.said, math.exp(masked), is_last)
            self.is_over = is_last or not goes_on
            if self.is_over or place == len(guesses) or token != guesses[place]:
                return place
        raise AssertionError("a row takes at most one token more than was guessed")

    def _choose(self, scores: Scores, place: int) -> tuple[int, float]:
        """A token, and its log-probability among what might have been said."""
        words = self.guide.allowed(tuple(self.said))
        if len(words) == 1:
            return int(words[0]), 0.0
        found = scores(place, words)
        if self.temperature not in (0, 1):
            found = found / np.float32(self.temperature)
        best = int(found.argmax()) if self.temperature == 0 else self._drawn(words, found, scores.width)
        return int(words[best]), float((found[best] - log_sum(found))[0])

    def _drawn(self, words: Int64[np.ndarray, " K"], scores: Float[np.ndarray, " K"], width: int) -> int:
        """The place of a word that chance chose; it is asked about all words, so that a seed's draws do not hang on how
        many may come."""
        if self._chance is None:
            self._chance = torch.Generator().manual_seed(self.seed)
        masked = torch.full((width,), float("-inf"))
        masked[torch.from_numpy(words)] = torch.from_numpy(scores)
        token = int(torch.multinomial(masked.softmax(-1), 1, generator=self._chance))
        return int(words.searchsorted(token))


def log_sum(scores: Float[np.ndarray, "*places K"]) -> Float[np.ndarray, "*places 1"]:
    """The logarithm of the sum of the exponentials, of each place."""
    top = scores.max(-1, keepdims=True)
    return top + np.log(np.exp(scores - top).sum(-1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Anything:
    """The guide of who may say any word but those that are never said."""

    words: Int64[np.ndarray, " K"]

    @classmethod
    def but(cls, never: Sequence[int], width: int) -> Anything:
        """width: V."""
        return cls(np.setdiff1d(np.arange(width), never))

    def allowed(self, said: tuple[int, ...]) -> Int64[np.ndarray, " K"]:
        return self.words

    def forced(self, said: tuple[int, ...]) -> Sequence[int]:
        return ()
