"""The causal language model that thinks: any of LANGUAGE_FAMILIES, from its configuration or with published weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import find_adapter_config_file, is_peft_available

from embodied.bases.cache import resolve
from embodied.models.checkpoint_checks import CheckpointError, check_language
from embodied.models.folder import check_published
from embodied.models.hub import check_reachable


def build_language(source: PreTrainedConfig | str | Path) -> PreTrainedModel:
    """A causal language model: random weights from a configuration, published ones from the name of a base that was
    fetched (`embodied.bases`), a hub name or a folder.

    Raises ValueError for an unknown family, a key or size that none of that family has (see checkpoint_checks), or a
    name that is neither a folder nor reachable on a hub.
    """
    if isinstance(source, PreTrainedConfig):
        return AutoModelForCausalLM.from_config(source)
    source = resolve(str(source))
    _check_published(source)
    model = _reached(AutoModelForCausalLM.from_pretrained, source, use_safetensors=True, trust_remote_code=False)
    if hasattr(model.config, "auto_map"):  # followed by nobody, and refused in a folder of ours
        del model.config.auto_map
    return model


def published_config(source: str | Path) -> PreTrainedConfig:
    """The configuration of a base, hub name or folder; ValueError as in build_language."""
    source = resolve(str(source))
    _check_published(source)
    return _reached(AutoConfig.from_pretrained, source, trust_remote_code=False)


def published_tokenizer(source: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a base, hub name or folder; ValueError as in build_language."""
    source = resolve(str(source))
    _check_published(source)
    return _reached(AutoTokenizer.from_pretrained, source, trust_remote_code=False)


def check_language_folder(folder: Path) -> None:
    """Raise ValueError unless a folder holds a whole language model of a known family, in transformers' form."""
    if not (folder / "config.json").is_file():
        raise CheckpointError(f"language model {folder}: expected a folder in transformers' form, got one without a "
                              "config.json")
    _check_published(folder)


def _check_published(source: str | Path) -> None:
    """Raise ValueError unless the configuration is one of a known family, before anything is built of it."""
    if Path(source).is_dir():
        check_published(Path(source))
    elif is_peft_available() and _reached(find_adapter_config_file, str(source)):
        raise ValueError(f"language model: expected a whole model, got {str(source)!r}, an adapter, which names "
                         "another model to load; merge it into its model")
    values, _ = _reached(PreTrainedConfig.get_config_dict, source)
    check_language(values, "language model: ", is_published=True)


def _reached(read: Callable[..., Any], source: str | Path, **options: Any) -> Any:
    check_reachable(str(source))
    try:
        return read(source, **options)
    except OSError as error:
        raise ValueError(f"language model {str(source)!r}: expected a folder with model.safetensors or such a model of "
                         f"a hub, got none that can be read ({' '.join(str(error).split())[:200]}); see embodied bases "
                         "list") from error


def decoder_width(config: PreTrainedConfig) -> int:
    """Length of one token embedding (OPT's embeddings may be narrower than its layers)."""
    return getattr(config, "word_embed_proj_dim", None) or config.hidden_size
