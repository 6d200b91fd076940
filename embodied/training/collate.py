"""From places in a dataset to tensors; pure functions of (places, step), so that batches can be made ahead or again."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from embodied.data.ahead import made_ahead
from embodied.data.batches import Collate
from embodied.data.dataset import Dataset
from embodied.data.episodes import View
from embodied.data.examples import Examples
from embodied.data.mixture import Mixture
from embodied.data.progress import progress
from embodied.models.configuration import SegmenterConfig
from embodied.models.framing import framed_input, knocked, looked_through, turn_of
from embodied.models.processor import PalmEProcessor
from embodied.models.resampling import at_pitch
from embodied.models.segmenter import targets_from_masks

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64, UInt8

LIGHT = 0.2
"""Largest relative change of brightness, and half of it of each color channel, in the segmenter's training."""

VIEW_STREAM = 0x7677
"""Keeps the draws about a view apart from those about an example."""

DEPTH_NOISE_M = 0.0005
"""Standard deviation of the noise added to depth in the segmenter's training."""

WORST_DEPTH_NOISE_M, KNOCK_M, KNOCK_RAD = 0.0015, 0.0015, 0.0015
"""The same, at most, and standard deviations of how wrong a camera is calibrated, where views are disguised."""


VANISHING = 0.5
"""The share of views in disguise, of those with several things, that are shown without some."""

COUNTED = 4096
"""Examples whose tokens are counted at once."""


ViewPlace = tuple[Dataset, int, int]
"""A dataset, the place of an episode in it, and that of a view in the episode."""


def view_places(dataset: Dataset, episodes: Container[int]) -> list[ViewPlace]:
    """Every view of some episodes, which are given by their places in the dataset."""
    return [(dataset, place, view) for place, episode in enumerate(dataset.episodes()) if place in episodes
            for view in range(len(episode.views))]


def collate_views(places: Sequence[ViewPlace], config: SegmenterConfig, *, seed: int, is_jittered: bool = True,
                  is_disguised: bool = False) -> Collate:
    """Collates views (N images): images float[N, 7, H, W]; foreground float[N, H, W], votes float[N, 4, H, W].
    is_disguised: with the jitter, see `disguised`."""

    def collate(chosen: np.ndarray, step: int) -> tuple[list[str], dict[str, Tensor]]:
        parts, ids = [], []
        for index in chosen:
            dataset, episode, place = places[index]
            view = dataset.view(episode, place)
            rng = np.random.default_rng([seed, step, index]) if is_jittered else None
            parts += _cameras(view, config, rng, is_disguised)
            ids.append(f"{dataset.seeds[episode]}/{place}")
        return ids, {name: torch.from_numpy(_stacked([part[name] for part in parts])) for name in parts[0]}

    return collate


def _stacked(images: Sequence[Float32[np.ndarray, "... _ _"]]) -> Float32[np.ndarray, "N ... H W"]:
    """float32[N, .., H, W]: images of several sizes, the smaller ones empty at the right and below."""
    height, width = np.max([image.shape[-2:] for image in images], axis=0)
    stacked = np.zeros((len(images), *images[0].shape[:-2], height, width), np.float32)
    for place, image in zip(stacked, images, strict=True):
        place[..., :image.shape[-2], :image.shape[-1]] = image
    return stacked


def _cameras(view: View, config: SegmenterConfig, rng: np.random.Generator | None, is_disguised: bool
             ) -> list[dict[str, Float32[np.ndarray, "... H W"]]]:
    """Input and targets of each camera of a view, at the pitch that it will be looked at."""
    taken, parts = at_pitch(view.observation), []
    is_gone = vanished(len(view.names), rng) if rng is not None and is_disguised and config.is_cut else None
    cameras = taken.observation.cameras
    for name in looked_through(cameras, config):
        camera, rgb, depth = (part[name] for part in (cameras, taken.observation.rgb, taken.observation.depth))
        masks = view.masks[name][np.ix_(taken.rows[name], taken.columns[name])]
        if rng is not None:
            noise_m = DEPTH_NOISE_M
            if is_disguised:
                rgb, noise_m = disguised(rgb, masks >= 0, rng), rng.uniform(0.0, WORST_DEPTH_NOISE_M)
                camera = knocked(camera, rng, KNOCK_M, KNOCK_RAD)
            rgb, depth = relight(rgb, rng), depth + (depth > 0) * rng.normal(0.0, noise_m, depth.shape)
        depth = camera.depth_of_table(*depth.shape) if config.is_flat else depth
        images = framed_input(rgb, depth.astype(np.float32), camera, config)
        if is_gone is not None and is_gone.any():
            images *= ~((masks >= 0) & is_gone[masks])
        masks = np.where(images[6] > 0, masks, -1) if config.is_cut else masks  # nobody can say what is not shown
        parts.append({"images": images, **targets_from_masks(
            masks, _turned(view.poses, turn_of(camera, config)), view.is_distractor)})
    return parts


