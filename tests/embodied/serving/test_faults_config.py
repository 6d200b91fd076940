"""Row 48 of the faults to survive: settings of `embodied serve` that make no sense end it at once, with a hint."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from embodied.serving.middleware import Bounds
from tests.embodied.serving.served import ROOT

MOST_S = 2.0
"""Of the processor: a busy machine is no reason to fail. Loading the planner takes five times as long."""


@pytest.mark.parametrize("override, hint", [
    ("prot=8431", "did you mean 'port'"), ("max_session=3", "did you mean 'max_sessions'"),
    ("port=99999", "between 0 and 65535"), ("port=eight", "a whole number"), ("lease_s=0", "between 1 and 600"),
    ("lease_s=nan", "a finite number"), ("max_sessions=-1", "between 1 and 256"), ("record_fps=100", "1 and 20"),
    ("token=short", "at least 16 characters"), ("viewer_token=''", "at least 16 characters"), ("host=''", "an address"),
    ("backend=gpu", "local, ray"), ("batch=0", "between 1 and 64"), ("weights=nowhere", "tabletop-tiny"),
    ("recordings=/proc/nowhere", "a folder that can be made"), ("limits.speed=9", "unknown key 'limits.speed'"),
    ("+governor=off", "governor"), ("_target_=os.system", "_target_ is refused"),
    ("+hub._target_=os.system", "_target_ is refused"), ("token=${oc.env:HOME}", "is refused"),
], ids=lambda value: value.replace("/", "|")[:40])
def test_row_48_settings_that_make_no_sense(tmp_path, override: str, hint: str):
    before_s = os.times().children_user
    ended = subprocess.run([sys.executable, "-m", "embodied.cli.main", "serve", "port=0", override,
                            f"hydra.run.dir={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    taken_s = os.times().children_user - before_s
    assert ended.returncode in (1, 2)
    assert hint in ended.stderr and "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= 3
    assert taken_s < MOST_S


def test_row_48_a_short_token_from_the_environment(tmp_path):
    ended = subprocess.run([sys.executable, "-m", "embodied.cli.main", "serve", "port=0", f"hydra.run.dir={tmp_path}"],
                           cwd=ROOT, capture_output=True, text=True, timeout=60,
                           env={**os.environ, "EMBODIED_TOKEN": "guess"})
    assert ended.returncode == 2 and "EMBODIED_TOKEN: expected at least 16 characters" in ended.stderr


def test_row_35_bounds_of_a_running_server_cannot_be_set():
    bounds = Bounds()
    with pytest.raises(AttributeError):
        bounds.body_bytes = 1 << 40
