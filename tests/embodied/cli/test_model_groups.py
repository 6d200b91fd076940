"""Every model, language and vision option builds at size=tiny and answers; the recipe is one that training accepts."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from embodied.cli import configs, overrides, train
from embodied.cli.errors import UsageError
from embodied.models.scene_encoders import encoder_names, find_encoder
from embodied.typed import read

FAMILIES = [(), ("language=gpt2",), ("language=qwen2", "vision=siglip"), ("vision=convnext",), ("model=image",),
            ("model=image", "language=gpt2", "vision=siglip"), ("language=mixture",)]


def test_the_robots_of_the_command_line_are_those_of_the_world():
    from embodied.cli.settings import Robot
    from envs.robots.arms import ARMS

    assert set(get_args(Robot)) == set(ARMS) == set(configs.group_options(configs.config_dir())["robot"])


def settings_of(*choices: str) -> train.Settings:
    [values] = overrides.check(configs.config_dir(), "train", choices, is_multirun=False)
    return read(train.Settings, values)


@pytest.mark.parametrize("choices", [*FAMILIES, ("language=sparse",), ("language=window",), ("language=alibi",),
                                     ("vision=efficientnet_lite0",), ("vision=dinov2_small",),
                                     ("language.name=HuggingFaceTB/SmolLM-135M",), ("size=base",)], ids=str)
def test_training_accepts_the_recipe(choices):
    found = train.recipe(settings_of(*choices))
    assert found.stages["sft"].steps > 0 and found.model.scene_encoder in encoder_names()
    assert found.model.language == "HuggingFaceTB/SmolLM-135M" or found.model.language["model_type"]


def test_what_is_collected_and_learned_from_is_chosen_by_config():
    plain, below = settings_of().data, settings_of("experiment=tamp_below").data
    told = settings_of("data.task=goal").data
    assert told.env_id == "envs:embodied/Goal-v0" and told.tasks == plain.tasks
    with pytest.raises(UsageError, match="expected a task of the world 'kitchen'"):
        settings_of("data=kitchen", "data.task=goal")
    assert (plain.env_id, plain.questions, plain.is_collected) == ("envs:embodied/Tabletop-v0", (), True)
    assert (below.env_id, below.questions, below.tasks) == ("envs:embodied/TampBelow-v0", ("below",), ("below",))
    assert train.recipe(settings_of("experiment=tamp_below")).stages["segmenter"].weights == "shipped"
    found = train.recipe(settings_of("+data.mixture={datasets/tabletop: 3, datasets/tamp_below: 1}"))
    assert [Path(folder).name for folder in found.datasets] == ["tabletop", "tamp_below"]
    assert list(found.datasets.values()) == [3, 1] and train.recipe(settings_of()).datasets.keys() == {found.dataset}


@pytest.mark.parametrize(("choice", "message"), [
    ("data.domain=tampp", "did you mean 'tamp'"), ("data.task=belo", "expected a task of the world 'tabletop'"),
    ("+data.mixture={datasets/tabletop: 0}", "a weight above 0")])
def test_what_cannot_be_collected_or_learned_from_is_refused(choice, message):
    with pytest.raises(UsageError, match=message):
        settings_of(choice)


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
