"""What start-up may load, and the benchmark that watches how long it takes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scripts.bench import start

HEAVY = ["torch", "transformers", "timm", "ray", "hydra", "pybullet", "matplotlib"]


def loaded_by(code: str, watched: list[str]) -> list[str]:
    code += f"; import sys; print(*(name for name in {watched} if name in sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_server_answers_before_anything_heavy_is_loaded():
    assert loaded_by("import embodied.cli.serve, embodied.serving.server, embodied.serving.listening", HEAVY) == []


@pytest.mark.weights
def test_an_agent_loads_nothing_that_it_does_not_need():
    assert loaded_by("import embodied; embodied.load_agent()", ["ray", "hydra", "pybullet", "fastapi", "matplotlib",
                                                                "pyarrow", "av"]) == []


def test_the_benchmark_says_what_is_above_its_ceiling():
    found = {start.REFERENCE: [2.0, 2.2], "agent": [2.1, 2.2], "doctor": [9.0], "serve memory": [5000.0]}
    lines = {line["what"]: line for line in start.lines(found)}
    assert lines["agent"]["value"] == 1.02 and lines["agent"]["is_within"]
    assert not lines["doctor"]["is_within"] and not lines["serve memory"]["is_within"]
    assert "demo" not in lines


def test_the_benchmark_of_minds_says_what_the_larger_one_takes_above_the_smaller(monkeypatch):
    found = {"serving_mib": {"mind-tiny": 500.0, "mind-small": 1900.0},
             "launch_s": {"mind-tiny": (5.0, 3.0), "mind-small": (9.0, 7.0)}}
    for name, values in found.items():
        monkeypatch.setattr(start, name, lambda mind, folder, values=values: values[mind])
    monkeypatch.setattr(start, "peak_mib", lambda *words, folder: 700.0)
    lines = {line["what"]: line for line in start.mind_lines(1)}
    assert lines["server: mind-small above mind-tiny"]["value"] == 1400.0
    assert [name for name, line in lines.items() if not line["is_within"]] == ["server: mind-small above mind-tiny"]
    assert lines["launch to first plan: mind-small"]["ceiling"] == 12.0 and len(lines) == 5
