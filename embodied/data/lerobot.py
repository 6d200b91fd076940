"""Writes the LeRobotDataset v3.0 layout with pyarrow and av: whole, read back and compared, or not at all.

Frame i of an episode stands at from_timestamp + i / fps of each camera's video, where the episodes follow each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.data import lerobot_meta as meta
from embodied.data.files import sha256_of, whole_folder, write_json
from embodied.data.lerobot_check import THUMBNAIL, DatasetError, check, thumbnail
from embodied.data.lerobot_meta import ACTION, STATE, ImageStats, Schema
from embodied.data.video import Clip, VideoWriter, learning_codec, video_facts

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One episode of N frames. images: camera -> N pictures uint8[H, W, 3], asked for once and in turn."""

    task: str
    state: np.ndarray  # float32[N, S]
    action: np.ndarray  # float32[N, A]
    is_success: bool | None  # None: nobody judged it
    images: Mapping[str, Iterable[np.ndarray]]


@dataclass(frozen=True, slots=True)
class _VideoTrack:
    """The pictures of one episode and camera, before they are part of a dataset."""

    clip: Clip
    seen: ImageStats
    thumbnails: bytearray


@contextmanager
def new_dataset(folder: Path, schema: Schema) -> Iterator[DatasetWriter]:
    """A writer of the dataset at `folder`; leaving publishes it, leaving by an error leaves nothing.

    Raises FileExistsError where `folder` exists, ValueError for episodes that do not fit the schema, DatasetError for
    a dataset without episodes, and for one that does not read back as it was written.
    """
    with whole_folder(folder) as draft:
        with DatasetWriter(draft, schema) as writer:
            yield writer
        writer.finish()


