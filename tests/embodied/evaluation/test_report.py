"""eval.json has its agreed keys, is the same for the same seeds, and becomes one self-contained page."""

from __future__ import annotations

import json
import re

import numpy as np

from embodied.data.video import encode, jpeg
from embodied.evaluation.report import ReportVideo, render
from embodied.evaluation.rollout_video import RolloutVideo, strip
from embodied.evaluation.summary import TIMING_KEYS, summarise, without_timings
from tests.embodied.evaluation.fakes import TASKS, results

CONTEXT = {"suite": "tabletop", "weights": {"sha256": "ab"},
           "seeds": {"split": "test", "first": 2_000_000, "count": 20}}


def test_eval_json_has_the_agreed_keys():
    found = json.loads(json.dumps(summarise(results(), CONTEXT), allow_nan=False))
    assert found["success_rate"] == 0.9 and found["episodes"] == 20
    assert found["ci95"][0] < 0.9 < found["ci95"][1]
    assert set(found["per_task"]) == set(TASKS)
    assert set(found["baselines"]) == {"blind", "shuffled", "random", "oracle"}
    for block in (*found["per_task"].values(), *found["baselines"].values()):
        assert {"success_rate", "ci95", "episodes"} <= set(block)
    assert {"median", "p95"} <= set(found["latency_s"])
    assert found["plans"]["parsed_fraction"] == found["plans"]["grounded_fraction"] == 1.0
    assert found["plans"]["unconstrained"]["decoded"] == 20
    assert found["plans"]["unconstrained"]["parsed_fraction"] == 0.5
    assert found["failures"]["skill"] == found["failures"]["count"] == 2
    assert found["plan_success"]["success_rate"] == 0.95, "of two losses one was a skill's alone"
    assert found["timing_keys"] == list(TIMING_KEYS) and found["seeds"]["count"] == 20


def test_two_runs_differ_in_timings_only():
    slower = results()
    for episodes in slower.values():
        for episode in episodes:
            episode["timings"] = {"plan_s": [3.0, 4.0], "wall_s": 99.0}
    first, second = summarise(results(), CONTEXT), summarise(slower, CONTEXT)
    assert first != second and without_timings(first) == without_timings(second)


def test_the_report_needs_no_other_file():
    video = RolloutVideo()
    video.title("put the red block in the blue bowl")
    for shade in range(0, 250, 25):
        video.add(np.full((48, 64, 3), shade, np.uint8))
    shown = ReportVideo("stack", "why <b>", False, jpeg(strip(video.frames)), encode(video.frames, 10))
    page = render({**summarise(results(), CONTEXT), "command": "embodied evaluate"}, plan_times_s=[0.01, 0.02],
                  videos=[shown], config="a: 1")
    assert page.startswith("<!doctype html>") and "width=device-width" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "90.0%" in page and "oracle" in page and "closed on &lt;nothing&gt;" in page and "why &lt;b&gt;" in page
    assert "data:video/mp4;base64," in page and "<svg" in page


def test_the_report_renders_with_the_least_there_can_be():
    only = {"model": [r for r in results()["model"] if r["success"]]}
    page = render(summarise(only, CONTEXT))
    assert "No episode failed." in page
