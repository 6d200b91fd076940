"""A planner with one number more: what stands in common under a reward model and a critic."""

from __future__ import annotations

from torch import nn

from embodied.models.planner import PalmEForConditionalGeneration


class HeadedPlanner(nn.Module):
    """A planner and a scalar head on its hidden states. A new head says 0 of everything."""

    def __init__(self, planner: PalmEForConditionalGeneration) -> None:
        super().__init__()
        self.planner = planner
        self.head = nn.Linear(planner.config.text_config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def language(self) -> nn.Module:
        """The planner's decoder."""
        return self.planner.language
