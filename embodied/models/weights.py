"""A model's weights as bytes in safetensors' form: how a copy of it in another process learns what this one has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load, load_file, save
from torch import Tensor, nn


def weights_to_bytes(model: nn.Module) -> bytes:
    """Every parameter and buffer of a model, those that share their memory once."""
    state = model.state_dict()
    return save({names[0]: state[names[0]].detach().cpu().contiguous() for names in _shared(state)})


def load_weights(model: nn.Module, weights: bytes | str | Path) -> None:
    """Put weights into a model, in place: of `weights_to_bytes`, or a safetensors file, or a folder that holds one.

    Raise ValueError, with the model as it was, for what cannot be read, and for weights of another model, naming each
    tensor that is missing, unexpected or misshapen.
    """
    given, state = _read(weights), model.state_dict()
    _check(given, state)
    with torch.no_grad():
        for name, tensor in given.items():
            state[name].copy_(tensor)


def _read(weights: bytes | str | Path) -> Mapping[str, Tensor]:
    try:
        if isinstance(weights, bytes):
            return load(weights)
        path = Path(weights)
        return load_file(path / "model.safetensors" if path.is_dir() else path)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"weights: expected bytes or a file in safetensors' form, got: {error}; make them with "
                         "weights_to_bytes or save_pretrained") from error


def _check(given: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    faults = {
        "missing": [names[0] for names in _shared(state) if not given.keys() & set(names)],
        "unexpected": sorted(given.keys() - state.keys()),
        "misshapen": [n for n, tensor in given.items() if n in state and tensor.shape != state[n].shape]}
    listed = "; ".join(f"{kind}: {', '.join(names[:8])} ({len(names)})" for kind, names in faults.items() if names)
    if listed:
        raise ValueError(f"weights do not fit this model: {listed}; give those of a model of the same configuration")


def _shared(state: Mapping[str, Tensor]) -> list[list[str]]:
    """The names of a state, those of one memory together."""
    groups: dict[object, list[str]] = {}
    for name, tensor in state.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        groups.setdefault(place, []).append(name)
    return list(groups.values())
