"""Vision encoders with published weights: of a base, of folders in timm's and transformers' form; frozen, cut short."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, MODEL_MAPPING

from embodied.bases.cache import weights_sha256
from embodied.models import load, save
from embodied.models.adaptation import Adaptation
from embodied.models.building import build
from embodied.models.checkpoint_checks import CheckpointError, check_config
from embodied.models.known_values import InvalidValueError
from embodied.models.vision_sources import find_source, is_vision_folder
from tests.embodied.bases import made

LANGUAGE = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 128}
CORPUS = ["put the red block in the blue bowl"]


def timm_folder(folder: Path, name: str = "vit_tiny_patch16_224", **options) -> Path:
    """Random weights in timm's form, with a classifier that nobody wants."""
    folder.mkdir()
    torch.manual_seed(3)
    model = timm.create_model(name, num_classes=5, **options)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "architecture": name, "num_classes": 5, "num_features": model.num_features, "model_args": options,
        "pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 32, 32],
                           "num_classes": 5, "classifier": model.default_cfg["classifier"]}}))
    return folder


def small_vit(folder: Path) -> Path:
    return timm_folder(folder, img_size=32, patch_size=8, embed_dim=48, depth=3, num_heads=3)


def transformers_folder(folder: Path, family: str, image_size: int) -> Path:
    torch.manual_seed(3)
    config = CONFIG_MAPPING[family](hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=2,
                                    patch_size=14 if family == "dinov2" else 8, image_size=image_size)
    MODEL_MAPPING[type(config)](config).eval().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1] * 3, "image_std": [0.2] * 3}))
    return folder


def encoder_of(**values):
    """The planner's encoder, and the planner's configuration of it."""
    model, _ = build(LANGUAGE, values, corpus=CORPUS)
    return model.vision, model.config.vision_config


def test_a_folder_of_timm_gives_weights_sizes_and_statistics(tmp_path):
    folder = small_vit(tmp_path / "vit")
    encoder, config = encoder_of(name=str(folder), image_size=32)
    assert config.name == "vit_tiny_patch16_224" and config.options["depth"] == 3
    assert config.mean == [0.1, 0.2, 0.3] and config.std == [0.4, 0.5, 0.6]
    published = load_file(folder / "model.safetensors")
    assert all(torch.equal(tensor, published[name]) for name, tensor in encoder.body.state_dict().items())


def test_positions_are_fitted_to_pictures_of_another_size(tmp_path):
    encoder, _ = encoder_of(name=str(small_vit(tmp_path / "vit")), image_size=48)
    assert encoder(torch.zeros(1, 3, 48, 48)).shape == (1, 36, 48)


@pytest.mark.parametrize("name", ["vit", "net"])
def test_features_of_an_earlier_level_are_those_on_the_way(tmp_path, name):
    folder = (small_vit(tmp_path / "vit") if name == "vit" else timm_folder(tmp_path / "net", "tf_efficientnet_lite0"))
    size, level = (32, 2) if name == "vit" else (64, 4)
    whole = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0)
    encoder, config = encoder_of(name=str(folder), image_size=size, levels=level)
    picture = torch.randn(2, 3, size, size)
    [expected] = whole.eval().forward_intermediates(picture, indices=[level - 1], norm=True, intermediates_only=True)
    assert torch.allclose(encoder(picture), expected.flatten(2).mT, atol=1e-5)
    assert encoder.width == expected.shape[1] and config.levels == level
    with pytest.raises(ValueError, match="at most"):
        encoder_of(name=str(folder), image_size=size, levels=99)


@pytest.mark.parametrize(("family", "size"), [("dinov2", 28), ("siglip_vision_model", 32), ("vit", 32)])
def test_a_folder_of_transformers_gives_weights_and_statistics(tmp_path, family, size):
    folder = transformers_folder(tmp_path / "base", family, 56 if family == "dinov2" else size)
    assert is_vision_folder(folder)
    encoder, config = encoder_of(source="transformers", name=str(folder), image_size=size)
    assert config.encoder["model_type"] == family and config.mean == [0.1] * 3
    published = load_file(folder / "model.safetensors")
    name = next(n for n in published if n.endswith("layernorm.weight") or n.endswith("layer_norm1.weight"))
    assert any(torch.equal(tensor, published[name]) for tensor in encoder.body.state_dict().values())
    whole = MODEL_MAPPING[type(encoder.body.config)].from_pretrained(folder).eval()
    picture = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        assert torch.allclose(encoder(picture), whole(picture).last_hidden_state[:, -encoder.tokens:], atol=1e-5)
    short, _ = encoder_of(source="transformers", name=str(folder), image_size=size, levels=1)
    assert len(short.state_dict()) < len(encoder.state_dict())


