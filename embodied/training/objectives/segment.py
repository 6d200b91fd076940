"""The segmenter's objective: foreground and votes for the objects of the simulator's masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from embodied.data.batches import Batch
from embodied.training.objectives.losses import segmenter_loss
from embodied.training.placement import share

if TYPE_CHECKING:
    from jaxtyping import Float


def segment(model: nn.Module, batch: Batch) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """(loss, metrics) of `segmenter_loss` over the images of a batch, or over this rank's share of them.

    Every rank holds as many pixels, so that only the weights of the votes have to be added up.
    """
    targets = {name: batch.inputs[name] for name in ("foreground", "votes", "weights", "distractor")}
    [total_weight] = share(targets["weights"].sum())
    out = model(batch.inputs["images"])
    return segmenter_loss(out.logits, out.votes, targets, total_weight, distractor=out.distractor)


def counts(batch: Batch) -> dict[str, float]:
    """What each number of `segment` is a mean over, for what averages it; the loss is counted by the pixel."""
    pixels = float(batch.inputs["foreground"].numel())
    objects = float(batch.inputs["weights"].sum())
    return {"loss": pixels, "foreground_loss": pixels, "vote_loss": objects, "distractor_loss": objects}
