"""The causal language model that thinks: any of LANGUAGE_FAMILIES, from its configuration or with published weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from embodied.models.configuration import LANGUAGE_FAMILIES, check_known


def build_language(source: PreTrainedConfig | str | Path) -> PreTrainedModel:
    """A causal language model: random weights from a configuration, published ones from a hub name or folder.

    Raises ValueError for an unknown family, or a name that is neither a folder nor reachable on a hub.
    """
    if isinstance(source, PreTrainedConfig):
        return AutoModelForCausalLM.from_config(source)
    model = _published(AutoModelForCausalLM, source, use_safetensors=True)
    check_known("language family", model.config.model_type, LANGUAGE_FAMILIES)
    return model


def published_tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a hub name or folder; ValueError as in build_language."""
    return _published(AutoTokenizer, source)


def _published(kind: type, source: str | Path, **options: Any) -> Any:
    try:
        return kind.from_pretrained(source, **options)
    except OSError as error:
        raise ValueError(f"language model: expected a folder or a hub name that can be reached, got {str(source)!r}; "
                         "give a folder with model.safetensors, or sizes to start from nothing") from error


def decoder_width(config: PreTrainedConfig) -> int:
    """Length of one token embedding (OPT's embeddings may be narrower than its layers)."""
    return getattr(config, "word_embed_proj_dim", None) or config.hidden_size
