"""The first ten gradients of every objective and decoder family are of a size that clipping leaves something of."""

from __future__ import annotations

import itertools

import pytest
import torch

from embodied.models.configuration import LANGUAGE_FAMILIES
from embodied.training.loop import train
from embodied.training.objectives.losses import naming_loss
from embodied.training.objectives.segment import segment
from embodied.training.objectives.sft import sft
from embodied.training.optim import Schedule, adamw
from tests.embodied.models.test_planner import LLAMA, VIT, image_prompt, make
from tests.embodied.training import ranks

MOST = 1000.0
"""Clipped to a norm of 1, a longer gradient moves nothing; the greatest seen is 340 (the segmenter's first)."""

OTHER_NAMES = {
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256},
    "opt": {"model_type": "opt", "hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "word_embed_proj_dim": 32, "max_position_embeddings": 256},
    "gpt_neox": {"model_type": "gpt_neox", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "max_position_embeddings": 256},
}


def sizes_of(family: str, is_tied: bool) -> dict:
    return OTHER_NAMES.get(family, LLAMA | {"model_type": family}) | {"tie_word_embeddings": is_tied}


class Norms:
    def __init__(self):
        self.seen: list[float] = []

    def step(self, state):
        self.seen.append(state.grad_norm)

    def end(self, state):
        pass


def first_norms(model, batch, objective, lr=1e-3) -> list[float]:
    norms = Norms()
    train(model, itertools.repeat(batch), objective, adamw(model, lr=lr), steps=10, hooks=[norms],
          schedule=Schedule(steps=10, warmup_steps=2))
    return norms.seen


@pytest.mark.parametrize("is_tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("family", LANGUAGE_FAMILIES)
def test_a_planner_that_reads_slots(family, is_tied):
    made = make(sizes_of(family, is_tied))
    batch = ranks.planner_batch(made, range(4))
    assert int((batch.inputs["name_ids"] >= 0).sum()) > 4, "names are graded"
    assert max(first_norms(made[0], batch, sft)) < MOST


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_planner_that_reads_images(family):
    model, processor = make(sizes_of(family, True), VIT | {"image_size": 32}, scene_encoder="image", soft_tokens=4)
    batch = ranks.Batch(0, (), {**processor([image_prompt(1), image_prompt(2)], [" done()", " pick(obj_1)"])})
    assert max(first_norms(model, batch, sft)) < MOST


def test_the_segmenter():
    assert max(first_norms(ranks.a_segmenter(), ranks.segmenter_batch(range(4)), segment, lr=2e-3)) < MOST


def test_a_row_of_zeros_gets_no_gradient_and_no_share():
    """By hand: the direction of a zero row is undefined, and its gradient is a number times 1e12."""
    words = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    soft = torch.tensor([[[0.6, 0.8]]], requires_grad=True)
    loss = naming_loss(soft, words, torch.tensor([[1]]))
    loss.backward()
    assert loss.item() == pytest.approx(float(-torch.tensor([16 * 0.6, 16 * 0.8]).log_softmax(0)[0]), abs=1e-5)
    assert words.grad.abs().max() < 100 and not words.grad[0].any()
    marked = naming_loss(soft, words, torch.tensor([[1]]), marks=[2])
    assert marked.item() == pytest.approx(0.0, abs=1e-6), "the only word left"
    with pytest.raises(ValueError, match=r"name_ids: expected words, got \[2\]"):
        naming_loss(soft, words, torch.tensor([[2]]), marks=[2])
