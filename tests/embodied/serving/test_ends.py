"""The end of a server while a recording is published: robots stop first, it ends in time, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from embodied.data.recordings import publish_left
from embodied.data.spool import EVENTS, Spool
from embodied.serving import shutdown
from tests.embodied.data.sessions import Clock, write_session
from tests.embodied.serving.served import Served
from tests.processes import is_alive, until

END_S = 5.0
"""In which a server ends, whatever hangs in it."""
LAST_S = 2.0
"""After which a server of these tests leaves behind what hangs: enough of END_S is left for a busy machine."""
LEFT = "rec_0123456789ab"


def endless(spool: Spool) -> bytes:
    """What was said in the session of a spool, which a publication waits for in vain from now on: it is a pipe that
    nobody writes to, as if encoding took for ever."""
    spool.close()
    events = spool.path / EVENTS
    content = events.read_bytes()
    events.unlink()
    os.mkfifo(events)
    return content


def publisher(server: int, patience_s: float = 30.0) -> int:
    """The process that publishes for a server."""
    until_s = time.monotonic() + patience_s
    while time.monotonic() < until_s:
        for child in Path(f"/proc/{server}/task/{server}/children").parent.parent.glob("*/children"):
            for pid in map(int, child.read_text().split()):
                if b"publish_held" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        time.sleep(0.02)
    raise AssertionError("expected a process that publishes, there is none")


def test_what_hangs_is_left_behind_well_before_the_server_must_have_ended():
    assert shutdown.END_S + 0.5 < END_S


def test_a_plan_without_end_keeps_no_server_from_ending():
    """The planner looks at the scene for a minute; nothing waits for it."""
    with Served(look_s=60.0, end_s=LAST_S) as server:
        robot = server.open(planner="model")
        assert robot.post("/instructions", {"instruction": robot.opened["instruction"]}).status_code == 202
        board = robot.board()
        os.kill(server.pid, signal.SIGTERM)
        server.wait(END_S)
    assert not board.telemetry().motions


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda word: word.name)
def test_a_publication_without_end_keeps_no_server_from_ending(tmp_path: Path, word: signal.Signals):
    """Its process ends with the server, its spool stays, the next start publishes it and the interrupted session."""
    said = endless(write_session(tmp_path / "spools" / LEFT, Clock()))
    with Served(look_s=0.0, end_s=LAST_S, limits={"recordings": str(tmp_path)}) as server:
        robot = server.open(speed=1.0)
        board, child = robot.board(), publisher(server.pid)
        assert robot.post("/instructions", {"instruction": robot.opened["instruction"]}).status_code == 202
        robot.wait_for_motion()
        told_s = time.monotonic()
        os.kill(server.pid, word)
        server.wait(END_S)
    assert board.telemetry().last_motion_ns / 1e9 - told_s < 1.5  # a world finds out by itself that nobody serves it
    assert until(lambda: not is_alive(child))
    assert not (tmp_path / LEFT).exists()
    (tmp_path / "spools" / LEFT / EVENTS).unlink()
    (tmp_path / "spools" / LEFT / EVENTS).write_bytes(said)
    assert {r.recording_id for r in publish_left(tmp_path / "spools", tmp_path)} == {LEFT, robot.opened["recording_id"]}
    assert not list((tmp_path / "spools").iterdir())
