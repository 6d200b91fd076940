"""A feed-forward network of experts, some of which each token is given to (Shazeer et al. 2017, arXiv 1701.06538).

N tokens, D width, I inner width, X experts, C of them chosen for each token. As in Mixtral (arXiv 2401.04088, section
2.1) the shares of the chosen ones add up to 1; with one a token, the share is its probability among all, as in Switch
(arXiv 2101.03961, equation 2), for the router would learn nothing from a share of 1. Departure from Switch: no expert
has a capacity, and no token is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.activations import ACT2FN

from embodied.models.own_decoder.configuration import OwnDecoderConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Mixture(nn.Module):
    """Computes each expert for the tokens that chose it, and for no others."""

    def __init__(self, config: OwnDecoderConfig):
        super().__init__()
        experts, width, inner = config.num_local_experts, config.hidden_size, config.intermediate_size
        self.each = config.num_experts_per_tok
        self.router = nn.Linear(width, experts, bias=False)
        self.gate_up_proj = nn.Parameter(torch.empty(experts, 2 * inner, width))
        self.down_proj = nn.Parameter(torch.empty(experts, width, inner))
        self.bend = ACT2FN[config.hidden_act]

    def forward(self, states: Float[Tensor, "B T D"], routed: list[Tensor] | None = None) -> Float[Tensor, "B T D"]:
        """float[B, T, D]. routed: is left what the router said of each token, float[B * T, X]; see `balance_loss`."""
        tokens = states.flatten(0, 1)
        logits = self.router(tokens)
        if routed is not None:
            routed.append(logits)
        shares, chosen = self.choose(logits)
        return self._mixed(tokens, shares.to(states.dtype), chosen).view(states.shape)

    def choose(self, logits: Float[Tensor, "N X"]) -> tuple[Float[Tensor, "N C"], Int[Tensor, "N C"]]:
        """Shares float[N, C] and numbers int64[N, C] of the experts of each token."""
        shares, chosen = logits.float().softmax(dim=-1).topk(self.each, dim=-1)
        return (shares if self.each == 1 else shares / shares.sum(dim=-1, keepdim=True)), chosen

    def _mixed(self, tokens: Float[Tensor, "N D"], shares: Float[Tensor, "N C"], chosen: Int[Tensor, "N C"]
               ) -> Float[Tensor, "N D"]:
        """Tokens are laid by expert, and what the experts say is laid back."""
        order = chosen.flatten().argsort(stable=True)
        counts = chosen.flatten().bincount(minlength=len(self.down_proj)).tolist()
        rows = tokens.index_select(0, order // self.each).split(counts)
        weights = zip(rows, self.gate_up_proj.unbind(), self.down_proj.unbind(), strict=True)
        said = torch.cat([self._said(some, up, down) for some, up, down in weights if len(some)])
        back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
        return torch.bmm(shares[:, None], said.index_select(0, back).unflatten(0, chosen.shape))[:, 0]

    def _said(self, rows: Float[Tensor, "n D"], up: Float[Tensor, "two_I D"], down: Float[Tensor, "D I"]
              ) -> Float[Tensor, "n D"]:
        """One expert, as Llama's feed-forward network."""
        gate, passed = F.linear(rows, up).chunk(2, dim=-1)
        return F.linear(self.bend(gate) * passed, down)
