"""Trainer checkpoints: a folder that is whole or absent, verified by SHA-256 before anything in it is believed.

    model.safetensors, optimizer.safetensors   tensors
    trainer.json                               step, sampler, random states, threads, world size, optimiser groups
    manifest.json                              file -> SHA-256; written last, the folder is published by one rename
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import nn

from embodied.data.files import replaced_folder, sweep_drafts, write_json
from embodied.models.strangers import CheckpointError
from embodied.training.loop import TrainState

FILES = ("model.safetensors", "optimizer.safetensors", "trainer.json")


class HasPosition(Protocol):
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


def unwrap(model: nn.Module) -> nn.Module:
    """The model itself, without the wrapper of data-parallel training."""
    return getattr(model, "module", model)


def save(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, sampler: HasPosition,
         world_size: int = 1) -> Path:
    """`path`, published whole and read back. CheckpointError when the disk is full or what was written is damaged.

    What stood there before still stands when the disk is full.
    """
    try:
        with replaced_folder(path) as draft:
            fill(draft, model=model, optimizer=optimizer, step=step, sampler=sampler, world_size=world_size)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_no_room(path, model, error)) from error
    verify(path)
    return path


def _no_room(path: Path, model: nn.Module, error: Exception) -> str:
    needed = 3 * sum(p.numel() * p.element_size() for p in unwrap(model).parameters())
    free = shutil.disk_usage(next(p for p in path.parents if p.exists())).free
    return (f"cannot save {path}: {error}; it takes about {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free. "
            "Older checkpoints are untouched; free some space")


def fill(folder: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, sampler: HasPosition,
         world_size: int = 1) -> None:
    """Write the files of a checkpoint, the manifest last."""
    save_model(unwrap(model), str(folder / "model.safetensors"))
    tensors, groups = _flatten(optimizer.state_dict())
    save_file(tensors, str(folder / "optimizer.safetensors"))
    write_json(folder / "trainer.json", {
        "step": step, "sampler": sampler.state_dict(), "random": random_state(), "optimizer_groups": groups,
        "threads": torch.get_num_threads(), "world_size": world_size})
    write_json(folder / "manifest.json", {name: sha256(folder / name) for name in FILES})


def _flatten(state: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    tensors = {f"{index}.{key}": torch.as_tensor(value) for index, slots in state["state"].items()
               for key, value in slots.items()}
    return tensors, state["param_groups"]


def _unflatten(tensors: Mapping[str, torch.Tensor], groups: list[dict[str, Any]]) -> dict[str, Any]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in groups]
    return {"state": state, "param_groups": groups}


def random_state() -> dict[str, Any]:
    """The global generators as lists; ours are all seeded by step, but a library's dropout is not."""
    version, numbers, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()
    return {"torch": torch.get_rng_state().tolist(), "python": [version, list(numbers), gauss],
            "numpy": [kind, keys.tolist(), *rest]}


def set_random_state(state: Mapping[str, Any]) -> None:
    """Nothing. The inverse of `random_state`."""
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(path: Path) -> None:
    """Nothing. CheckpointError unless every file is there and has the SHA-256 of the manifest."""
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        wrong = [name for name in FILES if sha256(path / name) != manifest.get(name)]
    except (OSError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: expected a whole checkpoint, got {error}; resume from an older one") from error
    if wrong:
        raise CheckpointError(f"{path}: {', '.join(wrong)} differ from the manifest (SHA-256): the checkpoint is "
                              "damaged; resume from an older one")


def is_valid(path: Path) -> bool:
    """Whether `verify` passes."""
    try:
        verify(path)
    except CheckpointError:
        return False
    return True


def saved_in(folder: Path, pattern: str = "step_*") -> list[Path]:
    """Checkpoints of a folder, oldest first, valid or not; their names sort as their steps do."""
    return sorted(p for p in folder.glob(pattern) if p.is_dir())


def newest_valid(folder: Path, pattern: str = "step_*") -> Path | None:
    """The newest checkpoint that passes `verify`; a warning for each one passed over. None when there is none."""
    for path in reversed(saved_in(folder, pattern)):
        try:
            verify(path)
            return path
        except CheckpointError as error:
            warnings.warn(f"passed over a checkpoint: {error}", stacklevel=2)
    return None


def load(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, sampler: HasPosition,
         world_size: int = 1) -> int:
    """The step to go on from. Everything is put back; a warning when the result cannot be bit-exact."""
    verify(path)
    trainer = json.loads((path / "trainer.json").read_text())
    load_weights(unwrap(model), path)
    optimizer.load_state_dict(_unflatten(load_file(path / "optimizer.safetensors"), trainer["optimizer_groups"]))
    sampler.load_state_dict(trainer["sampler"])
    set_random_state(trainer["random"])
    now = {"threads": torch.get_num_threads(), "world_size": world_size}
    changed = [f"{key} {trainer[key]} -> {value}" for key, value in now.items() if trainer[key] != value]
    if changed:
        warnings.warn(f"resuming {path} with {', '.join(changed)}: not bit-exact", stacklevel=2)
    return trainer["step"]


def load_weights(model: nn.Module, path: Path) -> None:
    """Nothing. Puts the weights of a checkpoint into the model, all of them. CheckpointError when they do not fit."""
    file = path / "model.safetensors"
    try:
        load_model(model, str(file), strict=True)
    except RuntimeError as error:
        said = " ".join(str(error).split())
        raise CheckpointError(f"{file} belongs to another model: {said}; train into a new folder or restore the "
                              "configuration that made it") from error


class Checkpointing:
    """Saves every `every` steps and at the end, keeps the newest `keep` whole ones; says and survives a full disk."""

    def __init__(self, folder: Path, sampler: HasPosition, *, every: int, keep: int = 2):
        self.folder, self.sampler, self.every, self.keep = folder, sampler, every, keep
        self.saved: int | None = None
        if folder.exists():
            sweep_drafts(folder)

    def step(self, state: TrainState[Any]) -> None:
        if state.step % self.every == 0:
            self._save(state)

    def end(self, state: TrainState[Any]) -> None:
        if state.step != self.saved and state.step > 0:
            self._save(state)

    def _save(self, state: TrainState[Any]) -> None:
        path = self.folder / f"step_{state.step:08d}"
        try:
            if not is_valid(path):
                save(path, model=state.model, optimizer=state.optimizer, step=state.step, sampler=self.sampler)
        except CheckpointError as error:
            warnings.warn(str(error), stacklevel=2)
            return
        self.saved = state.step
        prune(self.folder, self.keep)


def prune(folder: Path, keep: int) -> None:
    """Nothing. Removes what is older than the newest `keep` whole checkpoints, each read again; damaged ones count
    for nothing, and nothing is removed where there are fewer whole ones."""
    whole = 0
    for path in reversed(saved_in(folder)):
        if whole == keep:
            shutil.rmtree(path, ignore_errors=True)
        else:
            whole += is_valid(path)
