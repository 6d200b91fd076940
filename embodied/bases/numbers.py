"""What a base says to fixed inputs: the same numbers wherever the same model was converted, and by nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from embodied.bases.catalogue import BaseError

PROBE = "The capital of France is"
TRAP = "There are\n\n  17 blocks, 3.25 m apart; obj_12 is the 2nd of  1,048 "
"""Split otherwise by a tokenizer of SmolLM that lacks its digits pre-tokeniser."""
ROUND_TRIPS = (TRAP, "Stell den grünen Becher daneben, bitte!", "x = {'a': [1, 2]}\n\treturn x  # done\n", "日本語 ✓")
LICENCE_TEXT = (Path(__file__).parent / "licence_text.txt").read_text(encoding="utf-8")
"""Sections 3 to 8 of Python's own licence."""
KEPT = 8
"""Numbers that are kept of an output."""


def of_folder(folder: Path, role: str) -> dict[str, Any]:
    """The numbers of a base's folder, JSON values. BaseError where its parts do not fit each other."""
    return _of_language(folder) if role == "language" else _of_vision(folder)


def _of_language(folder: Path) -> dict[str, Any]:
    """output: first logits of PROBE's last token; perplexity of LICENCE_TEXT; token_ids of TRAP; round_trip: whether
    every text of ROUND_TRIPS comes back."""
    model, tokenizer = load_language(folder)
    check_pair(model, tokenizer, str(folder))
    with torch.inference_mode():
        logits = model(_ids(tokenizer, PROBE)).logits[0, -1, :KEPT].float()
    return {"output": _rounded(logits), "perplexity": round(perplexity(model, tokenizer, LICENCE_TEXT), 4),
            "token_ids": tokenizer(TRAP, add_special_tokens=False)["input_ids"],
            "round_trip": all(_comes_back(tokenizer, text) for text in ROUND_TRIPS)}


def load_language(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model (float32, evaluation mode) and tokenizer of a folder. BaseError for one that cannot be read."""
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True,
                                                     trust_remote_code=False, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BaseError(f"base {folder}: cannot be read as a language model ({' '.join(str(error).split())[:300]})"
                        ) from error
    return model.eval(), tokenizer


def check_pair(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, where: str) -> None:
    """Raise BaseError unless every token has a row in the model's embeddings."""
    rows = model.get_input_embeddings().num_embeddings
    most = max(tokenizer.get_vocab().values(), default=-1)
    if most >= rows:
        raise BaseError(f"base {where}: expected a tokenizer of at most {rows:,} tokens, as the model has, got ids up "
                        f"to {most:,}: they are of two models; put the tokenizer there that the model was trained with")


@torch.inference_mode()
def perplexity(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> float:
    """exp of the mean negative log-likelihood of a text's tokens but the first, natural."""
    ids = _ids(tokenizer, text)[:, :model.config.max_position_embeddings]
    logits = model(ids).logits[0, :-1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]).exp())


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> Tensor:
    """int64[1, T]"""
    return torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])


def _comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def _rounded(values: Tensor) -> list[float]:
    return [round(float(value), 5) for value in values]


def _of_vision(folder: Path) -> dict[str, Any]:
    """output: first class scores of a test picture."""
    import timm

    config = json.loads((folder / "config.json").read_text())
    model = timm.create_model(config["architecture"], pretrained=False, num_classes=config["num_classes"]).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    side = config["pretrained_cfg"]["input_size"][-1]
    with torch.inference_mode():
        return {"output": _rounded(model(test_picture(side))[0, :KEPT])}


def test_picture(side: int) -> Tensor:
    """float[1, 3, side, side] in [-1, 1]: waves of three directions."""
    at = torch.linspace(-3, 3, side)
    waves = [torch.sin(a * at[:, None] + b * at[None, :]) for a, b in ((2.0, 1.0), (-1.0, 3.0), (0.5, -2.0))]
    return torch.stack(waves)[None]
