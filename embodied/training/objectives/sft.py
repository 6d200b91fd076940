"""Supervised fine-tuning: cross-entropy of the expert's answer (PaLM-E, section 3: loss on answer tokens only).

Where a batch has texts of the base's own after its examples (`embodied.training.replay`), L = the loss of the answers
+ weight * KL(base || planner), a mean over the tokens of those texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.losses import IGNORED, divergence
from embodied.training.placement import share

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Real


def sft(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """(loss, metrics): of the answers, token_accuracy, and exact = share of those whose every token is the likeliest
    one; of the texts of the base, divergence, nats a token; of a decoder's experts, balance_loss, which is part of the
    loss.

    Both losses are divided by this rank's share of the whole batch's graded tokens and words of names.
    """
    inputs = dict(batch.inputs)
    replayed, names = inputs.pop("replayed", None), inputs.get("name_ids")
    labels = inputs["labels"][:None if replayed is None else -replayed.rows]
    tokens, words = share(_count(labels[:, 1:]), labels.new_zeros(()) if names is None else _count(names))
    words = torch.where(words > 0, words, 1)  # a mean over ranks and parts: less than one, where names are few
    out = model(**inputs, num_items_in_batch=tokens, num_names_in_batch=words, is_packed=True,
                logits_to_keep=0 if replayed is None else replayed.positions)
    metrics = graded(out.graded_logits.detach(), labels, tokens)
    loss = out.loss
    if replayed is not None:
        apart = divergence(out.logits, replayed.words, replayed.log_probs)
        metrics["divergence"] = apart.detach()
        loss = loss + replayed.weight * apart
    if out.balance_loss is not None:
        metrics["balance_loss"] = out.balance_loss.detach()
    # A share without pictures has no naming loss, but ranks average the same metrics.
    if names is not None:
        metrics["naming_loss"] = out.loss.new_zeros(()) if out.naming_loss is None else out.naming_loss.detach()
    return loss, metrics


def _count(ids: Int[Tensor, "B T"]) -> Int[Tensor, ""]:
    return (ids != IGNORED).sum()


def counts(batch: Batch) -> dict[str, float]:
    """What each number of `sft` is a mean over, for what averages it; the loss is counted by the token."""
    labels, names = batch.inputs["labels"], batch.inputs.get("name_ids")
    tokens = float(_count(labels[:, 1:]))
    return {"loss": tokens, "token_accuracy": tokens, "exact": float(len(labels)),
            "naming_loss": 0.0 if names is None else float(_count(names))}


def graded(logits: Float[Tensor, "P V"], labels: Int[Tensor, "B T"], tokens: Real[Tensor, ""]
           ) -> dict[str, Float[Tensor, ""]]:
    """Shares of tokens and of whole answers that are right.

    logits: float[P, V] of graded positions, reading order. labels: int64[B, T]. tokens: how many
    tokens the wrong ones are a share of.
    """
    is_wrong = _wrong(logits, labels)
    return {"token_accuracy": 1 - is_wrong.sum() / tokens, "exact": (~is_wrong.any(dim=1)).float().mean()}


def right_answers(logits: Float[Tensor, "P V"], labels: Int[Tensor, "B T"]) -> Bool[Tensor, " B"]:
    """bool[B]: whether every token of an answer is the likeliest one, as greedy decoding would say it."""
    return ~_wrong(logits, labels).any(dim=1)


def _wrong(logits: Float[Tensor, "P V"], labels: Int[Tensor, "B T"]) -> Bool[Tensor, "B T-1"]:
    targets = labels[:, 1:]
    is_graded = targets != IGNORED
    is_wrong = torch.zeros_like(is_graded)
    is_wrong[is_graded] = logits.argmax(dim=-1) != targets[is_graded]
    return is_wrong
