"""A session becomes a recording whole or not at all, and tells what happened in it."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from embodied.data import spool as spools
from embodied.data.lerobot_check import check
from embodied.data.lerobot_meta import DATA, EPISODES
from embodied.data.locks import HeldError
from embodied.data.recordings import (
    NoRecordingError,
    Recording,
    list_recordings,
    publish,
    publish_apart,
    publish_left,
    remove_spool,
)
from embodied.data.spool import Spool, left
from embodied.data.timeline import UNTOLD, captions_at, captions_of, episodes_of, even_rows, runs_of
from embodied.data.video import decode
from embodied.serving.recorder import Recorder
from tests.embodied.data.sessions import CAMERAS, FPS, JOINTS, META, Clock, picture, run, write_row, write_session

ID = "rec_0123456789ab"


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(spools.time, "time", clock.time)
    return clock


@pytest.fixture
def recording(tmp_path, clock) -> Recording:
    return publish(write_session(tmp_path / "spool", clock), tmp_path / "recordings", ID)


def test_the_list_says_what_a_recording_holds(recording, tmp_path):
    listed = [r.listed() for r in list_recordings(tmp_path / "recordings")]
    assert listed == [recording.listed()] == [{
        "recording_id": ID, "task": "put_in_bowl", "created_unix_s": 1000.0, "duration_s": 16 / FPS + 1,
        "frames": 16, "fps": FPS, "has_video": True, "planner": "model", "privileged": False,
        "instructions": ["put the red block in the bowl", "stack the blocks"],
        "runs": [
            {"run_id": "r_1", "instruction": "put the red block in the bowl", "end": "success", "is_success": True,
             "hint": "the red block", "steps": [{"skill": "pick", "arguments": ["obj_1"], "status": "done",
                                                 "reason": "", "duration_s": 8 / FPS}]},
            {"run_id": "r_2", "instruction": "stack the blocks", "end": "failed: out of calls", "is_success": False,
             "hint": "the red block", "steps": [{"skill": "pick", "arguments": ["obj_1"], "status": "done",
                                                 "reason": "", "duration_s": 8 / FPS}]}]}]


def test_each_instruction_is_an_episode_of_a_sound_dataset(recording):
    assert check(recording.dataset).faults == ()
    episodes = pq.read_table(recording.dataset / EPISODES).to_pylist()
    assert [(e["tasks"], e["length"]) for e in episodes] == [(["put the red block in the bowl"], 8),
                                                             (["stack the blocks"], 8)]
    data = pq.read_table(recording.dataset / DATA)
    assert np.flatnonzero(data["next.success"]).tolist() == [7]
    assert np.allclose(data["observation.state"].to_pylist()[3], [0.3, 0.3, 0.3, 0.04])
    actions = np.array(data["action"].to_pylist())
    assert np.allclose(actions[[3, 7, 8]], [[0.45] * 3, [0.75] * 3, [0.95] * 3]), "of the next row; the last one stays"


def test_the_film_shows_the_pictures_in_turn_with_words_below(recording):
    frames = list(decode(recording.video))
    assert len(frames) == 16 + FPS
    for index, (time_s, image) in enumerate(frames[:16]):
        assert abs(time_s - index / FPS) < 1e-4
        assert np.abs(image[:48].astype(int) - picture(index)).mean() < 20
        assert image[48:].min() < 140  # ink


def test_film_telemetry_and_list_agree_on_how_long_it_is(recording):
    frames, rows = list(decode(recording.video)), recording.telemetry()["time_s"]
    length_s = recording.listed()["duration_s"]
    assert len(frames) == len(rows) == round(length_s * FPS)
    assert max(event["video_s"] for event in recording.events()) < length_s


def test_the_list_counts_the_frames_of_the_dataset(recording):
    assert recording.listed()["frames"] == check(recording.dataset).frames == 16


def test_events_know_their_place_in_the_film(recording):
    ends = [event["video_s"] for event in recording.events() if event["type"] in ("instruction", "end")]
    assert ends == [0.0, 8 / FPS, 8 / FPS, 16 / FPS]
    telemetry = recording.telemetry()
    assert len(telemetry["time_s"]) == 16 + FPS and telemetry["time_s"][8] == 0.0
    assert set(telemetry["time_s"][15:]) == {telemetry["time_s"][15]}
    assert telemetry["setpoint"][2] == [0.25] * 3


def test_the_dataset_comes_as_a_zip_that_opens(recording, tmp_path):
    pieces = list(recording.dataset_zip())
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    assert check(tmp_path / "out" / ID).faults == () and max(map(len, pieces)) < 2 << 20


def test_a_session_without_motion_has_events_only(tmp_path, clock):
    spool = Spool.create(tmp_path / "spool", JOINTS, CAMERAS, FPS, META)
    spool.event({"type": "mode", "mode": "idle", "unix_s": clock.time()})
    recording = publish(spool, tmp_path / "recordings", ID)
    assert not recording.facts["has_video"] and recording.video is None and len(recording.events()) == 1
    with pytest.raises(NoRecordingError, match="without motion"):
        recording.dataset_zip()


def test_a_session_without_cameras_has_a_dataset_without_videos(tmp_path):
    spool = Spool.create(tmp_path / "spool", JOINTS, (), FPS, META)
    for i in range(4):
        spool.row(time_s=i / FPS, joint_pos=np.zeros(3), joint_vel=np.zeros(3), setpoint=np.zeros(3),
                  gripper_width_m=0.0, tool_pose=np.zeros(7))
    recording = publish(spool, tmp_path / "recordings", ID)
    assert recording.video is None and check(recording.dataset).faults == ()
    assert pq.read_table(recording.dataset / EPISODES)["tasks"].to_pylist() == [[UNTOLD]]


def test_a_damaged_picture_is_replaced_and_counted(tmp_path):
    spool = Spool.create(tmp_path / "spool", JOINTS, CAMERAS, FPS, META)
    write_row(spool, 0, 0.0)
    spool.frame("front", b"no picture")
    for i in (1, 2):
        spool.row(time_s=i / FPS, joint_pos=np.zeros(3), joint_vel=np.zeros(3), setpoint=np.zeros(3),
                  gripper_width_m=0.0, tool_pose=np.zeros(7))
    recording = publish(spool, tmp_path / "recordings", ID)
    assert recording.facts["damaged_pictures"] >= 1 and check(recording.dataset).faults == ()


def test_a_row_that_was_dropped_is_told(tmp_path):
    spool = Spool.create(tmp_path / "spool", JOINTS, (), FPS, META)
    for i in range(4):
        spool.row(time_s=i / FPS, joint_pos=np.full(3, np.nan if i == 1 else 0.0), joint_vel=np.zeros(3),
                  setpoint=np.zeros(3), gripper_width_m=0.0, tool_pose=np.zeros(7))
    facts = publish(spool, tmp_path / "recordings", ID).facts
    assert facts["lost_rows"] == 1 and facts["frames"] == 4, "the row before it stands for it"


@pytest.mark.parametrize("bad", ["", "rec_", "rec_0123456789AB", "../rec_0123456789ab", "rec_0123456789ab/..",
                                 "rec_0123456789ab\n", "rec_0123456789abc", 7])
def test_no_id_leaves_its_folder(recording, tmp_path, bad):
    for use in (lambda: Recording.load(tmp_path / "recordings", bad),
                lambda: publish(tmp_path / "spool", tmp_path / "recordings", bad)):
        with pytest.raises(NoRecordingError, match="expected an id like"):
            use()


def test_what_is_published_is_left_alone(recording, tmp_path):
    before = fingerprint(recording.folder)
    assert publish(tmp_path / "spool", tmp_path / "recordings", ID).facts == recording.facts
    assert fingerprint(recording.folder) == before


def test_a_full_disk_leaves_earlier_recordings_and_the_spool(recording, tmp_path, clock):
    before, limits = fingerprint(recording.folder), resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = write_session(tmp_path / "next", clock)
    for limit in (100, 1500, 3000, 6000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(OSError, match=r"(?i)file too large"):
                publish(spool, tmp_path / "recordings", "rec_00000000000b")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert os.listdir(tmp_path / "recordings") == [ID] and fingerprint(recording.folder) == before
    assert check(publish(spool, tmp_path / "recordings", "rec_00000000000b").dataset).faults == ()


def fingerprint(folder: Path) -> str:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return hashlib.sha256(b"".join(str(p).encode() + p.read_bytes() for p in files)).hexdigest()


@pytest.mark.slow
def test_a_killed_publication_leaves_all_or_nothing(recording, tmp_path, clock):
    before, whole, rng = fingerprint(recording.folder), 0, random.Random(1)
    recordings, spool = tmp_path / "recordings", write_session(tmp_path / "next", clock, rows=30)
    for trial in range(16):
        name = f"rec_{trial + 1:012x}"
        child = subprocess.Popen([sys.executable, "-m", "tests.embodied.data.sessions", "publish", spool.path,
                                  recordings, name], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "PYTHONPATH": os.getcwd()})
        assert child.stdout.readline() == "begin\n"
        try:
            child.wait(rng.uniform(0.0, 1.6))
        except subprocess.TimeoutExpired:
            child.kill()
        said = child.communicate()[0]
        assert fingerprint(recording.folder) == before
        assert (recordings / name).exists() or said == ""
        if (recordings / name).exists():
            whole += 1
            assert check(Recording.load(recordings, name).dataset).faults == ()
    drafts = len(list(recordings.glob(".rec_*.draft")))  # of those that were killed at work
    assert len(list_recordings(recordings)) == 1 + whole and drafts >= 4
    assert check(publish(spool, recordings, "rec_ffffffffffff").dataset).faults == ()


def test_a_publication_apart_says_why_it_failed(tmp_path, clock):
    spool = write_session(tmp_path / "spool", clock).path
    assert check(publish_apart(spool, tmp_path / "recordings", ID).dataset).faults == ()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OSError, match=r"expected to be published, got: .*File exists"):
        publish_apart(spool, tmp_path / "file", ID)
    with pytest.raises(NoRecordingError):
        publish_apart(spool, tmp_path / "recordings", "../x")


def test_spools_of_a_killed_server_are_published_later(tmp_path, clock):
    write_session(tmp_path / "spools" / ID, clock)
    (tmp_path / "spools/rec_00000000000c").mkdir()
    (tmp_path / f"recordings/.{ID}.12345678.draft/dataset").mkdir(parents=True)
    assert [r.recording_id for r in publish_left(tmp_path / "spools", tmp_path / "recordings")] == [ID]
    assert os.listdir(tmp_path / "spools") == ["rec_00000000000c"] and os.listdir(tmp_path / "recordings") == [ID]


@pytest.fixture
def live(tmp_path, clock):
    """Another server's session: its spool, and the process of its world, which is writing."""
    spool = write_session(tmp_path / "spools" / ID, clock)
    world = subprocess.Popen([sys.executable, "-m", "tests.embodied.data.sessions", "rows", spool.path],
                             stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert world.stdout.readline() == "1\n"
    yield spool, world
    world.kill()
    world.communicate()


def test_what_a_live_server_records_is_left_alone_until_server_and_world_are_gone(live, tmp_path):
    spool, world = live
    with pytest.raises(OSError, match="held by a live process"):
        publish_apart(spool.path, tmp_path / "recordings", ID)
    for end in (spool.close, lambda: (world.kill(), world.wait())):
        assert publish_left(tmp_path / "spools", tmp_path / "recordings") == []
        with pytest.raises(HeldError):
            remove_spool(spool.path)
        end()
    [recording] = publish_left(tmp_path / "spools", tmp_path / "recordings")
    assert recording.facts["frames"] >= 17 and not spool.path.exists()


def test_a_recording_goes_on_while_a_second_server_starts_over_its_folder(tmp_path):
    facts = {"cameras": [], "joint_low": [0.0] * JOINTS, "joint_names": ["a", "b", "c"]}
    first = Recorder(tmp_path, FPS)
    first.begin(ID, facts, META)
    first.note(ID, {"type": "instruction", "run_id": "r_1", "instruction": "before", "unix_s": 1.0})
    Recorder(tmp_path, FPS).close()
    first.note(ID, {"type": "instruction", "run_id": "r_2", "instruction": "after", "unix_s": 2.0})
    first.finish(ID)
    first.close()
    assert [r["instructions"] for r in first.listed()] == [["before", "after"]]
    assert list((tmp_path / "spools").iterdir()) == []


NO_LOCKS = """
import errno, fcntl

def flock(handle, kind):
    raise OSError(errno.EOPNOTSUPP, "no locks on this file system")

fcntl.flock = flock
"""
"""A `sitecustomize` that takes the locks from every Python that starts with it."""


def no_flock(handle: int, kind: int) -> None:
    raise OSError(errno.EOPNOTSUPP, "no locks on this file system")


def test_without_locks_a_server_publishes_its_own_recording_and_leaves_those_of_others(tmp_path, clock, monkeypatch):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_LOCKS)
    monkeypatch.syspath_prepend(tmp_path / "site")  # for the process that publishes
    monkeypatch.setattr("fcntl.flock", no_flock)
    others = write_session(tmp_path / "spools" / "rec_00000000000c", clock)
    recorder = Recorder(tmp_path, FPS)
    recorder.begin(ID, {"cameras": [], "joint_low": [0.0] * JOINTS, "joint_names": ["a", "b", "c"]}, META)
    recorder.finish(ID)
    recorder.close()
    assert [r["recording_id"] for r in recorder.listed()] == [ID]
    assert list((tmp_path / "spools").iterdir()) == [others.path]


