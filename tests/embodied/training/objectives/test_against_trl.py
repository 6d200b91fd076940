"""Losses and their gradients are TRL's on the same tensors. Its losses are methods of trainers: each is called unbound,
on a stand-in that holds the settings it reads, one process's accelerator, and a model that answers with the tensors.

TRL 1.16 has no GAE, value loss, IPO of sums, Davidson or REINFORCE: those are held to hand arithmetic alone.
"""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from embodied.training.advantages import Group, ScoredDecision, Trajectory, group_relative
from embodied.training.objectives.policy import dr_grpo_loss, grpo_loss, ppo_loss, rloo_loss
from embodied.training.objectives.preferences import (
    answer_log_probs,
    bradley_terry_loss,
    dpo_loss,
    ipo_loss,
    kto_baseline,
    kto_loss,
)

WHY = "TRL and what it imports come with the extra `dev`"
pytest.importorskip("datasets", reason=WHY)
pytest.importorskip("trl", reason=WHY)

from trl.trainer.dpo_trainer import DPOTrainer  # noqa: E402
from trl.trainer.grpo_trainer import GRPOTrainer  # noqa: E402
from trl.trainer.kto_trainer import KTOTrainer  # noqa: E402
from trl.trainer.reward_trainer import RewardTrainer  # noqa: E402
from trl.trainer.rloo_trainer import RLOOTrainer  # noqa: E402
from trl.trainer.utils import nanstd  # noqa: E402

B, T = 6, 5
LENGTHS = torch.tensor([5, 1, 3, 4, 2, 5])
MASK = torch.arange(T) < LENGTHS[:, None]


def alone(values: torch.Tensor, reduction: str = "sum") -> torch.Tensor:
    return values


def trainer(**settings: Any) -> SimpleNamespace:
    """What a trainer's loss reads of it."""
    accelerator = SimpleNamespace(device=torch.device("cpu"), num_processes=1, gather=alone, reduce=alone,
                                  gather_for_metrics=alone)
    return SimpleNamespace(accelerator=accelerator, model=torch.nn.Identity(), aux_loss_enabled=False,
                           _metrics=defaultdict(lambda: defaultdict(list)), _total_train_tokens=0, _tp_size=1,
                           **settings)


def drawn(seed: int, *shape: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def log_probs(seed: int) -> torch.Tensor:
    return torch.where(MASK, -drawn(seed, B, T).abs(), 0.0)


def of_policy(method: Any, now: torch.Tensor, inputs: dict[str, torch.Tensor], **settings: Any) -> torch.Tensor:
    """The loss of a trainer that draws answers. Prompts are one token each."""
    inputs = {"prompt_ids": torch.ones(B, 1, dtype=torch.long), "prompt_mask": torch.ones(B, 1, dtype=torch.long),
              "completion_ids": torch.ones(B, T, dtype=torch.long), "completion_mask": MASK.long(), **inputs}
    settings = {"epsilon_low": 0.2, "epsilon_high": 0.2, **settings}
    return method(trainer(_get_per_token_logps_and_entropies=lambda *args, **kwargs: (now, torch.zeros(B, T), None),
                          top_entropy_quantile=1.0, off_policy_mask_threshold=None, importance_sampling_level="token",
                          args=SimpleNamespace(use_bias_correction_kl=False, delta=None), use_vllm=False,
                          current_gradient_accumulation_steps=1, max_completion_length=9, _entropy_bonus_enabled=False,
                          **settings), None, inputs)


def check(ours: torch.Tensor, theirs: torch.Tensor, learned: torch.Tensor) -> None:
    """Both losses of one tensor are equal, and so are their gradients."""
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    [our_slope], [their_slope] = (torch.autograd.grad(loss, learned, retain_graph=True) for loss in (ours, theirs))
    assert their_slope.any()
    assert torch.allclose(our_slope, their_slope, rtol=0, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("loss_type", "loss", "more", "kl_weight"), [
    ("grpo", grpo_loss, {}, 0.0), ("grpo", grpo_loss, {}, 0.3), ("dr_grpo", dr_grpo_loss, {"max_tokens": 9}, 0.0),
    ("dr_grpo", dr_grpo_loss, {"max_tokens": 9}, 0.3), ("bnpo", ppo_loss, {}, 0.0)])
def test_grpo_and_ppo(loss_type: str, loss: Any, more: dict[str, Any], kl_weight: float, seed: int):
    """TRL's "bnpo" is PPO's mean over tokens."""
    now, old, reference = log_probs(seed).requires_grad_(), log_probs(seed) + drawn(9, B, T, scale=0.3), log_probs(5)
    advantages = drawn(seed + 20, B)
    theirs = of_policy(GRPOTrainer._compute_loss, now, {
        "advantages": advantages, "old_per_token_logps": old, "ref_per_token_logps": reference}, beta=kl_weight,
        loss_type=loss_type, epsilon_high=0.28)
    if kl_weight:
        more = {**more, "reference": reference, "kl_weight": kl_weight}
    check(loss(now, old, advantages[:, None].expand(B, T), MASK, clip_high=0.28, **more), theirs, now)


@pytest.mark.parametrize("seed", range(3))
def test_rloo(seed: int):
    now, old = log_probs(seed).requires_grad_(), log_probs(seed) + drawn(9, B, T, scale=0.1)
    advantages = drawn(seed + 20, B)
    theirs = of_policy(RLOOTrainer._compute_loss, now, {"advantages": advantages,
                                                        "old_logps": answer_log_probs(old, MASK)})
    check(rloo_loss(now, old, advantages, MASK), theirs, now)


def model_of(now: torch.Tensor) -> Any:
    """A model that answers with these log-probabilities, 0 where it is told no label, as TRL's fused output layer."""
    zeros = torch.zeros_like(now)
    return lambda labels, **inputs: SimpleNamespace(log_probs=torch.where(labels[:, 1:] == -100, 0.0, now),
                                                    entropy=zeros, mean_logits=zeros, is_top1=zeros.bool())


def sentences(rows: int) -> dict[str, torch.Tensor]:
    """Their masks have one position more than log-probabilities: the prompt's."""
    mask = torch.cat([torch.zeros(rows, 1, dtype=torch.long), MASK[:rows].long()], 1)
    return {"input_ids": torch.ones_like(mask), "attention_mask": torch.ones_like(mask), "completion_mask": mask}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("loss_type", "loss", "is_mean"), [("sigmoid", dpo_loss, False), ("ipo", ipo_loss, True)])
