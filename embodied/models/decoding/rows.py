"""One answer as it is written: what may come next, what is chosen, how likely it was, and where it ends.

T tokens read at once, V words of the model's output layer, K words that may come next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int64

MOST_GUESSES = 7
"""Tokens that are read ahead of the choice: eight tokens at once cost two steps of a large model, more cost more."""


class Guide(Protocol):
    """What may come next, after the tokens that were said already."""

    def allowed(self, said: tuple[int, ...]) -> Int64[Tensor, " K"]:
        """int64[K], ascending: the words that may come next, one at least."""
        ...

    def forced(self, said: tuple[int, ...]) -> Sequence[int]:
        """Words that are bound to come next, as far as they are spelled in the usual way; none where that is open."""
        ...


@dataclass(slots=True)
class Row:
    """room: most tokens. end: the token that ends it. never: words that are not said. guide: None, anything may come.
    temperature: 0 for the likeliest word each time, else drawn from this row's own stream of chance. hears: told the
    tokens so far, the last one's probability and whether the row ends there; where it answers False, it does."""

    room: int
    end: int
    never: tuple[int, ...] = ()
    guide: Guide | None = None
    temperature: float = 0.0
    seed: int = 0
    hears: Callable[[list[int], float, bool], bool] | None = None
    said: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    masked_log_probs: list[float] = field(default_factory=list)
    is_over: bool = False
    _chance: torch.Generator | None = None

    def guesses(self) -> list[int]:
        """What is bound to be said next: read beside the last token, and held against what is then chosen."""
        most = min(MOST_GUESSES, self.room - len(self.said) - 1)
        return list(self.guide.forced(tuple(self.said)))[:max(0, most)] if self.guide is not None else []

    def take(self, logits: Float[Tensor, "T V"], guesses: Sequence[int]) -> int:
        """Choose the token after the last one, and after each guess that was right. logits: after the last token and
        each guess. Returns how many guesses were right."""
        own = (logits / (self.temperature or 1.0)).log_softmax(-1)
        for place in range(len(guesses) + 1):
            token, masked = self._choose(logits[place])
            self.said.append(token)
            self.log_probs.append(float(own[place, token]))
            self.masked_log_probs.append(masked)
            is_last = token == self.end or len(self.said) >= self.room
            goes_on = self.hears is None or self.hears(self.said, math.exp(masked), is_last)
            self.is_over = is_last or not goes_on
            if self.is_over or place == len(guesses) or token != guesses[place]:
                return place
        raise AssertionError("a row takes at most one token more than was guessed")

    def _choose(self, logits: Float[Tensor, " V"]) -> tuple[int, float]:
        """A token, and its log-probability among what might have been said."""
        if self.temperature > 0:
            return self._draw(logits)
        words = self._words(len(logits)).to(logits.device)
        scores = logits[words].log_softmax(-1)
        best = int(scores.argmax())
        return int(words[best]), float(scores[best])

    def _draw(self, logits: Float[Tensor, " V"]) -> tuple[int, float]:
        if self._chance is None:
            self._chance = torch.Generator(logits.device).manual_seed(self.seed)
        words = self._words(len(logits)).to(logits.device)
        scores = torch.full_like(logits, float("-inf"))
        scores[words] = logits[words] / self.temperature
        token = int(torch.multinomial(scores.softmax(-1), 1, generator=self._chance))
        return token, float(scores.log_softmax(-1)[token])

    def _words(self, width: int) -> Int64[Tensor, " K"]:
        """int64[K]: the words that may be said next."""
        words = torch.arange(width) if self.guide is None else self.guide.allowed(tuple(self.said))
        return words[~torch.isin(words, torch.tensor(self.never))] if self.never else words