@dataclass
class DatasetWriter:
    """Adds episodes to an unpublished folder; made by `new_dataset`."""

    folder: Path
    schema: Schema
    rows: list[dict[str, Any]] = field(default_factory=list)  # of the episodes table
    tasks: dict[str, int] = field(default_factory=dict)
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    images: dict[str, ImageStats] = field(default_factory=dict)
    thumbnails: dict[str, bytearray] = field(default_factory=dict)
    """Of the pictures of each camera, end to end: thousands of small arrays among large ones leave the heap in holes,
    half a megabyte a picture."""
    frames: int = 0

    def __enter__(self) -> DatasetWriter:
        import pyarrow.parquet as pq

        with ExitStack() as stack:
            self._data = stack.enter_context(pq.ParquetWriter(
                self._new(meta.DATA), meta.data_schema(self.schema), compression="snappy", write_page_checksum=True))
            self._codec = learning_codec()
            self._videos = {camera: stack.enter_context(
                VideoWriter(self._new(meta.video_file(camera)), self.schema.fps, self._codec))
                for camera in self.schema.cameras}
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None and not self.rows:
            error = (DatasetError, None, None)  # the videos are empty as well: only close what is open
        self._stack.__exit__(*error)

    def add(self, episode: Demonstration) -> None:
        """Raise ValueError, naming episode and frame, before anything of it is kept: the dataset goes on
        without it."""
        columns = self._columns(episode)
        count = len(columns["index"])
        stats = {key: meta.vector_stats(values) for key, values in columns.items()}
        tracks = {camera: self._track(camera, episode, count) for camera in self.schema.cameras}
        stats |= {meta.IMAGES + camera: track.seen.stats() for camera, track in tracks.items()}
        self._data.write_table(self._table(columns))  # one row group an episode
        for camera, track in tracks.items():
            self._videos[camera].append(track.clip)
            self.thumbnails.setdefault(camera, bytearray()).extend(track.thumbnails)
            self.images.setdefault(camera, ImageStats.empty()).merge(track.seen)
        self.rows.append(self._row(episode.task, count, stats))
        self.tasks.setdefault(episode.task, len(self.tasks))
        self.frames += count
        for key, values in columns.items():
            self.columns.setdefault(key, []).append(values)

    def describe(self, source: Mapping[str, Any]) -> None:
        """Say where the dataset comes from: plain facts, in a file of ours that LeRobot ignores."""
        write_json(self._new(meta.SOURCE), dict(source))

    def _columns(self, episode: Demonstration) -> dict[str, np.ndarray]:
        """Every column of the data file, checked."""
        count = len(episode.action)
        name = f"episode {len(self.rows)}"
        if not count or not episode.task.strip():
            raise ValueError(f"{name}: expected frames and a task, got {count} frames, task {episode.task!r}")
        vectors = {STATE: np.asarray(episode.state, np.float32), ACTION: np.asarray(episode.action, np.float32)}
        for key, names in self.schema.vectors().items():
            if vectors[key].shape != (count, len(names)):
                raise ValueError(f"{name}: expected {key} of shape {(count, len(names))}, got {vectors[key].shape}")
            bad = np.flatnonzero(~np.isfinite(vectors[key]).all(1))
            if len(bad):
                raise ValueError(f"{name} frame {bad[0]}: expected finite {key}, got {vectors[key][bad[0]]}")
        if set(episode.images) != set(self.schema.cameras):
            raise ValueError(f"{name}: expected pictures of {sorted(self.schema.cameras)}, got "
                             f"{sorted(episode.images)}")
        place, is_last = np.arange(count), np.arange(count) == count - 1
        task = self.tasks.get(episode.task, len(self.tasks))
        is_met = is_last & bool(episode.is_success)
        return {**vectors, "next.reward": is_met.astype(np.float32), "next.done": is_last, "next.success": is_met,
                "next.is_judged": is_last & (episode.is_success is not None),
                "timestamp": (place / self.schema.fps).astype(np.float32),
                "frame_index": place, "episode_index": np.full(count, len(self.rows)), "index": self.frames + place,
                "task_index": np.full(count, task)}

    def _track(self, camera: str, episode: Demonstration, count: int) -> _VideoTrack:
        """The episode's pictures of a camera. Raises ValueError for one that does not fit."""
        seen, shape = 0, (*self.schema.cameras[camera], 3)
        track = _VideoTrack(Clip(self.schema.fps, self._codec), ImageStats.empty(), bytearray())
        sampled = set(np.linspace(0, count - 1, min(count, max(100, int(count ** 0.75)))).round().astype(int).tolist())
        for image in episode.images[camera]:
            if image.shape != shape or image.dtype != np.uint8:
                raise ValueError(f"episode {len(self.rows)} frame {seen}: expected {camera} uint8{list(shape)}, got "
                                 f"{image.dtype}{list(image.shape)}")
            track.clip.add(image)
            track.thumbnails.extend(thumbnail(image).tobytes())
            if seen in sampled:
                track.seen.add(image)
            seen += 1
        if seen != count:
            raise ValueError(f"episode {len(self.rows)}: expected {count} pictures of {camera}, got {seen}")
        track.clip.end()
        return track

    def _table(self, columns: Mapping[str, np.ndarray]) -> pa.Table:
        import pyarrow as pa

        kinds = meta.data_schema(self.schema)
        arrays = [pa.FixedSizeListArray.from_arrays(pa.array(columns[key].ravel()), columns[key].shape[1])
                  if columns[key].ndim == 2 else pa.array(columns[key]) for key in kinds.names]
        return pa.Table.from_arrays(arrays, schema=kinds)

    def _row(self, task: str, length: int, stats: Mapping[str, meta.Stats]) -> dict[str, Any]:
        row = {"episode_index": len(self.rows), "tasks": [task], "length": length, "data/chunk_index": 0,
               "data/file_index": 0, "dataset_from_index": self.frames, "dataset_to_index": self.frames + length}
        for camera in self.schema.cameras:
            row |= {f"videos/{meta.IMAGES}{camera}/{fact}": value for fact, value in {
                "chunk_index": 0, "file_index": 0, "from_timestamp": self.frames / self.schema.fps,
                "to_timestamp": (self.frames + length) / self.schema.fps}.items()}
        row |= {f"stats/{key}/{name}": value for key, found in stats.items() for name, value in found.items()}
        return {**row, "meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}

    def finish(self) -> None:
        """Write what the dataset says of itself, then reads all of it back. Raises DatasetError."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self.rows:
            raise DatasetError(f"{self.folder}: expected at least one episode, got none")
        videos = {c: video_facts(self.folder / meta.video_file(c)) for c in self.schema.cameras}
        pq.write_table(pa.Table.from_pylist(self.rows), self._new(meta.EPISODES), write_page_checksum=True)
        pq.write_table(meta.tasks_table(list(self.tasks)), self._new(meta.TASKS), write_page_checksum=True)
        stats = {key: meta.vector_stats(np.concatenate(values)) for key, values in self.columns.items()}
        stats |= {meta.IMAGES + camera: found.stats() for camera, found in self.images.items()}
        write_json(self.folder / meta.STATS, stats)
        counts = len(self.rows), self.frames, len(self.tasks)
        write_json(self.folder / meta.INFO, meta.info(self.schema, videos, *counts))
        write_json(self.folder / meta.DIGESTS, digests(self.folder))
        originals = {c: np.frombuffer(t, np.uint8).reshape(-1, *THUMBNAIL) for c, t in self.thumbnails.items()}
        faults = check(self.folder, originals).faults
        if faults:
            raise DatasetError(f"{self.folder}: does not read back as written: " + "; ".join(faults[:5]))

    def _new(self, name: str) -> Path:
        """Where a file of that name goes, its folder made."""
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        return self.folder / name


def digests(folder: Path) -> dict[str, str]:
    """File -> SHA-256 of every file of a dataset."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / meta.DIGESTS)
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}
