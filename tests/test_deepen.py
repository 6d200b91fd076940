"""scripts/deepen.py: a mind that grows says at first what it said before."""

from __future__ import annotations

import pytest
import torch

from embodied.agents.shipped import weights_path
from embodied.models.loading import load, save
from embodied.prompt import Prompt, Text
from scripts.deepen import deepen


def test_a_deeper_mind_says_what_it_said_before_and_its_new_layers_learn(tmp_path):
    model, processor = load(weights_path("mind-tiny"))
    inputs = processor([Prompt((Text("put the red block in the bowl"),))], [" in(the red block, the bowl)"])
    before = model(**inputs)
    depth = len(model.language.model.layers)
    deepen(model, [0, depth - 1])
    grown, _ = load(save(model, processor, tmp_path / "grown"))
    assert len(grown.language.model.layers) == depth + 2
    after = grown(**inputs)
    assert torch.equal(after.loss, before.loss)
    after.loss.backward()
    assert grown.language.model.layers[1].mlp.down_proj.weight.grad.abs().sum() > 0


def test_layers_that_there_are_not_are_refused():
    model, _ = load(weights_path("mind-tiny"))
    with pytest.raises(ValueError, match=r"expected layers 0 \.\. "):
        deepen(model, [99])
