"""Losses of a policy that learns from rewards, as pure functions of tensors, each with its equation and source.

B rows (an answer each, or a decision), T tokens of a row. log pi are natural log-probabilities of the tokens that the
policy drew, `old` those of the policy that drew them, `ref` those of a policy to stay near. A mask is true at tokens
the policy drew; whatever stands elsewhere, infinite or no number, has no say and no gradient. Advantages and returns
are told, not learned: nothing flows back through them. `SampleBatch` has its tokens in one row, P: they come to [B, T]
by `torch.zeros(mask.shape).masked_scatter(mask, values)` with mask = its `positions`.

Departures: a loss is minimized, so its sign is that of the papers' objectives turned round. Where a batch is divided,
`count` is what the whole of it is divided by. `rloo_loss` clips a ratio as TRL does; the paper draws from the policy
that learns, where the ratio is 1 and the gradient the same. `actor_critic_loss` is of returns that are told (A3C
computes those of n steps).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Real

KlEstimator = Literal["k1", "k2", "k3"]


def token_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"],
               count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar 1/n sum_it x_it over the mask. count: n, None for the number of tokens of the mask; 0 where it has
    none."""
    total = _within(values, mask).sum()
    return total / (mask.sum().clamp(min=1) if count is None else count)


def row_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"],
             count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar 1/n sum_i 1/|o_i| sum_t x_it: every row counts alike, however long. count: n, None for B, empty rows among
    them."""
    rows = _within(values, mask).sum(-1) / mask.sum(-1).clamp(min=1)
    return rows.sum() / (len(mask) if count is None else count)


def reinforce_loss(log_probs: Float[Tensor, "B T"], returns: Float[Tensor, "B T"], baseline: Float[Tensor, "B T"],
                   mask: Bool[Tensor, "B T"], count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_it (R_it - b_it) log pi_it, the reward R that followed against a baseline b that does not
    depend on what was drawn (REINFORCE: Williams 1992, "Simple statistical gradient-following algorithms").

    count: n, None for the tokens of the mask.
    """
    advantages = _within(returns - baseline, mask).detach()
    return token_mean(-advantages * _within(log_probs, mask), mask, count)


