"""Losses of policies against hand arithmetic, and what masks hide."""

from __future__ import annotations

import math

import pytest
import torch

from embodied.training.objectives.policy import (
    actor_critic_loss,
    dr_grpo_loss,
    grpo_loss,
    kl_estimate,
    kl_loss,
    ppo_loss,
    reinforce_loss,
    rloo_loss,
    row_mean,
    token_mean,
    value_loss,
    with_pretraining,
)

LN2 = math.log(2.0)
MASK = torch.tensor([[True, True], [True, False]])
NOW = torch.tensor([[-LN2, -2 * LN2], [-LN2, float("nan")]])  # 1/2, 1/4; 1/2 and what nobody drew
OLD = torch.tensor([[-2 * LN2, -2 * LN2], [0.0, float("-inf")]])  # 1/4, 1/4; 1
RATIOS = [2.0, 1.0, 0.5]  # pi / old at the three tokens
GOOD = torch.tensor([[3.0, 3.0], [-1.0, float("inf")]])


def numbers(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def test_means_by_hand():
    values = numbers([1, 3], [8, 99])
    assert token_mean(values, MASK) == 4
    assert token_mean(values, MASK, 6) == 2
    assert row_mean(values, MASK) == (2 + 8) / 2
    assert row_mean(values, MASK, torch.tensor(5)) == 2


def test_reinforce_by_hand():
    """Advantages 2, -1 and 4 at log 1/2, log 1/4 and log 1/2."""
    returns, baseline = numbers([3, 0], [4, 9]), numbers([1, 1], [0, 0])
    assert reinforce_loss(NOW, returns, baseline, MASK) == pytest.approx((2 - 2 + 4) * LN2 / 3)
    assert reinforce_loss(NOW, returns, baseline, MASK, 12) == pytest.approx((2 - 2 + 4) * LN2 / 12)


def test_value_loss_by_hand():
    """Errors 1, 2, 3; clipped to 0.5 around the old ones, which are all 0: 0.5 - 2, -0.5 - 1, 0.5 - (-1)."""
    values, returns = numbers([1, -1], [2, 9]), numbers([2, 1], [-1, 9])
    assert value_loss(values, returns, MASK) == pytest.approx((1 + 4 + 9) / 6)
    clipped = value_loss(values, returns, MASK, old_values=torch.zeros(2, 2), clip=0.5)
    assert clipped == pytest.approx((max(1, 1.5 ** 2) + max(4, 1.5 ** 2) + max(9, 1.5 ** 2)) / 6)


def test_actor_critic_by_hand():
    """R - V = 2, -1, 4; entropies 1, 2, 3."""
    values, returns = numbers([1, 1], [0, 0]), numbers([3, 0], [4, 9])
    actor, critic, entropy = (2 - 2 + 4) * LN2 / 3, (4 + 1 + 16) / 3, 2
    loss = actor_critic_loss(NOW, values, returns, MASK, entropies=numbers([1, 2], [3, 99]), entropy_weight=0.1)
    assert loss == pytest.approx(actor + 0.5 * critic - 0.1 * entropy)
    assert actor_critic_loss(NOW, values, returns, MASK, value_weight=0.25) == pytest.approx(actor + 0.25 * critic)
    with pytest.raises(ValueError, match=r"entropies: expected those of the policy for entropy_weight=0\.1, got None"):
        actor_critic_loss(NOW, values, returns, MASK, entropy_weight=0.1)


def test_the_critic_learns_from_its_own_error_alone():
    values = torch.zeros(2, 2, requires_grad=True)
    actor_critic_loss(NOW, values, numbers([3, 0], [4, 9]), MASK, value_weight=0.5).backward()
    assert torch.equal(values.grad, numbers([-1, 0], [-4 / 3, 0]))


def test_ppo_by_hand():
    """Ratios 2, 1, 0.5 with advantages 3, 3, -1: clipped to 1.2, 1 and 0.8 where that is the smaller."""
    assert ppo_loss(NOW, OLD, GOOD, MASK) == pytest.approx(-(1.2 * 3 + 3 - 0.8) / 3)
    assert ppo_loss(NOW, OLD, GOOD, MASK, clip=0.6, clip_high=0.5) == pytest.approx(-(1.5 * 3 + 3 - 0.5) / 3)
    assert ppo_loss(NOW, OLD, -GOOD, MASK, count=4) == pytest.approx(-(-2 * 3 - 3 + 0.5) / 4)


@pytest.mark.parametrize(("kind", "expected"), [
    ("k1", [LN2, 0.0, -LN2]), ("k2", [LN2 ** 2 / 2, 0.0, LN2 ** 2 / 2]),
    ("k3", [0.5 - 1 + LN2, 0.0, 2 - 1 - LN2])])
def test_kl_estimates_by_hand(kind, expected):
    assert kl_estimate(NOW, OLD, kind)[MASK].tolist() == pytest.approx(expected, abs=1e-7)
    assert kl_loss(NOW, OLD, MASK, kind=kind) == pytest.approx(sum(expected) / 3)


def test_an_estimator_is_one_of_three():
    with pytest.raises(ValueError, match="kind: expected 'k1', 'k2' or 'k3', got 'k4'"):
        kl_estimate(NOW, OLD, "k4")


def test_what_the_estimators_are_means_and_gradients_of():
    """Of all words of a small vocabulary, weighed as the policy draws them."""
    logits = torch.tensor([0.3, -0.5, 1.1, 0.0], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.1, 0.4, -0.2, 0.9], dtype=torch.float64).log_softmax(0)
    policy = logits.log_softmax(0)
    forward = (policy.exp() * (policy - reference)).sum()
    backward = (reference.exp() * (reference - policy)).sum()
    told = {"k1": torch.zeros(4, dtype=torch.float64), "k2": torch.autograd.grad(forward, logits, retain_graph=True)[0],
            "k3": torch.autograd.grad(backward, logits, retain_graph=True)[0]}
    for kind, gradient in told.items():
        each = kl_estimate(policy[None], reference[None], kind)[0]
        mean = (policy.exp().detach() * each).sum()
        got = torch.autograd.grad(mean, logits, retain_graph=True)[0]
        assert torch.allclose(got, gradient, atol=1e-12), kind
        assert (kind == "k2") != bool(torch.isclose(mean, forward)), kind


