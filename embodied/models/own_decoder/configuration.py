"""The configuration of our own decoder: what each layer's attention and feed-forward network are, as plain values."""

from __future__ import annotations

from typing import ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from embodied.models.own_decoder.checks import DEFAULTS, MODEL_TYPE, check_own_decoder
from embodied.models.own_decoder.patterns import Pattern


@strict
class OwnDecoderConfig(PreTrainedConfig):
    """Layers of norm, attention, norm and feed-forward network, as Llama's, with these choices.

    Names are transformers' where it has one. attention_pattern: kinds of attention (`checks.ATTENTIONS`) that the
    layers take in turn; ["dense", "block_sparse"] alternates as GPT-3's do. InvalidValueError for values that do not
    fit each other.
    """

    model_type = MODEL_TYPE
    keys_to_ignore_at_inference: ClassVar = ["past_key_values"]
    mlp_bias: ClassVar = False  # which transformers' feed-forward network asks for

    vocab_size: int = DEFAULTS["vocab_size"]
    hidden_size: int = DEFAULTS["hidden_size"]
    intermediate_size: int = DEFAULTS["intermediate_size"]  # of the network, or of each expert
    num_hidden_layers: int = DEFAULTS["num_hidden_layers"]
    num_attention_heads: int = DEFAULTS["num_attention_heads"]
    num_key_value_heads: int | None = DEFAULTS["num_key_value_heads"]  # None: as many as of queries
    head_dim: int | None = DEFAULTS["head_dim"]  # None: the width shared out between the heads
    hidden_act: str = DEFAULTS["hidden_act"]
    max_position_embeddings: int = DEFAULTS["max_position_embeddings"]
    initializer_range: float = DEFAULTS["initializer_range"]
    rms_norm_eps: float = DEFAULTS["rms_norm_eps"]
    position_embedding_type: str = DEFAULTS["position_embedding_type"]  # rotary, learned or alibi
    rope_parameters: dict | None = None  # of rotary positions
    attention_pattern: list[str] | None = None  # None: dense
    sliding_window: int | None = DEFAULTS["sliding_window"]  # tokens that a token sees, itself among them
    block_size: int = DEFAULTS["block_size"]  # tokens
    local_blocks: int = DEFAULTS["local_blocks"]  # that a token sees before it, its own among them
    stride_blocks: int = DEFAULTS["stride_blocks"]  # the last of each so many blocks is seen by all after it; 0: none
    global_blocks: int = DEFAULTS["global_blocks"]  # first blocks, which all after them see
    num_local_experts: int = DEFAULTS["num_local_experts"]  # 0: one dense network
    num_experts_per_tok: int = DEFAULTS["num_experts_per_tok"]
    router_aux_loss_coef: float = DEFAULTS["router_aux_loss_coef"]  # of the loss that balances experts; 0: none
    tie_word_embeddings: bool = False
    use_cache: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs):
        self.attention_pattern = list(self.attention_pattern or DEFAULTS["attention_pattern"])
        check_own_decoder({key: getattr(self, key) for key in DEFAULTS}, f"{MODEL_TYPE}: ")
        self.num_key_value_heads = self.num_key_value_heads or self.num_attention_heads
        super().__post_init__(**kwargs)

    def pattern(self, layer: int) -> Pattern:
        """What the attention of a layer, numbered from 0, sees."""
        kind = self.attention_pattern[layer % len(self.attention_pattern)]
        return Pattern(kind, window=self.sliding_window or 0, block=self.block_size, local=self.local_blocks,
                       stride=self.stride_blocks, first=self.global_blocks)

    @property
    def layer_types(self) -> list[str]:
        """What transformers' caches have to keep for each layer: all of the past, or a window of it."""
        kinds = {"sliding_window": "sliding_attention"}
        return [kinds.get(self.pattern(layer).kind, "full_attention") for layer in range(self.num_hidden_layers)]


AutoConfig.register(OwnDecoderConfig.model_type, OwnDecoderConfig, exist_ok=True)
