"""Saying an object's name by pointing at its slot (after pointer networks, Vinyals et al. 2015, arXiv 1506.03134).

M objects, D width. With soft tokens drawn towards the words of their object's name, a hidden state that is about to say
"red block" already fits the slot that looks like one: the model has to copy words, and need not learn from nothing a
table from looks to numbers. Without it, small models stayed on a
plateau for as long as was tried (600 steps); see CHANGELOG.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Float


class Pointer(nn.Module):
    """Scores of objects for what is about to be said; starts as plain likeness to their soft tokens."""

    def __init__(self, width: int):
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)
        self.context = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.query.weight)
        nn.init.zeros_(self.context.weight)

    def keys(self, soft: Float[Tensor, "N D"], hidden: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """float[N, D] from soft tokens float[N, D] and the language model's last states at their places float[N, D]."""
        return F.normalize(soft, dim=-1) + self.context(hidden)

    def forward(self, hidden: Float[Tensor, "B K D"], keys: Float[Tensor, "B M D"]) -> Float[Tensor, "B K M"]:
        """float[B, K, M] for hidden states float[B, K, D] and keys float[B, M, D]; 0 where a key is zero."""
        if hidden.shape[1] > keys.shape[1]:  # the same, and fewer are multiplied
            return torch.bmm(hidden, (keys @ self.query.weight).mT)
        return torch.einsum("bkd,bmd->bkm", self.query(hidden), keys)