def test_a_world_that_outlives_its_server_adds_nothing_to_what_is_being_published(tmp_path, clock):
    path = write_session(tmp_path / "spool", clock).path
    with left(path):
        late = Spool.open(path)
        assert not write_row(late, 0, 9.0) and not late.event({"type": "mode"}) and "publishes it" in late.fault


def rows_at(*moments: tuple[float, float]) -> np.ndarray:
    return np.array(list(moments), [("time_s", "<f8"), ("unix_s", "<f8")])


def test_episodes_end_where_the_world_was_reset():
    events = [{"type": "instruction", "run_id": "r", "instruction": "go", "unix_s": 10.5},
              {"type": "end", "run_id": "r", "end": "success", "is_success": True, "unix_s": 30.0}]
    rows = rows_at((0.0, 10.0), (0.2, 11.0), (0.4, 12.0), (0.0, 13.0), (0.2, 14.0), (0.4, 31.0))
    episodes = episodes_of(rows, runs_of(events), FPS)
    assert [(t.task, t.rows.tolist(), t.is_success) for t in episodes] == [
        (UNTOLD, [0], None), ("go", [1, 2], None), ("go", [3, 4], True), (UNTOLD, [5], None)]


def test_a_run_that_nobody_judged_is_no_success_and_no_failure(tmp_path, clock):
    spool = write_session(tmp_path / "spool", clock)
    run(spool, clock, "r_3", "put the red block and the green block in the bowl", 16, 4, None)
    recording = publish(spool, tmp_path / "recordings", ID)
    data = pq.read_table(recording.dataset / DATA)
    assert np.flatnonzero(data["next.done"]).tolist() == [7, 15, 19]
    assert np.flatnonzero(data["next.is_judged"]).tolist() == [7, 15]
    assert np.flatnonzero(data["next.success"]).tolist() == [7]
    last = captions_of(recording.events())[-1]
    assert (last.step, last.status) == ("end: done, but not judged", "refused")


