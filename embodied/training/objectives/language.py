"""Language modelling: the cross-entropy of the next token, all tokens alike (Radford et al. 2019)."""

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
    tokens that are the likeliest ones."""
    ids = batch.inputs["input_ids"]
    targets = ids[:, 1:].flatten()
    [count] = share(targets.new_tensor(targets.numel()))
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits.flatten(0, 1)
    is_right = (logits.detach().argmax(dim=-1) == targets).sum()
    return token_cross_entropy(logits, targets, count), {"token_accuracy": is_right / count}


def counts(batch: Batch) -> dict[str, float]:
    """What each number of `next_token` is a mean over: tokens."""
    ids = batch.inputs["input_ids"]
    return {"loss": float(ids[:, 1:].numel())}
