"""The objective of a reward model: pairs of rows, against arithmetic done by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.reward import OUTCOMES, is_right, reward_objective


class Said(nn.Module):
    """Scores as they are given."""

    def __init__(self) -> None:
        super().__init__()
        self.log_tie = nn.Parameter(torch.zeros(()))

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        return scores, self.log_tie


def batch(scores: list[float], outcomes: list[int]) -> Batch:
    return Batch(0, (), {"scores": torch.tensor(scores), OUTCOMES: torch.tensor(outcomes)})


def test_the_preferred_of_each_pair_is_pulled_above_the_other():
    loss, metrics = reward_objective("bradley_terry")(Said(), batch([2.0, 1.0, 0.0, 3.0], [0, 0]))
    wanted = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(3.0))) / 2
    assert float(loss.detach()) == pytest.approx(wanted, abs=1e-6) and float(metrics["right"]) == 0.5
    turned, _ = reward_objective("bradley_terry")(Said(), batch([1.0, 2.0, 3.0, 0.0], [1, 1]))
    assert float(turned.detach()) == pytest.approx(wanted, abs=1e-6), "first and second are treated alike"


def test_ties_are_learned_from_by_davidson_and_count_as_no_pair_that_is_right():
    model = Said()
    loss, metrics = reward_objective("davidson")(model, batch([1.0, 1.0, 1.0, 0.0], [2, 0]))
    tie = math.log(3.0)
    first = -math.log(math.e / (math.e + 1.0 + math.exp(0.5)))
    assert float(loss.detach()) == pytest.approx((tie + first) / 2, abs=1e-6) and float(metrics["right"]) == 1.0
    loss.backward()
    assert model.log_tie.grad is not None and float(model.log_tie.grad) != 0.0


def test_equal_scores_are_never_right():
    assert is_right(torch.tensor([1.0, 1.0] * 3), torch.tensor([0, 1, 2])).tolist() == [False] * 3
