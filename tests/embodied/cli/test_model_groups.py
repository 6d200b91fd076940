"""Every model, language and vision option builds at size=tiny and answers; the recipe is one that training accepts."""

from __future__ import annotations

from typing import get_args

import pytest

from embodied.cli import configs, overrides, train
from embodied.models.scene_encoders import encoder_names, find_encoder
from embodied.typed import read

FAMILIES = [(), ("language=gpt2",), ("language=qwen2", "vision=siglip"), ("vision=convnext",), ("model=image",),
            ("model=image", "language=gpt2", "vision=siglip")]


def test_the_robots_of_the_command_line_are_those_of_the_world():
    from embodied.cli.settings import Robot
    from envs.robots.arms import ARMS

    assert set(get_args(Robot)) == set(ARMS) == set(configs.group_options(configs.config_dir())["robot"])


def settings_of(*choices: str) -> train.Settings:
    [values] = overrides.check(configs.config_dir(), "train", choices, is_multirun=False)
    return read(train.Settings, values)


@pytest.mark.parametrize("choices", [*FAMILIES, ("language.name=HuggingFaceTB/SmolLM-135M",), ("size=base",)], ids=str)
def test_training_accepts_the_recipe(choices):
    found = train.recipe(settings_of(*choices))
    assert found.stages["sft"].steps > 0 and found.model.scene_encoder in encoder_names()
    assert found.model.language == "HuggingFaceTB/SmolLM-135M" or found.model.language["model_type"]


@pytest.mark.parametrize("choices", FAMILIES, ids=str)
def test_every_family_builds_small(choices):
    from embodied.models.building import build

    chosen = train.recipe(settings_of(*choices)).model
    finds_objects = find_encoder(chosen.scene_encoder).scene.finds_objects
    model, processor = build(chosen.language, chosen.vision, corpus=["put the red block in the blue bowl"],
                             vocab_size=chosen.vocab_size, scene_encoder=chosen.scene_encoder,
                             segmenter=chosen.segmenter if finds_objects else None, **chosen.sizes)
    assert processor.scene_encoder == chosen.scene_encoder and model.config.text_config.model_type
    assert sum(p.numel() for p in model.parameters()) < 4e6, "tiny is small enough for two cores"
