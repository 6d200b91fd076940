"""What one process writes of a checkpoint: all of its files, or those of its own part. Taken from a training at one
step, by every process and on the thread that trains; written by whom and when one likes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from embodied.data.files import sha256_of, write_json, write_whole
from embodied.models.checkpoint_checks import CheckpointError
from embodied.training.loop import BatchStream, Course
from embodied.training.placement import Placement

MODEL, OPTIMIZER, TRAINER = "model.safetensors", "optimizer.safetensors", "trainer.json"
BEST, AVERAGE, MANIFEST = "best.safetensors", "average.safetensors", "manifest.json"


@dataclass(frozen=True, slots=True)
class Listing:
    """Files that one manifest lists, with what it says beside their SHA-256."""

    tensors: Mapping[str, Mapping[str, Tensor]]  # file -> name -> float[*any], on the CPU
    texts: Mapping[str, bytes] = field(default_factory=dict)  # file -> JSON
    manifest: str = MANIFEST
    said: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The files."""
        return [*self.tensors, *self.texts]

    def write(self, folder: Path) -> None:
        """Write the files, the manifest last."""
        for name, tensors in self.tensors.items():
            save_file(dict(tensors), str(folder / name))
        for name, text in self.texts.items():
            write_whole(folder / name, text)
        write_json(folder / self.manifest, {**self.said, **{name: sha256_of(folder / name) for name in self.names}})

    def verify(self, folder: Path) -> None:
        """Raise CheckpointError unless the files are as they were written."""
        listed = json.loads((folder / self.manifest).read_text())
        wrong = [name for name in self.names if sha256_of(folder / name) != listed.get(name)]
        if wrong:
            raise CheckpointError(f"{folder}: {', '.join(wrong)} differ from {self.manifest} (SHA-256): the disk did "
                                  "not keep what was written")


@dataclass(frozen=True, slots=True)
class Contents:
    """What one process writes, in this order."""

    listings: tuple[Listing, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(one.numel() * one.element_size() for listing in self.listings
                   for tensors in listing.tensors.values() for one in tensors.values())

    def copied(self) -> Contents:
        """The same of tensors that no later step changes."""
        return Contents(tuple(replace(listing, tensors={
            file: {name: one.clone() for name, one in tensors.items()} for file, tensors in listing.tensors.items()})
            for listing in self.listings))

    def write(self, folder: Path) -> None:
        """Write all of it. OSError or SafetensorError for a full disk."""
        for listing in self.listings:
            listing.write(folder)

    def verify(self, folder: Path) -> None:
        """Raise CheckpointError unless all of it is as it was written."""
        for listing in self.listings:
            listing.verify(folder)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a checkpoint holds beside model and optimiser. facts: JSON values of trainer.json."""

    tensors: Mapping[str, Mapping[str, Tensor]]  # file -> name -> float[*any], on the CPU
    facts: Mapping[str, Any]

    def text(self, groups: list[dict[str, Any]], device_random: list[int] | None) -> bytes:
        """trainer.json, with the optimiser's groups and the state of the device's random generator."""
        return json.dumps({**self.facts, "optimizer_groups": groups, "device_random": device_random}, indent=1,
                          allow_nan=False).encode()


class Form(Protocol):
    """How the processes of a training save what they hold: `Whole`, or `parallel.sharded.Sharded`."""

    def take(self, model: nn.Module, optimizer: torch.optim.Optimizer, beside: Beside) -> Contents | None:
        """What this process writes, None where that is nothing. Every process must call it."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The first process writes everything, gathered from all of them."""

    placement: Placement

    def take(self, model: nn.Module, optimizer: torch.optim.Optimizer, beside: Beside) -> Contents | None:
        state = self.placement.state(model, optimizer)
        if not self.placement.is_first:
            return None
        memory = {f"{index}.{key}": torch.as_tensor(value) for index, slots in state.optimizer["state"].items()
                  for key, value in slots.items()}
        text = beside.text(state.optimizer["param_groups"], state.device_random)
        return Contents((Listing({MODEL: state.weights, OPTIMIZER: memory, **beside.tensors}, {TRAINER: text}),))


def beside(step: int, batches: BatchStream, placement: Placement, course: Course) -> Beside:
    """What is saved of a training after a step, beside model and optimiser."""
    tensors, facts = {}, {"step": step, "sampler": batches.state_dict(), "random": random_state(),
                          **placement.facts(), "losses": course.losses, "rewinds": course.rewinds}
    if course.best is not None:
        tensors[BEST] = course.best.weights
        facts["best"] = {"step": course.best.step, "score": course.best.score, "since": course.best.since}
    if course.average is not None:
        tensors[AVERAGE] = {name: value.cpu().contiguous() for name, value in course.average.items()}
    return Beside(tensors, facts)


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
