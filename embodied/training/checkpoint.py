"""Trainer checkpoints: a folder that is whole or absent, verified by SHA-256 before anything in it is believed.

    model.safetensors, optimizer.safetensors   tensors; or in parts, a file of each process: see `stored`
    trainer.json                               step, place among the batches, random states, optimiser groups, the
                                               last losses, and threads, world size and device
    best.safetensors                           what learned, at the best of the measurements, where that is kept
    average.safetensors                        its average over the steps, likewise
    manifest.json                              file -> SHA-256; written last, the folder is published by one rename
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from embodied.data.files import put_back, remove_folder, replaced_folder, sha256_of, sweep_drafts
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.weights import put_weights
from embodied.training.background import Background
from embodied.training.contents import (
    AVERAGE,
    BEST,
    MANIFEST,
    MODEL,
    OPTIMIZER,
    TRAINER,
    Contents,
    Whole,
    beside,
    set_random_state,
)
from embodied.training.loop import BatchStream, Best, Course, TrainState
from embodied.training.placement import Placement, Replicated, State
from embodied.training.stored import INDEX, Stored, in_file, in_parts, manifest_name, part_name

FILES = (MODEL, OPTIMIZER, TRAINER)


def save(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, batches: BatchStream,
         placement: Placement | None = None, course: Course | None = None) -> Path:
    """`path`, published whole and read back, of a training in one process. CheckpointError when the disk is full or
    what was written is damaged.

    placement: where the model was wrapped; None: on the CPU, alone. course: what the training remembers of it. What
    stood there before still stands when the disk is full.
    """
    placement = placement or Replicated()
    contents = Whole(placement).take(model, optimizer, beside(step, batches, placement, course or Course()))
    return publish(path, contents)


def publish(path: Path, contents: Contents) -> Path:
    """The same of what was taken before."""
    try:
        with replaced_folder(path) as draft:
            contents.write(draft)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_no_room(path, contents, error)) from error
    verify(path)
    return path


def _no_room(path: Path, contents: Contents, error: Exception) -> str:
    free = shutil.disk_usage(next(p for p in path.parents if p.exists())).free
    return (f"cannot save {path}: {error}; it takes about {contents.size_bytes / 1e6:.1f} MB and {free / 1e6:.1f} MB "
            "are free. Older checkpoints are untouched; free some space")


def best_of(path: Path) -> Best | None:
    """The best that a training had found when it made a whole checkpoint; None where it looked for none."""
    said = json.loads((path / TRAINER).read_text()).get("best")
    if said is None:
        return None
    return Best(said["step"], tuple(said["score"]), load_file(path / BEST), said["since"])


def course_of(path: Path, device: str | torch.device = "cpu") -> Course:
    """What a training remembered of its course when it made a whole checkpoint. device: where its average goes."""
    average = load_file(path / AVERAGE, device=str(device)) if AVERAGE in _manifest(path) else None
    said = json.loads((path / TRAINER).read_text())
    return Course(best_of(path), average, said.get("losses", []), said.get("rewinds", 0))


def _unflatten(tensors: Mapping[str, Stored], groups: list[dict[str, Any]]) -> dict[str, Any]:
    state: dict[int, dict[str, Stored]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    groups = [{k: tuple(v) if k == "betas" else v for k, v in group.items()} for group in groups]
    return {"state": state, "param_groups": groups}


def verify(path: Path) -> None:
    """Raise CheckpointError unless every file is there and has the SHA-256 of the manifest."""
    try:
        wrong = [name for name, sha256 in _listed(path).items() if sha256_of(path / name) != sha256]
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: expected a whole checkpoint, got {error}; resume from an older one") from error
    if wrong:
        raise CheckpointError(f"{path}: {', '.join(wrong)} differ from the manifest (SHA-256): the checkpoint is "
                              "damaged; resume from an older one")


def _manifest(path: Path) -> Mapping[str, Any]:
    """What a checkpoint consists of: what else stands beside it may be of another save."""
    return json.loads((path / MANIFEST).read_text())


def _listed(path: Path) -> dict[str, str | None]:
    """File -> its SHA-256, of all files that a checkpoint must have; None where nothing is said of it, or the file is
    of another save."""
    manifest = _manifest(path)
    beside = [name for name in (BEST, AVERAGE) if name in manifest]
    if INDEX not in manifest:
        return {name: manifest.get(name) for name in (*FILES, *beside)}
    listed = {name: manifest.get(name) for name in (TRAINER, INDEX, *beside)}
    index = json.loads((path / INDEX).read_text())
    for part in range(index["parts"]):
        name, said = part_name(part, index["parts"]), manifest_name(part, index["parts"])
        own = json.loads((path / said).read_text())
        listed[name] = own.get(name) if own.get("save") == index["save"] else None
    return listed


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
    """The newest checkpoint that passes `verify`; a warning for each one passed over. None when there is none. One that
    was just being replaced by another is put back."""
    for aside in folder.glob(f".{pattern}.old"):
        put_back(folder / aside.name[1:].removesuffix(".old"))
    for path in reversed(saved_in(folder, pattern)):
        try:
            verify(path)
            return path
        except CheckpointError as error:
            warnings.warn(f"passed over a checkpoint: {error}", stacklevel=2)
    return None


def load(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, batches: BatchStream,
         placement: Placement | None = None) -> int:
    """The step to go on from. Everything is put back; a warning when the result cannot be bit-exact."""
    placement = placement or Replicated()
    verify(path)
    trainer = json.loads((path / TRAINER).read_text())
    with _said_of(path):
        weights, memory = _stored(path)
        saved = _unflatten(memory, trainer["optimizer_groups"])
        placement.restore(State(weights, saved, trainer.get("device_random")), model, optimizer)
    batches.load_state_dict(trainer["sampler"])
    set_random_state(trainer["random"])
    usual = {"threads_share_batches": False, "layout": "whole"}  # where nothing is said of it
    before, now = usual | trainer, usual | placement.facts()
    changed = [f"{key} {before[key]} -> {value}" for key, value in now.items()
               if before.get(key, value) != value]
    if changed:
        warnings.warn(f"resuming {path} with {', '.join(changed)}: not bit-exact", stacklevel=2)
    return trainer["step"]


def _stored(path: Path) -> tuple[dict[str, Stored], dict[str, Stored]]:
    """(weights, memory of the optimiser) of a checkpoint in either form, of which nothing is read yet."""
    if INDEX in _manifest(path):
        return in_parts(path)
    return in_file(path / MODEL), in_file(path / OPTIMIZER)


def step_of(path: Path) -> int:
    """How many steps had been taken when the checkpoint was made."""
    return json.loads((path / TRAINER).read_text())["step"]


def load_weights(model: nn.Module, path: Path) -> None:
    """Put the weights of a checkpoint into a model, all of them. CheckpointError when they do not fit."""
    with _said_of(path):
        put_weights(model, _stored(path)[0])


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Turns the error of weights that do not fit into a CheckpointError that names the file."""
    try:
        yield
    except ValueError as error:
        said = " ".join(str(error).split())
        raise CheckpointError(f"{path} belongs to another model: {said}; train into a new folder "
                              "or restore the configuration that made it") from error


