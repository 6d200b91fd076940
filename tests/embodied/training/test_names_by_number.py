"""Whether a planner is to be asked by number alone, from what it is taught."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from embodied.data.jitter import USUAL
from embodied.data.queries import Calls, Query, TextAnswer
from embodied.training.planner_stage import _names_by_number
from embodied.training.stage import ExampleSettings
from embodied.training.stages.align import AlignSettings

STAGE = {"steps": 1, "batch_size": 1, "lr": 1e-3, "weight_decay": 0.0, "warmup_steps": 1, "clip_norm": 1.0,
         "save_every": 1, "validate_every": 1, "keep": 1, "jitter": USUAL}
COLOR = Query("Q: What is the color of the obj_1?", TextAnswer("A: The obj_1 is red."), "color",
              referrals=("red block",))
GRASP = Query("grasp the obj_1", Calls((("pick", "red block"),)), "grasp", referrals=("red block",))
NAMED = Query("grasp the red object", Calls((("pick", "red block"),)), "grasp")
SFT, NO_COLORS = ExampleSettings(**STAGE), ExampleSettings(**STAGE, limits={"color": 0})
CAPTIONS = AlignSettings(**STAGE, learns=("projector",), teaches="descriptions")


@pytest.mark.parametrize(("queries", "stages", "is_so"), [
    ((COLOR, GRASP), (SFT,), True), ((COLOR, GRASP, NAMED), (SFT,), False), ((GRASP,), (SFT,), False),
    ((NAMED,), (SFT,), False), ((COLOR, GRASP), (NO_COLORS,), False), ((COLOR, GRASP), (CAPTIONS, SFT), False)])
def test_all_is_taught_by_number_and_colors_are_asked_for(queries, stages, is_so: bool):
    run = SimpleNamespace(settings=SimpleNamespace(stages=dict(enumerate(stages))))
    examples = SimpleNamespace(items=[SimpleNamespace(query=query) for query in queries], rewordings=[])
    assert _names_by_number(run, examples) == is_so
