"""What a training would need: parameters, and the memory of each process under each layout of its workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embodied.training.parallel.layout import Layout
from embodied.typed import SettingError

if TYPE_CHECKING:
    from embodied.cli.train import Settings

_STAGES = ("sft", "align", "understand")
_COLUMNS = ("weights", "gradients", "optimizer", "activations", "logits", "messages", "peak")


def lines(settings: Settings) -> list[str]:
    """What is printed. SettingError where no stage trains a language model."""
    from embodied.training.parallel.estimate import Work, need, shape_of

    name = next((name for name in _STAGES if name in settings.stage), None)
    if name is None:
        raise SettingError(f"plan={settings.plan}: expected a stage that trains a language model, "
                           f"{', '.join(_STAGES)}, got {', '.join(settings.stage)}; leave plan out")
    stage, config = settings.stage[name], _config(settings)
    others = _others(settings)
    rows = []
    for layout in _layouts(settings):
        batch = max(stage.batch_size // (layout.data or 1), 1)
        parts = layout.parts if layout.pipeline > 1 else stage.accumulate
        work = Work(batch, settings.plan, batch * settings.plan, parts, stage.activation_checkpointing)
        shape = shape_of(config, work, layout.tensor)
        wide = replace(shape, rest=shape.rest + sum(others.values()))
        rows.append((layout, need(wide, layout, work).in_mb()))
    total = shape.layers * shape.numbers + wide.rest
    told = ", ".join(f"{name} {count / 1e6:,.2f} M" for name, count in others.items())
    return [f"{total / 1e6:,.1f} M parameters: layers of the decoder {shape.layers * shape.numbers / 1e6:,.1f} M, its "
            f"words {shape.rest / 1e6:,.1f} M, {told}",
            f"a step of stage {name}: {stage.batch_size} sentences of {settings.plan} tokens, all of them graded, "
            "float32",
            f"a plan's cache: {_cache_bytes(config) / 1e3:,.1f} kB a token", *_table(rows), *_notes(settings)]


def _config(settings: Settings) -> Any:
    """The configuration of the language model."""
    from transformers import AutoConfig

    from embodied.models.language import published_config

    language = settings.language
    if language.name is not None:
        return published_config(language.name)
    sizes = dict(language.config)
    return AutoConfig.for_model(sizes.pop("model_type"), **{"vocab_size": settings.size.vocab_size, **sizes})


def _others(settings: Settings) -> Mapping[str, int]:
    """Parameters of what is no language model, by part."""
    import torch

    from embodied.cli.train import recipe
    from embodied.models.building import build

    chosen, config = recipe(settings).model, _config(settings)
    language = {"model_type": "llama", "num_hidden_layers": 1, "hidden_size": config.hidden_size,
                "intermediate_size": config.intermediate_size, "num_attention_heads": config.num_attention_heads}
    sizes = {key: value for key, value in chosen.sizes.items() if key != "adaptation"}
    with torch.device("meta"):
        model, _ = build(language, chosen.vision, corpus=["a"], vocab_size=chosen.vocab_size,
                         segmenter=chosen.segmenter, scene_encoder=chosen.scene_encoder, **sizes)
    return {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()
            if name not in ("language", "segmenter")}


def _layouts(settings: Settings) -> list[Layout]:
    """The layout that is asked for first, then others of as many workers."""
    workers = settings.distributed.num_workers if settings.distributed.name == "ray" else 1
    asked = settings.parallel.over(workers)
    if workers == 1:
        return [asked]
    others = [Layout(), *(Layout(zero=zero) for zero in (1, 2, 3)), Layout(tensor=workers),
              Layout(tensor=workers, sequence=True), Layout(pipeline=workers)]
    return list(dict.fromkeys([asked, *(other.over(workers) for other in others)]))


def _cache_bytes(config: Any) -> int:
    """Bytes of keys and values that generation keeps of a token, float32."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 4 * config.num_hidden_layers * heads * size


def _table(rows: list[tuple[Layout, Mapping[str, float]]]) -> list[str]:
    head = [f"{'MB of each process':<20}", *(f"{name:>13}" for name in _COLUMNS)]
    body = [[f"{layout.name:<20}", *(f"{said[name]:>13,.1f}" for name in _COLUMNS)] for layout, said in rows]
    return ["".join(row) for row in [head, *body]]


def _notes(settings: Settings) -> list[str]:
    said = ["a process itself takes about 400 MB more; the first row is what the settings ask for"]
    if settings.language.name is not None:
        said.append("all layers are taken to learn: with adapters, gradients and optimizer are smaller")
    return said
