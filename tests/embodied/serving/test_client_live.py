"""The client against the server itself: a robot instructed, moved, stopped, and its recording brought home."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from embodied.data.lerobot_check import check
from embodied.data.lerobot_meta import EPISODES
from embodied.data.timeline import UNTOLD
from embodied.data.video import decode
from embodied.serving.client import CLEAR, ApiError, Client

pytestmark = [pytest.mark.slow, pytest.mark.weights]

PIPE_BYTES = 4096  # the least that a pipe holds


class Server:
    """`embodied serve` on a port of its own; `start` again after `kill` finds the same folder."""

    def __init__(self, folder):
        self.folder, self.token = folder, secrets.token_urlsafe(18)

    def start(self) -> Client:
        words = ["port=0", f"token={self.token}", f"recordings={self.folder}/recordings",
                 f"hydra.run.dir={self.folder}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "embodied.cli.main", "serve", *words], stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": "1"})
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:[0-9]+", line):
                return Client(found[0], self.token)
        raise AssertionError("the server ended without saying where it listens")

    def end(self, word: signal.Signals) -> None:
        self.process.send_signal(word)
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("served"))
    client = server.start()
    yield server, client
    client.close()
    server.end(signal.SIGTERM)


def recording_of(client: Client, recording_id: str) -> dict:
    """The recording as the list has it, once it is published."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        for recording in client.recordings():
            if recording["recording_id"] == recording_id:
                return recording
        time.sleep(0.2)
    raise AssertionError(f"{recording_id} was not published within a minute")


def test_a_session_from_opening_to_its_dataset(server, tmp_path):
    _, client = server
    events = []
    with client.open("put_in_bowl", seed=2_000_001, planner="oracle", speed=0) as session:
        instruction = session.state()["instruction"]
        start = session.observation().joint_pos
        target = start + np.eye(len(start))[0] * 0.3
        moment = session.snapshot()
        moved = session.move_joints(target)
        assert moved.status == "done" and np.allclose(moved.joint_pos[:7], target[:7], atol=0.02)
        session.restore(moment)
        assert np.allclose(session.observation().joint_pos, start, atol=1e-3)
        assert session.move_joints(target).status == "done"
        assert session.image("front").startswith(b"\xff\xd8")
        run = session.instruct(instruction, on_event=events.append)
        assert (run.end, run.is_success) == ("success", True)
    assert [e["type"] for e in events].count("outcome") == len(run.steps) and events[-1]["type"] == "end"
    indices = [e["index"] for e in events]
    assert indices == sorted(set(indices))
    listed = recording_of(client, session.recording_id)
    assert listed["instructions"] == [instruction] and listed["runs"][0]["is_success"]
    with zipfile.ZipFile(client.download(session.recording_id, "dataset.zip", tmp_path / "d.zip")) as archive:
        archive.extractall(tmp_path)
    dataset = tmp_path / session.recording_id
    assert check(dataset).faults == () and check(dataset).frames == listed["frames"]
    tasks = pq.read_table(dataset / EPISODES)["tasks"].to_pylist()
    assert tasks == [[UNTOLD], [UNTOLD], [instruction]], "before the restore, after it, and the instruction"
    film = client.download(session.recording_id, "video.mp4", tmp_path / "film.mp4")
    assert sum(1 for _ in decode(film)) == listed["frames"] + listed["fps"]


def test_what_the_docs_show_works_as_it_stands_there(server, tmp_path):
    _, client = server
    told = (Path(__file__).parents[3] / "docs/client.md").read_text()
    code = re.search(r"```python\n(.*?)```", told, re.DOTALL)[1]
    code = code.replace("http://127.0.0.1:8420", client.url)
    ran = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": os.getcwd(), "EMBODIED_TOKEN": server[0].token})
    assert ran.returncode == 0, ran.stderr
    assert "success True" in ran.stdout and (tmp_path / "front.jpg").stat().st_size > 1000


def test_an_emergency_stop_latches_until_a_person_says_so(server):
    _, client = server
    with client.open("stack", planner="oracle", speed=0) as session:
        session.estop()
        with pytest.raises(ApiError) as told:
            session.skill("home")
        assert (told.value.status, told.value.code) == (409, "estopped")
        session.reset_estop(CLEAR)
        assert session.skill("home").status == "done"


def test_a_terminal_that_takes_no_more_holds_no_stop_up(tmp_path):
    """What it writes to is full, as a pipe is that nobody reads: lines of its log wait, the emergency stop does not."""
    unread, end = os.pipe()
    fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    token = secrets.token_urlsafe(18)
    words = ["port=0", f"token={token}", "recordings=null", f"hydra.run.dir={tmp_path}"]
    process = subprocess.Popen([sys.executable, "-m", "embodied.cli.main", "serve", *words], stdout=end,
                               env={**os.environ, "PYTHONPATH": os.getcwd(), "PYTHONUNBUFFERED": "1"})
    try:
        with open(unread) as told:
            address = next(found[0] for line in told if (found := re.search(r"http://127\.0\.0\.1:[0-9]+", line)))
            assert any(line.startswith("ready: ") for line in told)
            os.write(end, b"\n" * PIPE_BYTES)
            assert httpx.get(f"{address}/v1/worlds", timeout=30).status_code == 401
            stop = httpx.post(f"{address}/v1/estop", timeout=30, headers={"Authorization": f"Bearer {token}"})
            assert stop.status_code == 200
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    finally:
        process.kill()
        process.wait()
        os.close(end)


def test_who_commands_is_one_at_a_time(server):
    _, client = server
    with client.open("stack", planner="oracle") as session:
        with pytest.raises(ApiError) as told:
            client.join(session.session_id)
        assert told.value.code == "leased"
        time.sleep(session.state()["lease"]["expires_in_s"] + 2)
        assert session.lease_lost is None and session.skill("home").status == "done"


def test_a_killed_server_publishes_the_recording_when_it_is_back(tmp_path):
    server = Server(tmp_path)
    client = server.start()
    session = client.open("put_in_bowl", seed=2_000_001, planner="oracle")
    session.skill("home")
    session.move_joints(session.observation().joint_pos + np.eye(len(session.joint_names))[0] * 0.5)
    server.end(signal.SIGKILL)
    session.close()
    client.close()
    with server.start() as again:
        recording = recording_of(again, session.recording_id)
    server.end(signal.SIGTERM)
    assert recording["frames"] > 0 and recording["has_video"]
    assert check(tmp_path / "recordings" / session.recording_id / "dataset").faults == ()
