"""Eyes that never learn look at each picture once, and what is learned is what it would be if they looked again."""

from __future__ import annotations

import json

import pytest
import torch

from embodied.models.configuration import PalmEVisionConfig
from embodied.models.seen import Seen
from embodied.models.vision import TimmEncoder, build_vision
from embodied.training.recipe import train_all
from embodied.training.settings import read_settings
from tests.embodied.training.conftest import dataset, one_thread, tiny  # noqa: F401 - fixtures

STEPS = 12


def doubled(pictures):
    return pictures.flatten(2).mT * 2


def filled(pictures):
    """Those that do not fill up a lot."""
    return pictures[pictures.flatten(1).any(dim=1)]


def counted(eyes):
    """The eyes, and the list of how many pictures they were shown each time."""
    shown = []

    def look(pictures):
        shown.append(len(filled(pictures)))
        return eyes(pictures)

    return look, shown


def test_a_picture_is_shown_once_also_twice_in_a_batch():
    seen, pictures = Seen(), torch.randn(3, 3, 4, 4)
    eyes, shown = counted(doubled)
    for rows in ([0, 1, 0], [1, 2], [2, 0, 1], [0]):
        assert torch.equal(seen.look(eyes, pictures[rows], "one"), doubled(pictures[rows]))
    assert shown == [2, 1]


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "vit_tiny_patch16_224"])
def test_what_is_seen_does_not_hang_on_which_others_are_new(name: str):
    """Else a training that goes on, whose eyes have seen nothing yet, and threads that look at the same picture would
    not be repeated to the bit."""
    eyes = build_vision(PalmEVisionConfig(name=name, image_size=64, levels=3, is_frozen=True)).eval()
    pictures, seen = torch.randn(40, 3, 64, 64), Seen()
    seen.look(eyes.encode, pictures[:37], "one")
    both = seen.look(eyes.encode, pictures, "one")
    for few in ([39], [3, 38, 17], list(range(30))):
        assert torch.equal(Seen().look(eyes.encode, pictures[few], "one"), both[few])


def test_others_eyes_see_anew():
    seen, pictures = Seen(), torch.randn(2, 3, 4, 4)
    seen.look(doubled, pictures, "one")
    assert torch.equal(seen.look(lambda p: doubled(p) + 1, pictures, "two"), doubled(pictures) + 1)


def test_no_more_is_kept_than_there_is_room_for_and_what_came_first_stays():
    pictures = torch.randn(3, 3, 4, 4)
    seen = Seen(most_bytes=2 * doubled(pictures[:1]).numel() * 4)
    eyes, shown = counted(doubled)
    for _ in range(2):
        assert torch.equal(seen.look(eyes, pictures, "one"), doubled(pictures))
    assert shown == [3, 1] and seen.bytes <= seen.most_bytes


@pytest.mark.parametrize("halves", [torch.bfloat16, torch.float64])
def test_pictures_of_any_numbers(halves):
    pictures = torch.randn(2, 3, 4, 4).to(halves)
    assert torch.equal(Seen().look(doubled, pictures, "one"), doubled(pictures))


@pytest.fixture(scope="module")
def settings(dataset):  # noqa: F811
    """Of a planner that sees whole images with frozen eyes, taught its examples more than twice."""
    plain = tiny(dataset)
    plain["model"] |= {"scene_encoder": "image", "sizes": {"soft_tokens": 4}}
    plain["model"]["vision"] |= {"is_frozen": True}
    sft = plain["stages"]["sft"] | {"steps": STEPS, "per_family": 2, "validate_every": STEPS, "save_every": STEPS}
    return read_settings(plain | {"stages": {"sft": sft}})


def test_crops_that_are_tinted_are_not_kept(dataset, tmp_path, monkeypatch):  # noqa: F811
    asked = []
    monkeypatch.setattr(TimmEncoder, "remember", lambda eyes: asked.append(eyes))
    for light in (0.1, 0.0):
        plain = tiny(dataset)
        plain["model"]["vision"] |= {"is_frozen": True}
        plain["stages"]["sft"] |= {"steps": 1, "jitter": {"place_m": 0.002, "light": light, "drop": 0.1}}
        train_all(read_settings(plain), tmp_path / str(light))
        assert bool(asked) == (light == 0.0)


def losses(folder):
    rows = map(json.loads, (folder / "sft" / "log.jsonl").read_text().splitlines())
    return [row["loss"] for row in rows if "loss" in row]


def test_two_epochs_look_once_and_learn_the_same(settings, tmp_path, monkeypatch):
    shown, encode = [], TimmEncoder.encode

    def watched(self, pictures):
        shown.extend(picture.numpy().tobytes() for picture in filled(pictures))
        return encode(self, pictures)

    monkeypatch.setattr(TimmEncoder, "encode", watched)
    train_all(settings, tmp_path / "once")
    once, shown[:] = list(shown), []
    monkeypatch.setattr(TimmEncoder, "remember", lambda self: None)
    train_all(settings, tmp_path / "again")
    assert len(once) == len(set(once)) == len(set(shown)) < len(shown) / 2
    assert losses(tmp_path / "once") == pytest.approx(losses(tmp_path / "again"), rel=1e-4)
