"""What one process writes in the shared state, as another one reads it: whole, whenever it looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from embodied.serving.interlock import Interlock
from embodied.serving.shared_state import SharedState, Telemetry


class _Peeking:
    """A number that has a look at the shared state while it is written there."""

    def __init__(self, board: SharedState, value: float) -> None:
        self._board, self._value = board, value
        self.seen: list[Telemetry | None] = []

    def __float__(self) -> float:
        self.seen.append(self._board.telemetry())
        return self._value


def test_a_reader_has_the_last_whole_report_while_the_next_one_is_written(tmp_path: Path):
    """A writer that is put aside in the middle of it keeps nobody waiting, and nobody without an answer."""
    board = SharedState(tmp_path / "a.board", is_new=True)
    reader = SharedState(tmp_path / "a.board")
    assert reader.telemetry() is None
    board.report(time_s=1.0, joint_pos=np.ones(3), last_motion_ns=7)
    late = _Peeking(reader, 2.0)
    board.report(joint_pos=np.full(3, 2.0), time_s=late)
    [between] = late.seen
    assert between.time_s == 1.0 and between.joint_pos.tolist() == [1.0] * 3
    now = reader.telemetry()
    assert now.time_s == 2.0 and now.joint_pos.tolist() == [2.0] * 3 and now.last_motion_ns == 7


class _KilledError(Exception):
    """The end of a writer."""


class _Fatal:
    """A number whose writer is killed by it."""

    def __index__(self) -> int:
        raise _KilledError

    __int__ = __float__ = __index__


def test_a_world_that_was_killed_while_it_confirmed_a_stop_keeps_none_unconfirmed_for_ever(tmp_path: Path):
    board, reader = SharedState(tmp_path / "a.board", is_new=True), SharedState(tmp_path / "a.board")
    with pytest.raises(_KilledError):
        board.confirm(1, _Fatal())
    assert reader.confirmed() == (0, 0)
    board.write(stop_number=2)
    interlock = Interlock(SharedState(tmp_path / "a.board"), lambda: "a stop")
    assert reader.confirmed() == (0, 0), "what was half said counts as not said"
    interlock.stops()
    assert reader.confirmed()[0] == 2


def test_a_picture_whose_writer_was_killed_is_none_and_the_next_one_is_seen(tmp_path: Path):
    board, reader = SharedState(tmp_path / "a.board", is_new=True), SharedState(tmp_path / "a.board")
    board.show(0, b"first")
    board._pictures[0][0]["version"] += 1  # as far as it came
    Interlock(board, lambda: None)
    assert reader.picture(0) is None
    board.show(0, b"second")
    assert reader.picture(0)[1] == b"second"
