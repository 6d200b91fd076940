"""Losses of what was preferred to what, as pure functions of tensors, each with its equation and source.

B pairs or answers, T tokens of an answer. Of a policy, log pi(y) is the sum over an answer's tokens
(`answer_log_probs`), natural; log ref(y) the same of the reference, through which nothing flows back. Of a reward
model, r is its score, in no unit: only differences count.

Departures: a loss is minimized and `count` is what it is divided by where a batch is a part of a greater one. Ties are
Davidson's (1970) and not Rao and Kupper's (1967): three outcomes are one softmax. TRL has no ties.
`rejection_selection` also takes a greatest number of samples a group, which RFT does not.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Real

FIRST, SECOND, TIE = 0, 1, 2
"""What came of a comparison, see `davidson_loss`."""


def answer_log_probs(log_probs: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"], *, is_mean: bool = False
                     ) -> Float[Tensor, " B"]:
    """float[B]: log pi(y) = sum_t log pi_t over the mask, 0 for an empty row. is_mean: divided by the number of its
    tokens, see `ipo_loss`."""
    total = log_probs.masked_fill(~mask, 0.0).sum(-1)
    return total / mask.sum(-1).clamp(min=1) if is_mean else total


def dpo_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], reference_chosen: Float[Tensor, " B"],
             reference_rejected: Float[Tensor, " B"], *, beta: float = 0.1,
             count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_i log sigmoid(b h_i), h = log pi(y_w) / ref(y_w) - log pi(y_l) / ref(y_l) (DPO: Rafailov et
    al. 2023, arXiv 2305.18290, equation 7).

    chosen, rejected: log pi of the better and the worse answer. beta: the factor b of the KL to the reference.
    count: n, None for B.
    """
    apart = _preference(chosen, rejected, reference_chosen, reference_rejected)
    return _mean(-F.logsigmoid(beta * apart), count)


def ipo_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], reference_chosen: Float[Tensor, " B"],
             reference_rejected: Float[Tensor, " B"], *, beta: float = 0.1,
             count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/n sum_i (h_i - 1 / 2b)^2, h as of `dpo_loss`: pairs that nobody doubts pull no further than that
    (IPO: Azar et al. 2023, arXiv 2310.12036, equation 17).

    chosen, rejected, references: sums as the paper has them, or means (`answer_log_probs(is_mean=True)`) as TRL has
    them, by its account on the authors' advice, all four alike. beta: the factor that the paper calls tau. count: n,
    None for B.
    """
    apart = _preference(chosen, rejected, reference_chosen, reference_rejected)
    return _mean((apart - 1 / (2 * beta)).square(), count)


def kto_loss(log_probs: Float[Tensor, " B"], reference: Float[Tensor, " B"], is_desirable: Bool[Tensor, " B"],
             baseline: Float[Tensor, ""], *, beta: float = 0.1, desirable_weight: float = 1.0,
             undesirable_weight: float = 1.0, count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/n sum_i l_i (1 - sigmoid(s_i b (h_i - z))), h = log pi(y) / ref(y), s = 1 for what is desirable, -1
    for what is not: answers need no partner (KTO: Ethayarajh et al. 2024, arXiv 2402.01306, section 4).

    is_desirable: bool[B]. baseline: z, of `kto_baseline`, no gradient flows through it. beta: factor b.
    desirable_weight, undesirable_weight: the factors l. count: n, None for B.
    """
    apart = log_probs - reference.detach() - baseline.detach()
    value = torch.sigmoid(beta * torch.where(is_desirable, apart, -apart))
    weight = torch.where(is_desirable, desirable_weight, undesirable_weight)
    return _mean(weight * (1 - value), count)


def kto_baseline(log_probs: Float[Tensor, " B"], reference: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Scalar z = max(0, 1/B sum_i log pi(y'_i) / ref(y'_i)), y'_i an answer to another prompt than its own (arXiv
    2402.01306, section 4), without gradient: about KL(pi || ref), nats."""
    return (log_probs - reference).detach().mean().clamp(min=0)


def bradley_terry_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], *,
                       margin: Float[Tensor, " B"] | None = None, center_weight: float = 0.0,
                       count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = 1/n sum_i [-log sigmoid(r_w - r_l - m) + c (r_w + r_l)^2] (Bradley and Terry 1952; as a reward
    model's, Ouyang et al. 2022, arXiv 2203.02155, equation 1).

    chosen, rejected: scores r of the better and the worse. margin: m, how much better at least, in units of the score
    (Llama 2: arXiv 2307.09288, equation 2). center_weight: c, a factor that keeps scores around 0 (Eisenstein et al.
    2023, arXiv 2312.09244). count: n, None for B.
    """
    apart = chosen - rejected if margin is None else chosen - rejected - margin
    return _mean(-F.logsigmoid(apart) + center_weight * (chosen + rejected).square(), count)


def davidson_loss(first: Float[Tensor, " B"], second: Float[Tensor, " B"], outcomes: Int[Tensor, " B"], *,
                  log_tie: Float[Tensor, ""], margin: Float[Tensor, " B"] | None = None,
                  count: Real[Tensor, ""] | int | None = None) -> Float[Tensor, ""]:
    """Scalar L = -1/n sum_i log p(outcome), p = softmax(r_1, r_2, log v + (r_1 + r_2) / 2): the first is better, the
    second, or neither (Davidson 1970, "On extending the Bradley-Terry model to accommodate ties").

    outcomes: FIRST, SECOND or TIE, int64[B]. log_tie: log v, which may be learned; among equals a tie is v times as
    likely as that the first is better, and v = 0 is Bradley and Terry's. margin: taken from the score of the one that
    was better, as of `bradley_terry_loss`; ties have none. count: n, None for B.
    """
    if margin is not None:
        first = first - margin.masked_fill(outcomes != FIRST, 0.0)
        second = second - margin.masked_fill(outcomes != SECOND, 0.0)
    logits = torch.stack([first, second, log_tie + (first + second) / 2], dim=-1)
    return _mean(F.cross_entropy(logits, outcomes, reduction="none"), count)


def rejection_selection(rewards: Sequence[float], answers: Sequence[Hashable], *, least_reward: float,
                        most: int | None = None) -> tuple[int, ...]:
    """Indices of the samples of a group that are learned from, by plain cross-entropy: each different answer whose
    reward is at least `least_reward` (RFT: Yuan et al. 2023, arXiv 2308.01825), the best `most` of them (1: RAFT, Dong
    et al. 2023, arXiv 2304.06767). In the group's order; of equals the earlier.

    rewards: of one group. answers: their texts or token ids. most: None for all. ValueError for lists of different
    lengths and for most below 1.
    """
    if len(rewards) != len(answers):
        raise ValueError(f"answers: expected one for each of {len(rewards)} rewards, got {len(answers)}")
    if most is not None and most < 1:
        raise ValueError(f"most: expected at least 1, got {most}; use None for all that are good enough")
    best = sorted((i for i, reward in enumerate(rewards) if reward >= least_reward), key=lambda i: -rewards[i])
    kept: dict[Hashable, int] = {}
    for i in best:
        kept.setdefault(answers[i], i)
    return tuple(sorted(list(kept.values())[:most]))


def _preference(chosen: Tensor, rejected: Tensor, reference_chosen: Tensor, reference_rejected: Tensor
                ) -> Float[Tensor, " B"]:
    return (chosen - reference_chosen.detach()) - (rejected - reference_rejected.detach())


def _mean(values: Float[Tensor, " B"], count: Real[Tensor, ""] | int | None) -> Float[Tensor, ""]:
    return values.sum() / (len(values) if count is None else count)
