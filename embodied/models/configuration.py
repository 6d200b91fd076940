"""The configuration of the embodied language model: plain values, saved as `config.json` beside the weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from embodied.models.checkpoint_checks import check_config, check_language
from embodied.models.known_keys import PROJECTORS
from embodied.models.known_values import InvalidValueError
from embodied.models.old_forms import renewed
from embodied.models.own_decoder.checks import MODEL_TYPE
from embodied.models.scene_encoders import find_encoder
from envs.interface import TABLE_WORKSPACE
from envs.names import unknown

LANGUAGE_FAMILIES = (MODEL_TYPE, "gpt2", "gpt_neox", "llama", "mistral", "olmo2", "opt", "phi", "phi3",
                     "qwen2", "qwen3", "smollm3")
"""Our own causal language model, and those of transformers that take `inputs_embeds` without rescaling them."""

VISION_FAMILIES = ("clip_vision_model", "dinov2", "siglip_vision_model", "vit")
"""Vision models of transformers whose `last_hidden_state` is a square grid of patches after 0 or 1 class token."""

TIMM_OPTIONS = ("depth", "depths", "dims", "drop_path_rate", "embed_dim", "img_size", "layers", "mlp_ratio",
                "num_heads", "output_stride", "patch_size", "qkv_bias", "window_size")
"""Constructor arguments that a configuration may pass to a timm encoder: sizes, nothing that loads or calls."""

COARSEST_PX = 16
"""Side in pixels of one place of a segmenter's last level; images are multiples of it."""

STUMBLES = (StrictDataclassError, TypeError, AttributeError, LookupError, ArithmeticError, AssertionError, RuntimeError)
"""What transformers and torch raise, far from the cause, over values that no file of a known maker has."""


