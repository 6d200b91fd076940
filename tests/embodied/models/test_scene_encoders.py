"""Scene encoders: each trains, generates, saves and loads; what it reads of a picture; configurations of old form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from embodied.models.configuration import PalmEConfig
from embodied.models.loading import load, save
from embodied.models.old_forms import renewed
from embodied.models.scene_encoders import PRIVILEGED, encoder_names, find_encoder
from embodied.models.scene_encoders.masks import masked_image
from embodied.models.scene_encoders.state import STATE_SIZE, state_of
from embodied.planning.memory import Look, Memory
from embodied.planning.perception import Perception
from embodied.planning.scene import OBJECTS, write_prompt
from embodied.prompt import Entity, Image
from tests.embodied.models.test_planner import ANSWER, make, slot

WINDOW = (0.25, 0.5, 0.25, 0.25)


def sentence(name: str, *seeds: int):
    """The prompt of a scene in the words of an encoder."""
    pixels = np.random.default_rng(9).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    slots = tuple(replace(slot(seed), window=WINDOW, place="table") for seed in seeds)
    memory = Memory().see(Look("table", slots, span_m=(-1.0, 1.0)))
    return write_prompt("put the red block in the blue bowl",
                        Perception(slots, image=Image("front", pixels), memory=memory), scene=find_encoder(name).scene)


@pytest.mark.parametrize(("name", "projector"), [
    *((name, "own") for name in encoder_names()), ("slots", "linear"), ("slots", "mlp"), ("slots", "perceiver"),
    ("state", "linear"), ("state", "perceiver"), ("image", "mlp"), ("image", "perceiver"), ("masks", "linear")])
def test_each_encoder_trains_generates_and_is_loaded_again(name, projector, tmp_path):
    model, processor = make(scene_encoder=name, soft_tokens=4, projector=projector)
    batch = processor([sentence(name, 1, 2), sentence(name, 3)], [ANSWER, ANSWER])
    loss = model(**batch).loss
    loss.backward()
    assert torch.isfinite(loss) and model.projector.out.weight.grad.abs().sum() > 0
    save(model, processor, tmp_path / "model")
    again, reader = load(tmp_path / "model")
    asked = reader([sentence(name, 1, 2)], padding_side="left")
    assert torch.equal(model.eval()(**asked).logits, again(**asked).logits)
    assert again.generate(**asked, max_new_tokens=3).shape[1] == asked["input_ids"].shape[1] + 3
    assert reader.scene is find_encoder(name).scene


def test_a_learned_token_is_of_the_whole_image_wherever_a_thing_stands():
    """Each token's map is a share of the grid; two tokens of one picture see different things of it."""
    model, processor = make(scene_encoder="token_learner", soft_tokens=3)
    pictures = processor([sentence("token_learner", 1)])["pixel_values"]
    grid = model.vision(pictures)
    shares = model.projector.maps(grid).softmax(dim=1)
    assert torch.allclose(shares.sum(dim=1), torch.ones(1, 3), atol=1e-5)
    tokens = model.projector(grid, torch.zeros(1, 0))
    assert tokens.shape[:2] == (1, 3) and not torch.allclose(tokens[:, 0], tokens[:, 1])


def test_only_what_has_no_truth_to_read_needs_a_segmenter():
    assert [name for name in encoder_names() if find_encoder(name).needs_segmenter] == ["masks", "slots", "state"]
    assert {name for name in encoder_names() if find_encoder(name).is_privileged} == PRIVILEGED == {"true_state"}


@pytest.mark.parametrize("name", [n for n in encoder_names() if find_encoder(n).scene is OBJECTS])
def test_another_object_is_another_sentence(name):
    model, processor = make(scene_encoder=name)
    one, other = (model(**processor([sentence(name, seed)])).logits for seed in (1, 2))
    assert not torch.allclose(one, other)


def test_a_state_is_what_was_measured_and_the_mean_colour():
    crop = np.zeros((8, 8, 3), np.uint8)
    crop[2:4, 2:4] = (255, 0, 51)
    state = state_of(Entity(1, replace(slot(1), crop=crop)))
    assert state.shape == (STATE_SIZE,) and state[-3:] == pytest.approx([1.0, -1.0, -0.6], abs=1e-6)
    assert state_of(Entity(1, replace(slot(1), crop=np.zeros_like(crop))))[-3:] == pytest.approx([0, 0, 0])


def test_a_masked_image_shows_the_object_where_its_camera_sees_it():
    crop = np.full((16, 16, 3), 200, np.uint8)
    shown = masked_image(Entity(1, replace(slot(1), crop=crop, window=WINDOW)), 32)
    rows, columns = np.nonzero(shown.any(axis=2))
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (8, 16, 16, 24)
    with pytest.raises(ValueError, match="where its crop was cut"):
        masked_image(Entity(1, slot(1)), 32)


def test_an_encoder_without_a_vision_tower_has_none():
    model, _ = make(scene_encoder="state")
    assert model.vision is None and not any(name.startswith("vision") for name, _ in model.named_parameters())


@pytest.mark.parametrize(("old", "new"), [
    ({"seeing": "image", "soft_tokens": 4, "geometry_size": 11}, {"scene_encoder": "image", "soft_tokens": 4}),
    ({"seeing": "slots"}, {"scene_encoder": "slots"}),
    ({"scene_encoder": "state"}, {"scene_encoder": "state"})])
def test_configurations_of_old_form_are_renewed(old, new):
    assert renewed(old) == new


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"scene_encoder: expected one of .*slots, state, .*, got 'slot'"):
        PalmEConfig(scene_encoder="slot")
