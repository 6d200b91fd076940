"""What an answer may go on with, guessed from answers like it: read ahead of the choice, and kept where it is chosen.

A large model reads six tokens in the time of one, and fifteen in twice that. A guess changes no answer: each guessed
token is held against what the model chooses (speculative decoding, arXiv 2211.17192), and what is guessed is what
followed the same words before (as prompt lookup does), objects by what they are called now: a plan that is made after
a look is mostly what was left of the last one.

N pictures, F numbers of a picture's soft tokens.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

MOST_KEPT, MOST_USED = 16, 4
"""Answers that are kept, and of them those that a draft is made of."""
LONGEST = 24
"""Tokens that are compared at most."""
_NAMELESS = -1
Answer = Sequence[int]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What a prompt says and shows. names: the word for each picture."""

    prompt: Sequence[int]
    looks: Float[Tensor, "N F"]
    names: Sequence[int]

    def is_same(self, other: Scene) -> bool:
        return self.prompt == other.prompt and torch.equal(self.looks, other.looks)

    def likeness(self, other: Scene) -> int:
        """Tokens that both prompts begin with; the instruction comes first."""
        pairs = enumerate(zip(self.prompt, other.prompt, strict=False))
        return next((place for place, (a, b) in pairs if a != b), min(len(self.prompt), len(other.prompt)))

    def names_in(self, other: Scene) -> dict[int, int]:
        """What each of the names here is called there, by what looks most alike."""
        if not len(self.looks) or not len(other.looks):
            return {}
        here, there = self.looks.float(), other.looks.float()  # of halves torch knows no distances
        nearest = torch.cdist(here, there).argmin(dim=1).tolist()
        return {name: other.names[place] for name, place in zip(self.names, nearest, strict=True)}


class Drafts:
    """The last few answers of one state of the weights. May be asked from several threads."""

    def __init__(self, names: range, usual: Sequence[Answer] = ()) -> None:
        """names: words for what a prompt shows. usual: answers whose form is worth guessing before any was given."""
        self._names, self._usual = names, [_without(names, answer) for answer in usual]
        self._kept: list[tuple[Scene, Answer]] = []  # latest first
        self._lock = threading.Lock()

    def keep(self, scene: Scene, answer: Answer) -> None:
        """Remember an answer, its end token with it."""
        with self._lock:
            self._kept = [(scene, tuple(answer)), *self._kept[:MOST_KEPT - 1]]

    def draft(self, scene: Scene) -> Draft:
        """Of the answers to the prompts that are most like this one, later ones first."""
        with self._lock:
            known = sorted(self._kept, key=lambda one: -one[0].likeness(scene))[:MOST_USED]
        return Draft([*(self._renamed(answer, before, scene) for before, answer in known), *self._usual], self._names)

    def _renamed(self, answer: Answer, before: Scene, now: Scene) -> Answer:
        """An answer as it would be given now: of another look the rest, without its first step."""
        if before.is_same(now):
            return answer
        called = before.names_in(now)
        renamed = [called.get(token, _NAMELESS) if token in self._names else token for token in answer]
        steps = [place for place, token in enumerate(renamed) if token == renamed[0]]
        return renamed[steps[1]:] if len(steps) > 1 else renamed


class Draft:
    """Guesses for one answer."""

    def __init__(self, answers: Sequence[Answer], names: range) -> None:
        """answers: those to guess from first come first; _NAMELESS stands where a name is not known."""
        self._names, self._answers = names, [(answer, _without(names, answer)) for answer in answers]
        self._places: dict[int | None, list[tuple[int, int]]] = defaultdict(list)
        for number, (_, plain) in enumerate(self._answers):
            for place, before in enumerate((None, *plain[:-1])):
                self._places[before].append((number, place))

    def next(self, said: Answer, allowed: Container[int]) -> int | None:
        """What followed the same words and is allowed, the more of them the better; None where nothing did.

        All names are the same, unless it is they that tell answers apart.
        """
        best, found = (0, 0), None
        for answer, form, place in self._followers(plain := _without(self._names, said)):
            common = 1 + _common_end(form, place, plain), _common_end(answer, place, said)
            if common > best and answer[place] in allowed:
                best, found = common, answer[place]
        return found

    def _followers(self, plain: Answer) -> Iterator[tuple[Answer, Answer, int]]:
        """Places after the last word that was said: in the answers, and in what was said before."""
        for number, place in self._places.get(plain[-1] if plain else None, ()):
            yield *self._answers[number], place
        for place in range(1, len(plain)):
            if plain[place - 1] == plain[-1]:
                yield plain, plain, place


def _without(names: range, answer: Answer) -> Answer:
    return [_NAMELESS if token in names else token for token in answer]


def _common_end(answer: Answer, place: int, said: Answer) -> int:
    """How many tokens before a place of an answer are the last that were said."""
    most = min(place, len(said), LONGEST)
    return next((count for count in range(most) if answer[place - 1 - count] != said[-1 - count]), most)
