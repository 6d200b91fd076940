"""What processes that each hold a part of a model save: each its own part, so that none needs room for more while it
saves. `stored` says what the files are.

Names, numbers and shapes are those of the undivided model, as in `whole`. What several processes have alike, one of
them writes, so that their parts are as large as can be.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed, nn

from embodied.training.contents import TRAINER, Beside, Contents, Listing
from embodied.training.gradients import local_of
from embodied.training.parallel import whole
from embodied.training.stored import INDEX, MODEL_KEY, OPTIMIZER_KEY, manifest_name, part_name

if TYPE_CHECKING:
    from embodied.training.parallel.divided import Divided

Box = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Key of a tensor, where a piece of it begins, the piece's shape."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one process holds. pieces: float[*any] by key. shapes: of the whole tensors. groups: the optimiser's, of the
    undivided model."""

    pieces: Mapping[str, Tensor]
    starts: Mapping[str, tuple[int, ...]]
    shapes: Mapping[str, tuple[int, ...]]
    groups: list[dict[str, Any]]

    def boxes(self) -> list[Box]:
        """Which pieces these are; of an empty one there is nothing to save."""
        return [(key, self.starts[key], tuple(piece.shape)) for key, piece in self.pieces.items() if piece.numel()]


def held(model: nn.Module, optimizer: torch.optim.Optimizer, rename: whole.Rename, order: Sequence[str]) -> Held:
    """What this process holds of a model and its optimiser; every process must call it. Arguments as of
    `whole.gather`."""
    names, stored = whole.names_of(model, rename), {}
    for name, value in whole.stored_of(model, rename, names).items():
        stored[MODEL_KEY + name] = value
    numbers, groups = whole.numbered(optimizer, names, order)
    for parameter, inner in whole.slots_of(optimizer):
        for key, value in inner.items():
            stored[f"{OPTIMIZER_KEY}{numbers[names[id(parameter)][0]]}.{key}"] = torch.as_tensor(value)
    return Held({key: local_of(value).detach() for key, value in stored.items()},
                {key: tuple(one.start for one in whole.span_of(value)) for key, value in stored.items()},
                {key: tuple(value.shape) for key, value in stored.items()}, groups)


def written_by(boxes: Sequence[Sequence[Box]]) -> list[set[Box]]:
    """Of each process those of its boxes that it writes: each box once, and of those with a choice the one that has
    least to write so far."""
    holders: dict[Box, list[int]] = {}
    for rank, own in enumerate(boxes):
        for box in own:
            holders.setdefault(box, []).append(rank)
    loads, chosen = [0] * len(boxes), [set() for _ in boxes]
    for box in sorted(holders, key=lambda one: (len(holders[one]), -math.prod(one[2]), one)):
        rank = min(holders[box], key=lambda one: (loads[one], one))
        loads[rank] += math.prod(box[2])
        chosen[rank].add(box)
    return chosen


@dataclass(frozen=True, slots=True)
class Sharded:
    """Each process writes a part, the first one what is said of all."""

    placement: Divided

    def take(self, model: nn.Module, optimizer: torch.optim.Optimizer, beside: Beside) -> Contents:
        """What this process writes; every process must call it."""
        mine = self.placement.held(model, optimizer)
        rank, save = distributed.get_rank(), secrets.token_hex(8)
        boxes, shapes, saves = zip(*whole.from_all((mine.boxes(), mine.shapes, save)), strict=True)
        parts, save = len(boxes), saves[0]
        chosen = written_by(boxes)
        tensors = {key: mine.pieces[key].cpu().contiguous() for key, *_ in sorted(chosen[rank])}
        own = Listing({part_name(rank, parts): tensors}, manifest=manifest_name(rank, parts), said={"save": save})
        if rank:
            return Contents((own,))
        index = {"save": save, "parts": parts, "tensors": _indexed(chosen, whole.joined(shapes))}
        trainer = beside.text(mine.groups, self.placement.random_of_device())
        return Contents((own, Listing(beside.tensors, {TRAINER: trainer, INDEX: json.dumps(index).encode()})))


def _indexed(chosen: Sequence[set[Box]], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """What index.json says of tensors."""
    pieces: dict[str, list[Any]] = {key: [] for key in sorted(shapes)}
    for rank, boxes in enumerate(chosen):
        for key, start, shape in sorted(boxes):
            pieces[key].append([rank, start, shape])
    return {key: {"shape": shapes[key], "pieces": found} for key, found in pieces.items()}
