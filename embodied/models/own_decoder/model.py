"""Our own decoder: layers of attention by a pattern and feed-forward networks, or mixtures of them.

B examples, T tokens, S tokens with those of the cache, N = B * T, A tokens that are asked for, D width, V words, X
experts. Norms, rotary positions and the dense feed-forward network are those of transformers' Llama.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, DynamicCache, GenerationMixin, PreTrainedModel, initialization
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)
from transformers.utils import ModelOutput

from embodied.models.own_decoder.attention import Places, alibi_slopes, attend
from embodied.models.own_decoder.configuration import OwnDecoderConfig
from embodied.models.own_decoder.mixture import Mixture
from embodied.training.objectives.losses import balance_loss

if TYPE_CHECKING:
    from jaxtyping import Float, Int

Turns = tuple[Tensor, Tensor]
"""Cosines and sines of rotary positions, float[B, T, E] each."""


@dataclass
class OwnDecoderOutput(ModelOutput):
    """balance_loss: float[], what training adds to its loss to balance the experts; None where there is nothing to."""

    last_hidden_state: Float[Tensor, "B T D"] | None = None
    past_key_values: Any = None
    balance_loss: Float[Tensor, ""] | None = None


@dataclass
class OwnDecoderCausalOutput(ModelOutput):
    """balance_loss: as of `OwnDecoderOutput`; part of the loss, where labels were given."""

    loss: Float[Tensor, ""] | None = None
    logits: Float[Tensor, "B A V"] | None = None
    past_key_values: Any = None
    balance_loss: Float[Tensor, ""] | None = None


class Attention(nn.Module):
    """Attention of one layer; several heads of queries may share one of keys."""

    def __init__(self, config: OwnDecoderConfig, number: int):
        """number: of the layer, from 0."""
        super().__init__()
        heads, key_heads, width = config.num_attention_heads, config.num_key_value_heads, config.hidden_size
        self.number, self.size, self.pattern = number, config.head_dim or width // heads, config.pattern(number)
        self.slopes = alibi_slopes(heads) if config.position_embedding_type == "alibi" else None
        self.q_proj = nn.Linear(width, heads * self.size, bias=False)
        self.k_proj = nn.Linear(width, key_heads * self.size, bias=False)
        self.v_proj = nn.Linear(width, key_heads * self.size, bias=False)
        self.o_proj = nn.Linear(heads * self.size, width, bias=False)

    def forward(self, states: Float[Tensor, "B T D"], places: Places, turns: Turns | None, cache: Any
                ) -> Float[Tensor, "B T D"]:
        """float[B, T, D]. cache: of transformers, which keys and values are left in; None for none."""
        query, key, value = (linear(states).unflatten(-1, (-1, self.size)).transpose(1, 2)
                             for linear in (self.q_proj, self.k_proj, self.v_proj))
        if turns is not None:
            query, key = apply_rotary_pos_emb(query, key, *turns)
        if cache is not None:
            key, value = cache.update(key, value, self.number)
        seen = attend(query, key, value, places, self.pattern, self.slopes)
        return self.o_proj(seen.transpose(1, 2).flatten(2))


class Layer(GradientCheckpointingLayer):
    """Norm, attention, norm, feed-forward network."""

    def __init__(self, config: OwnDecoderConfig, number: int):
        super().__init__()
        self.self_attn = Attention(config, number)
        self.mlp = Mixture(config) if config.num_local_experts else LlamaMLP(config)
        self.input_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.post_attention_layernorm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)

    def forward(self, states: Float[Tensor, "B T D"], places: Places, turns: Turns | None = None,
                past_key_values: Any = None, routed: list[Tensor] | None = None) -> Float[Tensor, "B T D"]:
        """float[B, T, D]. routed: as of `Mixture`."""
        states = states + self.self_attn(self.input_layernorm(states), places, turns, past_key_values)
        normed = self.post_attention_layernorm(states)
        return states + (self.mlp(normed, routed) if isinstance(self.mlp, Mixture) else self.mlp(normed))


class OwnDecoderPreTrainedModel(PreTrainedModel):
    """What both forms share: how weights begin, and what transformers may do with them."""

    config_class = OwnDecoderConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ("Layer",)
    _supports_sdpa = True

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Mixture):
            for weight in (module.gate_up_proj, module.down_proj):
                initialization.normal_(weight, mean=0.0, std=self.config.initializer_range)


class OwnDecoderModel(OwnDecoderPreTrainedModel):
    """The layers, without a head."""

    def __init__(self, config: OwnDecoderConfig):
        super().__init__(config)
        width, kind = config.hidden_size, config.position_embedding_type
        self.embed_tokens = nn.Embedding(config.vocab_size, width, config.pad_token_id)
        self.embed_positions = nn.Embedding(config.max_position_embeddings, width) if kind == "learned" else None
        self.rotary = LlamaRotaryEmbedding(config) if kind == "rotary" else None
        self.layers = nn.ModuleList(Layer(config, number) for number in range(config.num_hidden_layers))
        self.norm = LlamaRMSNorm(width, eps=config.rms_norm_eps)
        self.post_init()

    @property
    def adds_loss(self) -> bool:
        """Whether its layers have a loss of their own when they train."""
        return bool(self.config.num_local_experts and self.config.router_aux_loss_coef)

    def forward(self, input_ids: Int[Tensor, "B T"] | None = None, attention_mask: Tensor | None = None,
                position_ids: Int[Tensor, "B T"] | None = None, past_key_values: Any = None,
                inputs_embeds: Float[Tensor, "B T D"] | None = None, use_cache: bool | None = None, **_: Any
                ) -> OwnDecoderOutput:
        """Hidden states of every token.

        attention_mask: int64[B, S], 0 for padding, or bool[B, 1, T, S], True where a token may look, over keys that
        stand at the positions 0 .. S - 1. position_ids: of rotary and learned positions, and of the second kind of
        mask; patterns and ALiBi count tokens by the first kind. ValueError for more tokens than learned positions.
        """
        states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        if past_key_values is None and (self.config.use_cache if use_cache is None else use_cache):
            past_key_values = DynamicCache(config=self.config)
        before = 0 if past_key_values is None else past_key_values.get_seq_length()
        places = _places(states, before, attention_mask, position_ids)
        states, turns = self._placed(states, _positions(states, places, position_ids))
        routed: list[Tensor] | None = [] if self.training and self.adds_loss else None
        for layer in self.layers:
            states = layer(states, places=places, turns=turns, past_key_values=past_key_values, routed=routed)
        loss = None if routed is None else self._balance(routed, attention_mask)
        return OwnDecoderOutput(self.norm(states), past_key_values, balance_loss=loss)

    def _placed(self, states: Float[Tensor, "B T D"], positions: Int[Tensor, "rows T"]
                ) -> tuple[Float[Tensor, "B T D"], Turns | None]:
        """The states with learned positions, or the turns of rotary ones."""
        if self.rotary is not None:
            return states, self.rotary(states, positions)
        if self.embed_positions is None:
            return states, None
        most = self.config.max_position_embeddings
        if int(positions.max()) >= most:
            raise ValueError(f"{self.config.model_type}: expected at most {most} tokens, the learned positions "
                             f"(max_position_embeddings), got {int(positions.max()) + 1}; shorten the text")
        return states + self.embed_positions(positions), None

    def _balance(self, routed: list[Float[Tensor, "N X"]], mask: Tensor | None) -> Float[Tensor, ""]:
        is_token = mask.flatten().bool() if mask is not None and mask.ndim == 2 else None
        return self.config.router_aux_loss_coef * balance_loss(routed, self.config.num_experts_per_tok, is_token)


def _places(states: Float[Tensor, "B T D"], before: int, mask: Tensor | None, position_ids: Tensor | None) -> Places:
    """before: tokens in the cache. Padding on the right is seen by nobody whose states are read, and needs no mask;
    that on the left sees itself, so that it has something to see."""
    length = states.shape[1]
    if mask is None or (mask.ndim == 2 and not bool((mask[:, 1:] > mask[:, :-1]).any())):
        return Places(before)
    if mask.ndim == 4:
        keys = torch.arange(mask.shape[-1], device=states.device).expand(len(states), -1)
        queries = keys[:, before:before + length] if position_ids is None else position_ids
        return Places(None, queries, keys, mask if mask.dtype == torch.bool else mask == 0)
    counted = _counted(mask)
    column = torch.arange(mask.shape[1], device=mask.device)
    own, is_token = column == column[-length:, None], mask[:, None, None].bool()
    return Places(None, counted[:, -length:], counted, (is_token & (column <= column[-length:, None])) | own)


def _counted(mask: Int[Tensor, "B S"]) -> Int[Tensor, "B S"]:
    """Position of each token among those that are no padding."""
    return (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def _positions(states: Float[Tensor, "B T D"], places: Places, position_ids: Int[Tensor, "rows T"] | None
               ) -> Int[Tensor, "rows T"]:
    """int64[B or 1, T]: what rotary and learned positions are of."""
    if position_ids is not None:
        return position_ids
    if places.start is None:
        return places.queries
    return torch.arange(places.start, places.start + states.shape[1], device=states.device)[None]


class OwnDecoderForCausalLM(OwnDecoderPreTrainedModel, GenerationMixin):
    """The layers and the head that says the next word."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012, transformers' own form

    def __init__(self, config: OwnDecoderConfig):
        super().__init__(config)
        self.model = OwnDecoderModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids: Int[Tensor, "B T"] | None = None, labels: Int[Tensor, "B T"] | None = None,
                logits_to_keep: int | Int[Tensor, " A"] = 0, num_items_in_batch: Any = None, **inputs: Any
                ) -> OwnDecoderCausalOutput:
        """Logits float[B, T or those asked for, V], and with labels, int64[B, T], the loss. inputs: as of
        `OwnDecoderModel.forward`; everything else as in transformers."""
        seen = self.model(input_ids, **inputs)
        keep = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits, loss = self.lm_head(seen.last_hidden_state[:, keep]), None
        if labels is not None:
            loss = self.loss_function(logits, labels, self.config.vocab_size, num_items_in_batch=num_items_in_batch)
            loss = loss if seen.balance_loss is None else loss + seen.balance_loss
        return OwnDecoderCausalOutput(loss, logits, seen.past_key_values, balance_loss=seen.balance_loss)


AutoModel.register(OwnDecoderConfig, OwnDecoderModel, exist_ok=True)
AutoModelForCausalLM.register(OwnDecoderConfig, OwnDecoderForCausalLM, exist_ok=True)
