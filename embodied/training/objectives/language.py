"""Language modelling: the cross-entropy of the next token, all tokens alike (Radford et al. 2019).

A decoder with experts adds the loss that balances them where it trains, of each rank's or part's tokens by themselves
(as of each core in Switch, arXiv 2101.03961): a mean over ranks and parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.losses import token_cross_entropy
from embodied.training.placement import share

if TYPE_CHECKING:
    from jaxtyping import Float


def next_token(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """(loss, metrics) of rows of tokens: nats a token, a sum over this rank's share of the tokens, and the share of
    tokens that are the likeliest ones; of experts, balance_loss, which is part of the loss."""
    ids = batch.inputs["input_ids"]
    targets = ids[:, 1:].flatten()
    [count] = share(targets.new_tensor(targets.numel()))
    out = model(input_ids=ids[:, :-1], use_cache=False)
    logits, balance = out.logits.flatten(0, 1), getattr(out, "balance_loss", None)
    metrics = {"token_accuracy": (logits.detach().argmax(dim=-1) == targets).sum() / count}
    loss = token_cross_entropy(logits, targets, count)
    if balance is None:
        return loss, metrics
    return loss + balance, {**metrics, "balance_loss": balance.detach()}


def counts(batch: Batch) -> dict[str, float]:
    """What each number of `next_token` is a mean over: tokens."""
    ids = batch.inputs["input_ids"]
    return {"loss": float(ids[:, 1:].numel())}
