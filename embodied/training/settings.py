"""What a training run depends on, typed; made from plain values, with the nearest name suggested for a wrong one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from envs.names import hint

StageName = Literal["segmenter", "planner"]
STAGES: tuple[StageName, ...] = ("segmenter", "planner")


@dataclass(frozen=True, slots=True)
class StageSettings:
    """One run of the loop. batch_size: of all workers together (views for the segmenter, examples for the planner)."""

    steps: int
    batch_size: int
    lr: float
    weight_decay: float = 0.01
    warmup_steps: int = 100
    clip_norm: float = 1.0
    save_every: int = 250
    keep: int = 2
    validate_every: int = 250
    lr_scale: Mapping[str, float] = field(default_factory=dict)  # name prefix of parameters -> factor


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Arguments of `embodied.models.building.build`."""

    language: Any = field(default_factory=lambda: {
        "model_type": "llama", "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4,
        "num_attention_heads": 6, "num_key_value_heads": 6, "max_position_embeddings": 512,
        "tie_word_embeddings": True})
    vision: Mapping[str, Any] = field(default_factory=lambda: {
        "name": "vit_tiny_patch16_224", "image_size": 32,
        "options": {"patch_size": 8, "embed_dim": 96, "depth": 2, "num_heads": 3}})
    segmenter: Mapping[str, Any] = field(default_factory=dict)  # fields of SegmenterConfig
    scene_encoder: str = "slots"
    vocab_size: int = 512
    pretrained_vision: bool = False
    is_lexicon_open: bool = False  # False: words that no training instruction held are refused
    sizes: Mapping[str, Any] = field(default_factory=dict)  # other fields of PalmEConfig, such as soft_tokens


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """A whole run. threads: torch threads of a training process, None = all cores. workers: processes that look."""

    dataset: str
    seed: int = 0
    threads: int | None = None
    workers: int = 2
    log_every: int = 10
    validation_fraction: float = 0.02  # of episodes, held out of both stages
    model: ModelSettings = field(default_factory=ModelSettings)
    jitter: Mapping[str, float] = field(default_factory=dict)  # fields of embodied.data.examples.Jitter
    segmenter: StageSettings = StageSettings(steps=700, batch_size=12, lr=2e-3)
    planner: StageSettings = StageSettings(steps=6000, batch_size=32, lr=1e-3)

    def stage(self, name: StageName) -> StageSettings:
        return self.segmenter if name == "segmenter" else self.planner


_PARTS = {"model": ModelSettings, "segmenter": StageSettings, "planner": StageSettings}
OUTWARD = ("threads", "workers", "log_every")
"""Settings that may change between a start and its resumption."""


def read_settings(values: Mapping[str, Any]) -> TrainSettings:
    """Typed settings of plain values. ValueError for an unknown key, naming the nearest known one."""
    parts = {}
    for key, kind in _PARTS.items():
        if key in values:
            base = {f.name: getattr(_default(key), f.name) for f in dataclasses.fields(kind)}
            parts[key] = kind(**{**base, **_known(values[key], kind, f"{key}.")})
    return TrainSettings(**{**_known(values, TrainSettings, ""), **parts})


def _default(key: str) -> Any:
    return getattr(TrainSettings(dataset=""), key)


def _known(values: Mapping[str, Any], kind: type, where: str) -> dict[str, Any]:
    names = [f.name for f in dataclasses.fields(kind)]
    for key in values:
        if key not in names:
            remedy = hint(key, names, within=where, otherwise=f"known: {', '.join(names)}")
            raise ValueError(f"training settings: unknown key {where}{key}{remedy}")
    return dict(values)


def plain(settings: TrainSettings, *, only_inward: bool = False) -> dict[str, Any]:
    """The settings as plain values. only_inward: without OUTWARD ones."""
    values = dataclasses.asdict(settings)
    return {k: v for k, v in values.items() if not (only_inward and k in OUTWARD)}
