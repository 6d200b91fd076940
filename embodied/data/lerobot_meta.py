"""What a LeRobotDataset v3.0 says of itself: features, statistics, tasks, episodes, and where its files lie."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
DATA = "data/chunk-000/file-000.parquet"
VIDEO = "videos/{key}/chunk-000/file-000.mp4"
DIGESTS = "meta/sha256.json"
"""Ours: file -> SHA-256, since a flipped bit in a parquet or mp4 reads as wrong numbers, not as an error."""

SOURCE = "meta/source.json"
"""Ours: what the episodes were and who planned them."""

STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
OUTCOME = {"next.reward": "float32", "next.done": "bool", "next.success": "bool", "next.is_judged": "bool"}
"""next.is_judged: ours; where an episode's last frame has it false, nobody judged it, and next.success says nothing."""
POSITIONS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64",
             "task_index": "int64"}
"""Scalars that every frame has, and their types."""

LEADS_ON = ("targets of the joints: action[t] is commanded once observation.state[t] is seen and leads to "
            "observation.state[t + 1]; in the last frame of an episode: the targets then in force, where it stays")
"""What an action is, unless a schema says otherwise; `lerobot_check` holds datasets that say so to it."""

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_CAMERA = re.compile(r"[A-Za-z0-9_-]{1,64}")

Stats = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Schema:
    """What every episode of a dataset has. cameras: name -> (height, width) in pixels, even. action_meaning: for those
    who learn from it. Raises ValueError."""

    fps: int
    robot: str
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    cameras: Mapping[str, tuple[int, int]]
    action_meaning: str = LEADS_ON

    def __post_init__(self) -> None:
        if self.fps < 1 or not self.state_names or not self.action_names:
            raise ValueError(f"lerobot: expected fps >= 1 and names of states and actions, got {self}")
        for camera, (height, width) in self.cameras.items():
            if not _CAMERA.fullmatch(camera):
                raise ValueError(f"lerobot: expected a camera name of letters, digits, _ and -, got {camera!r}")
            if height % 2 or width % 2 or height < 2 or width < 2:
                raise ValueError(f"lerobot: expected an even size of camera {camera!r}, got {height} x {width}")

    def vectors(self) -> dict[str, tuple[str, ...]]:
        """Key of each vector -> the names of its numbers."""
        return {STATE: self.state_names, ACTION: self.action_names}

    def features(self, videos: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """The `features` of info.json. videos: camera -> facts of its file."""
        vectors = {key: {"dtype": "float32", "shape": [len(names)], "names": list(names)}
                   for key, names in self.vectors().items()}
        vectors[ACTION]["info"] = {"description": self.action_meaning}
        images = {IMAGES + camera: {"dtype": "video", "shape": [*size, 3], "names": ["height", "width", "channels"],
                                    "info": dict(videos[camera])} for camera, size in self.cameras.items()}
        scalars = {key: {"dtype": kind, "shape": [1], "names": None} for key, kind in {**OUTCOME, **POSITIONS}.items()}
        return {**vectors, **images, **scalars}


def video_file(camera: str) -> str:
    """Where the video of a camera lies in a dataset."""
    return VIDEO.format(key=IMAGES + camera)


def info(schema: Schema, videos: Mapping[str, Mapping[str, Any]], episodes: int, frames: int,
         tasks: int) -> dict[str, Any]:
    """The content of info.json."""
    return {"codebase_version": VERSION, "robot_type": schema.robot, "total_episodes": episodes,
            "total_frames": frames, "total_tasks": tasks, "chunks_size": 1000, "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200, "fps": schema.fps, "splits": {"train": f"0:{episodes}"},
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4" if videos else None,
            "features": schema.features(videos)}


def data_schema(schema: Schema) -> pa.Schema:
    """Columns of the data file: vectors of fixed length, then scalars; pictures are not among them."""
    import pyarrow as pa

    vectors = [(key, pa.list_(pa.float32(), len(names))) for key, names in schema.vectors().items()]
    kinds = {"float32": pa.float32(), "int64": pa.int64(), "bool": pa.bool_()}
    return pa.schema(vectors + [(key, kinds[kind]) for key, kind in {**OUTCOME, **POSITIONS}.items()])


def tasks_table(tasks: Sequence[str]) -> pa.Table:
    """A table that pandas reads as a frame with the tasks as its index, as LeRobot does."""
    import pyarrow as pa

    column = {"field_name": "task_index", "metadata": None, "name": "task_index", "numpy_type": "int64",
              "pandas_type": "int64"}
    index = {"field_name": "__index_level_0__", "metadata": None, "name": None, "numpy_type": "object",
             "pandas_type": "unicode"}
    labels = {"field_name": None, "metadata": {"encoding": "UTF-8"}, "name": None, "numpy_type": "object",
              "pandas_type": "unicode"}
    pandas = {"column_indexes": [labels], "columns": [column, index], "index_columns": ["__index_level_0__"],
              "attributes": {}, "creator": {"library": "pyarrow", "version": pa.__version__},
              "pandas_version": "2.2.0"}
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()),
                      "__index_level_0__": pa.array(list(tasks), pa.string())})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


def vector_stats(values: np.ndarray) -> Stats:
    """min, max, mean, std, count and quantiles of each number of float[N] or float[N, D], as lists."""
    values = np.asarray(values, np.float64).reshape(len(values), -1)
    found = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    found |= {name: np.quantile(values, share, axis=0) for name, share in QUANTILES.items()}
    return {**{name: value.tolist() for name, value in found.items()}, "count": [len(values)]}


@dataclass
class ImageStats:
    """Statistics of pictures by their channels, exact for those that were added: it keeps how often each value came."""

    counts: np.ndarray  # int64[3, 256]
    images: int = 0

    @classmethod
    def empty(cls) -> ImageStats:
        return cls(np.zeros((3, 256), np.int64))

    def add(self, image: np.ndarray) -> None:
        """Add an image. image: uint8[H, W, 3]; large ones are thinned to about 150 pixels across, as LeRobot does."""
        step = max(1, max(image.shape[:2]) // 150)
        for channel in range(3):
            self.counts[channel] += np.bincount(image[::step, ::step, channel].ravel(), minlength=256)
        self.images += 1

    def merge(self, other: ImageStats) -> None:
        """Add what another has seen."""
        self.counts += other.counts
        self.images += other.images

    def stats(self) -> Stats:
        """In [0, 1], each of shape (3, 1, 1), as LeRobot wants them; counted by pictures."""
        values, total = np.arange(256) / 255.0, self.counts.sum(1, keepdims=True)
        mean = (self.counts * values).sum(1, keepdims=True) / total
        spread = np.sqrt((self.counts * (values - mean) ** 2).sum(1, keepdims=True) / total)
        seen = [np.flatnonzero(channel) for channel in self.counts]
        found = {"min": [values[s[0]] for s in seen], "max": [values[s[-1]] for s in seen], "mean": mean, "std": spread}
        below = np.cumsum(self.counts, axis=1) / total
        found |= {name: [values[np.searchsorted(b, share)] for b in below] for name, share in QUANTILES.items()}
        return {**{name: np.reshape(v, (3, 1, 1)).tolist() for name, v in found.items()}, "count": [self.images]}
