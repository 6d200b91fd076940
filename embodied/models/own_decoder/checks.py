"""What the values of our own decoder must be to fit each other. The standard library is all it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from embodied.models.known_values import InvalidValueError, check_value, short

MODEL_TYPE = "embodied_decoder"

ATTENTIONS = ("dense", "sliding_window", "block_sparse")
"""What a layer's attention may be."""

DEFAULTS: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 256,
    "intermediate_size": 768,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": None,
    "head_dim": None,
    "hidden_act": "silu",
    "max_position_embeddings": 2048,
    "initializer_range": 0.02,
    "rms_norm_eps": 1e-6,
    "position_embedding_type": "rotary",
    "attention_pattern": ["dense"],
    "sliding_window": None,
    "block_size": 64,
    "local_blocks": 4,
    "stride_blocks": 0,
    "global_blocks": 0,
    "num_local_experts": 0,
    "num_experts_per_tok": 2,
    "router_aux_loss_coef": 0.01,
}
"""Field of `OwnDecoderConfig` -> its value where none is given."""


def check_own_decoder(values: Mapping[str, Any], where: str = "") -> None:
    """Raise InvalidValueError, which names the key below `where`, unless these values make a decoder."""
    for key in values.keys() & DEFAULTS.keys():
        check_value(values[key], key, f"{where}{key}")
    chosen = {**DEFAULTS, **values}
    _check_heads(chosen, where)
    _check_attention(chosen, where)
    experts, each = chosen["num_local_experts"], chosen["num_experts_per_tok"]
    if 0 < experts < each:
        raise InvalidValueError(f"{where}num_experts_per_tok: expected at most num_local_experts={experts}, got {each}")


def _check_heads(chosen: Mapping[str, Any], where: str) -> None:
    heads, width = chosen["num_attention_heads"], chosen["hidden_size"]
    key_heads, size = chosen["num_key_value_heads"] or heads, chosen["head_dim"]
    if heads % key_heads:
        raise InvalidValueError(f"{where}num_key_value_heads: expected a divisor of num_attention_heads={heads}, got "
                                f"{key_heads}")
    if size is None and width % heads:
        raise InvalidValueError(f"{where}num_attention_heads: expected a divisor of hidden_size={width}, or a "
                                f"head_dim, got {heads}")
    if chosen["position_embedding_type"] == "rotary" and (size or width // heads) % 2:
        raise InvalidValueError(f"{where}position_embedding_type: expected learned or alibi for heads of "
                                f"{size or width // heads} numbers, which rotary positions cannot halve, got 'rotary'")


def _check_attention(chosen: Mapping[str, Any], where: str) -> None:
    pattern, layers = chosen["attention_pattern"], chosen["num_hidden_layers"]
    if not 1 <= len(pattern) <= layers or set(pattern) - set(ATTENTIONS):
        raise InvalidValueError(f"{where}attention_pattern: expected 1 to {layers} (num_hidden_layers) of "
                                f"{', '.join(ATTENTIONS)}, which the layers take in turn, got {short(pattern)}")
    if ("sliding_window" in pattern) != (chosen["sliding_window"] is not None):
        raise InvalidValueError(f"{where}sliding_window: expected a number of tokens where attention_pattern has "
                                f"sliding_window, and null elsewhere, got {chosen['sliding_window']} with "
                                f"{short(pattern)}")
    positions, block = chosen["max_position_embeddings"], chosen["block_size"]
    if "block_sparse" in pattern and positions % block:
        raise InvalidValueError(f"{where}block_size: expected a divisor of max_position_embeddings={positions}, got "
                                f"{block}")
