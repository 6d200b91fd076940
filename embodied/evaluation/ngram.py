"""A language model to beat: interpolated Kneser-Ney over the last few tokens (Kneser and Ney 1995; modified discounts
of Chen and Goodman 1999, equation 26), by counting alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

Gram = tuple[int, ...]
_LEAST = 1e-3
"""Of a discount: something is left for what was never seen."""


class KneserNey:
    """Probability of a token after the `order - 1` before it, of a vocabulary of `words`."""

    def __init__(self, order: int, words: int):
        self.order, self.words = order, words
        self.counts: list[Counter[Gram]] = [Counter() for _ in range(order)]  # by length - 1, lower ones of contexts
        self.totals: list[dict[Gram, int]] = []
        self.kinds: list[dict[Gram, list[int]]] = []  # after a context: how many tokens came once, twice, more often
        self.discounts: list[tuple[float, float, float]] = []

    def learn(self, texts: Sequence[Sequence[int]]) -> KneserNey:
        """Count texts, each a list of tokens; counts of shorter contexts are of how many tokens came before them.
        ValueError where it has learned before."""
        if self.totals:
            raise ValueError("KneserNey.learn: expected a model that has learned nothing, got one that has; "
                             "give it all texts at once")
        top = self.counts[-1]
        for text in texts:
            padded = (-1,) * (self.order - 1) + tuple(text)
            top.update(padded[i:i + self.order] for i in range(len(text)))
        for length in range(self.order - 1, 0, -1):
            self.counts[length - 1].update(gram[1:] for gram in self.counts[length])
        for counts in self.counts:
            self._settle(counts)
        return self

    def _settle(self, counts: Counter[Gram]) -> None:
        totals: dict[Gram, int] = defaultdict(int)
        kinds: dict[Gram, list[int]] = defaultdict(lambda: [0, 0, 0])
        for gram, count in counts.items():
            totals[gram[:-1]] += count
            kinds[gram[:-1]][min(count, 3) - 1] += 1
        self.totals.append(dict(totals))
        self.kinds.append(dict(kinds))
        of = Counter(min(count, 5) for count in counts.values())
        share = of[1] / (of[1] + 2 * of[2]) if of[1] else 0.5
        self.discounts.append(tuple(min(max(n - (n + 1) * share * of[n + 1] / of[n], _LEAST), float(n))
                                    if of[n] else 0.5 for n in (1, 2, 3)))

    def probability(self, context: Gram, token: int) -> float:
        """Of a token after a context, of which the last `order - 1` tokens count."""
        context = ((-1,) * self.order + tuple(context))[-(self.order - 1):] if self.order > 1 else ()
        likely = 1.0 / self.words
        for length in range(1, self.order + 1):
            likely = self._mixed(length - 1, context[len(context) - length + 1:], token, likely)
        return likely

    def _mixed(self, level: int, context: Gram, token: int, below: float) -> float:
        """The probability at one length, mixed with that of the next shorter one."""
        total = self.totals[level].get(context, 0)
        if not total:
            return below
        count, discounts = self.counts[level].get((*context, token), 0), self.discounts[level]
        taken = sum(d * n for d, n in zip(discounts, self.kinds[level][context], strict=True))
        own = max(count - discounts[min(count, 3) - 1], 0.0) if count else 0.0
        return own / total + taken / total * below

    def bits(self, text: Sequence[int]) -> float:
        """How many bits a text takes: -log2 of the probability of its tokens, each after those before it."""
        return -sum(math.log2(self.probability(tuple(text[max(i - self.order + 1, 0):i]), token))
                    for i, token in enumerate(text))
