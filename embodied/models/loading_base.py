"""Planners that stand on a base, for language or for vision: it is found and compared, and what was learned is put
beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from embodied.models.base_reference import base_folder, check_base
from embodied.models.checkpoint_checks import CheckpointError, read_json
from embodied.models.configuration import PalmEConfig, PalmEVisionConfig
from embodied.models.folder import eyes_of
from embodied.models.language import build_language, published_config
from embodied.models.vision import build_vision
from embodied.models.weights import put_weights


def read_on_base(cls: Any, folder: Any, *args: Any, **kwargs: Any) -> Any:
    """The model of a local folder whose config.json names a base; None where it is another kind of checkpoint.

    CheckpointError where the base is not here, is another one, or what was learned does not fit beside it.
    """
    path = Path(str(folder), kwargs.get("subfolder") or "")
    values = read_json(path / "config.json") if (path / "config.json").is_file() else {}
    if values.get("base") is None and eyes_of(values) is None:
        return None
    config = PalmEConfig.from_dict(values)
    model = cls(config, None if config.base is None else _read_language(config, path))
    if config.vision_config.base is not None and model.vision is not None:
        model.vision.load_state_dict(_read_eyes(config.vision_config, path))
    try:
        put_weights(model, load_file(path / "model.safetensors"))
    except (ValueError, OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path}: its weights do not fit beside its base: {error}") from error
    if (path / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(path)
    dtype = kwargs.get("dtype")
    return model.to(dtype if isinstance(dtype, torch.dtype) else torch.float32).eval()


def _read_language(config: PalmEConfig, path: Path) -> PreTrainedModel:
    """The base for language of the checkpoint in a folder."""
    base = base_folder(config.base, path)
    check_base(config.base, base, path)
    language = build_language(base)
    _check_same_architecture(config, base, path)
    return language


def _read_eyes(config: PalmEVisionConfig, path: Path) -> dict[str, Tensor]:
    """The weights of the base for vision of the checkpoint in a folder, in an encoder's own names."""
    base = base_folder(config.base, path)
    check_base(config.base, base, path)
    try:
        return build_vision(config, published=base).state_dict()
    except ValueError as error:
        raise CheckpointError(f"checkpoint {path}: its eyes cannot be read from their base: {error}") from error


def _check_same_architecture(config: PalmEConfig, base: Path, path: Path) -> None:
    """Raise CheckpointError where text_config is of other sizes than the base's own configuration."""
    found = published_config(str(base))
    for key in ("model_type", "hidden_size", "num_hidden_layers", "vocab_size", "tie_word_embeddings"):
        if getattr(config.text_config, key, None) != getattr(found, key, None):
            raise CheckpointError(f"checkpoint {path}: text_config.{key}: expected {getattr(found, key, None)}, as its "
                                  f"base has, got {getattr(config.text_config, key, None)}")
