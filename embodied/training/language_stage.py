"""How a decoder that learns a language from nothing is begun, what it learns from, and what it leaves.

B rows, T tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from embodied.data.batches import Batches, Sampler
from embodied.data.files import replaced_folder, write_json
from embodied.data.text.packing import packed
from embodied.data.text.road import HELD_OUT, LEARNED, read_texts
from embodied.data.text.road import prepare as prepare_texts
from embodied.models.tokens import train_tokenizer
from embodied.training import checkpoint
from embodied.training.job import Job, make_job, validate
from embodied.training.objectives.language import counts, next_token
from embodied.training.placement import Placement
from embodied.training.run_folder import RunFolder

if TYPE_CHECKING:
    from embodied.training.stages.pretrain import PretrainSettings

TOKENIZER_CHARACTERS = 20_000_000
"""Of the texts that a tokenizer is made of, as they come."""
_AT_ONCE = 256  # texts


def begin(run: RunFolder, stage: str, settings: PretrainSettings) -> None:
    """Prepare the texts, make the tokenizer of those that are learned from, and lay the tokens of both parts end to
    end, once for all workers. ValueError where there is no text, or too little."""
    folder = run.of(stage)
    card = prepare_texts(settings.text, folder / "text")
    print(f"{stage}: {card['counts']['learned']} of {card['counts']['found']} documents to learn from", flush=True)
    if (folder / "tokens" / "card.json").exists():
        return
    with replaced_folder(folder / "tokens") as draft:
        learned, held_out = (read_texts(folder / "text", name) for name in (LEARNED, HELD_OUT))
        tokenizer = train_tokenizer(_first(learned, TOKENIZER_CHARACTERS), run.settings.model.vocab_size)
        tokenizer.save_pretrained(draft / "tokenizer")
        order = np.random.default_rng([run.settings.seed, 9]).permutation(len(learned))
        rows = {"learned": rows_in([learned[i] for i in order], tokenizer, settings.length),
                "held_out": rows_in(held_out, tokenizer, settings.length)}
        if not len(rows["learned"]):
            raise ValueError(f"{stage}: expected at least {settings.length} tokens to learn from, one row, got fewer; "
                             "give more texts, or a smaller length, in a new run folder")
        if not len(rows["held_out"]):
            print(f"{stage}: the held-out texts make no row of {settings.length} tokens, so that nothing is measured; "
                  "a greater stage.pretrain.text.held_out_percent holds out more", flush=True)
        if settings.most_tokens is not None:
            rows["learned"] = rows["learned"][:max(settings.most_tokens // settings.length, 1)]
        for name, part in rows.items():
            np.save(draft / f"{name}.npy", part, allow_pickle=False)
        write_json(draft / "card.json", {name: int(part.size) for name, part in rows.items()})


def _first(texts: Sequence[str], characters: int) -> list[str]:
    ends = np.cumsum([len(text) for text in texts])
    return list(texts[:int(np.searchsorted(ends, characters)) + 1])


def rows_in(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast, length: int) -> np.ndarray:
    """uint32[rows, length]: the tokens of texts, laid end to end."""
    ids = [row for start in range(0, len(texts), _AT_ONCE)
           for row in tokenizer(list(texts[start:start + _AT_ONCE]), add_special_tokens=False)["input_ids"]]
    return packed(ids, length, tokenizer.eos_token_id)


def rows_of(run: RunFolder, stage: str, name: str) -> np.ndarray:
    """uint32[rows, length]: the tokens of "learned" or "held_out" texts."""
    return np.load(run.of(stage) / "tokens" / f"{name}.npy", mmap_mode="r", allow_pickle=False)


def tokenizer_of(run: RunFolder, stage: str) -> PreTrainedTokenizerFast:
    """The tokenizer that was made of the texts."""
    return PreTrainedTokenizerFast.from_pretrained(run.of(stage) / "tokens" / "tokenizer")


def new_decoder(run: RunFolder, stage: str) -> nn.Module:
    """A decoder of the run's sizes, drawn from the seed, for the words of the tokenizer."""
    tokenizer, sizes = tokenizer_of(run, stage), dict(run.settings.model.language)
    torch.manual_seed(run.settings.seed)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(
        sizes.pop("model_type"), **sizes, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id))


def prepare(run: RunFolder, stage: str, settings: PretrainSettings, placement: Placement) -> Job:
    """The job of learning the next token of the texts; it is measured on those that are held out."""
    model, learned, held_out = new_decoder(run, stage), *(rows_of(run, stage, name) for name in ("learned", "held_out"))
    sampler = Sampler(np.full(len(learned), settings.length), batch_size=settings.batch_size, seed=run.settings.seed)
    batches = Batches(sampler, partial(_collate, learned), rank=placement.data_rank, world_size=placement.data_size,
                      loaders=run.settings.loaders,
                      shares=placement.shares(model, settings.batch_size // placement.data_size))
    measure = partial(validate, objective=next_token, check=partial(_collate, held_out), count=len(held_out),
                      batch_size=settings.batch_size, placement=placement, counts=counts)
    return make_job(settings, model, batches, next_token, placement, measure)


def _collate(rows: np.ndarray, places: np.ndarray, step: int) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The rows at some places, int64[B, T]."""
    ids = np.stack([rows[place] for place in places]).astype(np.int64)
    return tuple(f"row {place}" for place in places), {"input_ids": torch.from_numpy(ids)}


def publish(run: RunFolder, stage: str, last: Path) -> None:
    """Leave the language model of the last checkpoint, with its tokenizer, as a published one."""
    model = new_decoder(run, stage)
    checkpoint.load_weights(model, last)
    with replaced_folder(run.of(stage) / "model") as draft:
        model.eval().save_pretrained(draft)
        tokenizer_of(run, stage).save_pretrained(draft)
