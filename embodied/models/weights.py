"""A model's weights as values: put into another copy of it, here or in another process, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load, load_file, save
from torch import Tensor, nn

_NAMED = 8  # tensors that a message names of each kind


def weights_to_bytes(model: nn.Module) -> bytes:
    """Every parameter and buffer of a model in safetensors' form, those that share their memory once."""
    state = model.state_dict()
    return save({name: state[name].detach().cpu().contiguous() for name in stored_names(state)})


def load_weights(model: nn.Module, weights: bytes | str | Path) -> None:
    """Put weights into a model, in place: of `weights_to_bytes`, or a safetensors file, or a folder that holds one.

    Raise ValueError, with the model as it was, for what cannot be read, and as `put_weights` does.
    """
    put_weights(model, _read(weights))


def put_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Put weights into a model, in place, all of them: of names that share a tensor, one is enough.

    weights: values of `Module.state_dict`, on any device, or what gives one by `[...]`. Raise ValueError, with the
    model as it was, naming what is missing, unexpected or misshapen, or for a model whose adapters were made part of
    its base (`merge_adapters`).
    """
    if any(getattr(module, "merged_adapters", None) for module in model.modules()):
        raise ValueError("expected a model whose adapters stand beside its base, got one in which they are merged; "
                         "load_agent(takes_weights=True) leaves them apart")
    state = model.state_dict()
    given = {_storage(name, state[name]) for name in weights if name in state}
    faults = {
        "missing": [name for name in stored_names(state) if _storage(name, state[name]) not in given],
        "unexpected": sorted(weights.keys() - state.keys()),
        "misshapen": [n for n, tensor in weights.items() if n in state and tensor.shape != state[n].shape]}
    if any(faults.values()):
        raise ValueError("; ".join(f"{kind}: {_listed(names)}" for kind, names in faults.items() if names)
                         + "; give the weights of a model of the same configuration")
    with torch.no_grad():
        for name, tensor in weights.items():
            state[name].copy_(tensor[...])


def stored_names(weights: Mapping[str, Tensor]) -> list[str]:
    """Names of the tensors in weights, values of `Module.state_dict`: the first of those that share one (tied ones)."""
    firsts: dict[Any, str] = {}
    for name in sorted(weights):
        firsts.setdefault(_storage(name, weights[name]), name)
    return list(firsts.values())


def _storage(name: str, tensor: Tensor) -> Any:
    """What two tensors have in common when they are one."""
    where = tensor.untyped_storage().data_ptr()
    return (where, tensor.storage_offset(), tensor.shape, tensor.stride()) if where else name


def _read(weights: bytes | str | Path) -> Mapping[str, Tensor]:
    try:
        if isinstance(weights, bytes):
            return load(weights)
        path = Path(weights)
        return load_file(path / "model.safetensors" if path.is_dir() else path)
    except (safetensors.SafetensorError, OSError) as error:
        raise ValueError(f"weights: expected bytes or a file in safetensors' form, got: {error}; make them with "
                         "weights_to_bytes or save_pretrained") from error


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