def vanished(count: int, rng: np.random.Generator) -> Bool[np.ndarray, " count"]:
    """bool[count]: which of the things of a view are not shown, never all of them: eyes that learned from full tables
    alone believe two things on a table to be wider than they are."""
    is_gone = np.zeros(count, bool)
    if count > 1 and rng.random() < VANISHING:
        is_gone[rng.permutation(count)[int(rng.integers(1, count)):]] = True
    return is_gone


def _turned(poses: Float32[np.ndarray, "M 10"], turn: Float64[np.ndarray, "4 4"]) -> Float32[np.ndarray, "M 10"]:
    """The poses, their places in another frame."""
    places = poses[:, :3] @ turn[:3, :3].T + turn[:3, 3]
    return np.concatenate([places, poses[:, 3:]], axis=1).astype(np.float32)


def disguised(rgb: UInt8[np.ndarray, "H W 3"], is_object: Bool[np.ndarray, "H W"], rng: np.random.Generator
              ) -> UInt8[np.ndarray, "H W 3"]:
    """uint8[H, W, 3]: what is no object (table, arm, floor) anywhere between its own color and a drawn one."""
    share, color = rng.uniform(0.0, 1.0), rng.uniform(0.0, 255.0, 3)
    brightness = rgb.max(axis=-1, keepdims=True) / 255.0
    drawn = (1 - share) * rgb + share * brightness * color
    return np.where(is_object[..., None], rgb, drawn).astype(np.uint8)


def relight(rgb: UInt8[np.ndarray, "H W 3"], rng: np.random.Generator) -> UInt8[np.ndarray, "H W 3"]:
    """uint8[H, W, 3], a little brighter or darker, and of a slightly other tint."""
    gain = 1.0 + rng.uniform(-LIGHT, LIGHT) + rng.uniform(-LIGHT, LIGHT, 3) / 2
    return np.clip(rgb * gain.astype(np.float32), 0, 255).astype(np.uint8)


def collate_examples(examples: Examples | Mixture, places: Sequence[int], processor: PalmEProcessor, *, seed: int,
                     is_jittered: bool = True) -> Collate:
    """Collates examples for the planner: what the processor makes of prompts and answers. What is asked about one view
    is asked about the same pictures, which are in the batch once."""

    def collate(chosen: np.ndarray, step: int) -> tuple[list[str], dict[str, Any]]:
        def rng(*of: int) -> np.random.Generator | None:
            return np.random.default_rng([seed, step, *of]) if is_jittered else None

        picked, sights = [places[index] for index in chosen], {}
        for place in picked:
            if (view := examples.view_of(place)) not in sights:
                sights[view] = examples.sight(place, rng(VIEW_STREAM, *view))
        batch = [examples.worded(place, sights[examples.view_of(place)], rng(place)) for place in picked]
        inputs = processor([e.prompt for e in batch], [e.answer for e in batch], has_repeats=True)
        names = processor.name_ids([name for e in batch for name in e.names])
        return [examples.items[p].id for p in picked], {**inputs, "name_ids": names}

    return collate


def sampled_by(examples: Mixture, places: Sequence[int], processor: PalmEProcessor, *, loaders: int = 0
               ) -> tuple[Int64[np.ndarray, " N"], Int64[np.ndarray, " N"]]:
    """(lengths, views) of some examples, for their `Sampler`: tokens of each, and a number that those of one view
    share. loaders: processes that count, see `made_ahead`."""

    def lengths_of(number: int) -> list[int]:
        block = places[number * COUNTED:(number + 1) * COUNTED]
        worded = [examples.worded(place, examples.sight(place, has_pixels=False)) for place in block]
        return processor.count_tokens([e.prompt for e in worded], [e.answer for e in worded])

    lengths: list[int] = []
    blocks = range(-(-len(places) // COUNTED))
    with progress("measure", len(blocks)) as measured:
        for block in made_ahead(lengths_of, blocks, processes=loaders):
            lengths += block
            measured()
    views = np.unique([examples.view_of(place) for place in places], axis=0, return_inverse=True)[1]
    return np.array(lengths, dtype=np.int64), views.reshape(-1)
