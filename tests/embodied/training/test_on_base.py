"""A run of two stages on a base: neither its checkpoints nor its result hold the base; it goes on, and plans."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from embodied.cli import train
from embodied.cli.main import main
from embodied.models import load
from embodied.models.adaptation import Adaptation
from embodied.models.language import build_language
from embodied.training import checkpoint
from embodied.training.recipe import train_all
from embodied.training.settings import read_settings
from tests.embodied.bases import made
from tests.embodied.cli.test_model_groups import settings_of
from tests.embodied.models.test_vision_sources import timm_folder
from tests.embodied.training.conftest import STAGE, tiny


def settings(dataset, base: Path, **changes):
    plain = tiny(dataset)
    learner = STAGE | {"jitter": plain["stages"]["sft"]["jitter"]}
    model = plain["model"] | {"language": str(base), "is_vocabulary_open": True,
                              "sizes": {"adaptation": Adaptation(rank=4).values()}}
    stages = {"segmenter": STAGE, "align": learner | {"learns": ["vision", "projector", "new_words"]}, "sft": learner}
    return read_settings(plain | {"model": model, "stages": stages} | changes)


def test_two_stages_teach_adapters_and_leave_the_base_alone(dataset, tmp_path):
    base = made.folder(tmp_path / "base", "qwen2")
    folder = train_all(settings(dataset, base), tmp_path / "run")
    model, _ = load(folder)
    aligned, _ = load(tmp_path / "run" / "align" / "model")
    begun, _ = load(tmp_path / "run" / "start")
    of = {name: dict(m.named_parameters()) for name, m in (("sft", model), ("align", aligned), ("start", begun))}
    for name, published in build_language(str(base)).state_dict().items():
        moved = {key.replace(".base_layer", ""): tensor for key, tensor in model.language.state_dict().items()}
        assert torch.equal(moved[name], published)
    lora = next(name for name in of["sft"] if ".lora_B." in name)
    assert torch.equal(of["align"][lora], of["start"][lora]) and not torch.equal(of["sft"][lora], of["align"][lora])
    assert not torch.equal(of["align"]["new_words.rows"], of["start"]["new_words.rows"])
    last = checkpoint.newest_valid(tmp_path / "run" / "sft" / "checkpoints")
    with safe_open(last / "model.safetensors", framework="pt") as file:
        held = [name for name in file.keys() if name.startswith("language.")]  # noqa: SIM118 - no mapping
    assert held and all(".lora_" in name for name in held)


def test_a_published_encoder_that_is_frozen_is_learned_around(dataset, tmp_path):
    published, plain = timm_folder(tmp_path / "net", "tf_efficientnet_lite0"), tiny(dataset)
    vision = {"name": str(published), "image_size": 64, "levels": 3, "is_frozen": True}
    model = plain["model"] | {"vision": vision, "scene_encoder": "image"}
    folder = train_all(read_settings(plain | {"model": model, "stages": {"sft": plain["stages"]["sft"]}}),
                       tmp_path / "run")
    (model, _), (begun, _) = load(folder), load(tmp_path / "run" / "start")
    weights = load_file(published / "model.safetensors")
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.vision.body.state_dict().items())
    assert any(not torch.equal(tensor, begun.projector.state_dict()[name])
               for name, tensor in model.projector.state_dict().items())
    last = checkpoint.newest_valid(tmp_path / "run" / "sft" / "checkpoints")
    for saved in (last, folder):
        assert not any(name.startswith("vision.") for name in load_file(saved / "model.safetensors"))


def test_the_recipe_of_small_is_one_that_training_accepts(tmp_path, monkeypatch, capsys):
    found = train.recipe(settings_of("experiment=small"))
    assert found.model.language == "small" and found.model.sizes["adaptation"]["kind"] == "lora"
    found.check_needs()
    assert "adaptation" not in train.recipe(settings_of()).model.sizes
    assert train.recipe(settings_of("size=small", "adapter=dora")).model.sizes["adaptation"]["dora"]
    assert train.recipe(settings_of("size=small")).model.sizes["adaptation"]["kind"] == "lora"
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "vision=dinov2_small"]) == 1
    assert "embodied bases fetch dinov2_small" in capsys.readouterr().err and not (tmp_path / "datasets").exists()
    assert main(["train", "experiment=small"]) == 1
    assert "embodied bases fetch small" in capsys.readouterr().err and not (tmp_path / "datasets").exists()


@pytest.mark.parametrize("wrong", ["adapter.rank=0", "adapter=lor", "adapter.kind=some"])
def test_wrong_adapters_are_refused(wrong):
    from embodied.cli.errors import UsageError
    from embodied.typed import SettingError

    with pytest.raises((UsageError, SettingError)):
        settings_of(wrong)
