"""Every model, language and vision option builds at size=tiny and answers; the recipe is one that training accepts."""

from __future__ import annotations

from typing import get_args

import pytest

from embodied.cli import configs, overrides, train
from embodied.cli.typed import read
from embodied.models.scene_encoders import encoder_names

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
    from embodied.training.settings import read_settings

    found = read_settings(train.recipe(settings_of(*choices)))
    assert found.planner.steps > 0 and found.model.scene_encoder in encoder_names()
    assert found.model.language == "HuggingFaceTB/SmolLM-135M" or found.model.language["model_type"]


@pytest.mark.parametrize("choices", FAMILIES, ids=str)
def test_every_family_builds_small(choices):
    from embodied.models.building import build

    values = train.recipe(settings_of(*choices))["model"]
    sizes, segmenter = values["sizes"], values["segmenter"] if values["scene_encoder"] == "slots" else None
    model, processor = build(values["language"], values["vision"], corpus=["put the red block in the blue bowl"],
                             vocab_size=values["vocab_size"], segmenter=segmenter,
                             scene_encoder=values["scene_encoder"], **sizes)
    assert processor.scene_encoder == values["scene_encoder"] and model.config.text_config.model_type
    assert sum(p.numel() for p in model.parameters()) < 4e6, "tiny is small enough for two cores"
