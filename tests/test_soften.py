"""scripts/soften.py: a mind whose adapters say less lies between its base and itself."""

from __future__ import annotations

import pytest
import torch

from embodied.agents.shipped import weights_path
from embodied.models.loading import load, save
from embodied.prompt import Prompt, Text
from scripts.soften import soften
from tests.embodied.bases import made
from tests.embodied.bases.test_planner_on_base import planner, speak_up


def logits(model, processor) -> torch.Tensor:
    with torch.inference_mode():
        return model(**processor([Prompt((Text("put the red block in the bowl"),))])).logits


def test_a_softened_mind_lies_between_its_base_and_itself(tmp_path):
    model, processor = planner(made.folder(tmp_path / "base"), rank=8)
    base = logits(model, processor)  # adapters add nothing yet
    speak_up(model)
    adapted = logits(model, processor)
    assert soften(model, 1.0) > 0 and torch.equal(logits(model, processor), adapted)
    soften(model, 0.5)
    again, _ = load(save(model, processor, tmp_path / "softer"))
    assert 0 < (logits(again, processor) - base).norm() < (adapted - base).norm()
    soften(model, 0.0)
    assert torch.equal(logits(model, processor), base)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share, tmp_path):
    model, _ = planner(made.folder(tmp_path / "base"), rank=8)
    with pytest.raises(ValueError, match=r"expected 0 \.\. 1"):
        soften(model, share)


def test_a_mind_without_adapters_is_refused():
    model, _ = load(weights_path("mind-tiny"))
    with pytest.raises(ValueError, match="expected a model with LoRA adapters, got one with none"):
        soften(model, 0.5)


def test_adapters_with_lengths_of_their_own_are_refused(tmp_path):
    model, _ = planner(made.folder(tmp_path / "base"), rank=8, dora=True)
    with pytest.raises(ValueError, match="DoRA"):
        soften(model, 0.5)
