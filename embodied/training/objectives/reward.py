"""The objective of a reward model: what raters preferred among two plans of one moment (`objectives.preferences`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.preferences import FIRST, SECOND, TIE, bradley_terry_loss, davidson_loss
from embodied.training.placement import share

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

OUTCOMES = "outcomes"
"""Of a batch's inputs the one that is not the model's: int64[B], FIRST, SECOND or TIE."""


def reward_objective(loss: str) -> Callable[[nn.Module, Batch], tuple[Tensor, dict[str, Tensor]]]:
    """(model, batch) -> (loss, metrics), of rows that are pairs: the first plan, then the second. loss: bradley_terry,
    of pairs without ties, or davidson. Metrics: `right`, the share of pairs, ties aside, whose preferred plan has the
    greater score."""

    def objective(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        scores, outcomes, log_tie = scores_of(model, batch)
        first, second = scores[0::2], scores[1::2]
        pairs, told = share(torch.tensor(len(outcomes)), (outcomes != TIE).sum())
        right = is_right(scores.detach(), outcomes).sum() / told.clamp(min=1)
        if loss == "bradley_terry":
            is_second = outcomes == SECOND
            chosen, rejected = torch.where(is_second, second, first), torch.where(is_second, first, second)
            return bradley_terry_loss(chosen, rejected, count=pairs) + 0.0 * log_tie, {"right": right}
        return davidson_loss(first, second, outcomes, log_tie=log_tie, count=pairs), {"right": right}

    return objective


def scores_of(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, " R"], Int[Tensor, " B"], Float[Tensor, ""]]:
    """The score of each of R = 2 B rows, what came of each comparison, and log v of the model."""
    inputs: dict[str, Any] = dict(batch.inputs)
    outcomes = inputs.pop(OUTCOMES)
    scores, log_tie = model(**inputs)
    return scores, outcomes, log_tie


def is_right(scores: Float[Tensor, " R"], outcomes: Int[Tensor, " B"]) -> Bool[Tensor, " B"]:
    """bool[B], of R = 2 B scores: whether the preferred plan has the greater score; False for ties."""
    apart = scores[0::2] - scores[1::2]
    return torch.where(outcomes == FIRST, apart > 0, apart < 0) & (outcomes != TIE)
