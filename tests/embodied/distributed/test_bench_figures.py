"""The figures that the benches of rollouts and of Ray jobs make of what they measured."""

from __future__ import annotations

import pytest

from scripts.bench.ray_train import read_clocks
from scripts.bench.rollout import Side, Slice, compared, interval, shares


def episode(cpu_s: float, **parts: float) -> dict:
    return {"cpu_s": cpu_s, "wall_s": 2.0, "parts": (parts, {"decoding": 0.5})}


def side(name: str, wall_s: float, *, here_s: float, rows: list[int]) -> Side:
    return Side(name, 2, None, rows, [Slice(wall_s * part, here_s, [episode(1.0, physics=0.5, decoding=0.25)] * 4)
                                      for part in (1.0, 1.1)])


def test_a_side_is_held_against_the_base_of_the_same_rounds():
    found = compared(side("shared 2", 2.0, here_s=1.0, rows=[1, 3]), side("own 1", 4.0, here_s=0.0, rows=[]))
    assert (found["ratio"], found["interval"]) == (2.0, [2.0, 2.0])
    assert found["cpu_ratio"] == 0.8 and found["cpu_s_an_episode"] == 1.25 and found["episodes_a_round"] == 4


def test_an_interval_is_as_wide_as_its_ratios_are_apart():
    mean, (low, high) = interval([2.0, 2.2])
    assert mean == pytest.approx(2.098) and low < 2.0 and high > 2.2 and low * high == pytest.approx(4.4, rel=1e-3)
    assert interval([3.0]) == (3.0, None)


def test_the_planner_of_all_is_what_this_process_took():
    own, together = side("own 1", 4.0, here_s=0.0, rows=[]), side("shared 2", 2.0, here_s=1.0, rows=[2])
    assert shares(own) == {"side": "own 1", "physics": 0.5, "rendering": 0.0, "perception": 0.0, "decoding": 0.25,
                           "rest": 0.25, "asking": 0.25}
    assert shares(together) == {"side": "shared 2", "physics": 0.4, "rendering": 0.0, "planner": 0.2, "rest": 0.4,
                                "asking": 0.25}


def test_a_step_takes_as_long_as_its_slowest_worker():
    first = [(10.0 + 2 * step, float(step)) for step in range(6)]
    second = [(10.5 + 3 * step, 2.0 * step) for step in range(6)]
    assert read_clocks([first, second], began_s=4.0) == {"step_s": 3.0, "cpu_s": 3.0, "start_s": 6.5}
