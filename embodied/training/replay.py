"""Texts that a base writes itself, to be said again while it learns to plan: what keeps its language as it was.

Sampled at temperature 1, their cross-entropy has the gradient of KL(base || planner) over what the base says, whatever
of the planner moves ("pseudo-rehearsal", Robins 1995; "self-synthesised rehearsal", arXiv 2403.01244). Nothing of
anybody else's text is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from embodied.data.batches import Collate
from embodied.data.collect import progress
from embodied.data.files import write_json
from embodied.training.objectives.losses import IGNORED
from embodied.training.replay_settings import Replay

if TYPE_CHECKING:
    from jaxtyping import Int64

OPENINGS = ("The", "In", "A", "When", "It", "We", "To", "There", "If", "On", "How", "Once")
"""Beginnings of every second text; the others begin with the mark of the beginning alone, where a model that was taught
to converse begins a conversation."""

AT_ONCE = 32
"""Texts that are written side by side."""


def texts_of(file: Path, settings: Replay, language: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int
             ) -> list[list[int]]:
    """Token ids of each text, from the file where it holds them, else written now and kept there."""
    if not file.exists():
        with progress("texts of the base", settings.texts) as written:
            texts = []
            for text in write(language, tokenizer, settings, seed):
                texts.append(text)
                written()
        write_json(file, {"seed": seed, "tokens": settings.tokens, "texts": texts})
    return json.loads(file.read_text())["texts"]


@torch.no_grad()
def write(language: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Replay, seed: int
          ) -> Iterator[list[int]]:
    """Token ids of texts that the language model writes at temperature 1; torch's own generator is as it was
    afterwards."""
    starts = _starts(tokenizer, settings.texts)
    for first in range(0, len(starts), AT_ONCE):
        with torch.random.fork_rng():
            torch.manual_seed(seed + first)
            chunk = _continued(language, starts[first:first + AT_ONCE], settings.tokens, tokenizer)
        yield from chunk


def _starts(tokenizer: PreTrainedTokenizerBase, count: int) -> list[list[int]]:
    mark = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    opened = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in OPENINGS]
    return [[mark] if i % 2 else opened[i // 2 % len(opened)] for i in range(count)]


def _continued(language: PreTrainedModel, starts: Sequence[list[int]], tokens: int, tokenizer: PreTrainedTokenizerBase
               ) -> list[list[int]]:
    width, end, device = max(map(len, starts)), tokenizer.eos_token_id, language.device
    ids = torch.tensor([[end] * (width - len(start)) + start for start in starts], device=device)
    mask = torch.tensor([[0] * (width - len(start)) + [1] * len(start) for start in starts], device=device)
    said = language.generate(input_ids=ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                             max_new_tokens=tokens, pad_token_id=end, eos_token_id=end)
    return [start + _until(row[width:].tolist(), end) for start, row in zip(starts, said, strict=True)]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[:ids.index(end) + 1] if end in ids else ids


def with_replay(collate: Collate, texts: Sequence[list[int]], share: float, pad_id: int, seed: int) -> Collate:
    """The collation with texts after the examples, `share` of them for each, at least one, drawn by seed and step.

    Its inputs have `replay_rows` beside, how many of their last rows are texts.
    """

    def collate_both(chosen: np.ndarray, step: int) -> tuple[Sequence[str], dict[str, Any]]:
        ids, inputs = collate(chosen, step)
        count = max(round(share * len(chosen)), 1)
        drawn = np.random.default_rng([seed, step, int(chosen[0])]).choice(len(texts), count)
        return ids, {**_joined(inputs, [texts[place] for place in drawn], pad_id), "replay_rows": count}

    return collate_both


def _joined(inputs: Mapping[str, Any], texts: Sequence[list[int]], pad_id: int) -> dict[str, Any]:
    """The inputs with a row for each text, all of whose tokens but the first are graded."""
    width = max(inputs["input_ids"].shape[1], *map(len, texts))
    return {**inputs, "input_ids": _rows(inputs["input_ids"], texts, width, pad_id),
            "attention_mask": _rows(inputs["attention_mask"], [[1] * len(text) for text in texts], width, 0),
            "labels": _rows(inputs["labels"], texts, width, IGNORED)}


def _rows(tensor: Int64[Tensor, "B T"], rows: Sequence[list[int]], width: int, fill: int) -> Int64[Tensor, "both W"]:
    more = torch.tensor([row + [fill] * (width - len(row)) for row in rows])
    return torch.cat([F.pad(tensor, (0, width - tensor.shape[1]), value=fill), more])
