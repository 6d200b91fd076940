"""Curves of a run: losses against steps, and of a stage that plays, success against what it cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embodied.evaluation.curve import _panels, draw_curves

LEARNED = [{"step": step, "loss": 1 / step, "validation/loss": 0.5} for step in (1, 2, 3)]
PLAYED = [{"step": step, "loss": -0.1, "rollout/success": 0.1 * step, "rollout/calls": 100.0 * step,
           "rollout/seconds": 60.0 * step, **({"validation/success": 0.4} if step == 2 else {})} for step in (1, 2, 3)]


def drawn(panel):
    """The axes that a panel draws on."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    panel(axes)
    return axes


def test_a_stage_that_plays_has_success_against_calls_and_minutes():
    calls, minutes = map(drawn, _panels("rl", PLAYED))
    assert [calls.get_xlabel(), minutes.get_xlabel()] == ["calls of skills", "minutes of playing"]
    for axes, cost in ((calls, [100, 200, 300]), (minutes, [1, 2, 3])):
        each, mean, likeliest = axes.get_lines()
        assert list(each.get_xdata()) == cost == list(mean.get_xdata())
        assert list(each.get_ydata()) == pytest.approx([0.1, 0.2, 0.3])
        assert list(mean.get_ydata()) == pytest.approx([0.1, 0.15, 0.2])
        assert (list(likeliest.get_xdata()), list(likeliest.get_ydata())) == ([cost[1]], [0.4])


def test_curves_of_all_stages_are_a_picture_and_torn_lines_are_left_out(tmp_path: Path):
    for stage, points in (("sft", LEARNED), ("rl", PLAYED)):
        (tmp_path / stage).mkdir()
        lines = [json.dumps({"event": "start"}), *map(json.dumps, points), '{"step": 4, "lo']
        (tmp_path / stage / "log.jsonl").write_text("\n".join(lines))
    assert draw_curves(tmp_path, ["none"]) is None
    path = draw_curves(tmp_path, ["sft", "rl"])
    assert path is not None and path.read_bytes().startswith(b"\x89PNG")