def misfit(error: Exception) -> InvalidValueError:
    """What is raised in place of a stumble; transformers and torch say in theirs which field it is."""
    said = " ".join(str(error).split())
    return InvalidValueError(f"expected values that fit each other, got {type(error).__name__}: {said}")


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Raises ValueError with the nearest known name unless `name` is known."""
    known = sorted(known)
    if name not in known:
        raise ValueError(unknown(name, known, what=what))


@strict
class PalmEVisionConfig(PreTrainedConfig):
    """A timm encoder by name, or (source "transformers") one of VISION_FAMILIES by its own configuration."""

    model_type = "palm_e_vision"
    base_config_key = "vision_config"

    source: Literal["timm", "transformers"] = "timm"
    name: str = "vit_tiny_patch16_224"
    options: dict | None = None  # timm: TIMM_OPTIONS only
    encoder: dict | None = None  # transformers: a configuration with its "model_type"
    image_size: int = 32  # pixels, the side of the square image the encoder takes
    mean: list[float] | None = None  # of RGB in [0, 1]; None: 0.5
    std: list[float] | None = None
    levels: int | None = None  # blocks of a transformer, or stages, after which features are taken; None: all of them
    is_frozen: bool = False
    base: dict | None = None  # {"name", "sha256"} of the published encoder whose weights these are; None: held here

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.options = dict(self.options or {})
        self.mean = list(self.mean or (0.5, 0.5, 0.5))
        self.std = list(self.std or (0.5, 0.5, 0.5))
        for option in self.options:
            check_known("vision option", option, TIMM_OPTIONS)
        if self.base is not None and not self.is_frozen:
            raise ValueError("vision_config: expected weights of its own, for it learns, got a base in their place")
        if self.source == "transformers":
            check_known("vision family", (self.encoder or {}).get("model_type", ""), VISION_FAMILIES)


@strict
class SegmenterConfig(PreTrainedConfig):
    """Sizes of the object segmenter and the part of the world it looks at (metres, world frame)."""

    model_type = "palm_e_segmenter"
    base_config_key = "segmenter_config"

    form: Literal["dense", "light"] = "dense"  # convolutions over all channels, or over each and then across them
    patch_px: int = 2  # side of the square of pixels that is one place of the first level
    widths: list[int] | None = None  # channels of each level; a level has half the side of the one before
    level_depths: list[int] | None = None  # convolutions (dense) or residuals (light) of a block; None: 2 at each level
    workspace_low_m: list[float] | None = None
    workspace_high_m: list[float] | None = None
    clearance_m: float = 0.003  # what lies lower is the table
    margin_m: float = 0.05  # an object is kept this far outside the workspace
    is_cut: bool = False  # whether it is shown what rises above the table alone, as from one direction: see `framing`
    is_flat: bool = False  # whether it sees by colors alone: depth, where it is told one, is an empty table's
    tells_distractors: bool = False  # whether it says of an object that it is neither block nor bowl
    cluster_radius_m: float = 0.022  # in the 4-D space of votes
    min_pixels: int = 24  # of both cameras together
    crop_size: int = 32

    def __post_init__(self, **kwargs):
        super().__post_init__(**kwargs)
        self.widths = list(self.widths or (24, 48, 64, 96))
        self.level_depths = list(self.level_depths or [2] * len(self.widths))
        self.workspace_low_m = list(self.workspace_low_m or TABLE_WORKSPACE.low_m)
        self.workspace_high_m = list(self.workspace_high_m or TABLE_WORKSPACE.high_m)
        self._check_levels()
        if self.is_flat and self.is_cut:
            raise ValueError("segmenter: expected is_flat or is_cut, got both: without depth nothing rises above the "
                             "table, and nothing would be shown")

    def _check_levels(self) -> None:
        coarsest_px = self.patch_px * 2 ** (len(self.widths) - 1)
        if coarsest_px != COARSEST_PX or len(self.level_depths) != len(self.widths):
            raise ValueError(f"segmenter: expected patch_px x 2^(levels - 1) = {COARSEST_PX} and a depth for each "
                             f"width, got patch_px={self.patch_px}, widths={self.widths}, "
                             f"level_depths={self.level_depths}; such as patch_px=2 with four widths, 4 with three")


@strict
class PalmEConfig(PreTrainedConfig):
    """Encoder -> projector -> causal language model.

    scene_encoder: what a picture of the sentence is, and how it becomes `soft_tokens` tokens; a file of
    `embodied.models.scene_encoders`, such as "slots" (one object) or "image" (a whole camera image).
    """

    model_type = "palm_e"
    sub_configs: ClassVar = {"text_config": AutoConfig, "vision_config": PalmEVisionConfig,
                             "segmenter_config": SegmenterConfig}
    sub_configs_defaults: ClassVar = {
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama"),
        "vision_config": SubConfigSpec(config_class=PalmEVisionConfig),
        "segmenter_config": SubConfigSpec(config_class=SegmenterConfig, optional=True),
    }

    text_config: dict | PreTrainedConfig | None = None
    vision_config: dict | PreTrainedConfig | None = None
    segmenter_config: dict | PreTrainedConfig | None = None  # None: a model without a segmenter
    scene_encoder: str = "slots"
    soft_tokens: int = 1  # a picture
    projector: str = "own"  # the scene encoder's own, or one of `embodied.models.known_keys.PROJECTORS`
    projector_width: int = 128
    naming_weight: float = 0.5  # of the loss that pulls soft tokens towards the words of their object's name
    placeholder_first_id: int = 0  # ids in [first, last] mark soft tokens
    placeholder_last_id: int = 0
    name_first_id: int = 0  # of `obj_1`; the other names follow it
    language_is_frozen: bool = False
    base: dict | None = None  # {"name", "sha256"} of the published model that this one stands on; None: it holds all
    adaptation: dict | None = None  # values of `Adaptation`; None: the language model is whole and its own
    new_word_first_id: int = 0  # of the table beside the base's embeddings
    new_words: int = 0  # rows of that table; 0: there is none
    tie_word_embeddings: bool = False

    @classmethod
    def from_dict(cls, config_dict: dict, **kwargs) -> PalmEConfig:
        """As in transformers, of values that a file may hold. InvalidValueError, with nothing built, for others."""
        check_config(config_dict)
        try:
            return super().from_dict(renewed(config_dict), **kwargs)
        except STUMBLES as error:
            raise misfit(error) from error

    def __post_init__(self, **kwargs):
        if isinstance(self.text_config, dict):
            check_known("language family", self.text_config.get("model_type", "llama"), LANGUAGE_FAMILIES)
        super().__post_init__(**kwargs)
        check_known("language family", self.text_config.model_type, LANGUAGE_FAMILIES)
        self.tie_word_embeddings = bool(getattr(self.text_config, "tie_word_embeddings", False))
        check_known("projector", self.projector, PROJECTORS)
        find_encoder(self.scene_encoder).check(self.soft_tokens)


def language_config(values: dict) -> PreTrainedConfig:
    """The transformers configuration of {"model_type": ..., sizes}; ValueError for an unknown family, key or size."""
    values = dict(values)
    family = values.pop("model_type", "llama")
    check_known("language family", family, LANGUAGE_FAMILIES)
    check_language({"model_type": family, **values}, "language config: ")
    return CONFIG_MAPPING[family](**values)


AutoConfig.register(PalmEConfig.model_type, PalmEConfig, exist_ok=True)
