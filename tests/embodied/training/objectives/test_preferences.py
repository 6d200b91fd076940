"""Losses of preferences against hand arithmetic, and which samples of a group are learned from."""

from __future__ import annotations

import math

import pytest
import torch

from embodied.training.objectives.preferences import (
    FIRST,
    SECOND,
    TIE,
    answer_log_probs,
    bradley_terry_loss,
    davidson_loss,
    dpo_loss,
    ipo_loss,
    kto_baseline,
    kto_loss,
    rejection_selection,
)

PAIRS = [torch.tensor(values) for values in ([-1.0, -2.0], [-3.0, -1.0], [-2.0, -2.0], [-2.0, -2.0])]
"""Chosen, rejected and both of the reference: h = (1 + 1, 0 - 1)."""


def log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_an_answer_is_the_sum_of_its_tokens():
    log_probs = torch.tensor([[-1.0, -2.0, float("nan")], [-5.0, float("-inf"), 0.0]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert answer_log_probs(log_probs, mask).tolist() == [-3, 0]
    assert answer_log_probs(log_probs, mask, is_mean=True).tolist() == [-1.5, 0]
    answer_log_probs(log_probs, mask).sum().backward()
    assert torch.equal(log_probs.grad, mask.float())


def test_dpo_by_hand():
    expected = -(log_sigmoid(0.5 * 2) + log_sigmoid(0.5 * -1))
    assert dpo_loss(*PAIRS, beta=0.5) == pytest.approx(expected / 2)
    assert dpo_loss(*PAIRS, beta=0.5, count=8) == pytest.approx(expected / 8)


def test_ipo_by_hand():
    """1 / 2b = 4: (2 - 4)^2 and (-1 - 4)^2."""
    assert ipo_loss(*PAIRS, beta=0.125) == pytest.approx((4 + 25) / 2)
    assert ipo_loss(*PAIRS, beta=0.125, count=4) == pytest.approx((4 + 25) / 4)


def test_kto_by_hand():
    """h = 3 for a desirable and -1 for an undesirable answer, z = 1."""
    loss = kto_loss(torch.tensor([1.0, -3.0]), torch.tensor([-2.0, -2.0]), torch.tensor([True, False]),
                    torch.tensor(1.0), beta=0.5, desirable_weight=2.0, undesirable_weight=3.0)
    assert loss == pytest.approx((2 * (1 - sigmoid(0.5 * 2)) + 3 * (1 - sigmoid(0.5 * 2))) / 2)


def test_the_baseline_of_kto_is_a_divergence_that_nobody_learns():
    log_probs = torch.tensor([-1.0, -3.0], requires_grad=True)
    baseline = kto_baseline(log_probs, torch.tensor([-4.0, -2.0]))
    assert baseline == 1 and not baseline.requires_grad
    assert kto_baseline(log_probs, torch.zeros(2)) == 0, "no divergence is below 0"


def test_bradley_terry_by_hand():
    chosen, rejected = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0])
    assert bradley_terry_loss(chosen, rejected) == pytest.approx(-(log_sigmoid(1) + log_sigmoid(-1)) / 2)
    apart = bradley_terry_loss(chosen, rejected, margin=torch.tensor([0.5, 2.0]), center_weight=0.01, count=4)
    assert apart == pytest.approx((-log_sigmoid(0.5) - log_sigmoid(-3) + 0.01 * (9 + 1)) / 4)


def test_ties_by_hand():
    """Strengths exp(r) of 4 and 1: a tie is v sqrt(4 * 1) = 2v beside them; v = 3 makes shares of 4, 1, 6 in 11."""
    first, second = torch.full((3,), math.log(4.0)), torch.zeros(3)
    outcomes = torch.tensor([FIRST, SECOND, TIE])
    loss = davidson_loss(first, second, outcomes, log_tie=torch.tensor(3.0).log())
    assert loss == pytest.approx(-math.log(4 / 11 * 1 / 11 * 6 / 11) / 3)


def test_without_ties_it_is_bradley_and_terrys():
    first, second, margin = torch.tensor([2.0, 0.0]), torch.tensor([1.0, 1.0]), torch.tensor([0.5, 2.0])
    got = davidson_loss(first, second, torch.tensor([FIRST, SECOND]), log_tie=torch.tensor(-60.0), margin=margin)
    won, lost = torch.tensor([2.0, 1.0]), torch.tensor([1.0, 0.0])
    assert torch.allclose(got, bradley_terry_loss(won, lost, margin=margin))


def test_how_often_people_tie_can_be_learned():
    """Half of 8 comparisons of equals are ties, a quarter each the others: v = 2 is the likeliest."""
    outcomes = torch.tensor([TIE] * 4 + [FIRST] * 2 + [SECOND] * 2)
    slopes = []
    for tie in (1.9, 2.0, 2.1):
        log_tie = torch.tensor(tie).log().requires_grad_()
        davidson_loss(torch.zeros(8), torch.zeros(8), outcomes, log_tie=log_tie).backward()
        slopes.append(log_tie.grad.item())
    assert slopes[0] < -0.01 and slopes[1] == pytest.approx(0, abs=1e-6) and slopes[2] > 0.01


def test_references_have_no_gradient():
    for loss in (dpo_loss, ipo_loss):
        chosen, rejected, *references = (values.clone().requires_grad_() for values in PAIRS)
        loss(chosen, rejected, *references).backward()
        assert chosen.grad.any() and rejected.grad.any()
        assert all(reference.grad is None for reference in references)


@pytest.mark.parametrize(("settings", "expected"), [
    ({"least_reward": 1.0}, (1, 4)),  # the third says what the second did
    ({"least_reward": 0.5}, (0, 1, 4)),
    ({"least_reward": 0.5, "most": 2}, (1, 4)),
    ({"least_reward": 0.0, "most": 1}, (4,)),
    ({"least_reward": 3.0}, ())])
def test_which_samples_are_learned_from(settings, expected):
    assert rejection_selection([0.5, 1.0, 1.0, 0.0, 2.0], ["a", "b", "b", "c", "d"], **settings) == expected


def test_of_one_answer_the_best_is_kept():
    assert rejection_selection([1.0, 2.0, 2.0], ["a", "a", "a"], least_reward=0) == (1,)


@pytest.mark.parametrize(("rewards", "most", "complaint"), [
    ([1.0], None, "answers: expected one for each of 1 rewards, got 2"), ([1.0, 1.0], 0, "most: expected at least 1")])
def test_a_selection_that_makes_no_sense_is_refused(rewards, most, complaint):
    with pytest.raises(ValueError, match=complaint):
        rejection_selection(rewards, ["a", "b"], least_reward=0, most=most)
