"""Forked processes that train as data-parallel ranks over gloo, and batches whose halves are far from alike."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from embodied.data.batches import Batch
from embodied.models.configuration import SegmenterConfig
from embodied.models.segmenter import ObjectSegmenter, targets_from_masks
from tests.embodied.models.test_planner import ANSWER, make, prompt

NAMES = ["red block", "a green bowl with a rim", None, "block"]


def planner_batch(model_and_processor, places) -> Batch:
    """Examples of every length: two objects and a long answer at even places, one or none and `done()` at odd ones."""
    _, processor = model_and_processor
    objects = [((1, 2), (3,), (4, 5), ())[place % 4] for place in places]
    answers = [(ANSWER, " done()")[place % 2] for place in places]
    names = [NAMES[(place + j) % 4] for place, seen in zip(places, objects, strict=True) for j in range(len(seen))]
    inputs = processor([prompt(seen) for seen in objects], answers)
    return Batch(0, tuple(map(str, places)), {**inputs, "name_ids": processor.name_ids(names)})


def a_planner():
    return make()


def a_segmenter():
    torch.manual_seed(0)
    return ObjectSegmenter(SegmenterConfig(widths=[8, 8, 8, 8]))


def segmenter_batch(places) -> Batch:
    """Images of 32 px: many objects at even places, hardly one at odd ones."""
    parts = []
    for place in places:
        rng = np.random.default_rng(place)
        masks = np.full((32, 32), -1, dtype=np.int16)
        for j in range(5 if place % 2 == 0 else 1):
            side = 8 if place % 2 == 0 else 2
            masks[6 * j:6 * j + side, 4:4 + side] = j
        poses = rng.uniform(0.05, 0.4, (5, 10))
        images = rng.uniform(0, 1, (7, 32, 32)).astype(np.float32)
        parts.append({"images": images, **targets_from_masks(masks, poses)})
    return Batch(0, tuple(map(str, places)), {k: torch.from_numpy(np.stack([p[k] for p in parts])) for k in parts[0]})


def gradients(model, objective, batch) -> dict[str, torch.Tensor]:
    model.zero_grad(set_to_none=True)
    objective(model, batch)[0].backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def relative_difference(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """Length of the difference of two gradients over the length of the first."""
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    apart = sum(float((one[k].double() - other[k].double()).square().sum()) for k in one)
    return (apart / sum(float(g.double().square().sum()) for g in one.values())) ** 0.5


def on_two_ranks(work: Callable[[int], None], folder: Path) -> None:
    """work(rank) in two forks that share a gloo process group."""
    on_ranks(2, work, folder)


def on_ranks(size: int, work: Callable[[int], None], folder: Path) -> None:
    """work(rank) in so many forks (torch need not be imported again) that share a gloo process group."""
    children = []
    for rank in range(size):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                torch.set_num_threads(1)
                distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank,
                                               world_size=size, timeout=timedelta(seconds=60))
                work(rank)
                distributed.destroy_process_group()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        children.append(child)
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0] * size, ended
