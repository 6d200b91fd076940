"""Trainer checkpoints: a folder that is whole or absent, verified by SHA-256 before anything in it is believed.

    model.safetensors, optimizer.safetensors   tensors
    trainer.json                               step, place among the batches, random states, optimiser groups, the
                                               last losses, and threads, world size and device
    best.safetensors                           what learned, at the best of the measurements, where that is kept
    average.safetensors                        its average over the steps, likewise
    manifest.json                              file -> SHA-256; written last, the folder is published by one rename
"""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from embodied.data.files import remove_folder, replaced_folder, sha256_of, sweep_drafts, write_json
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.weights import put_weights
from embodied.training.loop import BatchStream, Best, Course, TrainState
from embodied.training.placement import Placement, Replicated, State

FILES = ("model.safetensors", "optimizer.safetensors", "trainer.json")
BEST, AVERAGE = "best.safetensors", "average.safetensors"


def save(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, batches: BatchStream,
         placement: Placement | None = None, course: Course | None = None) -> Path:
    """The same as `publish`, of a model. placement: where the model was wrapped; None: on the CPU, alone."""
    placement = placement or Replicated()
    return publish(path, placement.state(model, optimizer), step=step, batches=batches, facts=placement.facts(),
                   course=course)


def publish(path: Path, state: State, *, step: int, batches: BatchStream, facts: Mapping[str, Any],
            course: Course | None = None) -> Path:
    """`path`, published whole and read back. CheckpointError when the disk is full or what was written is damaged.

    facts, course: see `fill`. What stood there before still stands when the disk is full.
    """
    try:
        with replaced_folder(path) as draft:
            fill(draft, state, step=step, batches=batches, facts=facts, course=course)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(_no_room(path, state, error)) from error
    verify(path)
    return path


def _no_room(path: Path, state: State, error: Exception) -> str:
    needed = 3 * sum(w.numel() * w.element_size() for w in state.weights.values())
    free = shutil.disk_usage(next(p for p in path.parents if p.exists())).free
    return (f"cannot save {path}: {error}; it takes about {needed / 1e6:.1f} MB and {free / 1e6:.1f} MB are free. "
            "Older checkpoints are untouched; free some space")


def fill(folder: Path, state: State, *, step: int, batches: BatchStream, facts: Mapping[str, Any],
         course: Course | None = None) -> None:
    """Write the files of a checkpoint, the manifest last. facts: of the placement. course: what the training remembers
    of it."""
    course = course or Course()
    save_file(dict(state.weights), str(folder / "model.safetensors"))
    tensors, groups = _flatten(state.optimizer)
    save_file(tensors, str(folder / "optimizer.safetensors"))
    write_json(folder / "trainer.json", {
        "step": step, "sampler": batches.state_dict(), "random": random_state(), "optimizer_groups": groups,
        "device_random": state.device_random, **facts, "losses": course.losses,
        "rewinds": course.rewinds, **_put_best(folder, course.best)})
    names = [*FILES, *[BEST] * (course.best is not None), *[AVERAGE] * (course.average is not None)]
    if course.average is not None:
        save_file({name: value.cpu().contiguous() for name, value in course.average.items()}, str(folder / AVERAGE))
    write_json(folder / "manifest.json", {name: sha256_of(folder / name) for name in names})


def _put_best(folder: Path, best: Best | None) -> dict[str, Any]:
    """What is said of the best beside its weights, which are written."""
    if best is None:
        return {}
    save_file(best.weights, str(folder / BEST))
    return {"best": {"step": best.step, "score": best.score, "since": best.since}}


def best_of(path: Path) -> Best | None:
    """The best that a training had found when it made a whole checkpoint; None where it looked for none."""
    said = json.loads((path / "trainer.json").read_text()).get("best")
    if said is None:
        return None
    return Best(said["step"], tuple(said["score"]), load_file(path / BEST), said["since"])


def course_of(path: Path, device: str | torch.device = "cpu") -> Course:
    """What a training remembered of its course when it made a whole checkpoint. device: where its average goes."""
    average = load_file(path / AVERAGE, device=str(device)) if (path / AVERAGE).exists() else None
    said = json.loads((path / "trainer.json").read_text())
    return Course(best_of(path), average, said.get("losses", []), said.get("rewinds", 0))


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
    """Put back what `random_state` gave."""
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))


def verify(path: Path) -> None:
    """Raise CheckpointError unless every file is there and has the SHA-256 of the manifest."""
    try:
        manifest = json.loads((path / "manifest.json").read_text())
        names = [*FILES, *(name for name in (BEST, AVERAGE) if name in manifest)]
        wrong = [name for name in names if sha256_of(path / name) != manifest.get(name)]
    except (OSError, ValueError, AttributeError, TypeError) as error:
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


def load(path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, batches: BatchStream,
         placement: Placement | None = None) -> int:
    """The step to go on from. Everything is put back; a warning when the result cannot be bit-exact."""
    placement = placement or Replicated()
    verify(path)
    trainer = json.loads((path / "trainer.json").read_text())
    saved = _unflatten(load_file(path / "optimizer.safetensors"), trainer["optimizer_groups"])
    with _said_of(path):
        weights = load_file(path / "model.safetensors")
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


def step_of(path: Path) -> int:
    """How many steps had been taken when the checkpoint was made."""
    return json.loads((path / "trainer.json").read_text())["step"]


def load_weights(model: nn.Module, path: Path) -> None:
    """Put the weights of a checkpoint into a model, all of them. CheckpointError when they do not fit."""
    with _said_of(path):
        put_weights(model, load_file(path / "model.safetensors"))


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    """Turns the error of weights that do not fit into a CheckpointError that names the file."""
    try:
        yield
    except ValueError as error:
        said = " ".join(str(error).split())
        raise CheckpointError(f"{path / 'model.safetensors'} belongs to another model: {said}; train into a new folder "
                              "or restore the configuration that made it") from error


class Checkpointing:
    """Saves every `every` steps and at the end, keeps the newest `keep` whole ones; says and survives a full disk.
    Nothing is saved of a loss that jumps, until it is known whether it does."""

    saves = True

    def __init__(self, folder: Path, batches: BatchStream, *, every: int, keep: int = 2):
        self.folder, self.batches, self.every, self.keep = folder, batches, every, keep
        self.saved: int | None = None
        if folder.exists():
            sweep_drafts(folder)

    def step(self, state: TrainState[Any]) -> None:
        if state.went_back or (state.step % self.every == 0 and not state.jump):
            self._save(state, is_other=state.went_back)

    def end(self, state: TrainState[Any]) -> None:
        if state.step != self.saved and state.step > 0:
            self._save(state)

    def _save(self, state: TrainState[Any], *, is_other: bool = False) -> None:
        """is_other: than what may have been saved of that step."""
        state.settle()  # or saving would count as training
        path = self.folder / f"step_{state.step:08d}"
        try:
            if is_other or not is_valid(path):
                save(path, model=state.model, optimizer=state.optimizer, step=state.step, batches=self.batches,
                     placement=state.placement, course=state.course)
        except CheckpointError as error:
            warnings.warn(str(error), stacklevel=2)
            return
        self.saved = state.step
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
