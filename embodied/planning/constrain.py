"""The decoding mask: while a model writes, only tokens that keep its text inside the plan grammar stay possible.

Legend: B = rows of the batch, T = tokens so far, V = words of the model's output layer (may exceed the tokenizer's).
"""

from __future__ import annotations

from collections.abc import Sequence
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
        """Nothing. The row is over, whole or not: what follows in it is padding, and is not read."""
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
        from llguidance.numpy import fill_next_token_bitmask

        allowed = np.zeros((len(self._matchers), width), dtype=bool)
        for row, matcher in enumerate(self._matchers):
            if self._is_over(row):
                allowed[row, self._end_tokens] = True
                continue
            fill_next_token_bitmask(matcher, self._mask, row)
            bits = np.unpackbits(self._mask[row].view(np.uint8), bitorder="little")[:width]
            allowed[row, :len(bits)] = bits
        return torch.from_numpy(allowed)


def _matcher(tokenizer: LLTokenizer, grammar: str) -> LLMatcher:
    from llguidance import LLMatcher

    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_lark(grammar))
    _check(matcher)
    return matcher


def _check(matcher: LLMatcher) -> None:
    if matcher.is_error():
        raise ValueError(f"PlanConstraint: the grammar or a token was not accepted: {matcher.get_error()}")
