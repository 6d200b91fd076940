"""Supervised fine-tuning: cross-entropy of the expert's answer (PaLM-E, section 3: loss on answer tokens only)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from embodied.data.batches import Batch

IGNORED = -100


def sft(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """(loss, metrics): token_accuracy, and exact = share of answers whose every token is the likeliest one."""
    out = model(**batch.inputs)
    metrics = graded(out.graded_logits.detach(), batch.inputs["labels"])
    if out.naming_loss is not None:
        metrics["naming_loss"] = out.naming_loss.detach()
    return out.loss, metrics


def graded(logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Shares of tokens and of whole answers that are right. logits: float[P, V] of graded positions, reading order."""
    targets = labels[:, 1:]
    is_graded = targets != IGNORED
    is_wrong = torch.zeros_like(is_graded)
    is_wrong[is_graded] = logits.argmax(dim=-1) != targets[is_graded]
    return {"token_accuracy": 1 - is_wrong.sum() / is_graded.sum(), "exact": (~is_wrong.any(dim=1)).float().mean()}
