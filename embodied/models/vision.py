"""Image encoders: any timm model by name, or a vision tower of transformers; the home of timm.

N pictures of S x S pixels, K tokens of the encoder's grid in row-major order, C features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import timm
import torch
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, AutoModel

from embodied.models.configuration import PalmEVisionConfig, check_known

if TYPE_CHECKING:
    from jaxtyping import Float


class TimmEncoder(nn.Module):
    """float[N, 3, S, S], normalised -> float[N, K, C]; class and register tokens are dropped."""

    def __init__(self, config: PalmEVisionConfig, *, pretrained: bool = False):
        super().__init__()
        # No pooling rather than `forward_features`: some encoders (ConvNeXt) keep their last norm in the head.
        self.body = timm.create_model(config.name, pretrained=pretrained, num_classes=0, global_pool="",
                                      **_timm_arguments(config))
        self.width = getattr(self.body, "head_hidden_size", None) or self.body.num_features

    def forward(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        features = self.body(pixel_values)
        if features.ndim == 3:
            return features[:, getattr(self.body, "num_prefix_tokens", 0):]
        is_channels_last = getattr(self.body, "output_fmt", "NCHW") == "NHWC"
        return features.flatten(1, 2) if is_channels_last else features.flatten(2).mT


class TransformersEncoder(nn.Module):
    """float[N, 3, S, S], normalised -> float[N, K, C]; the class token, where there is one, is dropped."""

    def __init__(self, config: PalmEVisionConfig):
        super().__init__()
        values = {"vision_use_head": False, **config.encoder, "image_size": config.image_size}
        family = values.pop("model_type")
        self.body = AutoModel.from_config(CONFIG_MAPPING[family](**values))
        self.width = self.body.config.hidden_size
        self.tokens = (config.image_size // self.body.config.patch_size) ** 2

    def forward(self, pixel_values: Float[Tensor, "N 3 S S"]) -> Float[Tensor, "N K C"]:
        return self.body(pixel_values=pixel_values).last_hidden_state[:, -self.tokens:]


def build_vision(config: PalmEVisionConfig, *, pretrained: bool = False) -> TimmEncoder | TransformersEncoder:
    """An encoder with `.width` features a token; random weights unless `pretrained` (which needs a hub).

    Raises ValueError for an unknown name, options the encoder does not take, or a hub that cannot be reached.
    """
    if config.source == "transformers":
        return TransformersEncoder(config)
    check_known("vision encoder", config.name, timm.list_models())
    try:
        return TimmEncoder(config, pretrained=pretrained)
    except (TypeError, AssertionError) as error:
        raise ValueError(f"vision encoder {config.name}: expected options it takes and an encoder that can leave its "
                         f"features unpooled, got {config.options}: {error}") from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise ValueError(f"vision encoder {config.name}: expected a hub that can be reached for pretrained weights, "
                         f"got {type(error).__name__}: {error}; use pretrained=false") from error


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
