"""A planner beside the base that it began as: what it keeps, and whether the base is still inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from embodied.models.base_reference import base_folder
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.language import build_language
from embodied.models.loading import load
from embodied.models.on_base import adapters_off, merge_adapters
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.retention import compare, read, read_planner, texts


def report(folder: Path, base: str | None = None) -> dict[str, Any]:
    """The numbers of `compare` of a checkpoint, and, where it names its base: whether it is the base to the bit with
    its adapters off, and the relative root mean square by which its logits move when they are merged.

    base: name or folder of a checkpoint that does not say on what it stands. CheckpointError where neither is known.
    """
    model, processor = load(folder)
    named = base or (None if model.config.base is None else str(base_folder(model.config.base, folder)))
    if named is None:
        raise CheckpointError(f"checkpoint {folder}: expected a planner that stands on a base, got one that holds all "
                              "its weights; say what it began as: suite.base=small")
    published, tokenizer = build_language(named).eval(), processor.tokenizer
    known = read(lambda ids: published(ids).logits, tokenizer)
    found = compare(read_planner(model, tokenizer), known)
    return found | ({} if model.config.base is None else _of_adapters(model, published, tokenizer))


@torch.inference_mode()
def _of_adapters(model: PalmEForConditionalGeneration, published: PreTrainedModel, tokenizer: Any) -> dict[str, Any]:
    """The model's adapters are merged afterwards."""
    ids = torch.tensor([tokenizer(texts()[0], add_special_tokens=False)["input_ids"]])
    first = model.config.new_word_first_id

    def logits() -> Tensor:
        return model(input_ids=ids).logits

    learned = logits()
    with adapters_off(model.language):
        is_base = torch.equal(logits()[..., :first], published(ids).logits[..., :first])
    merge_adapters(model.language)
    moved = (logits() - learned).square().mean().sqrt() / learned.square().mean().sqrt()
    return {"is_base_without_adapters": is_base, "merged_relative_rms": float(moved)}
