"""Watches a model while it writes several rows at once: where each of them ends, and who hears its tokens.

Legend: B = rows of the batch, T = tokens so far, V = words of the model's output layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from transformers import StoppingCriteria

if TYPE_CHECKING:
    from embodied.models.processor import PalmEProcessor

OnToken = Callable[[int, str, float], bool]
"""(row, text of the token, its probability after the mask): whether to go on."""


class RowEnds(StoppingCriteria):
    """Called by `generate` after each token. A row ends with the model's end token, with its own room, or when its
    listener says no; what others still write beside it is padding to it."""

    def __init__(self, processor: PalmEProcessor, start: int, rooms: Sequence[int], on_token: OnToken | None = None,
                 on_end: Callable[[int], None] | None = None) -> None:
        """start: tokens of the padded prompt. rooms: most tokens of each row's answer. on_end: told each row that is
        over."""
        self._processor, self._start, self.rooms = processor, start, list(rooms)
        self._on_token, self._on_end = on_token, on_end
        self._told = [""] * len(self.rooms)
        self.lengths: dict[int, int] = {}
        """Row -> tokens of its answer, the end token among them; of the rows that are over."""

    def __call__(self, input_ids: torch.Tensor, scores: tuple[torch.Tensor, ...], **_: object) -> torch.Tensor:
        """bool[B]: which rows are over. input_ids: int64[B, T]. scores: float[B, V] of each token, after the mask."""
        count, end = input_ids.shape[1] - self._start, self._processor.tokenizer.eos_token_id
        last = scores[-1].float().log_softmax(-1) if self._on_token else None
        for row, token in enumerate(input_ids[:, -1].tolist()):
            if row in self.lengths:
                continue
            is_last = token == end or count >= self.rooms[row]
            goes_on = last is None or self._tell(row, input_ids[row], is_last, float(last[row, token].exp()))
            if is_last or not goes_on:
                self._finish(row, count)
        return torch.tensor([row in self.lengths for row in range(len(input_ids))], device=input_ids.device)

    def _finish(self, row: int, count: int) -> None:
        self.lengths[row] = count
        if self._on_end is not None:
            self._on_end(row)

    def _tell(self, row: int, ids: torch.Tensor, is_last: bool, probability: float) -> bool:
        """Whether the row's listener wants more. It hears the text that the last token added."""
        text = settled(self._processor.decode(ids[self._start:].tolist()), is_last)
        news, self._told[row] = text[len(self._told[row]):], text
        return self._on_token(row, news, probability)


def settled(text: str, is_last: bool) -> str:
    """What of a decoded text no further token will change: a letter's bytes may come one token at a time, and are
    replacement characters until the last of them is there."""
    return text if is_last else text.rstrip("\ufffd")
