"""Collection is a function of seeds, survives kills, and gives up on what cannot be recorded."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embodied.data.collect import (
    CollectSpec,
    box_of_pose,
    collect,
    facts_of,
    is_executed,
    make_env,
    random_call,
    record,
)
from embodied.data.dataset import Dataset, episode_path
from embodied.data.facts import check_facts, declare, read_facts
from embodied.data.files import write_json
from embodied.data.pool import map_seeds
from envs.skills.signatures import TABLETOP
from tests.embodied.data.fake_env import ID
from tests.processes import is_alive, until

SPEC = CollectSpec(env_id=ID, disturbance=0.2)


def test_static_and_executed_episodes(tmp_path):
    report = collect(SPEC, tmp_path, episodes=8, executed_fraction=0.25, workers=0)
    assert (report.episodes, report.made, report.quarantined) == (8, 8, ())
    views = [len(e.views) for e in Dataset(tmp_path)]
    assert [v > 1 for v in views] == [is_executed(s, 0.25) for s in range(8)] and sum(v > 1 for v in views) == 2


def test_collecting_again_makes_only_what_is_missing(tmp_path):
    collect(SPEC, tmp_path, episodes=3, workers=0)
    before = episode_path(tmp_path, 1).read_bytes()
    episode_path(tmp_path, 1).unlink()
    assert collect(SPEC, tmp_path, episodes=4, workers=0).made == 2
    assert episode_path(tmp_path, 1).read_bytes() == before


def test_perturbations_lead_to_failures_and_the_expert_recovers():
    spec = CollectSpec(env_id=ID, disturbance=0.5)
    env = make_env(spec)
    episodes = [record(env, seed, spec, acts=True) for seed in range(30)]
    acts = [act for e in episodes for act in e.acts]
    assert any(a.status == "failed" and a.chooser == "disturbance" for a in acts)
    assert np.mean([not e.views[-1].queries[0].calls for e in episodes]) > 0.9


def full_disk():
    """Episodes for which there is no room from the third on."""
    def episode(seed: int) -> int:
        if seed >= 2:
            raise OSError(errno.ENOSPC, "No space left on device", f"{seed}.npz")
        return seed
    return episode


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_stops_the_work_and_blames_no_seed(workers):
    seen = []
    with pytest.raises(OSError, match=r"No space left on device \(2.npz\); .*run the same command again"):
        for result in map_seeds(full_disk, {}, range(5), workers=workers):
            seen.append(result.value)
    assert seen == [0, 1]


def test_what_a_full_disk_kept_out_is_collected_when_there_is_room(tmp_path, monkeypatch):
    def no_room(path, episode):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("embodied.data.collect.write_episode", no_room)
        with pytest.raises(OSError, match="No space left"):
            collect(SPEC, tmp_path, episodes=2, workers=0)
    assert not (tmp_path / "quarantine.jsonl").exists() and collect(SPEC, tmp_path, episodes=2, workers=0).made == 2


def test_random_calls_never_name_what_is_held():
    env = make_env(SPEC)
    rng = np.random.default_rng(0)
    for seed in range(20):
        for view in record(env, seed, SPEC, acts=True).views:
            call = random_call(view, rng, TABLETOP)
            assert call.arguments[0].words != view.held and (call.skill == "pick") == (view.held is None)


def test_a_quarter_turn_swaps_the_sides_of_a_box():
    half = np.sqrt(0.5)
    box = box_of_pose(np.array([0, 0, 0, 0, 0, half, half, 0.1, 0.2, 0.3]))
    assert box.size == pytest.approx((0.2, 0.1, 0.3)) and box.yaw == pytest.approx(0, abs=1e-6)


def reasons(folder):
    return {e["seed"]: e for e in map(json.loads, (folder / "quarantine.jsonl").read_text().splitlines())}


def test_a_seed_that_crashes_is_quarantined_with_its_reason(tmp_path):
    spec = CollectSpec(env_id=ID, env_kwargs={"crash_on": 3})
    report = collect(spec, tmp_path, episodes=5, workers=1)
    assert report.quarantined == (3,) and Dataset(tmp_path).seeds == (0, 1, 2, 4)
    assert "the table broke" in reasons(tmp_path)[3]["reason"] and reasons(tmp_path)[3]["tries"] == 2
    assert collect(spec, tmp_path, episodes=5, workers=1).made == 0


@pytest.mark.slow
def test_a_seed_that_hangs_is_quarantined_with_its_reason(tmp_path):
    spec = CollectSpec(env_id=ID, env_kwargs={"hang_on": 2})
    report = collect(spec, tmp_path, episodes=5, workers=2, deadline_s=10.0)  # ample on a busy machine
    assert report.quarantined == (2,) and Dataset(tmp_path).seeds == (0, 1, 3, 4)
    assert "no answer within 10 s" in reasons(tmp_path)[2]["reason"]


@pytest.mark.parametrize(("arguments", "said"), [
    ({"episodes": 0}, "at least 1"), ({"episodes": 2_000_000}, "training seeds"),
    ({"episodes": 1, "executed_fraction": 1.5}, "share")])
def test_bad_requests_are_refused(tmp_path, arguments, said):
    with pytest.raises(ValueError, match=said):
        collect(SPEC, tmp_path, workers=0, **arguments)


def test_a_damaged_episode_is_made_again_and_told(tmp_path):
    collect(SPEC, tmp_path, episodes=5, executed_fraction=0.5, workers=0)
    whole = {seed: episode_path(tmp_path, seed).read_bytes() for seed in range(5)}
    truncated, flipped = whole[1][:1000], bytearray(whole[3])
    flipped[len(flipped) // 2] ^= 4
    episode_path(tmp_path, 1).write_bytes(truncated)
    episode_path(tmp_path, 3).write_bytes(flipped)
    report = collect(SPEC, tmp_path, episodes=2, executed_fraction=0.5, workers=0)  # seed 3 is not among them
    assert (report.episodes, report.made, report.damaged) == (2, 2, (1, 3))
    assert {seed: episode_path(tmp_path, seed).read_bytes() for seed in range(5)} == whole


def test_a_damaged_episode_that_cannot_be_made_again_is_removed_and_told(tmp_path):
    spec = CollectSpec(env_id=ID, env_kwargs={"crash_on": 1})
    declare(tmp_path, facts_of(spec, 0.1))
    episode_path(tmp_path, 1).write_bytes(b"no episode")
    report = collect(spec, tmp_path, episodes=3, workers=0)
    assert (report.quarantined, report.damaged) == ((1,), (1,)) and not episode_path(tmp_path, 1).exists()


@pytest.mark.parametrize(("changes", "fraction", "said"), [
    ({}, 0.2, "another share of executed episodes: expected 0.2, got 0.1"),
    ({"labels": 3}, 0.1, "another number of labels: expected 3, got 8"),
    ({"disturbance": 0.3}, 0.1, "another share of disturbed calls: expected 0.3, got 0.2"),
    ({"max_calls": 3}, 0.1, "another most calls"),
    ({"env_kwargs": {"realism": {"depth_noise": 1.0}}}, 0.1, "another realism: .*got null"),
    ({"env_kwargs": {"crash_on": 9, "hang_on": 7}}, 0.1, "another crash_on: expected 9, got null")])
def test_episodes_made_otherwise_may_not_join_a_dataset(tmp_path, changes, fraction, said):
    declare(tmp_path, facts_of(SPEC, 0.1))
    spec = replace(SPEC, **changes)
    facts = facts_of(SPEC, fraction) | {"disturbance": spec.disturbance, "max_calls": spec.max_calls,
                                        "env": {"id": ID, "kwargs": dict(spec.env_kwargs), "labels": spec.labels}}
    with pytest.raises(ValueError, match=said):
        declare(tmp_path, facts)
    with pytest.raises(ValueError, match=r"another .*: expected null|another .*, got"):  # and the other way round
        check_facts(facts, facts_of(SPEC, 0.1), "it")


def test_who_made_a_dataset_and_in_which_process_makes_no_other_episodes(tmp_path):
    declare(tmp_path, facts_of(SPEC, 0.1) | {"package": "0.1"})
    facts = facts_of(SPEC, 0.1)
    facts["env"]["kwargs"] |= {"isolated": True, "deadline_s": 9.0}
    assert declare(tmp_path, facts) is None


def test_an_older_dataset_is_read_and_kept_but_nothing_joins_it(tmp_path):
    """Whether new episodes would be made as the old ones were is unknown."""
    collect(SPEC, tmp_path, episodes=3, workers=0)
    facts = read_facts(tmp_path) | {"format": 1, "package": "0.0.1"}
    for untold in ("executed_fraction", "max_calls", "robot"):
        del facts[untold]
    write_json(tmp_path / "dataset.json", facts)
    assert len(Dataset(tmp_path)) == 3 and collect(SPEC, tmp_path, episodes=3, workers=0).made == 0
    with pytest.raises(ValueError, match=r"made by embodied 0\.0\.1 and does not tell its robot, most calls, share of "
                                         r"executed episodes.*into another folder.*the first of seed 3"):
        collect(SPEC, tmp_path, episodes=4, workers=0)
    with pytest.raises(ValueError, match="another number of labels"):
        collect(replace(SPEC, labels=2), tmp_path, episodes=3, workers=0)


def test_a_dataset_of_format_2_is_added_to_and_says_so(tmp_path):
    """Whoever reads no later format is told at the door, not episode by episode."""
    collect(SPEC, tmp_path, episodes=1, workers=0)
    write_json(tmp_path / "dataset.json", read_facts(tmp_path) | {"format": 2})
    assert collect(SPEC, tmp_path, episodes=2, workers=0).made == 1 and read_facts(tmp_path)["format"] == 3


def test_a_dataset_of_a_later_version_is_refused(tmp_path):
    declare(tmp_path, facts_of(SPEC, 0.1) | {"format": 99})
    with pytest.raises(ValueError, match=r"format 3 or earlier, got .*use the version of embodied that made it"):
        collect(SPEC, tmp_path, episodes=1, workers=0)


def test_another_camera_may_not_join_a_dataset(tmp_path):
    collect(SPEC, tmp_path, episodes=1, workers=0)
    with pytest.raises(ValueError, match="another camera"):
        collect(CollectSpec(env_id=ID, env_kwargs={"image_size": 64}), tmp_path, episodes=2, workers=0)


def make_sleeper(place: str):
    """Episodes that never end; each leaves the id of its process."""
    def episode(seed: int) -> None:
        (Path(place) / str(seed)).write_text(str(os.getpid()))
        time.sleep(1000)

    return episode


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_whoever_started_them(tmp_path, kind):
    code = ("from embodied.data.pool import map_seeds; from tests.embodied.data.test_collect import make_sleeper; "
            f"list(map_seeds(make_sleeper, {{'place': {str(tmp_path)!r}}}, range(2), workers=2))")
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=os.getcwd())
    try:
        assert until(lambda: all((tmp_path / str(seed)).exists() and (tmp_path / str(seed)).read_text()
                                 for seed in range(2)))
        workers = [int((tmp_path / str(seed)).read_text()) for seed in range(2)]
        assert all(map(is_alive, workers))
    finally:
        parent.send_signal(kind)
        parent.wait()
    assert until(lambda: not any(map(is_alive, workers)), 10.0)


def make_suicide(marker: str):
    def episode(seed: int) -> int:
        if seed == 1 or (seed == 2 and not os.path.exists(marker)):
            open(marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return seed * 10

    return episode


def test_a_killed_worker_loses_only_its_episode(tmp_path):
    found = map_seeds(make_suicide, {"marker": str(tmp_path / "m")}, range(5), workers=2)
    results = sorted(found, key=lambda result: result.seed)
    assert [r.value for r in results if r.error is None][-2:] == [30, 40]
    assert results[1].tries == 2 and "exit code -9" in results[1].error


def test_collection_survives_being_killed_at_any_moment(tmp_path):
    code = (f"from embodied.data.collect import *; collect(CollectSpec(env_id={ID!r}), {str(tmp_path)!r}, "
            "episodes=400, workers=0, executed_fraction=0.5)")
    rng = np.random.default_rng(1)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", code], cwd=os.getcwd(), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        before = len(list(tmp_path.glob("episodes/0*.npz")))
        while len(list(tmp_path.glob("episodes/0*.npz"))) < before + 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        assert len(Dataset(tmp_path, damaged_fraction=0.0)) >= before + 2
