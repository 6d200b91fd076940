"""A dataset is what was written, in LeRobot's layout; whatever is wrong with one is named by episode and frame."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embodied.data.lerobot import Demonstration, new_dataset
from embodied.data.lerobot_check import DatasetError, check
from embodied.data.lerobot_meta import DATA, EPISODES, INFO, TASKS, ImageStats, Schema, vector_stats, video_file
from embodied.data.video import FOR_LEARNING, FOR_LEARNING_WITHOUT_AV1, decode

SCHEMA = Schema(5, "panda", ("a", "b", "width"), ("a", "b"), {"front": (48, 64), "wrist": (32, 32)})
LENGTHS = (7, 4, 5)


def picture(size: tuple[int, int], frame: int) -> np.ndarray:
    """A grey level and a bright bar whose place tells the frame."""
    image = np.full((*size, 3), 40, np.uint8)
    image[:, 4 * (frame % 8):4 * (frame % 8) + 8] = (250, 120, 30)
    return image


def demonstration(length: int, first: int = 0, **changes) -> Demonstration:
    rng = np.random.default_rng(first)
    images = {camera: [picture(size, first + i) for i in range(length)] for camera, size in SCHEMA.cameras.items()}
    whole = {"task": f"task {length % 2}", "state": rng.normal(size=(length, 3)), "is_success": length == 4,
             "action": rng.normal(size=(length, 2)), "images": images}
    return Demonstration(**{**whole, **changes})


def write(folder: Path) -> Path:
    with new_dataset(folder, SCHEMA) as writer:
        for index, length in enumerate(LENGTHS):
            writer.add(demonstration(length, first=sum(LENGTHS[:index])))
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("sound") / "dataset")


@pytest.fixture
def dataset(tmp_path) -> Path:
    return write(tmp_path / "dataset")


def test_what_was_written_reads_back(written):
    assert check(written) == check(written, {}) and check(written).faults == ()
    assert (check(written).episodes, check(written).frames) == (3, sum(LENGTHS))
    table = pq.read_table(written / DATA)
    for episode, length in enumerate(LENGTHS):
        original = demonstration(length, first=sum(LENGTHS[:episode]))
        rows = table.filter(np.asarray(table["episode_index"]) == episode)
        assert np.allclose(rows["observation.state"].to_pylist(), original.state, atol=1e-6)
        assert np.allclose(rows["action"].to_pylist(), original.action, atol=1e-6)
        assert rows["next.reward"].to_pylist() == [0.0] * (length - 1) + [float(original.is_success)]


def test_every_frame_stands_where_lerobot_looks_for_it(written):
    episodes = pq.read_table(written / EPISODES).to_pylist()
    for camera in SCHEMA.cameras:
        frames = list(decode(written / video_file(camera)))
        for row in episodes:
            start = row[f"videos/observation.images.{camera}/from_timestamp"]
            for i in range(row["length"]):
                time_s, image = frames[row["dataset_from_index"] + i]
                assert abs(time_s - (start + i / SCHEMA.fps)) < 1e-4
                original = picture(SCHEMA.cameras[camera], row["dataset_from_index"] + i)
                assert np.abs(image.astype(int) - original).mean() < 12


def test_the_layout_is_the_one_of_version_3(written):
    info = json.loads((written / INFO).read_text())
    assert (info["codebase_version"], info["fps"], info["splits"]) == ("v3.0", 5, {"train": "0:3"})
    assert info["features"]["observation.images.front"]["shape"] == [48, 64, 3]
    assert pq.ParquetFile(written / DATA).metadata.num_row_groups == 3
    assert "observation.images.front" not in pq.read_schema(written / DATA).names
    tasks = pq.read_table(written / TASKS).to_pandas()
    assert list(tasks.index) == ["task 1", "task 0"] and list(tasks["task_index"]) == [0, 1]
    stats = json.loads((written / "meta/stats.json").read_text())
    assert np.shape(stats["observation.images.front"]["q01"]) == (3, 1, 1) and stats["action"]["count"] == [16]


def test_statistics_are_those_of_numpy():
    rng = np.random.default_rng(0)
    image, values = rng.integers(0, 256, (60, 40, 3), np.uint8), rng.normal(size=(50, 3))
    found = ImageStats.empty()
    found.add(image)
    pixels = image.reshape(-1, 3) / 255.0
    for name, expected in {"min": pixels.min(0), "mean": pixels.mean(0), "std": pixels.std(0), "max": pixels.max(0),
                           "q90": np.quantile(pixels, 0.9, axis=0)}.items():
        assert np.allclose(np.ravel(found.stats()[name]), expected, atol=0.01), name
    assert np.allclose(vector_stats(values)["q10"], np.quantile(values, 0.1, axis=0))


@pytest.mark.parametrize(("changes", "complaint"), [
    ({"state": np.full((7, 3), np.nan)}, "episode 0 frame 0: expected finite observation.state"),
    ({"action": np.zeros((7, 5))}, "expected action of shape"),
    ({"action": np.zeros((0, 2))}, "expected frames"),
    ({"task": " "}, "and a task"),
    ({"images": {}}, "expected pictures of"),
    ({"images": {c: [picture(s, 0)] * 6 for c, s in SCHEMA.cameras.items()}}, "expected 7 pictures of front, got 6"),
    ({"images": {c: [picture((s[0], s[1] - 2), 0)] * 7 for c, s in SCHEMA.cameras.items()}}, "frame 0: expected front"),
])
def test_what_does_not_fit_leaves_nothing(tmp_path, changes, complaint):
    with pytest.raises(ValueError, match=complaint), new_dataset(tmp_path / "dataset", SCHEMA) as writer:
        writer.add(demonstration(7, **changes))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("codec", [FOR_LEARNING, FOR_LEARNING_WITHOUT_AV1])
@pytest.mark.parametrize("camera", SCHEMA.cameras)
def test_a_refused_add_leaves_nothing_behind(tmp_path, monkeypatch, camera, codec):
    """The pictures of one camera are too few, or the last is of another size, which is found after all others."""
    def refused(first: int) -> Demonstration:
        demo = demonstration(6, first)
        bad = [*demo.images[camera][:5], picture((16, 16), 0)][:5 + first % 2]
        return demonstration(6, first, task="never added", images={**demo.images, camera: bad})

    monkeypatch.setattr("embodied.data.lerobot.learning_codec", lambda: codec)
    with new_dataset(tmp_path / "dataset", SCHEMA) as writer:
        for index, length in enumerate(LENGTHS):
            with pytest.raises(ValueError, match=f"episode {index}"):
                writer.add(refused(index))
            writer.add(demonstration(length, first=sum(LENGTHS[:index])))
        with pytest.raises(ValueError, match="episode 3"):
            writer.add(refused(3))
    assert check(tmp_path / "dataset").faults == ()
    monkeypatch.undo()
    alone = write(tmp_path / "alone")
    for name in (DATA, EPISODES, TASKS):
        assert pq.read_table(tmp_path / "dataset" / name).equals(pq.read_table(alone / name)), name
    assert len(list(decode(tmp_path / "dataset" / video_file(camera)))) == sum(LENGTHS)


def test_a_dataset_needs_episodes_and_a_free_place(written, tmp_path):
    with pytest.raises(DatasetError, match="at least one episode"), new_dataset(tmp_path / "dataset", SCHEMA):
        pass
    with pytest.raises(FileExistsError, match="does not exist yet"), new_dataset(written, SCHEMA):
        pass
    assert list(tmp_path.iterdir()) == [] and check(written).faults == ()


def test_another_picture_than_the_one_encoded_is_noticed(tmp_path):
    with pytest.raises(DatasetError, match="episode 0 frame 3: the picture of wrist"), \
            new_dataset(tmp_path / "dataset", SCHEMA) as writer:
        writer.add(demonstration(7))
        size = len(writer.thumbnails["wrist"]) // 7
        writer.thumbnails["wrist"][3 * size:4 * size] = bytes(size)


def rewritten(path: Path, key: str, episode: int, change) -> None:
    """Changes a column in one row group of a parquet file, and forgets the digests."""
    file = pq.ParquetFile(path)
    groups = [file.read_row_group(i) for i in range(file.metadata.num_row_groups)]
    table = groups[episode]
    kind = table.schema.field(key)
    values = pa.array(change(table[key].to_pylist()), kind.type)
    groups[episode] = table.set_column(table.schema.get_field_index(key), kind, values)
    with pq.ParquetWriter(path, groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)
    (path.parents[2] / "meta/sha256.json").unlink()


@pytest.mark.parametrize(("key", "change", "complaint"), [
    ("action", lambda rows: [*rows[:2], [float("nan"), 0.0], *rows[3:]], "episode 1 frame 2: action is wrong"),
    ("index", lambda rows: [*rows[:1], *(r + 1 for r in rows[1:])], "episode 1 frame 1: index is wrong"),
    ("timestamp", lambda rows: [r + 0.01 * (r > 0.5) for r in rows], "episode 1 frame 3: timestamp is wrong"),
    ("task_index", lambda rows: [9] * len(rows), "episode 1 frame 0: task_index is wrong"),
    ("next.success", lambda rows: [True, *rows[1:]], "episode 1 frame 0: next.success is wrong"),
    ("next.done", lambda rows: [False] * len(rows), "episode 1 frame 3: next.done is wrong"),
])
def test_a_wrong_number_is_named(dataset, key, change, complaint):
    rewritten(dataset / DATA, key, 1, change)
    assert complaint in check(dataset).faults


def test_a_flipped_bit_is_noticed_in_every_file(dataset):
    for path in (p for p in dataset.rglob("*") if p.is_file()):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        assert check(dataset).faults, path
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert check(dataset).faults == ()


def test_a_missing_frame_or_file_is_noticed(dataset):
    (dataset / "meta/sha256.json").unlink()
    short = dataset / video_file("wrist")
    short.write_bytes(short.read_bytes()[:-200])
    assert check(dataset).faults
    short.unlink()
    assert "wrist" in check(dataset).faults[0]
    (dataset / DATA).unlink()
    assert check(dataset).faults