def test_a_run_without_an_end_lasts_until_the_next():
    events = [{"type": "instruction", "run_id": name, "instruction": name, "unix_s": moment}
              for name, moment in (("a", 1.0), ("b", 5.0))]
    runs = runs_of([*events, {"type": "end", "run_id": "unknown"}, {"type": "mode"}])
    assert [(r.end_unix_s, r.end) for r in runs] == [(5.0, None), (float("inf"), None)]
    assert [t.task for t in episodes_of(rows_at((0, 2.0), (0.2, 6.0)), runs, FPS)] == ["a", "b"]


def test_rows_are_put_at_an_even_rate():
    assert even_rows(np.arange(50) / FPS + 0.123, FPS).tolist() == list(range(50))
    assert even_rows(np.array([0.0, 0.2, 0.8, 1.0]), FPS).tolist() == [0, 1, 1, 1, 2, 3]
    assert even_rows(np.arange(21) / 20, FPS).tolist()[:3] == [1, 5, 9]
    assert even_rows(np.array([1.0, 1.0, 1.0]), FPS).tolist() == [2]


def test_captions_follow_the_steps():
    events = [{"type": "instruction", "instruction": "go", "unix_s": 1.0},
              {"type": "step", "skill": "pick", "arguments": [{"camera": "front", "pixel": [1, 2]}], "unix_s": 2.0},
              {"type": "outcome", "skill": "pick", "arguments": ["obj_1"], "status": "failed", "unix_s": 3.0},
              {"type": "safety", "kind": "estop", "reason": "a hand", "unix_s": 4.0}]
    found = [(c.title, c.step, c.status) for c in captions_at(captions_of(events), (0.5, 1.5, 2.5, 3.5, 9.0))]
    assert found == [("", "", ""), ("go", "", ""), ("go", 'pick {"camera": "front", "pixel": [1, 2]}', ""),
                     ("go", "pick obj_1: failed", "failed"), ("go", "estop: a hand", "failed")]


def test_captions_call_things_by_what_they_are():
    events = [{"type": "instruction", "instruction": "go", "unix_s": 1.0}]
    for moment, looks in ((2.0, "red block"), (4.0, "green block")):
        events += [{"type": "plan", "objects": [{"name": "obj_1", "looks": looks}], "unix_s": moment},
                   {"type": "step", "skill": "pick", "arguments": ["obj_1"], "unix_s": moment + 1}]
    found = captions_of(events, "ORACLE: ")
    assert [c.step for c in found] == ["", "pick red block", "pick green block"]
    assert {c.title for c in found} == {"ORACLE: go"}


def test_what_was_never_instructed_is_recorded_all_the_same(tmp_path, clock):
    spool = Spool.create(tmp_path / "spool", JOINTS, CAMERAS, FPS, META)
    for i in range(3):
        write_row(spool, i, i / FPS)
    run(spool, clock, "r_1", "go", 3, 4, True)
    dataset = publish(spool, tmp_path / "recordings", ID).dataset
    assert pq.read_table(dataset / EPISODES)["tasks"].to_pylist() == [[UNTOLD], ["go"]]
    assert json.loads((dataset / "meta/info.json").read_text())["total_tasks"] == 2
