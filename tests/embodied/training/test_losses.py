"""Each loss against hand arithmetic."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

from embodied.training.objectives.losses import (
    IGNORED,
    NAMING_SHARPNESS,
    naming_loss,
    next_tokens,
    segmenter_loss,
    token_cross_entropy,
    token_log_probs,
)

LOGITS = torch.tensor([[0.0, math.log(3.0), 0.0], [0.0, 0.0, 0.0]])


def test_a_position_is_graded_by_the_label_after_it():
    targets, is_graded = next_tokens(torch.tensor([[IGNORED, IGNORED, 5, 6], [IGNORED, 7, IGNORED, IGNORED]]))
    assert targets[is_graded].tolist() == [5, 6, 7]
    assert is_graded.tolist() == [[False, True, True, False], [True, False, False, False]]


def test_cross_entropy_by_hand():
    """-log 3/5 and -log 1/3, over two tokens, or over the eight of a greater batch."""
    total = math.log(5 / 3) + math.log(3)
    targets = torch.tensor([1, 2])
    assert token_cross_entropy(LOGITS, targets) == pytest.approx(total / 2)
    assert token_cross_entropy(LOGITS, targets, torch.tensor(8)) == pytest.approx(total / 8)


def test_log_probs_by_hand():
    tokens = torch.tensor([1, 2])
    assert token_log_probs(LOGITS, tokens).exp().tolist() == pytest.approx([3 / 5, 1 / 3])
    cold = token_log_probs(LOGITS, tokens, temperature=0.5).exp().tolist()
    assert cold == pytest.approx([9 / 11, 1 / 3])
    allowed = torch.tensor([[True, True, False], [True, True, False]])
    assert token_log_probs(LOGITS, tokens, allowed=allowed).exp().tolist() == pytest.approx([3 / 4, 0.0])


def test_naming_loss_by_hand():
    soft = torch.tensor([[[2.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])  # lengths do not count
    got = naming_loss(soft, torch.eye(3), torch.tensor([[0], [IGNORED]]))
    assert got == pytest.approx(float(-torch.tensor([NAMING_SHARPNESS, 0.0, 0.0]).log_softmax(0)[0]), abs=1e-6)


def test_segmenter_loss_by_hand():
    votes = torch.tensor([0.03, 0.0, 0.0, 0.0]).view(1, 4, 1, 1).repeat(1, 1, 1, 2)
    targets = {"foreground": torch.tensor([[[1.0, 0.0]]]), "votes": torch.zeros(1, 4, 1, 2),
               "weights": torch.tensor([[[1.0, 0.0]]])}
    loss, parts = segmenter_loss(torch.zeros(1, 1, 2), votes, targets)
    assert parts["foreground_loss"] == pytest.approx(np.log(2))
    assert parts["vote_loss"] == pytest.approx(3 - 0.5)  # smooth L1 of 3 cm on the one foreground pixel
    assert loss == pytest.approx(10 * np.log(2) + 2.5)


def test_distractors_are_learned_by_the_object():
    targets = {"foreground": torch.ones(1, 1, 2), "votes": torch.zeros(1, 4, 1, 2), "distractor": torch.ones(1, 1, 2),
               "weights": torch.tensor([[[0.75, 0.25]]])}
    unsure = torch.tensor([[[0.0, 50.0]]])
    loss, parts = segmenter_loss(torch.full((1, 1, 2), 50.0), torch.zeros(1, 4, 1, 2), targets, distractor=unsure)
    assert loss == parts["distractor_loss"] == pytest.approx(0.75 * np.log(2))


def test_losses_are_a_leaf():
    """Whoever is in their room already loads nothing more of the project with them."""
    code = ("import sys, embodied.training.objectives; before = set(sys.modules)\n"
            "import embodied.training.objectives.losses; news = set(sys.modules) - before\n"
            "print(*(name for name in news if name.split('.')[0] in ('embodied', 'envs', 'transformers')))")
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["embodied.training.objectives.losses"]
