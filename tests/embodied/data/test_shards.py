"""Episodes in shards: what is read is what was recorded, and neither a kill nor damage loses any."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from embodied.data import packing
from embodied.data.collect import CollectSpec, collect
from embodied.data.collect import record as RECORD
from embodied.data.dataset import Dataset, episode_files, episode_path, read_seed
from embodied.data.detections import detect_dataset
from embodied.data.episodes import EpisodeError, read_episode, write_episode
from embodied.data.examples import Examples
from embodied.data.shards import check_shard, read_shard, seeds_of, shard_files
from tests.embodied.data.fake_env import ID
from tests.embodied.data.test_examples import make_detector

SPEC = CollectSpec(ID, labels=2)
OPTIONS = {"executed_fraction": 0.5, "workers": 0}


@pytest.fixture
def loose(tmp_path):
    """A dataset of seven episodes, a file each."""
    collect(SPEC, tmp_path / "loose", episodes=7, **OPTIONS)
    return tmp_path / "loose"


@pytest.fixture
def packed(tmp_path):
    """The same in two shards of three, and one beside."""
    collect(SPEC, tmp_path / "packed", episodes=7, shard=3, **OPTIONS)
    return tmp_path / "packed"


def names(folder):
    return [path.name for path in shard_files(folder)] + [path.name for path in episode_files(folder)]


def assert_same(episode, other):
    assert (episode.seed, episode.task, episode.acts) == (other.seed, other.task, other.acts)
    for a, b in zip(episode.views, other.views, strict=True):
        assert (a.names, a.held, a.queries) == (b.names, b.held, b.queries) and np.array_equal(a.poses, b.poses)
        for kind in ("rgb", "depth"):
            assert all(np.array_equal(image, getattr(b.observation, kind)[camera])
                       for camera, image in getattr(a.observation, kind).items())
        assert a.masks.keys() == b.masks.keys() and all(np.array_equal(a.masks[c], b.masks[c]) for c in a.masks)


def test_a_shard_holds_what_the_files_held(loose, packed):
    assert names(packed) == ["00000000-00000002.parquet", "00000003-00000005.parquet", "00000006.npz"]
    ours, theirs = Dataset(packed), Dataset(loose)
    assert ours.seeds == theirs.seeds == tuple(range(7)) and ours.facts == theirs.facts
    for place, (episode, other) in enumerate(zip(ours, theirs, strict=True)):
        assert_same(episode, other)
        assert_same(ours[place], other)
        assert_same(read_seed(packed, ours.seeds[place]), other)
        for moment, view in enumerate(other.views):
            found = ours.view(place, moment, pixels=("rgb",))
            assert found.depth if hasattr(found, "depth") else not found.observation.depth
            assert all(np.array_equal(found.observation.rgb[c], view.observation.rgb[c]) for c in view.observation.rgb)
    assert any(len(episode.views) > 1 for episode in ours), "with episodes of several views among them"


def test_what_is_taught_is_the_same(loose, packed):
    def taught(folder):
        dataset = Dataset(folder)
        examples = Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0))
        return [(examples[i].answer, str(examples[i].prompt)) for i in range(len(examples))]

    assert taught(loose) == taught(packed)


def test_outsiders_read_the_columns(packed):
    table = pq.read_table(shard_files(packed)[0])
    assert {"seed", "view", "task", "queries", "state", "act"} < set(table.column_names)
    row = table.to_pylist()[0]
    picture = next(row[name] for name in row if name.startswith("rgb."))
    assert picture["bytes"].startswith(b"\x89PNG") and row["queries"][0]["instruction"]


def test_collection_goes_on_where_it_stood(packed):
    again = collect(SPEC, packed, episodes=9, shard=3, **OPTIONS)
    assert (again.episodes, again.made, again.damaged) == (9, 2, ())
    assert names(packed)[-1] == "00000006-00000008.parquet" and len(Dataset(packed)) == 9
    assert collect(SPEC, packed, episodes=9, shard=3, **OPTIONS).made == 0


@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, path.stat().st_size // 2),
                                  lambda path: path.write_bytes(flipped(path.read_bytes()))])
def test_a_damaged_shard_is_made_again(packed, harm):
    before, [first, _] = list(Dataset(packed)), shard_files(packed)
    harm(first)
    with pytest.raises(EpisodeError, match=r"expected a whole shard.*collect again"):
        check_shard(first)
    report = collect(SPEC, packed, episodes=7, shard=3, **OPTIONS)
    assert (report.episodes, report.made, report.damaged) == (7, 3, (0, 1, 2))
    for episode, other in zip(Dataset(packed), before, strict=True):
        assert_same(episode, other)


def flipped(content: bytes) -> bytes:
    """The bytes with one of the first picture changed."""
    changed = bytearray(content)
    changed[content.index(b"IDAT") + 8] ^= 4
    return bytes(changed)


def test_a_dataset_with_a_shard_that_cannot_be_opened_says_so(packed):
    os.truncate(shard_files(packed)[0], 100)
    with pytest.raises(ValueError, match=r"at most 1% damaged episodes, got 3 of 7 \(00000000-00000002.parquet\)"):
        Dataset(packed)
    with pytest.warns(UserWarning, match="3 of 7 episodes are damaged"):
        assert Dataset(packed, damaged_fraction=0.5).seeds == (3, 4, 5, 6)


def test_a_kill_between_a_shard_and_its_files_loses_nothing(loose, tmp_path, monkeypatch):
    def killed(path, files):
        write(path, files)
        raise KeyboardInterrupt

    write = packing.write_shard
    monkeypatch.setattr(packing, "write_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        collect(SPEC, loose, episodes=7, shard=3, **OPTIONS)
    assert names(loose)[0].endswith(".parquet") and len(episode_files(loose)) == 7 and len(Dataset(loose)) == 7
    monkeypatch.setattr(packing, "write_shard", write)
    again = collect(SPEC, loose, episodes=7, shard=3, **OPTIONS)
    assert (again.made, again.card["episodes"]) == (0, 7)
    assert names(loose) == ["00000000-00000002.parquet", "00000003-00000005.parquet", "00000006.npz"]
    assert [episode.seed for episode in Dataset(loose)] == list(range(7))


def test_what_was_given_up_and_comes_later_stays_beside_its_shard(packed):
    [first, _] = shard_files(packed)
    episode = read_seed(packed, 1)
    first.unlink()
    (packed / "quarantine.jsonl").write_text('{"seed": 1}\n')
    collect(SPEC, packed, episodes=7, shard=3, **OPTIONS)
    assert seeds_of(first) == [0, 2] and [e.seed for e in read_shard(first)] == [0, 2]
    (packed / "quarantine.jsonl").unlink()
    collect(SPEC, packed, episodes=7, shard=3, **OPTIONS)
    assert_same(read_episode(episode_path(packed, 1)), episode)
    assert Dataset(packed).seeds == tuple(range(7)) and [e.seed for e in Dataset(packed)] == list(range(7))


def test_a_sound_shard_is_never_written_over(packed, monkeypatch):
    """Neither by a second collector, which began when one of its episodes was missing, nor for a damaged file beside
    it, which a kill left."""
    [first, _] = shard_files(packed)
    before = first.read_bytes()
    late = packing.Packing(packed, 3, range(7), [2])
    write_episode(episode_path(packed, 2), read_seed(packed, 2))
    late.add(2)
    assert first.read_bytes() == before
    os.truncate(episode_path(packed, 2), 100)
    report = collect(SPEC, packed, episodes=7, shard=3, **OPTIONS)
    assert (report.made, report.damaged, report.card["episodes"]) == (0, (), 7) and first.read_bytes() == before
    assert names(packed) == ["00000000-00000002.parquet", "00000003-00000005.parquet", "00000006.npz"]


@pytest.mark.parametrize("again", [{"episodes": 2, "shard": 3}, {"episodes": 7}, {"episodes": 7, "shard": 2}])
def test_a_damaged_shard_goes_once_its_episodes_are_there_again(packed, again):
    """Fewer episodes, no shards, or of another size: what was lost is made again, once."""
    before, [first, _] = list(Dataset(packed)), shard_files(packed)
    os.truncate(first, 1000)
    report = collect(SPEC, packed, **again, **OPTIONS)
    assert (report.made, report.damaged, report.card["episodes"]) == (3, (0, 1, 2), 7) and not first.exists()
    assert collect(SPEC, packed, **again, **OPTIONS).made == 0
    for episode, other in zip(Dataset(packed), before, strict=True):
        assert_same(episode, other)
        assert_same(read_seed(packed, episode.seed), other)


def test_a_damaged_file_that_cannot_be_made_again_is_given_up(packed, monkeypatch):
    collect(SPEC, packed, episodes=8, shard=3, **OPTIONS)
    os.truncate(episode_path(packed, 7), 100)
    monkeypatch.setattr("embodied.data.collect.record", lambda env, seed, *args, **kwargs: 1 / (seed != 7) and RECORD(
        env, seed, *args, **kwargs))
    report = collect(SPEC, packed, episodes=9, shard=3, **OPTIONS)
    assert (report.made, report.quarantined) == (1, (7,))
    assert names(packed)[-1] == "00000006-00000008.parquet" and Dataset(packed).seeds == (0, 1, 2, 3, 4, 5, 6, 8)


def test_a_card_that_somebody_wrote_stays(packed):
    assert "7 episodes" in (packed / "README.md").read_text()
    (packed / "README.md").write_text("mine")
    collect(SPEC, packed, episodes=7, shard=3, **OPTIONS)
    assert (packed / "README.md").read_text() == "mine"
