"""Hears a model while it writes: text and probability of each token, and a way to stop it.

Legend: B = rows of the batch, T = tokens so far, V = words of the model's output layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from transformers import StoppingCriteria

if TYPE_CHECKING:
    from embodied.models.processor import PalmEProcessor


class TokenListener(StoppingCriteria):
    """Called by `generate` after each token; rows whose listener says no are done."""

    def __init__(self, processor: PalmEProcessor, start: int, on_token: Callable[[int, str, float], bool]) -> None:
        """start: tokens of the prompt. on_token: (row, text, probability) -> whether to go on."""
        self._processor, self._start, self._on_token = processor, start, on_token
        self._over: set[int] = set()

    def __call__(self, input_ids: torch.Tensor, scores: tuple[torch.Tensor, ...], **_: object) -> torch.Tensor:
        """bool[B]: which rows end here. input_ids: int64[B, T]. scores: float[B, V] of each token, after the mask."""
        chosen, last = input_ids[:, -1], scores[-1].float().log_softmax(-1)
        end = self._processor.tokenizer.eos_token_id
        for row, token in enumerate(chosen.tolist()):
            if row not in self._over and not self._on_token(row, self._news(input_ids[row], token == end),
                                                            float(last[row, token].exp())):
                self._over.add(row)
            if token == end:
                self._over.add(row)
        return torch.tensor([row in self._over for row in range(len(chosen))], device=input_ids.device)

    def _news(self, ids: torch.Tensor, is_end: bool) -> str:
        """The text that the last token added; words may join differently once more of them are known."""
        if is_end:
            return ""
        written = ids[self._start:].tolist()
        return self._processor.decode(written)[len(self._processor.decode(written[:-1])):]