def test_dpo_and_ipo(loss_type: str, loss: Any, is_mean: bool, seed: int):
    """The first half of the rows are the better answers."""
    now, reference = log_probs(seed).requires_grad_(), log_probs(seed + 10)
    better, worse = answer_log_probs(reference, MASK).chunk(2)
    theirs = DPOTrainer._compute_loss(
        trainer(ld_alpha=None, precompute_ref_logps=True, f_divergence_type="reverse_kl", loss_types=[loss_type],
                loss_weights=[1.0], beta=0.2, label_smoothing=0.0, use_weighting=False), model_of(now),
        {**sentences(B), "ref_chosen_logps": better, "ref_rejected_logps": worse}, False)
    answers = [answer_log_probs(values, MASK, is_mean=is_mean).chunk(2) for values in (now, reference)]
    check(loss(*answers[0], *answers[1], beta=0.2), theirs, now)


@pytest.mark.parametrize("seed", range(3))
def test_kto(seed: int):
    now, reference = log_probs(seed).requires_grad_(), answer_log_probs(log_probs(seed + 10), MASK)
    strange, strange_reference = drawn(seed + 30, B), drawn(seed + 40, B) - 0.5
    is_desirable = torch.tensor([True, False, True, False, False, True])
    theirs = KTOTrainer._compute_loss(
        trainer(precompute_ref_logps=True, calculate_KL=True, loss_type="kto", beta=0.2, desirable_weight=1.5,
                undesirable_weight=0.7, _compute_kl_logps=lambda *args: strange), model_of(now),
        {**sentences(B), "label": is_desirable, "ref_logps": reference, "ref_KL_logps": strange_reference}, False)
    ours = kto_loss(answer_log_probs(now, MASK), reference, is_desirable, kto_baseline(strange, strange_reference),
                    beta=0.2, desirable_weight=1.5, undesirable_weight=0.7)
    check(ours, theirs, now)


@pytest.mark.parametrize("center_weight", [None, 0.01])
@pytest.mark.parametrize("margin", [None, drawn(3, 4).abs()])
def test_reward_models(margin: torch.Tensor | None, center_weight: float | None):
    scores = drawn(0, 8).requires_grad_()
    inputs = {"attention_mask": torch.ones(8, 1)} | ({} if margin is None else {"margin": margin})
    theirs = RewardTrainer.compute_loss(
        trainer(args=SimpleNamespace(center_rewards_coefficient=center_weight)),
        lambda **inputs: SimpleNamespace(logits=scores[:, None]), inputs)
    check(bradley_terry_loss(*scores.chunk(2), margin=margin, center_weight=center_weight or 0.0), theirs, scores)


def test_deviations_of_a_group():
    """TRL divides within a method that also generates; its deviation is a function."""
    rewards = drawn(0, 5)
    got = group_relative(Group(tuple(Trajectory((ScoredDecision(reward=r),)) for r in rewards.tolist())))
    expected = (rewards - rewards.mean()) / (nanstd(rewards) + 1e-4)
    assert [row[0] for row in got] == pytest.approx(expected.tolist(), abs=1e-5)
