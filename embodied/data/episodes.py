"""Episodes on disk: one file each, without pickle, checked by CRC when read.

A file is an uncompressed .npz of two members: `meta` (JSON text as bytes) and `images` (PNG streams, end to end).
PNG keeps an episode about eight times smaller than raw arrays. Depth is quantised to `DEPTH_STEP_M`.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.files import write_whole
from embodied.data.queries import Query, arguments_of, query_of, record_of
from envs.interface import DISTRACTOR, Camera, Observation

DEPTH_STEP_M = 1e-4
"""Depth is stored as uint16 multiples of this: up to 6.5 m, never more than 0.05 mm off."""

PNG_LEVEL = 2
"""Effort of the PNG encoder: the default (6) is several times slower for a tenth less."""


PIXELS = ("rgb", "depth", "masks")
"""Kinds of images of a view."""


class EpisodeError(ValueError):
    """An episode file that cannot be trusted."""


@dataclass(frozen=True, slots=True)
class View:
    """An observation with its privileged labels."""

    observation: Observation
    masks: Mapping[str, np.ndarray]  # camera -> int16[H, W], index into names; -1 = none of them
    names: tuple[str, ...]
    poses: np.ndarray  # float32[E, 10]: position m, quaternion, size m
    held: str | None
    queries: tuple[Query, ...]

    @property
    def is_distractor(self) -> np.ndarray:
        """bool[E]: which of the names are of things that the world asks nothing about."""
        return np.array([name.split(" ")[0] == DISTRACTOR for name in self.names], bool)


@dataclass(frozen=True, slots=True)
class Act:
    """One executed call and how it went."""

    skill: str
    arguments: tuple[str | float, ...]  # objects by name
    chooser: str  # "expert" or "disturbance"
    status: str
    reason: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class Episode:
    """views[i] -> acts[i] -> views[i + 1]; a static episode has one view and no act."""

    seed: int
    task: str
    views: tuple[View, ...]
    acts: tuple[Act, ...] = ()


def view_of(observation: Mapping[str, Any], labels: Mapping[str, Any]) -> View:
    """The view of what a skill-level environment returned, labels included."""
    queries = tuple(map(query_of, labels["asks"]))
    poses = np.asarray(labels["poses"], np.float32).reshape(-1, 10)
    return View(Observation.from_dict(observation), dict(labels["masks"]), tuple(labels["names"]), poses,
                labels["held"], queries)


def act_from(act: Mapping[str, Any]) -> Act:
    """The act of a file's record; up to format 2, its one argument was its entity."""
    kept = dict(act)
    arguments = [kept.pop("entity")] if "entity" in kept else kept["arguments"]
    return Act(**{**kept, "arguments": arguments_of(arguments)})


def encode_episode(episode: Episode) -> bytes:
    """The content of the file of an episode. ValueError for arrays that are not finite."""
    images = _ImageWriter()
    meta = _meta(episode, images)
    return _packed(meta, np.frombuffer(images.stream.getvalue(), np.uint8))


def _packed(meta: Mapping[str, Any], images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, meta=np.frombuffer(json.dumps(meta, allow_nan=False).encode(), np.uint8), images=images)
    return buffer.getvalue()


def renewed_episode(path: Path) -> bytes | None:
    """The content of an episode's file as it would be written now, its images byte for byte; None where it was written
    so. EpisodeError as from `read_episode`."""
    episode = read_episode(path, pixels=())
    with trusting(path):
        found, images = members(path)
        meta = json.loads(json.dumps(_meta(episode, _ImageWriter())))
        for view, old in zip(meta["views"], found["views"], strict=True):
            view.update({kind: old[kind] for kind in PIXELS})
    return None if meta == found else _packed(meta, images)


def write_episode(path: Path, episode: Episode) -> int:
    """Bytes written. The file appears whole or not at all."""
    content = encode_episode(episode)
    write_whole(path, content)
    return len(content)


def read_episode(path: Path, *, pixels: Collection[str] = PIXELS) -> Episode:
    """The episode of a file, with only the named kinds of images decoded (the others are empty mappings).

    Raises EpisodeError when the file is truncated, damaged or something else, or holds a number that is not finite.
    """
    with trusting(path):
        meta, images = members(path)
        views = tuple(view_from(view, partial(png_of, images), pixels) for view in meta["views"])
        return Episode(meta["seed"], meta["task"], views, tuple(act_from(act) for act in meta["acts"]))


def read_view(path: Path, place: int, *, pixels: Collection[str] = PIXELS) -> View:
    """One view of an episode; the others are not decoded. Raises EpisodeError as `read_episode` does."""
    with trusting(path):
        meta, images = members(path)
        return view_from(meta["views"][place], partial(png_of, images), pixels)


def members(path: Path) -> tuple[dict[str, Any], np.ndarray]:
    """What a file says, and its images end to end; `png_of` cuts one out. Whatever a damaged file raises: see
    `trusting`."""
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as members:
        return json.loads(members["meta"].tobytes()), members["images"]