def test_a_frozen_encoder_stands_still_while_the_rest_learns(tmp_path):
    folder = timm_folder(tmp_path / "net", "tf_efficientnet_lite0")
    model, processor = build(LANGUAGE, {"name": str(folder), "image_size": 64, "levels": 3, "is_frozen": True},
                             corpus=CORPUS)
    model.train()
    assert not any(module.training for module in model.vision.modules()) and model.projector.training
    assert not any(p.requires_grad for p in model.vision.parameters())
    before = {name: tensor.clone() for name, tensor in model.vision.state_dict().items()}
    model.vision(torch.randn(2, 3, 64, 64))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.vision.state_dict().items())
    again, _ = load(save(model, processor, tmp_path / "planner"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in again.vision.state_dict().items())
    assert not any(p.requires_grad for p in again.vision.parameters()), "reading makes parameters that learn"
    assert again.config.vision_config.is_frozen and again.config.vision_config.levels == 3


FROZEN = {"timm": {"image_size": 64, "levels": 3}, "transformers": {"source": "transformers", "image_size": 56}}


def eyes_in(folder, form):
    """A folder of published eyes in either form."""
    return timm_folder(folder, "tf_efficientnet_lite0") if form == "timm" else transformers_folder(folder, "dinov2", 56)


@pytest.mark.parametrize("form", FROZEN)
def test_frozen_eyes_are_named_by_a_checkpoint_and_not_held(tmp_path, form):
    base = eyes_in(tmp_path / "eyes", form)
    model, processor = build(LANGUAGE, {"name": str(base), "is_frozen": True, **FROZEN[form]}, corpus=CORPUS)
    folder = save(model, processor, tmp_path / "planner")
    said = {"name": str(base), "sha256": weights_sha256(base)}
    assert json.loads((folder / "config.json").read_text())["vision_config"]["base"] == said
    assert not any(name.startswith("vision.") for name in load_file(folder / "model.safetensors"))
    again, _ = load(folder)
    size = FROZEN[form]["image_size"]
    picture = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(again.vision(picture), model.eval().vision(picture))
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in again.state_dict().items())
    assert again.vision.is_frozen and not any(p.requires_grad for p in again.vision.parameters())
    assert all(p.requires_grad for p in again.projector.parameters())


def test_eyes_of_another_base_of_none_and_that_learn_are_refused(tmp_path):
    base = eyes_in(tmp_path / "eyes", "timm")
    vision = {"name": str(base), "is_frozen": True, **FROZEN["timm"]}
    folder = save(*build(LANGUAGE, vision, corpus=CORPUS), tmp_path / "planner")
    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["is_frozen"] = False
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="for it learns, got a base"):
        load(folder)
    with pytest.raises(InvalidValueError, match=r"vision_config\.base\.z"):
        check_config(config | {"vision_config": config["vision_config"] | {"base": {"z": 1}}})
    config["vision_config"]["is_frozen"] = True
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(base / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in weights.items()}, base / "model.safetensors")
    with pytest.raises(CheckpointError, match="use the base that it was trained on"):
        load(folder)
    shutil.rmtree(base)
    with pytest.raises(CheckpointError, match=r"machine; copy it there, or write where it is into config\.json"):
        load(folder)


def test_eyes_that_learn_beside_a_base_are_held_under_the_names_that_they_have_here(tmp_path):
    """Of DINOv2 transformers writes others, those of its first publication."""
    base, language = eyes_in(tmp_path / "eyes", "transformers"), made.folder(tmp_path / "language")
    model, processor = build(str(language), {"name": str(base), **FROZEN["transformers"]}, corpus=CORPUS,
                             adaptation=Adaptation(kind="lora").values())
    again, _ = load(save(model, processor, tmp_path / "planner"))
    assert any(name.startswith("vision.") for name in again.state_dict())
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in again.state_dict().items())


def test_eyes_that_learn_are_held(tmp_path):
    base = eyes_in(tmp_path / "eyes", "timm")
    model, _ = build(LANGUAGE, {"name": str(base), **FROZEN["timm"]}, corpus=CORPUS)
    assert model.config.vision_config.base is None
    assert any(name.startswith("vision.") for name in model.state_dict())


def test_what_holds_no_encoder_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="vision family"):
        find_source({"name": str(made.folder(tmp_path / "language"))})
    with pytest.raises(ValueError, match=r"was trained with, got 64; set vision\.image_size=32"):
        find_source({"name": str(transformers_folder(tmp_path / "vit", "vit", 32)), "image_size": 64})
    folder = small_vit(tmp_path / "timm")
    weights = load_file(folder / "model.safetensors")
    save_file({name: tensor for name, tensor in weights.items() if "blocks.1" not in name},
              folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"got none called blocks\.1"):
        encoder_of(name=str(folder), image_size=32)
    (folder / "config.json").write_text(json.dumps({"architecture": "vit_tiny_patch16_224",
                                                    "model_args": {"pretrained_cfg": "elsewhere"}}))
    with pytest.raises(ValueError, match="vision option"):
        encoder_of(name=str(folder), image_size=32)
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match="embodied bases fetch efficientnet_lite0"):
        find_source({"name": "efficientnet_lite0"})


def test_a_folder_that_ends_early_says_after_how_many_levels(tmp_path):
    folder = timm_folder(tmp_path / "tiny", "tiny_vit_5m_224")
    weights = load_file(folder / "model.safetensors")
    save_file({n: tensor for n, tensor in weights.items() if not n.startswith(("stages.2", "stages.3", "head"))},
              folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text()) | {"levels": 2}
    (folder / "config.json").write_text(json.dumps(config))
    encoder, chosen = encoder_of(name=str(folder), image_size=64)
    assert chosen.levels == 2 and encoder(torch.zeros(1, 3, 64, 64)).shape == (1, 64, 128) and encoder.width == 128
    with pytest.raises(ValueError, match=r"got none called stages\.2"):
        encoder_of(name=str(folder), image_size=64, levels=3)


def test_a_model_of_a_hub_is_the_folder_that_its_client_keeps(tmp_path, monkeypatch):
    folder, asked = small_vit(tmp_path / "kept"), []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda name, file: asked.append(file) or str(folder / file))
    monkeypatch.setattr("embodied.models.vision_sources.check_reachable", lambda name: None)
    source = find_source({"name": "somebody/a-vit", "image_size": 32})
    assert source.folder == folder and source.fields["name"] == "vit_tiny_patch16_224"
    assert asked == ["model.safetensors", "config.json"]


def test_an_encoder_without_a_name_begins_from_nothing():
    source = find_source({"name": "vit_tiny_patch16_224", "image_size": 32})
    assert source.folder is None and not source.is_published
