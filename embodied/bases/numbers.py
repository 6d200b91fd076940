"""What a base says to fixed inputs: the same numbers wherever the same model was converted, and by nobody else's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from embodied.bases.catalogue import BaseError

PROBE = "The capital of France is"
TRAP = "There are\n\n  17 blocks, 3.25 m apart; obj_12 is the 2nd of  1,048 "
"""Split otherwise by a tokenizer of SmolLM that lacks its digits pre-tokeniser."""
ROUND_TRIPS = (TRAP, "Stell den grünen Becher daneben, bitte!", "x = {'a': [1, 2]}\n\treturn x  # done\n", "日本語 ✓")
LICENCE_TEXT = (Path(__file__).parent / "licence_text.txt").read_text(encoding="utf-8")
"""The first 3,000 characters of the licence of Python 3.11."""
PAIRS = (("red block", "crimson cube"), ("the red block", "the crimson cube"),
         ("the red block", "the weather in Paris"))
_HERE = {"trust_remote_code": False, "local_files_only": True}
KEPT = 8
"""Numbers that are kept of an output."""
SIDE_PX = 224
"""Of a test picture for models that take any size."""
MOST_LIKELY = 16
"""Words after PROBE that are kept."""


def of_folder(folder: Path, role: str) -> dict[str, Any]:
    """The numbers of a base's folder, JSON values. BaseError where its parts do not fit each other."""
    logging.disable_progress_bar()
    return {"language": _of_language, "vision": _of_vision, "sentences": _of_sentences}[role](folder)


def _of_language(folder: Path) -> dict[str, Any]:
    """output: first logits of PROBE's last token; likeliest: the words most likely to follow, with log-probabilities;
    licence_perplexity of LICENCE_TEXT; token_ids of TRAP; round_trip: whether every text of ROUND_TRIPS comes back."""
    model, tokenizer = load_language(folder)
    check_pair(model, tokenizer, str(folder))
    with torch.inference_mode():
        logits = model(_ids(tokenizer, PROBE)).logits[0, -1].float()
    scores, words = logits.log_softmax(-1).topk(MOST_LIKELY)
    return {"output": _rounded(logits[:KEPT]),
            "likeliest": [list(pair) for pair in zip(words.tolist(), _rounded(scores), strict=True)],
            "licence_perplexity": round(perplexity(model, tokenizer, LICENCE_TEXT), 4),
            "token_ids": tokenizer(TRAP, add_special_tokens=False)["input_ids"],
            "round_trip": all(_comes_back(tokenizer, text) for text in ROUND_TRIPS)}


def load_language(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model (float32, evaluation mode) and tokenizer of a folder. BaseError for one that cannot be read."""
    return _loaded(folder, "a language model", AutoModelForCausalLM)


def _loaded(folder: Path, what: str, kind: type) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    try:
        model = kind.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **_HERE)
        return model.eval(), AutoTokenizer.from_pretrained(folder, **_HERE)
    except (OSError, ValueError) as error:
        raise _unreadable(folder, what, error) from error


def _unreadable(folder: Path, what: str, error: Exception) -> BaseError:
    return BaseError(f"base {folder}: cannot be read as {what} ({' '.join(str(error).split())[:300]})")


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
    """int64[1, T], of whatever length: who asks cuts it."""
    return torch.tensor([tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]])


def _comes_back(tokenizer: PreTrainedTokenizerBase, text: str) -> bool:
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def _rounded(values: Iterable[Tensor]) -> list[float]:
    return [round(float(value), 5) for value in values]


def _of_vision(folder: Path) -> dict[str, Any]:
    """output: of a test picture the first class scores, or the first features of its class token, or of its mean."""
    config = json.loads((folder / "config.json").read_text())
    try:
        model, side = _of_timm(folder, config) if "architecture" in config else _of_transformers(folder, config)
        with torch.inference_mode():
            found = model.eval()(test_picture(side))
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise _unreadable(folder, "a vision encoder", error) from error
    found = found if isinstance(found, Tensor) else found.last_hidden_state[:, 0]
    return {"output": _rounded(found[0, :KEPT])}


def _of_transformers(folder: Path, config: dict[str, Any]) -> tuple[nn.Module, int]:
    """A model, and the side in pixels of the pictures that it was trained with, or of those that it can take."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **_HERE)
    model = getattr(model, "vision_model", model)
    return model, SIDE_PX if config["model_type"] == "dinov2" else model.config.image_size


def _of_timm(folder: Path, config: dict[str, Any]) -> tuple[nn.Module, int]:
    import timm

    sizes = config.get("model_args") or {}
    if strange := [key for key, value in sizes.items() if isinstance(value, str | dict)]:
        raise ValueError(f"model_args.{strange[0]}: expected sizes alone")
    model = timm.create_model(config["architecture"], pretrained=False, num_classes=config["num_classes"], **sizes)
    side = config["pretrained_cfg"]["input_size"][-1]
    if "levels" not in config:
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model, side
    model.prune_intermediate_layers([config["levels"] - 1], prune_norm=True, prune_head=True)
    model.head = nn.Identity()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return nn.Sequential(model, nn.AdaptiveAvgPool2d(1), nn.Flatten()), side


def _of_sentences(folder: Path) -> dict[str, Any]:
    """output: first numbers of the vector of the first of PAIRS; similarities of the PAIRS."""
    model, tokenizer = _loaded(folder, "a model of sentences", AutoModel)
    vectors = [[sentence_vector(model, tokenizer, text) for text in pair] for pair in PAIRS]
    return {"output": _rounded(vectors[0][0][:KEPT]), "similarities": _rounded([a @ b for a, b in vectors])}


@torch.inference_mode()
def sentence_vector(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> Tensor:
    """float[D], of length 1: the mean of the last hidden states of all tokens, marks among them."""
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    return torch.nn.functional.normalize(model(ids).last_hidden_state[0].mean(dim=0), dim=0)


def test_picture(side: int) -> Tensor:
    """float[1, 3, side, side] in [-1, 1]: waves of three directions."""
    at = torch.linspace(-3, 3, side)
    waves = [torch.sin(a * at[:, None] + b * at[None, :]) for a, b in ((2.0, 1.0), (-1.0, 3.0), (0.5, -2.0))]
    return torch.stack(waves)[None]
