"""What one process writes on the blackboard, as another one reads it: whole, whenever it looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from embodied.serving.blackboard import Blackboard, Telemetry


class _Peeking:
    """A number that has a look at the blackboard while it is written there."""

    def __init__(self, board: Blackboard, value: float) -> None:
        self._board, self._value = board, value
        self.seen: list[Telemetry | None] = []

    def __float__(self) -> float:
        self.seen.append(self._board.telemetry())
        return self._value


def test_a_reader_has_the_last_whole_report_while_the_next_one_is_written(tmp_path: Path):
    """A writer that is put aside in the middle of it keeps nobody waiting, and nobody without an answer."""
    board = Blackboard(tmp_path / "a.board", is_new=True)
    reader = Blackboard(tmp_path / "a.board")
    assert reader.telemetry() is None
    board.report(time_s=1.0, joint_pos=np.ones(3), last_motion_ns=7)
    late = _Peeking(reader, 2.0)
    board.report(joint_pos=np.full(3, 2.0), time_s=late)
    [between] = late.seen
    assert between.time_s == 1.0 and between.joint_pos.tolist() == [1.0] * 3
    now = reader.telemetry()
    assert now.time_s == 2.0 and now.joint_pos.tolist() == [2.0] * 3 and now.last_motion_ns == 7