@contextmanager
def trusting(path: Path) -> Iterator[None]:
    """Turns what a damaged file can raise into EpisodeError."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise EpisodeError(f"{path}: expected a whole episode, got {error}; delete it and collect again") from error


def check_episode(path: Path) -> None:
    """Raise EpisodeError unless every byte of the file passes its CRC; far quicker than decoding it."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            names = archive.namelist()
    except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise EpisodeError(f"{path}: {error}") from error
    if damaged or sorted(names) != ["images.npy", "meta.npy"]:
        raise EpisodeError(f"{path}: damaged member {damaged!r} among {names}")


class _ImageWriter:
    """Appends PNG streams and hands out their places."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def add(self, pixels: np.ndarray) -> list[int]:
        """[start, stop] in the stream."""
        from PIL import Image

        start = self.stream.tell()
        Image.fromarray(pixels).save(self.stream, "png", compress_level=PNG_LEVEL)
        return [start, self.stream.tell()]


def png_of(images: np.ndarray, place: Sequence[int]) -> bytes:
    """The PNG file at a place of a file's images."""
    return images[place[0]:place[1]].tobytes()


def _image(png: bytes) -> np.ndarray:
    from PIL import Image

    return np.array(Image.open(io.BytesIO(png)))


def _meta(episode: Episode, images: _ImageWriter) -> dict[str, Any]:
    return {"seed": episode.seed, "task": episode.task, "acts": [asdict(act) for act in episode.acts],
            "views": [_view_meta(view, images) for view in episode.views]}


def _view_meta(view: View, images: _ImageWriter) -> dict[str, Any]:
    o = view.observation
    refuse_nonfinite(view)
    return {
        "cameras": {c: {"intrinsics": v.intrinsics.tolist(), "pose": v.pose.tolist()} for c, v in o.cameras.items()},
        "rgb": {c: images.add(pixels) for c, pixels in o.rgb.items()},
        "depth": {c: images.add(quantise_depth(depth)) for c, depth in o.depth.items()},
        "masks": {c: images.add((mask + 1).astype(np.uint8)) for c, mask in view.masks.items()},
        "joint_pos": o.joint_pos.tolist(), "tool_pose": o.tool_pose.tolist(), "gripper_width_m": o.gripper_width_m,
        "time_s": o.time_s, "names": list(view.names), "poses": view.poses.tolist(), "held": view.held,
        "asks": [record_of(query) for query in view.queries]}


def refuse_nonfinite(view: View) -> None:
    """Raise ValueError naming a quantity of the view that is not finite: nothing can be learned from it."""
    o = view.observation
    quantities = {
        "joint_pos": o.joint_pos, "tool_pose": o.tool_pose, "gripper_width_m": o.gripper_width_m, "time_s": o.time_s,
        **{f"pose of the {name}": pose for name, pose in zip(view.names, view.poses, strict=True)},
        **{f"depth of {camera}": depth for camera, depth in o.depth.items()},
        **{f"intrinsics of {name}": camera.intrinsics for name, camera in o.cameras.items()},
        **{f"pose of camera {name}": camera.pose for name, camera in o.cameras.items()}}
    for name, value in quantities.items():
        if not np.isfinite(value).all():
            raise ValueError(f"at {o.time_s} s: expected a finite {name}, got {np.asarray(value).tolist()}"[:200])


def quantise_depth(depth_m: np.ndarray) -> np.ndarray:
    """uint16[H, W], multiples of DEPTH_STEP_M; 0 stays "no return"."""
    return np.clip(np.rint(depth_m / DEPTH_STEP_M), 0, 65535).astype(np.uint16)


def view_from(meta: Mapping[str, Any], png: Callable[[Any], bytes], pixels: Collection[str] = PIXELS) -> View:
    """The view of a file's record. png: the PNG file of what stands in the record for an image."""
    kept = {kind: {c: _image(png(place)) for c, place in meta[kind].items() if kind in pixels} for kind in PIXELS}
    observation = Observation(
        rgb=kept["rgb"], depth={c: (steps * DEPTH_STEP_M).astype(np.float32) for c, steps in kept["depth"].items()},
        cameras={c: Camera(np.array(v["intrinsics"]), np.array(v["pose"])) for c, v in meta["cameras"].items()},
        joint_pos=np.array(meta["joint_pos"]), tool_pose=np.array(meta["tool_pose"]),
        gripper_width_m=meta["gripper_width_m"], time_s=meta["time_s"])
    masks = {c: mask.astype(np.int16) - 1 for c, mask in kept["masks"].items()}
    queries = tuple(map(query_of, meta["asks"]))
    poses = np.array(meta["poses"], np.float32).reshape(-1, 10)
    view = View(observation, masks, tuple(meta["names"]), poses, meta["held"], queries)
    refuse_nonfinite(view)
    return view