def test_grpo_by_hand():
    """As PPO's tokens, but means of rows; k3 with OLD as the reference is log 2 - 1/2, 0; 1 - log 2."""
    first, second = -(1.2 * 3 + 3) / 2, 0.8
    assert grpo_loss(NOW, OLD, GOOD, MASK) == pytest.approx((first + second) / 2)
    near = grpo_loss(NOW, OLD, GOOD, MASK, reference=OLD, kl_weight=0.1, count=4)
    assert near == pytest.approx((first + 0.1 * (LN2 - 0.5) / 2 + second + 0.1 * (1 - LN2)) / 4)
    with pytest.raises(ValueError, match=r"reference: expected log-probabilities for kl_weight=0\.1, got None"):
        grpo_loss(NOW, OLD, GOOD, MASK, kl_weight=0.1)


def test_dr_grpo_by_hand():
    total = -(1.2 * 3 + 3 - 0.8)
    assert dr_grpo_loss(NOW, OLD, GOOD, MASK, max_tokens=8) == pytest.approx(total / 16)
    near = dr_grpo_loss(NOW, OLD, GOOD, MASK, max_tokens=8, reference=OLD, kl_weight=0.1, count=3)
    assert near == pytest.approx((total + 0.1 * (LN2 - 0.5 + 1 - LN2)) / 24)


def test_rloo_by_hand():
    """Answers' ratios are 2 * 1 and 1/2."""
    advantages = torch.tensor([3.0, -1.0])
    assert rloo_loss(NOW, OLD, advantages, MASK) == pytest.approx(-(1.2 * 3 - 0.8) / 2)
    assert rloo_loss(NOW, OLD, -advantages, MASK, count=4) == pytest.approx(-(-2 * 3 + 0.5) / 4)


def test_rloo_of_the_policy_that_drew_is_reinforce_of_answers():
    learned = torch.tensor([[-1.0, -2.0], [-0.5, -3.0]], requires_grad=True)
    rloo_loss(learned, learned.detach(), torch.tensor([3.0, -1.0]), MASK).backward()
    assert torch.equal(learned.grad, numbers([-1.5, -1.5], [0.5, 0.0]))


def test_pretraining_is_mixed_in():
    assert with_pretraining(torch.tensor(2.0), torch.tensor(0.5), 4.0) == 4


def losses(log_probs, mask):
    """Each loss of log-probabilities that are learned; all else is wild outside the mask."""
    wild = torch.tensor([[1.0, float("nan")], [float("inf"), float("-inf")]])
    near = log_probs.detach() - 0.1
    yield reinforce_loss(log_probs, wild, wild, mask)
    yield actor_critic_loss(log_probs, wild, wild, mask)
    yield ppo_loss(log_probs, wild, wild, mask)
    yield grpo_loss(log_probs, wild, wild, mask, reference=wild, kl_weight=0.1)
    yield dr_grpo_loss(log_probs, wild, wild, mask, max_tokens=4, reference=wild, kl_weight=0.1)
    yield rloo_loss(log_probs, wild, torch.ones(2), mask)
    yield from (kl_loss(log_probs, near, mask, kind=kind) for kind in ("k1", "k2", "k3"))
    yield value_loss(log_probs, wild, mask, old_values=wild)


@pytest.mark.parametrize("mask", [[[False, False], [False, False]], [[True, False], [False, False]]])
def test_what_is_masked_has_no_say_and_no_gradient(mask):
    mask = torch.tensor(mask)
    for which in range(10):
        learned = torch.tensor([[-1.0, float("-inf")], [float("nan"), -800.0]], requires_grad=True)
        loss = list(losses(learned, mask))[which]
        loss.backward()
        assert torch.isfinite(loss), which
        assert torch.isfinite(learned.grad).all(), which
        assert not learned.grad[~mask].any(), which
