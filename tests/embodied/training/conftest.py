"""A tiny dataset of painted scenes and the smallest recipe that runs through every stage."""

from __future__ import annotations

import pytest
import torch

from embodied.compat import guard_torchvision
from embodied.data.collect import CollectSpec, collect
from tests.embodied.data.fake_env import ID

guard_torchvision()  # before a test file imports transformers


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    collect(CollectSpec(env_id=ID), folder, episodes=24, executed_fraction=0.25, workers=0)
    return folder


STAGE = {"steps": 4, "lr": 3e-3, "weight_decay": 0.01, "batch_size": 4, "warmup_steps": 2, "clip_norm": 1.0,
         "save_every": 2, "validate_every": 50, "keep": 2}


def tiny(dataset, **changes):
    """Plain settings of a run that takes seconds."""
    jitter = {"place_m": 0.002, "light": 0.1, "drop": 0.1}
    return {"dataset": str(dataset), "threads": 1, "workers": 0, "log_every": 1, "seed": 0, "validation_fraction": 0.02,
            "device": "cpu", "precision": "float32",
            "stages": {"segmenter": STAGE, "sft": STAGE | {"jitter": jitter}},
            "model": {"vocab_size": 480, "segmenter": {"widths": [8, 8, 8, 8]},
                      "language": {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64,
                                   "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 256},
                      "vision": {"name": "vit_tiny_patch16_224", "image_size": 32,
                                 "options": {"patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}}}} | changes
