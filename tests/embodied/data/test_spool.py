"""A spool holds what was written whatever kills its writer, and never stops a robot."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import sys

import numpy as np
import pytest

from embodied.data import spool as spools
from embodied.data.spool import FRAMES, ROWS, Spool, SpoolError, left, read_spool
from tests.embodied.data.sessions import CAMERAS, FPS, JOINTS, META, write_row


@pytest.fixture
def spool(tmp_path) -> Spool:
    return Spool.create(tmp_path / "spool", JOINTS, CAMERAS, FPS, META)


def fill(spool: Spool, rows: int) -> None:
    assert all(write_row(spool, i, i / FPS) for i in range(rows))


def test_rows_pictures_and_events_come_back(spool):
    fill(spool, 5)
    spool.event({"type": "mode", "mode": "idle"})
    assert not spool.event({"type": "telemetry", "joint_pos": [1.0]})
    found = read_spool(spool.path)
    assert (len(found.rows), found.lost_rows, found.meta.session) == (5, 0, META)
    assert np.allclose(found.rows["setpoint"][:, 0], np.arange(5) / 10 + 0.05)
    assert found.picture(4, "front").startswith(b"\xff\xd8") and found.picture(4, "front") != found.picture(3, "front")
    assert found.events == ({"type": "mode", "mode": "idle"},)


def test_a_slow_camera_repeats_its_picture(spool):
    row = {"joint_pos": np.zeros(3), "joint_vel": np.zeros(3), "setpoint": np.zeros(3), "gripper_width_m": 0.0,
           "tool_pose": np.zeros(7)}
    spool.row(time_s=0.0, **row)
    spool.frame("front", b"one")
    spool.row(time_s=0.2, **row)
    spool.row(time_s=0.4, **row)
    found = read_spool(spool.path)
    assert [found.picture(i, "front") for i in range(3)] == [None, b"one", b"one"]
    assert found.picture(2, "spectator") is None


@pytest.mark.parametrize("name", ["time_s", "joint_pos", "tool_pose"])
def test_numbers_that_are_not_finite_are_not_recorded_but_counted(spool, name):
    row = {"time_s": 0.0, "joint_pos": np.zeros(3), "joint_vel": np.zeros(3), "setpoint": np.zeros(3),
           "gripper_width_m": 0.0, "tool_pose": np.zeros(7)}
    assert spool.row(**row)
    for strange in (np.nan, np.inf):
        assert not spool.row(**{**row, name: np.full_like(row[name], strange)})
    assert spool.row(**{**row, "time_s": 1.0}) and spool.fault is None
    found = read_spool(spool.path)
    assert found.rows["time_s"].tolist() == [0.0, 1.0] and found.lost_rows == 2


def test_every_cut_of_the_files_leaves_the_whole_rows(spool):
    fill(spool, 3)
    content, size = (spool.path / ROWS).read_bytes(), spool.meta.row_type.itemsize
    for kept in range(0, len(content) + 1, 7):
        (spool.path / ROWS).write_bytes(content[:kept])
        assert len(read_spool(spool.path).rows) == kept // size
    (spool.path / ROWS).write_bytes(content)
    film = (spool.path / FRAMES).read_bytes()
    (spool.path / FRAMES).write_bytes(film[:-1])
    assert (len(read_spool(spool.path).rows), read_spool(spool.path).lost_rows) == (2, 1)


def test_a_disk_that_fails_at_the_end_keeps_no_lock_and_no_handle(spool, monkeypatch):
    fill(spool, 1)
    handles, before = len(os.listdir("/proc/self/fd")), spool.event({"type": "mode", "mode": "idle"})
    assert before and len(os.listdir("/proc/self/fd")) == handles + 1
    with monkeypatch.context() as failing:
        failing.setattr(spools.os, "fsync", lambda handle: os.fstat(-1))
        with pytest.raises(OSError, match="Bad file descriptor"):
            spool.close()
    assert len(os.listdir("/proc/self/fd")) == handles - 3  # rows, frames, lock
    left(spool.path).release()
    spool.close()


def test_a_damaged_row_is_left_out(spool):
    fill(spool, 3)
    content = bytearray((spool.path / ROWS).read_bytes())
    content[spool.meta.row_type.itemsize + 20] ^= 4
    (spool.path / ROWS).write_bytes(content)
    assert read_spool(spool.path).rows["time_s"].tolist() == [0.0, 2 / FPS]


def test_a_writer_goes_on_after_a_torn_end(spool):
    fill(spool, 2)
    spool.event({"type": "mode"})
    spool.close()
    for name, torn in ((ROWS, b"\0" * 9), ("events.jsonl", b'{"type": "mo')):
        with open(spool.path / name, "ab") as file:
            file.write(torn)
    again = Spool.open(spool.path)
    fill(again, 2)
    again.event({"type": "end"})
    found = read_spool(spool.path)
    assert (len(found.rows), [e["type"] for e in found.events]) == (4, ["mode", "end"])


def test_a_full_spool_ends_the_recording_and_nothing_else(tmp_path):
    spool = Spool.create(tmp_path / "spool", JOINTS, CAMERAS, FPS, META, max_bytes=20_000)
    kept = [write_row(spool, i, i / FPS) for i in range(60)]
    assert kept == sorted(kept, reverse=True) and 0 < sum(kept) < 60 and "full" in spool.fault
    assert sum((spool.path / name).stat().st_size for name in (ROWS, FRAMES)) <= 20_000
    assert len(read_spool(spool.path).rows) == sum(kept)


def test_a_disk_that_is_nearly_full_ends_the_recording(spool, monkeypatch):
    fill(spool, 1)
    monkeypatch.setattr(spools, "FREE_BYTES", 1 << 60)
    assert not all(write_row(spool, i, i / FPS) for i in range(spools._ROWS_BETWEEN_LOOKS + 1))
    assert "free some" in spool.fault


def test_a_write_cut_short_by_the_system_ends_the_recording(spool):
    fill(spool, 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((spool.path / FRAMES).stat().st_size + 100, limits[1]))
    try:
        kept = [write_row(spool, i, i / FPS) for i in range(2, 6)]
        fault = spool.fault
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not any(kept) and "the disk took" in fault and len(read_spool(spool.path).rows) == 2


def test_a_killed_writer_loses_no_row_it_spoke_of(tmp_path):
    rng = random.Random(0)
    for trial in range(16):
        spool = Spool.create(tmp_path / str(trial), JOINTS, CAMERAS, FPS, META)
        child = subprocess.Popen([sys.executable, "-m", "tests.embodied.data.sessions", "rows", spool.path],
                                 stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()})
        said = [child.stdout.readline() for _ in range(rng.randrange(1, 40))][-1]
        child.kill()
        said = (child.stdout.readlines() or [said])[-1]
        child.wait()
        child.stdout.close()
        found = read_spool(spool.path)
        assert int(said) <= len(found.rows) <= int(said) + 1 and found.lost_rows <= 1
        assert np.allclose(found.rows["joint_pos"][:, 0], np.arange(len(found.rows)) / 10)
        assert all(found.picture(i, c) for i in range(len(found.rows)) for c in CAMERAS)


def test_what_cannot_be_recorded_is_refused(tmp_path, spool):
    with pytest.raises(FileExistsError):
        Spool.create(spool.path, JOINTS, CAMERAS, FPS, META)
    with pytest.raises(ValueError, match="whole fps"):
        Spool.create(tmp_path / "b", JOINTS, CAMERAS, 2.5, META)
    with pytest.raises(ValueError, match="expected a camera of"):
        spool.frame("ceiling", b"")
    with pytest.raises(SpoolError, match="expected the folder of a spool"):
        read_spool(tmp_path)
