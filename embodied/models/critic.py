"""A planner that says, too, what the moments are worth at which it plans: actor and critic on one body (A3C: Mnih et
al. 2016, arXiv 1602.01783, section 4; PPO: Schulman et al. 2017, arXiv 1707.06347, section 5).

B sentences, T tokens, P positions, V words. Departure: an answer has one value, read where its prompt ends; its tokens
have none of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from embodied.models.headed import HeadedPlanner

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class ActorCritic(HeadedPlanner):
    """A planner whose head says what a moment is worth. A new one calls all moments worthless."""

    def forward(self, logits_to_keep: Bool[Tensor, "B T"], **inputs: Any
                ) -> tuple[Float[Tensor, "P V"], Float[Tensor, " B"]]:
        """(float[P, V], the logits at the positions that the mask keeps; float[B], the value at the first of each row,
        in the unit of the reward). inputs: as of `PalmEModel.forward`, without labels."""
        seen = self.planner.body(use_cache=False, **inputs)
        first = logits_to_keep.int().argmax(dim=1)
        rows = torch.arange(len(first), device=first.device)
        return (self.planner.compute_logits(seen, logits_to_keep),
                self.head(seen.last_hidden_state[rows, first])[:, 0])
