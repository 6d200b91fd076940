"""Recordings keep nobody waiting: what is told of a session is written behind its back, in order."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from embodied.data.spool import Spool, read_spool
from embodied.serving.recorder import Recorder

FACTS = {"cameras": ["spectator", "front"], "joint_low": [0.0], "joint_names": ["a"]}
NAME = "rec_0123456789ab"


def test_a_slow_disk_keeps_nobody_waiting_who_tells_of_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The loop that serves stops hands events over; a session's end, which flushes to the disk, waits elsewhere too."""
    written, is_free = Spool.event, threading.Event()

    def slow(spool: Spool, event: dict[str, Any]) -> bool:
        is_free.wait()
        return written(spool, event)

    monkeypatch.setattr(Spool, "event", slow)
    recorder = Recorder(tmp_path, fps=5)
    recorder.begin(NAME, FACTS, {"task": "stack"})
    for number in range(5):
        recorder.note(NAME, {"type": "safety", "number": number})  # returns, though nothing can be written
    recorder.note(NAME, {"type": "safety", "number": float("nan")})  # no JSON: logged, and the rest goes on
    recorder.leave(0.0)
    recorder.finish(NAME)
    is_free.set()
    recorder.close()
    assert [event["number"] for event in read_spool(tmp_path / "spools" / NAME).events] == [0, 1, 2, 3, 4]