def actor_critic_loss(log_probs: Float[Tensor, "B T"], values: Float[Tensor, "B T"], returns: Float[Tensor, "B T"],
                      mask: Bool[Tensor, "B T"], *, value_weight: float = 0.5,
                      entropies: Float[Tensor, "B T"] | None = None, entropy_weight: float = 0.0,
                      count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/n sum_it [-(R - V) log pi + c_v (V - R)^2 - c_e H], the critic V being the baseline, through which
    the first term sends no gradient (A3C: Mnih et al. 2016, arXiv 1602.01783, section 4).

    value_weight, entropy_weight: the factors c_v and c_e. entropies: H, nats; None for none, ValueError where they
    have a weight. count: n, None for the tokens of the mask.
    """
    if entropies is None and entropy_weight:
        raise ValueError(f"entropies: expected those of the policy for entropy_weight={entropy_weight}, got None; give "
                         "them, or leave the weight out")
    actor = reinforce_loss(log_probs, returns, values, mask, count)
    critic = 2 * value_loss(values, returns, mask, count=count)
    loss = actor + value_weight * critic
    return loss if entropies is None else loss - entropy_weight * token_mean(entropies, mask, count)


def value_loss(values: Float[Tensor, "B T"], returns: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *,
               old_values: Float[Tensor, "B T"] | None = None, clip: float = 0.2,
               count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/2n sum_it max((V - R)^2, (V_old + clip(V - V_old, -e, e) - R)^2); the first alone without
    old_values.

    Of PPO's own code, not of its paper (Engstrom et al. 2020, arXiv 2005.12729, section 3). clip: e, in units of the
    reward. old_values: the critic's when the episodes were played. count: n, None for the tokens of the mask.
    """
    target = returns.detach()
    error = _within(values - target, mask).square()
    if old_values is not None:
        old = old_values.detach()
        moved = _within(values - old, mask).clamp(-clip, clip)
        error = torch.maximum(error, (moved + _within(old - target, mask)).square())
    return 0.5 * token_mean(error, mask, count)


def ppo_loss(log_probs: Float[Tensor, "B T"], old_log_probs: Float[Tensor, "B T"], advantages: Float[Tensor, "B T"],
             mask: Bool[Tensor, "B T"], *, clip: float = 0.2, clip_high: float | None = None,
             count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_it min(r A, clip(r, 1 - e, 1 + e') A), r = pi / old (PPO: Schulman et al. 2017, arXiv
    1707.06347, equation 7).

    clip, clip_high: the distances e and e' from the ratio 1; None for e' = e (another one: DAPO, arXiv 2503.14476).
    count: n, None for the tokens of the mask.
    """
    tokens = _regularized(log_probs, old_log_probs, advantages, mask, clip, clip_high, None, 0.0)
    return token_mean(tokens, mask, count)


def grpo_loss(log_probs: Float[Tensor, "B T"], old_log_probs: Float[Tensor, "B T"], advantages: Float[Tensor, "B T"],
              mask: Bool[Tensor, "B T"], *, clip: float = 0.2, clip_high: float | None = None,
              reference: Float[Tensor, "B T"] | None = None, kl_weight: float = 0.0,
              count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_i 1/|o_i| sum_t [min(r A, clip(r, 1 - e, 1 + e') A) - b k3(pi, ref)] (GRPO: DeepSeekMath,
    Shao et al. 2024, arXiv 2402.03300, equations 3 and 4). A: as the advantage "group_relative" has it.

    clip, clip_high: see `ppo_loss`. reference: log ref; ValueError for a weight without it. kl_weight: the factor b.
    count: n, None for B.
    """
    tokens = _regularized(log_probs, old_log_probs, advantages, mask, clip, clip_high, reference, kl_weight)
    return row_mean(tokens, mask, count)


def dr_grpo_loss(log_probs: Float[Tensor, "B T"], old_log_probs: Float[Tensor, "B T"],
                 advantages: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, max_tokens: int, clip: float = 0.2,
                 clip_high: float | None = None, reference: Float[Tensor, "B T"] | None = None,
                 kl_weight: float = 0.0, count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/(n M) sum_it [min(r A, clip(r, 1 - e, 1 + e') A) - b k3(pi, ref)]: long rows are not let off
    lightly (Dr. GRPO: Liu et al. 2025, arXiv 2503.20783, section 3). Its advantages are not divided by a group's
    deviation: `Context(is_scaled=False)`.

    max_tokens: M, the most that an answer may have, the same in every batch. Others: See `grpo_loss`.
    """
    tokens = _regularized(log_probs, old_log_probs, advantages, mask, clip, clip_high, reference, kl_weight)
    return token_mean(tokens, mask, max_tokens * (len(mask) if count is None else count))


def rloo_loss(log_probs: Float[Tensor, "B T"], old_log_probs: Float[Tensor, "B T"], advantages: Float[Tensor, " B"],
              mask: Bool[Tensor, "B T"], *, clip: float = 0.2, count: Real[Tensor, ""] | int | None = None
              ) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_i min(r_i A_i, clip(r_i, 1 - e, 1 + e) A_i), r_i = prod_t pi_it / old_it: a whole answer is
    one action (RLOO: Ahmadian et al. 2024, arXiv 2402.14740, section 3). A: as the advantage "leave_one_out" has it.

    clip: e, a distance from the ratio 1. count: n, None for B.
    """
    log_ratio = _log_ratio(log_probs, old_log_probs, mask).sum(-1)
    return _surrogate(log_ratio, advantages, clip, None).sum() / (len(mask) if count is None else count)


def kl_estimate(log_probs: Float[Tensor, "B T"], reference: Float[Tensor, "B T"], kind: KlEstimator = "k3"
                ) -> Float[Tensor, "B T"]:
    """float[B, T]: KL(pi || ref) as each token tells it, nats; with d = log pi - log ref, k1 = d, k2 = d^2 / 2,
    k3 = exp(-d) - 1 + d (Schulman 2020, "Approximating KL divergence").

    Drawn from pi, k1 and k3 have KL(pi || ref) as their mean. As losses they differ: the mean gradient of k1 is 0, of
    k2 that of KL(pi || ref), of k3 that of KL(ref || pi). ValueError for another kind.
    """
    apart = log_probs - reference.detach()
    if kind == "k1":
        return apart
    if kind == "k2":
        return apart.square() / 2
    if kind == "k3":
        return torch.expm1(-apart) + apart
    raise ValueError(f"kind: expected 'k1', 'k2' or 'k3', got {kind!r}; choose one of them")


def kl_loss(log_probs: Float[Tensor, "B T"], reference: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *,
            kind: KlEstimator = "k2", count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/n sum_it k(log pi, log ref), see `kl_estimate`. count: n, None for the tokens of the mask."""
    return token_mean(kl_estimate(_within(log_probs, mask), _within(reference, mask), kind), mask, count)


def with_pretraining(loss: Float[Tensor, ""], sft_loss: Float[Tensor, ""], weight: float) -> Float[Tensor, ""]:
    """Scalar L = L_RL + g L_SFT: what was learned by imitation goes on being learned beside the rewards (InstructGPT's
    PPO-ptx: Ouyang et al. 2022, arXiv 2203.02155, equation 2).

    sft_loss: such as `losses.token_cross_entropy` of demonstrations. weight: the factor g.
    """
    return loss + weight * sft_loss


def _within(values: Tensor, mask: Bool[Tensor, "B T"]) -> Tensor:
    """The same with zeros outside the mask, where nothing flows back either."""
    return values.masked_fill(~mask, 0.0)


def _log_ratio(log_probs: Float[Tensor, "B T"], old_log_probs: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]
               ) -> Float[Tensor, "B T"]:
    return _within(log_probs - old_log_probs.detach(), mask)


def _surrogate(log_ratio: Float[Tensor, "*any"], advantages: Float[Tensor, "*any"], clip: float,
               clip_high: float | None) -> Float[Tensor, "*any"]:
    ratio, told = log_ratio.exp(), advantages.detach()
    near = ratio.clamp(1 - clip, 1 + (clip if clip_high is None else clip_high))
    return -torch.minimum(ratio * told, near * told)


def _regularized(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip: float,
                 clip_high: float | None, reference: Tensor | None, kl_weight: float) -> Float[Tensor, "B T"]:
    """The clipped surrogate of each token, with its share of the distance to the reference."""
    tokens = _surrogate(_log_ratio(log_probs, old_log_probs, mask), _within(advantages, mask), clip, clip_high)
    if not kl_weight:
        return tokens
    if reference is None:
        raise ValueError(f"reference: expected log-probabilities for kl_weight={kl_weight}, got None; give them, or "
                         "leave the weight out")
    return tokens + kl_weight * kl_estimate(_within(log_probs, mask), _within(reference, mask), "k3")
