"""The forms of the segmenter: each learns a scene, the dense one is what a configuration without a form means, and
sizes that do not fit are refused before anything is built."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from embodied.agents.shipped import weights_path
from embodied.cli.configs import config_dir
from embodied.models.configuration import COARSEST_PX, PalmEConfig, SegmenterConfig
from embodied.models.framing import framed_input
from embodied.models.loading import load
from embodied.models.scene import oracle_pixels, slots_from_pixels
from embodied.models.segmenter import ObjectSegmenter, segmenter_input, targets_from_masks
from embodied.models.segmenter_files import load_segmenter, save_segmenter
from embodied.training.objectives.losses import segmenter_loss
from envs.interface import Box
from scripts.put_segmenter import put
from tests.embodied.models.raycast import CAMERAS, observe

LIGHT = {"form": "light", "patch_px": 4, "widths": [16, 16, 16], "level_depths": [1, 2, 1]}
DENSE = {"widths": [8, 8, 8, 8]}
FORMS = pytest.mark.parametrize("sizes", [LIGHT, DENSE], ids=["light", "dense"])
OLD_NAMES = {"stem.0.weight", "stem.4.bias", "down.2.3.weight", "up.0.0.weight", "up.2.4.weight", "head.weight"}
BOXES = [Box((0.45, -0.1, 0.02), (0.04, 0.04, 0.04), 0.2), Box((0.65, 0.2, 0.02), (0.04, 0.04, 0.04), -0.5)]


@pytest.fixture
def seen():
    return observe(BOXES, [(200, 30, 30), (30, 30, 200)])


@FORMS
def test_each_form_learns_a_scene(sizes, seen):
    torch.manual_seed(0)
    observation, masks, poses = seen
    segmenter = ObjectSegmenter(SegmenterConfig(**sizes))
    image = torch.from_numpy(segmenter_input(observation.rgb["top"], observation.depth["top"], CAMERAS["top"]))[None]
    targets = {k: torch.from_numpy(v)[None] for k, v in targets_from_masks(masks["top"], poses).items()}
    optimizer, losses = torch.optim.AdamW(segmenter.parameters(), lr=1e-2), []
    for _ in range(20):
        out = segmenter(image)
        loss, _ = segmenter_loss(out.logits, out.votes, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@FORMS
def test_one_that_tells_distractors_learns_to_and_is_kept_so(sizes, seen, tmp_path):
    """The second of two blocks is called a distractor."""
    torch.manual_seed(0)
    observation, masks, poses = seen
    segmenter = ObjectSegmenter(SegmenterConfig(**sizes, tells_distractors=True))
    images, targets = {}, {}
    for name, camera in observation.cameras.items():
        images[name] = torch.from_numpy(segmenter_input(observation.rgb[name], observation.depth[name], camera))
        told = targets_from_masks(masks[name], poses, np.array([False, True]))
        targets[name] = {k: torch.from_numpy(v)[None] for k, v in told.items()}
    optimizer, losses = torch.optim.AdamW(segmenter.parameters(), lr=1e-2), []
    for step in range(120):
        name = list(images)[step % len(images)]
        out = segmenter(images[name][None])
        loss, parts = segmenter_loss(out.logits, out.votes, targets[name], distractor=out.distractor)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(parts["distractor_loss"].item())
    assert losses[-1] < 0.2 * losses[0]
    save_segmenter(segmenter, tmp_path)
    said = load_segmenter(tmp_path)(images["top"][None]).distractor
    assert torch.equal(said, segmenter.eval()(images["top"][None]).distractor)
    assert (said[0][masks["top"] == 1] > 0).float().mean() > 0.9 > 0.1 > (said[0][masks["top"] == 0] > 0).float().mean()
    assert ObjectSegmenter(SegmenterConfig(**sizes))(images["top"][None]).distractor is None


def test_distractors_come_last_however_many_pixels_show_them(seen):
    observation, masks, poses = seen
    pixels = oracle_pixels(observation, masks, poses)
    assert not any(slot.is_distractor for slot in slots_from_pixels(pixels, observation, SegmenterConfig()))
    first = slots_from_pixels(pixels, observation, SegmenterConfig())[0]
    is_of_it = np.linalg.norm(pixels.votes[:, :3] - np.array(first.box.center), axis=1) < 0.02
    odd = replace(pixels, distractor=np.where(is_of_it, 9.0, -9.0))
    slots = slots_from_pixels(odd, observation, SegmenterConfig())
    assert [slot.is_distractor for slot in slots] == [False, True] and slots[1].box == first.box
    assert [slot.is_distractor for slot in slots_from_pixels(odd, observation, SegmenterConfig(), 1)] == [False]


@FORMS
def test_a_cut_one_is_told_nothing_of_the_table_and_of_what_is_around(sizes, seen):
    torch.manual_seed(0)
    observation, masks, _ = seen
    camera, depth = CAMERAS["top"], observation.depth["top"].copy()
    around = masks["top"] < 0
    other = observation.rgb["top"].copy()
    other[around] = (10, 250, 120)
    farther = depth.copy()
    outside = around & (np.abs(camera.lift(depth)[..., 0] - 0.55) > 0.34)
    assert outside.any()
    farther[outside] += 0.6  # no table there, but a floor
    answers = []
    for is_cut in (True, False):
        segmenter = ObjectSegmenter(SegmenterConfig(**sizes, is_cut=is_cut)).eval()
        images = torch.from_numpy(np.stack([framed_input(rgb, d, camera, segmenter.config) for rgb, d in (
            (observation.rgb["top"], depth), (other, depth), (observation.rgb["top"], farther))]))
        answers.append(segmenter(images).logits)
    cut, whole = answers
    assert torch.equal(cut[0], cut[1]) and torch.equal(cut[0], cut[2])
    assert not torch.equal(whole[0], whole[1]) and not torch.equal(whole[0], whole[2])


def test_a_pixel_hears_of_its_neighbours_and_batches_do_not_mix():
    segmenter = ObjectSegmenter(SegmenterConfig(**LIGHT)).eval()
    images = torch.rand(2, 7, 2 * COARSEST_PX, 3 * COARSEST_PX)
    out = segmenter(images)
    assert out.logits.shape == (2, *images.shape[2:]) and out.votes.shape == (2, 4, *images.shape[2:])
    changed = images.clone()
    changed[1, :3, 5, 7] += 0.5
    other = segmenter(changed)
    assert torch.equal(out.logits[0], other.logits[0]) and not torch.equal(out.logits[1], other.logits[1])


def test_a_configuration_without_a_form_is_the_dense_one():
    old = ObjectSegmenter(SegmenterConfig(widths=[24, 48, 64, 96]))
    assert old.state_dict().keys() >= OLD_NAMES and sum(p.numel() for p in old.parameters()) == 465_940
    assert old.state_dict()["stem.0.weight"].shape == (24, 28, 3, 3)


@pytest.mark.parametrize("sizes", [{"patch_px": 4}, {"widths": [8, 8, 8]}, {"level_depths": [1, 1]},
                                   {"form": "light", "patch_px": 2, "widths": [8]}])
def test_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(ValueError, match="expected patch_px x 2"):
        SegmenterConfig(**sizes)


@pytest.mark.parametrize(("key", "value", "said"), [
    ("form", "huge", r"segmenter_config\.form: expected one of dense, light"),
    ("level_depths", [99, 1, 1], r"segmenter_config\.level_depths: expected a number from 1 to 8"),
    ("patch_px", 64, r"segmenter_config\.patch_px: expected a number from 1 to 16"),
    ("widths", [8, 8], "expected patch_px x 2"),
])
def test_a_file_with_such_sizes_is_refused(key, value, said):
    values = json.loads((weights_path("tabletop-tiny") / "config.json").read_text())
    values["segmenter_config"] |= {**LIGHT, key: value}
    with pytest.raises(ValueError, match=said):
        PalmEConfig.from_dict(values)


@FORMS
def test_a_planner_is_given_another_segmenter(sizes, tmp_path):
    given = ObjectSegmenter(SegmenterConfig(**sizes))
    save_segmenter(given, tmp_path / "segmenter")
    before = shutil.copytree(weights_path("tabletop-tiny"), tmp_path / "before")
    put(tmp_path / "segmenter", before, tmp_path / "after")
    model, _ = load(tmp_path / "after")
    assert all(torch.equal(value, given.state_dict()[name]) for name, value in model.segmenter.state_dict().items())
    old, new = (_without_segmenter(folder) for folder in (before, tmp_path / "after"))
    assert old[0] == new[0] and old[1].keys() == new[1].keys()
    assert all(torch.equal(value, new[1][name]) for name, value in old[1].items())


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_the_shipped_segmenter_is_of_the_sizes_that_experiments_take_it_for(size):
    chosen = yaml.safe_load((config_dir() / "size" / f"{size}.yaml").read_text("utf-8"))["segmenter"]
    shipped = json.loads((weights_path("tabletop-tiny") / "config.json").read_text())["segmenter_config"]
    assert shipped | chosen == shipped


def _without_segmenter(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    del config["segmenter_config"]
    tensors = load_file(folder / "model.safetensors")
    return config, {name: value for name, value in tensors.items() if not name.startswith("segmenter.")}


def test_a_saved_segmenter_is_read_back_in_its_form(tmp_path):
    save_segmenter(ObjectSegmenter(SegmenterConfig(**LIGHT)), tmp_path)
    assert load_segmenter(tmp_path).config.level_depths == [1, 2, 1]
