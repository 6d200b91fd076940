"""What a training would need: parameters, the arithmetic of a step, and under each layout of its workers the memory of
each process and what it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from embodied.distributed.cluster import check_layout
from embodied.training.parallel.layout import Layout
from embodied.training.settings import ModelSettings
from embodied.training.stage import StageSettings
from embodied.typed import SettingError

_STAGES = ("sft", "align", "understand", "pretrain")
_COLUMNS = ("weights", "gradients", "optimizer", "activations", "logits", "messages", "peak", "sent")


@dataclass(frozen=True, slots=True)
class Asked:
    """A training of which is asked what it would need, with sentences of so many tokens."""

    tokens: int
    model: ModelSettings
    stages: Mapping[str, StageSettings]
    layout: Layout
    workers: int


def lines(asked: Asked) -> list[str]:
    """What is printed. SettingError where no stage trains a language model."""
    from embodied.training.parallel.costs import model_flops, sent_of
    from embodied.training.parallel.estimate import Work, need

    name = next((name for name in _STAGES if name in asked.stages), None)
    if name is None:
        raise SettingError(f"plan={asked.tokens}: expected a stage that trains a language model, "
                           f"{', '.join(_STAGES)}, got {', '.join(asked.stages)}; leave plan out")
    stage, config = asked.stages[name], _config(asked.model)
    if not hasattr(config, "intermediate_size"):
        raise SettingError(f"plan={asked.tokens}: expected a decoder of Llama's, Qwen's or Mistral's kind, got one of "
                           f"{config.model_type}; leave plan out")
    others = {} if name == "pretrain" else _others(asked.model)
    rows = []
    _refuse_long(asked, config)
    for layout in _layouts(asked, name, config):
        batch = max(stage.batch_size // (layout.data or 1), 1)
        parts = layout.parts if layout.pipeline > 1 else stage.accumulate
        work = Work(batch, asked.tokens, batch * asked.tokens, parts, stage.activation_checkpointing)
        shape = _shape_of(config, layout)
        wide = replace(shape, rest=shape.rest + sum(others.values()))
        rows.append((layout, {**need(wide, layout, work).in_mb(), "sent": sent_of(wide, layout, work).total / 1e6}))
    total = shape.layers * shape.numbers + wide.rest
    flops = model_flops(shape, Work(stage.batch_size, asked.tokens, stage.batch_size * asked.tokens))
    told = "".join(f", {part} {count / 1e6:,.2f} M" for part, count in others.items())
    return [f"{total / 1e6:,.1f} M parameters: layers of the decoder {shape.layers * shape.numbers / 1e6:,.1f} M, its "
            f"words {shape.rest / 1e6:,.1f} M{told}",
            f"a step of stage {name}: {stage.batch_size} sentences of {asked.tokens} tokens, all of them graded, "
            f"float32: {flops / 1e12:,.3f} TFLOP of the decoder",
            f"a plan's cache: {_cache_bytes(config) / 1e3:,.1f} kB a token", *_table(rows), *_notes(asked.model)]


def _shape_of(config: Any, layout: Layout) -> Any:
    from embodied.training.parallel.estimate import shape_of

    try:
        return shape_of(config, layout)
    except ValueError as error:
        raise SettingError(f"plan: {error}; leave plan out") from error


def _config(model: ModelSettings) -> Any:
    """The configuration of the language model."""
    from transformers import AutoConfig

    from embodied.models.language import published_config

    if isinstance(model.language, str):
        return published_config(model.language)
    sizes = dict(model.language)
    return AutoConfig.for_model(sizes.pop("model_type"), **{"vocab_size": model.vocab_size, **sizes})


def _others(chosen: ModelSettings) -> Mapping[str, int]:
    """Parameters of what is no language model, by part."""
    import torch

    from embodied.models.building import build

    config = _config(chosen)
    language = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": config.hidden_size,
                "intermediate_size": config.intermediate_size, "num_attention_heads": config.num_attention_heads}
    sizes = {key: value for key, value in chosen.sizes.items() if key != "adaptation"}
    with torch.device("meta"):
        whole, _ = build(language, chosen.vision, corpus=["a"], vocab_size=chosen.vocab_size,
                         segmenter=chosen.segmenter, scene_encoder=chosen.scene_encoder, **sizes)
    return {name: sum(p.numel() for p in part.parameters()) for name, part in whole.named_children()
            if name not in ("language", "segmenter")}


def _refuse_long(asked: Asked, config: Any) -> None:
    most = getattr(config, "max_position_embeddings", None)
    if most is not None and asked.tokens > most:
        raise SettingError(f"plan={asked.tokens}: expected at most the decoder's {most} positions")


def _layouts(asked: Asked, name: str, config: Any) -> list[Layout]:
    """The layout that is asked for first, then others of as many workers that the stage could be trained under.
    ValueError where it could not be under the first."""
    workers, first = asked.workers, asked.layout.over(asked.workers)
    if workers == 1:
        return [first]
    check_layout(asked.layout, workers, {name: asked.stages[name]})
    others = [Layout(), *(Layout(zero=zero) for zero in (1, 2, 3))]
    has_adapters = isinstance(asked.model.language, str)
    counts = (config.num_attention_heads, getattr(config, "num_key_value_heads", 1), config.intermediate_size)
    if not has_adapters and not any(count % workers for count in counts):
        others += [Layout(tensor=workers), Layout(tensor=workers, sequence=True)]
    if not has_adapters and config.num_hidden_layers >= workers:
        others.append(Layout(pipeline=workers))
    return list(dict.fromkeys([first, *(other.over(workers) for other in others
                                        if _is_possible(other, workers, {name: asked.stages[name]}))]))


def _is_possible(layout: Layout, workers: int, stages: Mapping[str, StageSettings]) -> bool:
    try:
        check_layout(layout, workers, stages)
    except ValueError:
        return False
    return True


def _cache_bytes(config: Any) -> int:
    """Bytes of keys and values that generation keeps of a token, float32."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 4 * config.num_hidden_layers * heads * size


def _table(rows: list[tuple[Layout, Mapping[str, float]]]) -> list[str]:
    head = [f"{'MB of each process':<20}", *(f"{name:>13}" for name in _COLUMNS)]
    body = [[f"{layout.name:<20}", *(f"{said[name]:>13,.1f}" for name in _COLUMNS)] for layout, said in rows]
    return ["".join(row) for row in [head, *body]]


def _notes(model: ModelSettings) -> list[str]:
    said = ["a process itself takes about 400 MB more, and the first one that much and the whole state while it saves; "
            "the first row is what the settings ask for; sent: by each process in a step"]
    if isinstance(model.language, str):
        said.append("all layers are taken to learn: with adapters, gradients and optimizer are smaller")
    return said
