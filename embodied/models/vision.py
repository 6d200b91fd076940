"""Image encoders: any timm model by name, or a vision tower of transformers; the home of timm.

N pictures of S x S pixels, K tokens of the encoder's grid in row-major order, C features.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import timm
import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, MODEL_MAPPING, AutoModel, PreTrainedConfig

from embodied.models.configuration import PalmEVisionConfig, check_known
from embodied.models.hub import is_reachable
from embodied.models.quiet import quietly
from embodied.models.seen import Seen

if TYPE_CHECKING:
    from jaxtyping import Float


RESIZING = ("dinov2",)
"""Families of transformers that fit their positions to pictures of other sizes than they were trained with."""


class _Encoder(nn.Module):
    """float[N, 3, S, S], normalised -> float[N, K, C]. A frozen one stays in evaluation mode: statistics of batches
    would move otherwise."""

    def __init__(self, config: PalmEVisionConfig):
        super().__init__()
        self.is_frozen = config.is_frozen
        self._seen: Seen | None = None

    def train(self, mode: bool = True) -> _Encoder:
        return super().train(mode and not self.is_frozen)

    def remember(self) -> None:
        """From here on look at each picture once, if the encoder is frozen, on a CPU; what it saw is kept in memory."""
        self._seen = Seen() if self.is_frozen else None

    def forward(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        if self._seen is None or pixel_values.device.type != "cpu" or not len(pixel_values):
            return self.encode(pixel_values)
        version = *(tensor._version for tensor in self.state_dict().values()), torch.is_autocast_enabled("cpu")
        return self._seen.look(self.encode, pixel_values, version)

    def encode(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        """The same of each picture anew."""
        raise NotImplementedError


class TimmEncoder(_Encoder):
    """float[N, 3, S, S], normalised -> float[N, K, C]; class and register tokens are dropped."""

    def __init__(self, config: PalmEVisionConfig, *, published: bool | Path = False):
        """published: take the weights that timm published, or those of a file."""
        super().__init__(config)
        # No pooling rather than `forward_features`: some encoders (ConvNeXt) keep their last norm in the head.
        self.body = timm.create_model(config.name, pretrained=bool(published), num_classes=0, global_pool="",
                                      **({"pretrained_cfg_overlay": {"file": str(published)}} if isinstance(
                                          published, Path) else {}), **_timm_arguments(config))
        self.width = getattr(self.body, "head_hidden_size", None) or self.body.num_features
        if config.levels is not None:
            self.width = _end_after(self.body, config)
        if isinstance(published, Path):
            _check_all_read(self.body, published)

    def encode(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        features = self.body(pixel_values)
        if features.ndim == 3:
            return features[:, getattr(self.body, "num_prefix_tokens", 0):]
        is_channels_last = getattr(self.body, "output_fmt", "NCHW") == "NHWC"
        return features.flatten(1, 2) if is_channels_last else features.flatten(2).mT


class TransformersEncoder(_Encoder):
    """float[N, 3, S, S], normalised -> float[N, K, C]; the class token, where there is one, is dropped."""

    def __init__(self, config: PalmEVisionConfig, *, published: Path | None = None):
        """published: the folder of the weights to take."""
        super().__init__(config)
        values = {"vision_use_head": False, **config.encoder}
        family = values.pop("model_type")
        if family not in RESIZING or "image_size" not in values:
            values["image_size"] = config.image_size
        if config.levels is not None:
            values["num_hidden_layers"] = config.levels
        body = CONFIG_MAPPING[family](**values)
        self.body = AutoModel.from_config(body) if published is None else _read_body(published, body)
        self.width = self.body.config.hidden_size
        self.tokens = (config.image_size // self.body.config.patch_size) ** 2

    def encode(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        return self.body(pixel_values=pixel_values).last_hidden_state[:, -self.tokens:]


def build_vision(config: PalmEVisionConfig, *, published: bool | Path = False) -> TimmEncoder | TransformersEncoder:
    """An encoder with `.width` features a token. published: take weights that timm published, where a hub can be
    reached, or those of a folder, instead of random ones.

    Raises ValueError for an unknown name, options the encoder does not take, a folder of another encoder, or a hub that
    cannot be reached.
    """
    folder = published if isinstance(published, Path) else None
    if config.source == "transformers":
        return TransformersEncoder(config, published=folder)
    check_known("vision encoder", config.name, timm.list_models())
    if published is True:
        is_reachable()  # or the client is offline from here on
    try:
        return TimmEncoder(config, published=published if folder is None else folder / "model.safetensors")
    except (TypeError, AssertionError) as error:
        raise ValueError(f"vision encoder {config.name}: expected options it takes and an encoder that can leave its "
                         f"features unpooled, got {config.options}: {error}") from error
    except (OSError, RuntimeError) as error:
        if not published:
            raise
        wanted = f"weights in {folder} that fit it" if folder else "a hub that can be reached for published weights"
        raise ValueError(f"vision encoder {config.name}: expected {wanted}, got {type(error).__name__}: {error}; "
                         "use pretrained=false and a name of timm to begin with none") from error


def _check_all_read(body: nn.Module, file: Path) -> None:
    """Raise ValueError where a file lacks weights of an encoder: timm reads what there is, and says nothing."""
    with safe_open(file, framework="pt") as found:
        missing = sorted(set(body.state_dict()) - set(found.keys()))
    if missing:
        raise ValueError(f"vision encoder {file}: expected weights under timm's names, got none called {missing[0]} "
                         f"and {len(missing) - 1} others")


def _read_body(folder: Path, config: PreTrainedConfig) -> nn.Module:
    """The vision tower of a folder in transformers' form. ValueError where it has not all of the weights."""
    try:
        with quietly():
            body, said = MODEL_MAPPING[type(config)].from_pretrained(
                folder, config=config, dtype=torch.float32, use_safetensors=True, trust_remote_code=False,
                local_files_only=True, output_loading_info=True)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"vision encoder {folder}: cannot be read ({' '.join(str(error).split())[:300]})") from error
    missing = sorted(name for name in said["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ValueError(f"vision encoder {folder}: expected weights of a {config.model_type}, got none called "
                         f"{missing[0]} and {len(missing) - 1} others")
    return body


def _end_after(body: nn.Module, config: PalmEVisionConfig) -> int:
    """Take off what follows `levels` blocks or stages; the norm after them stays. Returns the features a token."""
    levels = len(getattr(body, "feature_info", ()))
    if not hasattr(body, "prune_intermediate_layers") or not config.levels <= levels:
        raise ValueError(f"vision encoder {config.name}: expected at most {levels} levels, got {config.levels}")
    body.prune_intermediate_layers([config.levels - 1], prune_norm=False, prune_head=True)
    if isinstance(getattr(body, "head", None), nn.Module):
        body.head = nn.Identity()  # may have a norm of the last stage's width
    return body.feature_info[config.levels - 1]["num_chs"]


def published_statistics(name: str) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of RGB in [0, 1] that a timm encoder's published weights were trained with."""
    check_known("vision encoder", name, timm.list_models())
    published = timm.get_pretrained_cfg(name)
    return list(published.mean), list(published.std)


def restore_buffers(module: nn.Module) -> None:
    """Computes again what a timm layer keeps out of its state_dict (lost when a model is born on the meta device)."""
    if hasattr(module, "init_non_persistent_buffers"):
        with torch.no_grad():
            module.init_non_persistent_buffers()


def _timm_arguments(config: PalmEVisionConfig) -> dict:
    """Constructor arguments; encoders with a fixed input size are told it."""
    published = timm.get_pretrained_cfg(config.name)
    size = {"img_size": config.image_size} if published is not None and published.fixed_input_size else {}
    if config.options.get("img_size", config.image_size) != config.image_size:
        raise ValueError(f"vision option img_size: expected image_size={config.image_size}, "
                         f"got {config.options['img_size']}; set image_size only")
    return {**size, **config.options}
