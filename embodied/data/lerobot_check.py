"""Reads a LeRobotDataset v3.0 folder back, all of it, and names the episode and the frame of whatever is wrong."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.data import lerobot_meta as meta
from embodied.data.files import sha256_of
from embodied.data.video import decode

if TYPE_CHECKING:
    import pyarrow as pa

TOLERANCE_S = 1e-4
"""Of frames in videos and of timestamps, as in LeRobot."""
THUMBNAIL = (8, 8, 3)
"""Shape of what pictures are compared by."""
FAR_OFF = 16.0
"""Mean difference of two thumbnails, of 255, beyond which a decoded picture is not the one that was encoded."""
MAX_FAULTS = 50
LEAST_MOVING = 5
"""Frames in which a joint moves, for a verdict on whether its actions lead where it goes."""


class DatasetError(ValueError):
    """A dataset that cannot be trusted."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, and what is wrong with it; sound where `faults` is empty."""

    episodes: int
    frames: int
    faults: tuple[str, ...]


def check(folder: Path, thumbnails: Mapping[str, np.ndarray] | None = None) -> Report:
    """The report on a dataset: every file, count, index, timestamp and picture of it is read.

    thumbnails: camera -> uint8[frames, 8, 8, 3] of the originals (`thumbnail`), where they are known.
    """
    examiner = _Examiner(Path(folder), dict(thumbnails or {}))
    for examine in (examiner.digests, examiner.info, examiner.tasks, examiner.episodes, examiner.data, examiner.videos):
        if not examiner.attempt(examine):
            break
    total = (examiner.facts.get("total_episodes", 0), examiner.facts.get("total_frames", 0))
    return Report(*total, tuple(examiner.faults[:MAX_FAULTS]))


