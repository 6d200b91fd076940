"""The eyes that travel find things where they never learned to."""

from __future__ import annotations

import pytest

from embodied.agents.eyes import check_eyes, eyes_folder
from embodied.data.collect import box_of_pose
from embodied.models.scene import best_matches, perceive
from embodied.models.segmenter import ObjectSegmenter
from embodied.models.segmenter_files import load_segmenter
from scripts.bench.perceive import views_of
from scripts.examples.panda_gym_sights import NAMES, scenes

pytestmark = pytest.mark.weights
SEEDS = range(1_000_000, 1_000_003)


@pytest.fixture(scope="module")
def segmenter() -> ObjectSegmenter:
    check_eyes("eyes-travel")
    return load_segmenter(eyes_folder("eyes-travel"))


@pytest.mark.parametrize("look", ["held_cameras", "held_meshes", "held_textures", "640"])
def test_looks_that_were_held_out(segmenter: ObjectSegmenter, look: str):
    shown = found = slots = 0
    for view in views_of(look, SEEDS, "off"):
        standing = [i for i, name in enumerate(view.names) if name != view.held]
        seen = perceive(segmenter, view.observation)
        found += len(best_matches(seen, [view.names[i] for i in standing], view.poses[standing]))
        shown, slots = shown + len(standing), slots + len(seen)
    assert found >= 0.9 * shown and slots <= 1.1 * shown


def test_somebody_elses_world(segmenter: ObjectSegmenter):
    for view in scenes(SEEDS):
        seen = perceive(segmenter, view.observation)
        assert {*best_matches(seen, NAMES, view.poses)} == {*NAMES}
        assert len(seen) == len(NAMES) and box_of_pose(view.poses[0]).size[0] == pytest.approx(0.04)
