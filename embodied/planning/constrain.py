"""The decoding mask: while a model writes, only tokens that keep its text inside the plan grammar stay possible.

Legend: B = rows of the batch, T = tokens so far, V = words of the model's output layer (may exceed the tokenizer's),
K = words that may come next.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import LogitsProcessor

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer
    from transformers import PreTrainedTokenizerFast


def compile_tokenizer(tokenizer: PreTrainedTokenizerFast) -> LLTokenizer:
    """The tokenizer as llguidance reads it; costs up to a second for a large vocabulary, so keep it.

    The names that plans spell (`obj_3`) must be ordinary added tokens, not special ones, which no grammar text spells.
    """
    from llguidance.hf import from_tokenizer

    if tokenizer.eos_token_id is None:
        raise ValueError("compile_tokenizer: expected a tokenizer with an end token, got none; set tokenizer.eos_token")
    return from_tokenizer(tokenizer)


class PlanConstraint(LogitsProcessor):
    """Masks scores float[B, V] so that each row's answer stays in its grammar; the end token only after a whole plan.

    For one `generate` call by sampling or greedily (beam search swaps rows, which this does not follow). The prompt
    ends at the first call: with `inputs_embeds` alone, `input_ids` starts empty, which is as good.
    """

    def __init__(self, tokenizer: LLTokenizer, grammars: Sequence[str]) -> None:
        """tokenizer: from `compile_tokenizer`. grammars: one Lark text per row, see `planning.grammar.plan_grammar`."""
        self._matchers = [_matcher(tokenizer, grammar) for grammar in grammars]
        self._end_tokens = list(tokenizer.eos_tokens)
        self._mask = np.zeros((len(self._matchers), -(-tokenizer.vocab_size // 32)), dtype=np.int32)
        self._length: int | None = None
        self._over: set[int] = set()

    def end(self, row: int) -> None:
        """End the row, whole or not: what follows in it is padding, and is not read."""
        self._over.add(row)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """scores float[B, V] with -inf for every token that would leave the grammar. input_ids: int64[B, T]."""
        if len(self._matchers) != len(scores):
            raise ValueError(f"PlanConstraint: expected {len(self._matchers)} rows, got {len(scores)}; "
                             "give one grammar per row, and no beam search")
        self._read(input_ids)
        return scores.masked_fill(~self._allowed(scores.shape[1]).to(scores.device), float("-inf"))

    def _read(self, input_ids: torch.Tensor) -> None:
        """Advances each row by its newest tokens."""
        if self._length is not None:
            for row, tokens in enumerate(input_ids[:, self._length:].tolist()):
                matcher = self._matchers[row]
                if not self._is_over(row):
                    matcher.consume_tokens(tokens)
                    _check(matcher)
        self._length = input_ids.shape[1]

    def _is_over(self, row: int) -> bool:
        return row in self._over or self._matchers[row].is_stopped()

    def _allowed(self, width: int) -> torch.Tensor:
        """bool[B, V]: the tokens that may come next."""
        allowed = np.zeros((len(self._matchers), width), dtype=bool)
        for row, matcher in enumerate(self._matchers):
            if self._is_over(row):
                allowed[row, self._end_tokens] = True
                continue
            _fill(allowed[row], matcher, self._mask, row)
        return torch.from_numpy(allowed)


def allowed_tokens(tokenizer: LLTokenizer, grammar: str, token_ids: Sequence[int], width: int) -> torch.Tensor:
    """bool[T, V]: the tokens that could have come in place of each of an answer's T, its end token among them.

    tokenizer: from `compile_tokenizer`. width: V. Raises ValueError for an answer that leaves the grammar.
    """
    matcher = _matcher(tokenizer, grammar)
    mask = np.zeros((1, -(-tokenizer.vocab_size // 32)), dtype=np.int32)
    allowed = np.zeros((len(token_ids), width), dtype=bool)
    for place, (row, token) in enumerate(zip(allowed, token_ids, strict=True)):
        if matcher.is_stopped():
            row[list(tokenizer.eos_tokens)] = True
        else:
            _fill(row, matcher, mask, 0)
        if not row[token]:
            raise ValueError(f"token_ids: expected an answer inside the grammar, got token {token} at {place}, which "
                             "leaves it; give the answer's own grammar")
        matcher.consume_tokens([token])
    return torch.from_numpy(allowed)


_MOST_GRAMMARS, _MOST_STATES = 32, 1024
"""Grammars that are kept compiled, and states kept of each; free words make ever new ones."""


class Grammars:
    """Guides by their grammar, the last few of them kept: scenes come again. May be asked from several threads."""

    def __init__(self, tokenizer: LLTokenizer, width: int, never: Sequence[int] = ()) -> None:
        """tokenizer: from `compile_tokenizer`. width: V. never: words that are not said, whatever a grammar lets."""
        self._tokenizer, self._width, self._never = tokenizer, width, tuple(never)
        self._kept: OrderedDict[str, GrammarGuide] = OrderedDict()
        self._lock = threading.Lock()

    def guide(self, grammar: str) -> GrammarGuide:
        """The guide of a Lark text. Raises ValueError for a grammar that cannot be read."""
        with self._lock:
            known = self._kept.pop(grammar, None) or GrammarGuide(
                self._tokenizer, grammar, self._width, self._never)
            self._kept[grammar] = known
            if len(self._kept) > _MOST_GRAMMARS:
                self._kept.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class _State:
    """After some tokens of an answer: int64[K], the words that may come next, and those that must."""

    allowed: np.ndarray
    forced: tuple[int, ...]


class GrammarGuide:
    """What a grammar lets come next after the tokens that were said, each state worked out once."""

    def __init__(self, tokenizer: LLTokenizer, grammar: str, width: int, never: Sequence[int] = ()) -> None:
        """As of `Grammars`. Raises ValueError for a grammar that cannot be read."""
        self._ends, self._width, self._never = np.array(sorted(tokenizer.eos_tokens)), width, list(never)
        self._mask = np.zeros((1, -(-tokenizer.vocab_size // 32)), dtype=np.int32)
        self._matcher = _matcher(tokenizer, grammar)
        self._states: dict[tuple[int, ...], _State] = {}
        self._lock = threading.Lock()

    def allowed(self, said: tuple[int, ...]) -> np.ndarray:
        """int64[K], ascending: the words that may come next; the end alone after a whole answer. Raises ValueError for
        what was said outside the grammar."""
        return self._state(said).allowed

    def forced(self, said: tuple[int, ...]) -> tuple[int, ...]:
        """The words that are bound to come next: the one that may, or those that spell the text that must, as the
        tokenizer does; the grammar may allow to spell that text in other tokens too."""
        return self._state(said).forced

    def _state(self, said: tuple[int, ...]) -> _State:
        with self._lock:
            known = self._states.get(said)
            if known is None:
                if len(self._states) >= _MOST_STATES:
                    self._states.clear()
                known = self._states[said] = self._worked_out(said)
        return known

    def _worked_out(self, said: tuple[int, ...]) -> _State:
        matcher = self._matcher.deep_copy()  # one that was reset (llguidance 1.9) may let what it let in another state
        matcher.consume_tokens(list(said))
        _check(matcher)
        if matcher.is_stopped():
            return _State(self._ends, ())
        forced: list[int] = []
        allowed = first = self._next(matcher)
        while len(allowed) == 1 and not matcher.is_stopped():
            forced.append(int(allowed[0]))
            matcher.consume_tokens(forced[-1:])
            allowed = self._next(matcher) if not matcher.is_stopped() else allowed
        if not matcher.is_stopped():
            forced += matcher.compute_ff_tokens()
        return _State(first, tuple(forced))

    def _next(self, matcher: LLMatcher) -> np.ndarray:
        allowed = np.zeros(self._width, dtype=bool)
        _fill(allowed, matcher, self._mask, 0)
        allowed[self._never] = False
        return np.flatnonzero(allowed)


def _fill(allowed: np.ndarray, matcher: LLMatcher, mask: np.ndarray, row: int) -> None:
    """Set bool[V] where a token may come next. mask: int32[rows, V / 32], to work in."""
    from llguidance.numpy import fill_next_token_bitmask

    fill_next_token_bitmask(matcher, mask, row)
    bits = np.unpackbits(mask[row].view(np.uint8), bitorder="little")[:len(allowed)]
    allowed[:len(bits)] = bits


def _matcher(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(grammar))
    _check(matcher)
    return matcher


def _check(matcher: LLMatcher) -> None:
    if matcher.is_error():
        raise ValueError(f"PlanConstraint: the grammar or a token was not accepted: {matcher.get_error()}")
