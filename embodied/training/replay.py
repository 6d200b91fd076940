"""What a base says of texts that it wrote itself, kept in mind while it learns to plan.

The texts are sampled at temperature 1, so that nothing of anybody else's is needed ("pseudo-rehearsal", Robins 1995),
and a planner is held to what the base says comes next in them: KL(base || planner) at each token (learning without
forgetting, arXiv 1606.09282). Held to the sampled words alone, a planner learns these by heart: its perplexity on other
texts rose by 82 % where it rose by 55 % without any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor
from torch.nn import functional as F
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from embodied.data.batches import Collate
from embodied.data.files import write_whole
from embodied.data.progress import progress
from embodied.training.objectives.losses import IGNORED
from embodied.training.replay_settings import Replay

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int64

OPENINGS = ("The", "In", "A", "When", "It", "We", "To", "There", "If", "On", "How", "Once")
"""Beginnings of every second text; the others begin with the mark of the beginning alone, where a model that was taught
to converse begins a conversation."""

AT_ONCE = 64
"""Texts that are written side by side."""

LIKELIEST = 64
"""Words of the base's distribution that are kept at each token; the rest is one."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text and what the base says of it. T tokens, K likeliest words."""

    ids: Int64[Tensor, " T"]
    words: Int64[Tensor, "T-1 K"]  # likeliest after each token but the last
    log_probs: Float[Tensor, "T-1 K"]  # natural, of those


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a batch of examples and texts is held to. B rows, T tokens, P tokens of texts that have a next."""

    rows: int  # that are texts, the last ones
    positions: Bool[Tensor, "B T"]  # of those P
    words: Int64[Tensor, "P K"]
    log_probs: Float[Tensor, "P K"]
    weight: float


def write_texts(file: Path, settings: Replay, language: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, seed: int
                ) -> None:
    """Have the language model write its texts, and keep them, and what it says of them, in a file."""
    texts = []
    with progress("texts of the base", settings.texts) as written:
        for text in write(language, tokenizer, settings, seed):
            texts.append(text)
            written()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, serialize({f"{i:05d}.{name}": getattr(text, name).contiguous()
                                 for i, text in enumerate(texts) for name in ("ids", "words", "log_probs")}))


def read_texts(file: Path) -> list[Text]:
    """The texts that `write_texts` kept."""
    tensors = load_file(file)
    return [Text(*(tensors[f"{i:05d}.{name}"] for name in ("ids", "words", "log_probs")))
            for i in range(len(tensors) // 3)]


@torch.no_grad()
def write(language: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Replay, seed: int
          ) -> Iterator[Text]:
    """Texts that the language model writes at temperature 1; torch's own generator is as it was afterwards."""
    starts = _starts(tokenizer, settings.texts)
    for first in range(0, len(starts), AT_ONCE):
        with torch.random.fork_rng():
            torch.manual_seed(seed + first)
            chunk = _continued(language, starts[first:first + AT_ONCE], settings.tokens, tokenizer)
        yield from (_told(language, ids) for ids in chunk if len(ids) > 1)


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


def _told(language: PreTrainedModel, ids: list[int]) -> Text:
    logits = language(torch.tensor([ids], device=language.device)).logits[0, :-1].float()
    log_probs, words = logits.log_softmax(-1).topk(min(LIKELIEST, logits.shape[-1]))
    return Text(torch.tensor(ids), words.cpu(), log_probs.cpu())


def with_replay(collate: Collate, texts: Sequence[Text], settings: Replay, pad_id: int, seed: int) -> Collate:
    """The collation with texts after the examples, `settings.share` of them for each, at least one, drawn by seed and
    step. Its inputs have a `Replayed` beside, as `replayed`."""

    def collate_both(chosen: np.ndarray, step: int) -> tuple[Sequence[str], dict[str, Any]]:
        ids, inputs = collate(chosen, step)
        count = max(round(settings.share * len(chosen)), 1)
        drawn = np.random.default_rng([seed, step, int(chosen[0])]).choice(len(texts), count)
        return ids, _joined(inputs, [texts[place] for place in drawn], settings.weight, pad_id)

    return collate_both


def _joined(inputs: Mapping[str, Any], texts: Sequence[Text], weight: float, pad_id: int) -> dict[str, Any]:
    """The inputs with a row for each text, none of whose tokens is graded."""
    width = max(inputs["input_ids"].shape[1], *(len(text.ids) for text in texts))
    ones, ungraded = [torch.ones_like(t.ids) for t in texts], [torch.full_like(t.ids, IGNORED) for t in texts]
    nowhere = torch.zeros_like(inputs["input_ids"])
    positions = _rows(nowhere, [one[:-1] for one in ones], width, 0).bool()
    replayed = Replayed(len(texts), positions, torch.cat([t.words for t in texts]),
                        torch.cat([t.log_probs for t in texts]), weight)
    return {**inputs, "input_ids": _rows(inputs["input_ids"], [t.ids for t in texts], width, pad_id),
            "attention_mask": _rows(inputs["attention_mask"], ones, width, 0),
            "labels": _rows(inputs["labels"], ungraded, width, IGNORED), "replayed": replayed}


def _rows(tensor: Int64[Tensor, "B T"], rows: Sequence[Tensor], width: int, fill: int
          ) -> Int64[Tensor, "both W"]:
    more = torch.stack([F.pad(row, (0, width - len(row)), value=fill) for row in rows])
    return torch.cat([F.pad(tensor, (0, width - tensor.shape[1]), value=fill), more])
