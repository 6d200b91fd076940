"""Episodes come back as they went in, and damage never passes."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from embodied.data.collect import CollectSpec, make_env, record
from embodied.data.dataset import Dataset, episode_path
from embodied.data.episodes import (
    DEPTH_STEP_M,
    EpisodeError,
    check_episode,
    encode_episode,
    read_episode,
    read_view,
    write_episode,
)
from embodied.data.examples import Examples
from embodied.data.facts import declare, facts_of_language, read_facts
from embodied.data.queries import Calls
from embodied.training.collate import view_places
from envs.skills.signatures import TABLETOP
from tests.embodied.data.fake_env import ID


@pytest.fixture(scope="module")
def episode():
    spec = CollectSpec(env_id=ID, disturbance=0.3)
    return record(make_env(spec), 3, spec, acts=True)


def test_reading_gives_back_what_was_written(tmp_path, episode):
    write_episode(tmp_path / "e.npz", episode)
    again = read_episode(tmp_path / "e.npz")
    assert (again.seed, again.task, again.acts) == (episode.seed, episode.task, episode.acts)
    for a, b in zip(episode.views, again.views, strict=True):
        assert (a.names, a.held, a.queries) == (b.names, b.held, b.queries)
        for camera in ("front", "top"):
            assert np.array_equal(a.observation.rgb[camera], b.observation.rgb[camera])
            assert np.array_equal(a.masks[camera], b.masks[camera]) and b.masks[camera].dtype == np.int16
            error = np.abs(a.observation.depth[camera] - b.observation.depth[camera]).max()
            assert error <= DEPTH_STEP_M / 2 + 1e-6 and b.observation.depth[camera].dtype == np.float32
            assert np.array_equal(a.observation.cameras[camera].pose, b.observation.cameras[camera].pose)
    view = read_view(tmp_path / "e.npz", 1, pixels=("rgb",))
    assert view.names == episode.views[1].names and not view.masks and view.observation.rgb


def test_the_same_episode_is_the_same_file(episode):
    assert encode_episode(episode) == encode_episode(episode)


def as_of_format_2(path, episode):
    """The file of an episode whose calls have one argument at most, as it was written then."""
    write_episode(path, episode)
    with np.load(path) as members:
        meta, images = json.loads(members["meta"].tobytes()), members["images"]
    for act in meta["acts"]:
        [act["entity"]] = act.pop("arguments") or [None]
    for query in (query for view in meta["views"] for query in view["asks"]):
        query["calls"] = [[skill, *(arguments or [""])] for skill, *arguments in query["calls"]]
    np.savez(path, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), images=images)


def test_calls_of_format_2_are_read_as_ever(tmp_path, episode):
    acts = (replace(episode.acts[0], skill="home", arguments=()), *episode.acts[1:])
    queries = (*episode.views[0].queries,
               replace(episode.views[0].queries[0], answer=Calls((("home",), ("pick", "red block")))))
    mixed = replace(episode, acts=acts, views=(replace(episode.views[0], queries=queries), *episode.views[1:]))
    as_of_format_2(tmp_path / "e.npz", mixed)
    again = read_episode(tmp_path / "e.npz", pixels=())
    assert again.acts == acts and again.views[0].queries == queries


def test_calls_keep_all_their_arguments(tmp_path, episode):
    act = replace(episode.acts[0], skill="nudge", arguments=("red block", "to the left", 0.05))
    query = replace(episode.views[0].queries[0], answer=Calls((("nudge", "red block", "to the left", 0.05), ("home",))))
    views = (replace(episode.views[0], queries=(query,)), *episode.views[1:])
    write_episode(tmp_path / "e.npz", replace(episode, acts=(act, *episode.acts[1:]), views=views))
    again = read_episode(tmp_path / "e.npz", pixels=())
    assert again.acts[0] == act and again.views[0].queries == (query,)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_refused(tmp_path, episode, share):
    path = tmp_path / "e.npz"
    write_episode(path, episode)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(EpisodeError, match="whole episode"):
        read_episode(path)
    with pytest.raises(EpisodeError):
        check_episode(path)


def test_a_flipped_bit_is_refused(tmp_path, episode):
    path = tmp_path / "e.npz"
    whole = encode_episode(episode)
    for place in np.linspace(400, len(whole) - 800, 12).astype(int):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(EpisodeError):
            check_episode(path)


def test_a_number_that_is_not_finite_is_refused(episode):
    episode.views[0].observation.tool_pose[0] = np.nan
    try:
        with pytest.raises(ValueError, match="finite"):
            encode_episode(episode)
    finally:
        episode.views[0].observation.tool_pose[0] = 0.3


@pytest.mark.parametrize(("change", "said"), [
    (lambda view: view["joint_pos"].__setitem__(2, float("nan")), r"finite joint_pos, got \[0.0, 0.0, nan"),
    (lambda view: view["tool_pose"].__setitem__(0, float("inf")), "finite tool_pose"),
    (lambda view: view.__setitem__("gripper_width_m", float("-inf")), "finite gripper_width_m"),
    (lambda view: view["poses"][1].__setitem__(7, float("nan")), "finite pose of the .* block"),
    (lambda view: view["cameras"]["top"]["pose"][0].__setitem__(3, float("nan")), "finite pose of camera top")])
def test_a_number_that_is_not_finite_is_never_learned_from(tmp_path, episode, change, said):
    """However the file came to be: its CRC is right. Whoever reads it is told which episode it is."""
    declare(tmp_path, FACTS)
    path = episode_path(tmp_path, 7)
    write_episode(path, episode)
    with np.load(path) as members:
        meta, images = json.loads(members["meta"].tobytes()), members["images"]
    change(meta["views"][1])
    np.savez(path, meta=np.frombuffer(json.dumps(meta).encode(), np.uint8), images=images)
    dataset = Dataset(tmp_path)
    for read in (lambda: read_episode(path, pixels=()), lambda: read_view(path, 1), lambda: Examples(dataset, {}),
                 lambda: view_places(dataset, range(len(dataset)))):
        with pytest.raises(EpisodeError, match=f"00000007.npz: .*{said}.*collect again"):
            read()


FACTS = {"format": 1, "grammar": json.loads(json.dumps(facts_of_language(TABLETOP))),
         "cameras": {"front": {"pose": [[1.0]]}}, "image_size": {"front": [4, 4]}}


def fill(folder, episode, count):
    declare(folder, FACTS)
    for seed in range(count):
        write_episode(episode_path(folder, seed), episode)
    return folder


@pytest.mark.parametrize(("change", "said"), [({"grammar": "bbb"}, "plan language"),
                                              ({"cameras": {"front": {"pose": [[2.0]]}}}, "camera"),
                                              ({"cameras": {"side": {"pose": [[1.0]]}}}, "camera"),
                                              ({"image_size": {"front": [8, 8]}}, "image size")])
def test_another_dataset_is_refused_and_says_why(tmp_path, episode, change, said):
    fill(tmp_path, episode, 1)
    with pytest.raises(ValueError, match=f"another {said}.*collect it again"):
        Dataset(tmp_path, expect=FACTS | change)
    with pytest.raises(ValueError, match=said):
        declare(tmp_path, FACTS | change)
    assert len(Dataset(tmp_path, expect=FACTS)) == 1 and read_facts(tmp_path) == FACTS


def test_a_few_damaged_episodes_are_skipped_and_many_are_not(tmp_path, episode):
    fill(tmp_path, episode, 10)
    os.truncate(episode_path(tmp_path, 4), 1000)
    with pytest.raises(ValueError, match=r"at most 1% damaged.*00000004"):
        Dataset(tmp_path)
    with pytest.warns(UserWarning, match="1 of 10 episodes are damaged"):
        dataset = Dataset(tmp_path, damaged_fraction=0.2)
    assert 4 not in dataset.seeds and len(dataset) == 9


def test_no_dataset_and_no_episode_are_said(tmp_path):
    with pytest.raises(ValueError, match="embodied collect"):
        Dataset(tmp_path)
    declare(tmp_path, FACTS)
    with pytest.raises(ValueError, match="at least one episode"):
        Dataset(tmp_path)
