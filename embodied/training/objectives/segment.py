"""The segmenter's objective: foreground and votes for the objects of the simulator's masks."""

from __future__ import annotations

from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.models.segmenter import segmenter_loss


def segment(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """(loss, metrics) of `segmenter_loss` over the images of a batch."""
    inputs = batch.inputs
    return segmenter_loss(model(inputs["images"]), {name: inputs[name] for name in ("foreground", "votes", "weights")})