def thumbnail(image: np.ndarray) -> np.ndarray:
    """uint8[8, 8, 3] of uint8[H, W, 3]."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize(THUMBNAIL[:2], Image.Resampling.BOX))


def lags(state: np.ndarray, action: np.ndarray) -> tuple[float, float, float] | None:
    """How far the actions of a joint, float[N], are from its states at the same frame, the next, and the one after: the
    mean over frames in which it moves. None where it moves in too few to tell.

    Recorded arms follow within a quarter of a control period: the right one of the three is a quarter of the others, or
    less.
    """
    count = max(len(state) - 2, 0)
    step = np.abs(state[1:count + 1] - state[:count])
    moving = np.flatnonzero(step > max(0.1 * step.max(initial=0.0), 1e-3))
    if len(moving) < LEAST_MOVING:
        return None
    return tuple(float(np.abs(action[moving] - state[moving + lag]).mean()) for lag in range(3))


def _shift(state: np.ndarray, action: np.ndarray, is_led: bool) -> str | None:
    """Where the actions of a joint lead instead of to its next states, as a clause; None where they do, or where nobody
    can tell. is_led: they are said to; an arm that follows later is no fault where they are not."""
    off = lags(state, action)
    if off is not None and off[0] < off[1] / 2:
        return "is where the joint already is at t, it does not lead to t + 1"
    if off is not None and is_led and off[2] < off[1] / 2:
        return "leads to t + 2, not to t + 1"
    return None


@dataclass
class _Examiner:
    """What is known while a dataset is read."""

    folder: Path
    thumbnails: dict[str, np.ndarray]
    faults: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    table: list[dict[str, Any]] = field(default_factory=list)  # episodes
    task_count: int = 0

    def attempt(self, examine: Callable[[], None]) -> bool:
        """Whether the rest can be read after this part."""
        try:
            examine()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.faults.append(f"{self.folder}: {type(error).__name__}: {error}")
            return False
        return True

    def expect(self, is_so: bool, fault: str) -> None:
        if not is_so and len(self.faults) < MAX_FAULTS:
            self.faults.append(fault)

    def digests(self) -> None:
        path = self.folder / meta.DIGESTS
        for name, expected in json.loads(path.read_text()).items() if path.exists() else ():
            self.expect(sha256_of(self.folder / name) == expected, f"{name}: its content is not what was written")

    def info(self) -> None:
        self.facts = json.loads((self.folder / meta.INFO).read_text())
        if self.facts["codebase_version"] != meta.VERSION:
            raise ValueError(f"expected version {meta.VERSION}, got {self.facts['codebase_version']}")
        stats = json.loads((self.folder / meta.STATS).read_text())
        for key in self.facts["features"]:
            numbers = np.concatenate([np.ravel(value) for value in stats[key].values()])
            self.expect(bool(np.isfinite(numbers).all()), f"statistics of {key} are not finite")

    def tasks(self) -> None:
        table = self._parquet(meta.TASKS)
        self.task_count = table.num_rows
        self.expect(table["task_index"].to_pylist() == list(range(table.num_rows)), "tasks are not numbered in turn")
        self.expect(table.num_rows == self.facts["total_tasks"],
                    f"expected {self.facts['total_tasks']} tasks, got {table.num_rows}")

    def episodes(self) -> None:
        self.table = self._parquet(meta.EPISODES).to_pylist()
        self.expect(len(self.table) == self.facts["total_episodes"],
                    f"expected {self.facts['total_episodes']} episodes, got {len(self.table)}")
        at, fps = 0, self.facts["fps"]
        for index, row in enumerate(self.table):
            self.expect(row["episode_index"] == index, f"episode {index}: is numbered {row['episode_index']}")
            self.expect((row["dataset_from_index"], row["dataset_to_index"]) == (at, at + row["length"]),
                        f"episode {index}: expected frames {at} to {at + row['length']}, got "
                        f"{row['dataset_from_index']} to {row['dataset_to_index']}")
            for camera in self._cameras():
                start = row[f"videos/{meta.IMAGES}{camera}/from_timestamp"]
                self.expect(abs(start - at / fps) < TOLERANCE_S, f"episode {index}: {camera} starts at {start} s")
            at += row["length"]
        self.expect(at == self.facts["total_frames"], f"expected {self.facts['total_frames']} frames, got {at}")

    def data(self) -> None:
        import pyarrow.parquet as pq

        file = pq.ParquetFile(self.folder / meta.DATA, page_checksum_verification=True)
        groups = file.metadata.num_row_groups
        if groups != len(self.table):
            raise ValueError(f"{meta.DATA}: expected {len(self.table)} row groups, one an episode, got {groups}")
        for index, row in enumerate(self.table):
            self._episode_data(index, row, file.read_row_group(index))

    def _episode_data(self, index: int, row: Mapping[str, Any], table: pa.Table) -> None:
        if table.num_rows != row["length"]:
            raise ValueError(f"episode {index}: expected {row['length']} frames, got {table.num_rows}")
        place = np.arange(table.num_rows)
        wanted = {"frame_index": place, "episode_index": np.full(len(place), index),
                  "index": row["dataset_from_index"] + place, "next.done": place == len(place) - 1}
        for key, values in wanted.items():
            self._all(index, table[key].to_numpy() == values, key)
        stamps = table["timestamp"].to_numpy()
        self._all(index, np.abs(stamps - place / self.facts["fps"]) < TOLERANCE_S, "timestamp")
        tasks = table["task_index"].to_numpy()
        self._all(index, (tasks >= 0) & (tasks < self.task_count), "task_index")
        is_last = place == len(place) - 1
        self._all(index, is_last | ~table["next.success"].to_numpy(zero_copy_only=False), "next.success")
        self._all(index, np.isfinite(table["next.reward"].to_numpy()), "next.reward")
        vectors = {}
        for key in (meta.STATE, meta.ACTION):
            length = self.facts["features"][key]["shape"][0]
            vectors[key] = table[key].combine_chunks().flatten().to_numpy().reshape(len(place), length)
            self._all(index, np.isfinite(vectors[key]).all(1), key)
        self._follows(index, vectors[meta.STATE], vectors[meta.ACTION])

    def _follows(self, episode: int, state: np.ndarray, action: np.ndarray) -> None:
        """Whether the actions lead to the next states, joint by joint; nobody's do who is there already."""
        features = self.facts["features"]
        names = {key: features[key]["names"] or [] for key in (meta.STATE, meta.ACTION)}
        is_led = features[meta.ACTION].get("info", {}).get("description") == meta.LEADS_ON
        for place, name in enumerate(names[meta.ACTION]):
            if name in names[meta.STATE]:
                shift = _shift(state[:, names[meta.STATE].index(name)], action[:, place], is_led)
                self.expect(shift is None, f"episode {episode}: the action of {name} is shifted: action[t] {shift}")

    def _all(self, episode: int, is_good: np.ndarray, key: str) -> None:
        for frame in np.flatnonzero(~is_good)[:3]:
            self.expect(False, f"episode {episode} frame {frame}: {key} is wrong")

    def videos(self) -> None:
        for camera in self._cameras():
            seen = 0
            shape = tuple(self.facts["features"][meta.IMAGES + camera]["shape"])
            for index, (time_s, image) in enumerate(decode(self.folder / meta.video_file(camera))):
                self.expect(abs(time_s - index / self.facts["fps"]) < TOLERANCE_S,
                            f"{self._name(index)}: {camera} stands at {time_s} s")
                self.expect(image.shape == shape, f"{self._name(index)}: {camera} has shape {image.shape}")
                self._compare(camera, index, image)
                seen += 1
            self.expect(seen == self.facts["total_frames"],
                        f"video of {camera}: expected {self.facts['total_frames']} frames, got {seen}")

    def _compare(self, camera: str, index: int, image: np.ndarray) -> None:
        originals = self.thumbnails.get(camera, ())
        if index < len(originals):
            off = float(np.abs(thumbnail(image).astype(float) - originals[index]).mean())
            self.expect(off < FAR_OFF, f"{self._name(index)}: the picture of {camera} is {off:.0f} of 255 off")

    def _name(self, index: int) -> str:
        """Episode and frame of a place in the dataset."""
        episode = bisect_right(self.table, index, key=itemgetter("dataset_from_index")) - 1
        return f"episode {episode} frame {index - self.table[episode]['dataset_from_index']}"

    def _cameras(self) -> Iterator[str]:
        return (key.removeprefix(meta.IMAGES) for key, f in self.facts["features"].items() if f["dtype"] == "video")

    def _parquet(self, name: str) -> pa.Table:
        import pyarrow.parquet as pq

        return pq.read_table(self.folder / name, page_checksum_verification=True)