class Checkpointing:
    """Saves every `every` steps and at the end, keeps the newest `keep` whole ones; says and survives a full disk.
    Nothing is saved of a loss that jumps, until it is known whether it does.

    in_background: what is saved is copied at its step and written by a thread while training goes on; the next save,
    and the end, wait for it.
    """

    saves = True

    def __init__(self, folder: Path, batches: BatchStream, *, every: int, keep: int = 2, in_background: bool = False):
        self.folder, self.batches, self.every, self.keep = folder, batches, every, keep
        self.background: Background[Path] | None = Background() if in_background else None
        self.saved: int | None = None
        if folder.exists():
            sweep_drafts(folder)

    def step(self, state: TrainState[Any]) -> None:
        if state.went_back or (state.step % self.every == 0 and not state.jump):
            self._save(state, is_other=state.went_back)

    def end(self, state: TrainState[Any]) -> None:
        self._wait()
        if state.step != self.saved and state.step > 0:
            self._save(state)
            self._wait()

    def _save(self, state: TrainState[Any], *, is_other: bool = False) -> None:
        """is_other: than what may have been saved of that step."""
        state.settle()  # or saving would count as training
        self._wait()
        path = self.folder / f"step_{state.step:08d}"
        if not is_other and is_valid(path):
            self._keep(lambda: path)
            return
        taken = Whole(state.placement).take(state.model, state.optimizer, beside(state.step, self.batches,
                                                                                 state.placement, state.course))
        if self.background is None:
            self._keep(partial(publish, path, taken))
        else:
            self.background.begin(partial(publish, path, taken.copied()))

    def _wait(self) -> None:
        """Until what was begun is written, if anything is."""
        if self.background is not None and self.background.is_busy:
            self._keep(self.background.result)

    def _keep(self, publish: Callable[[], Path]) -> None:
        """Say what kept a checkpoint from being published, or let go of older ones."""
        try:
            path = publish()
        except CheckpointError as error:
            warnings.warn(str(error), stacklevel=4)
            return
        self.saved = step_of(path)
        prune(self.folder, self.keep, known=path)


def prune(folder: Path, keep: int, known: Path | None = None) -> None:
    """Remove what is older than the newest `keep` whole checkpoints, each read again but the `known` one, which has
    just been; damaged ones count for nothing, and nothing is removed where there are fewer whole ones."""
    whole = 0
    for path in reversed(saved_in(folder)):
        if whole == keep:
            with suppress(OSError):  # one that cannot be removed is no reason to stop
                remove_folder(path)
        else:
            whole += path == known or is_valid(path)
