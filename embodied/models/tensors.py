"""The tensors of a folder, before a model is built to hold them: enough for its vision encoder, each number finite."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import safetensors
import torch
from torch import nn

from embodied.models.base_reference import base_folder
from embodied.models.checkpoint_checks import CheckpointError, read_json
from embodied.models.configuration import STUMBLES, PalmEConfig, misfit
from embodied.models.folder import REMEDY, count_numbers, eyes_of
from embodied.models.scene_encoders import find_encoder
from embodied.models.vision import build_vision


def check_tensors(folder: Path) -> None:
    """Raise CheckpointError for weights that are not finite, or fewer than the encoder of config.json has."""
    weights = sorted(folder.glob("*.safetensors"))
    _check_vision(folder / "config.json", weights)
    for path in weights:
        _check_finite(path)


def _encoder(path: Path) -> nn.Module:
    """The vision tower that a config.json asks for, laid out without memory; an empty module where its scene encoder
    has none. CheckpointError where it names none that is known."""
    try:
        config = PalmEConfig.from_dict(read_json(path))
        if find_encoder(config.scene_encoder).pixels is None:
            return nn.Module()
        with torch.device("meta"):
            return build_vision(config.vision_config)
    except CheckpointError:
        raise
    except (ValueError, *STUMBLES) as error:
        said = error if isinstance(error, ValueError) else misfit(error)
        raise CheckpointError(f"checkpoint file {path}: {said}; {REMEDY}") from error


def _check_vision(path: Path, weights: Sequence[Path]) -> None:
    """Raise CheckpointError where config.json names an encoder of more numbers than the weights, or the base that it
    names, have for one.

    Sizes of an encoder follow from its name alone; it is laid out without memory to count them.
    """
    named, base = sum(parameter.numel() for parameter in _encoder(path).parameters()), eyes_of(read_json(path))
    if base is None:
        found = sum(count_numbers(file, "vision.") for file in weights)
    else:
        found = sum(map(count_numbers, base_folder(base, path.parent).glob("*.safetensors")))
    if named > found:
        raise CheckpointError(f"checkpoint file {path}: vision_config: expected an encoder of the "
                              f"{found:,} numbers in the weights beside it, got one of {named:,}; {REMEDY}")


def _check_finite(path: Path) -> None:
    """Raise CheckpointError for a weight that is no number, or endless: a model with one answers nothing."""
    with safetensors.safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            tensor = file.get_tensor(name)
            if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
                raise CheckpointError(f"checkpoint file {path}: {name}: expected finite numbers, got NaN or infinity; "
                                      f"{REMEDY}")
