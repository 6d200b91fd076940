"""How a stage that teaches a model to write goals for people's words is begun, what it learns from, and what it leaves.

B sayings, T tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from embodied.agents.confidence import CALIBRATION, Calibration, read_calibration, write_calibration
from embodied.agents.mind_card import CARD, write_card
from embodied.agents.shipped import weights_folder
from embodied.data.batches import Batch, Batches, Collate, Sampler
from embodied.data.sayings import Saying, files_of, read_sayings
from embodied.models.building import build
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.processor import Answer, PalmEProcessor
from embodied.planning.dialogue import goal_line
from embodied.training import checkpoint
from embodied.training.job import Job, make_job, mean_of_means
from embodied.training.objectives.losses import IGNORED
from embodied.training.objectives.sft import right_answers, sft
from embodied.training.placement import Placement
from embodied.training.planner_stage import let_learn, measured_both, replayed, retention_meter, write_replay
from embodied.training.run_folder import RunFolder

if TYPE_CHECKING:
    from embodied.training.stages.understand import UnderstandSettings

MEASURED_AT_ONCE = 32
"""Sayings of one forward pass of a validation."""
COUNTED_AT_ONCE = 4096
"""Sayings whose tokens are counted in one call of a tokenizer."""


def begin(run: RunFolder, stage: str, settings: UnderstandSettings) -> None:
    """Read all sayings once, for all workers, and write the model before its first step, and the texts of its base that
    the stage replays, where there are none. Raises SayingError for a line that cannot be learned from."""
    learned, held_out = learned_from(run, settings), read_sayings(files_of(settings.validation))
    print(f"{stage}: {len(learned)} sayings to learn from, {len(held_out)} held out", flush=True)
    start = run.mind_before(stage)
    if not (start / "manifest.json").exists():
        model, processor = first_model(run, learned) if settings.weights is None else (
            load_model(weights_folder(settings.weights)))
        save_model(model, processor, start)
    write_replay(run, stage, settings.replay, start)


def learned_from(run: RunFolder, settings: UnderstandSettings) -> list[Saying]:
    """The sayings of the files, of each kind the share that the settings want, drawn by the seed."""
    sayings = read_sayings(files_of(settings.train))
    at = np.random.default_rng([run.settings.seed, 5]).random(len(sayings))
    return [saying for saying, place in zip(sayings, at, strict=True) if place < settings.shares.get(saying.kind, 1.0)]


def first_model(run: RunFolder, sayings: Sequence[Saying]) -> tuple[Any, PalmEProcessor]:
    """A model drawn from the seed, or what is published, and its processor: with a tokenizer trained on the sayings
    where the model begins from nothing, which can spell any text by its bytes."""
    chosen = run.settings.model
    torch.manual_seed(run.settings.seed)
    corpus = [] if isinstance(chosen.language, str) else _texts(sayings)
    return build(chosen.language, chosen.vision, corpus=corpus, vocab_size=chosen.vocab_size,
                 scene_encoder=chosen.scene_encoder, **chosen.sizes)


def _texts(sayings: Sequence[Saying]) -> list[str]:
    return [text for saying in sayings for text in (saying.prompt.segments[0].text, goal_line(saying.goal))]


def prepare(run: RunFolder, stage: str, settings: UnderstandSettings, placement: Placement) -> Job:
    """The job of teaching the model the sayings: the language model alone learns, of each saying the goal."""
    model, processor = load_model(run.mind_before(stage))
    let_learn(model, ["language"])
    freeze_layers(model, settings.frozen_layers)
    sayings = learned_from(run, settings)
    sampler = Sampler(lengths_of(sayings, processor), batch_size=settings.batch_size, seed=run.settings.seed)
    collate = replayed(run, stage, settings.replay, processor, collate_sayings(sayings, processor))
    batches = Batches(sampler, collate, rank=placement.data_rank, world_size=placement.data_size,
                      loaders=run.settings.loaders,
                      shares=placement.shares(model, settings.batch_size // placement.data_size))
    asked = drawn(read_sayings(files_of(settings.validation)), settings.measured, run.settings.seed)
    measure = partial(measured, sayings=asked, processor=processor, placement=placement)
    if settings.measures_retention:
        measure = measured_both(measure, retention_meter(run.mind_before(stage), processor))
    return make_job(settings, model, batches, sft, placement, measure, settings.patience)


def freeze_layers(model: nn.Module, count: int) -> None:
    """Let the first layers of the language model learn no more, adapters among them. Raises ValueError where none would
    be left to learn."""
    [layers] = [part for name, part in model.language.named_modules()
                if name.endswith(("model.layers", "transformer.h"))]
    if count >= len(layers):
        raise ValueError(f"frozen_layers: expected fewer than the {len(layers)} layers of the model, got {count}")
    for layer in layers[:count]:
        layer.requires_grad_(False)


def lengths_of(sayings: Sequence[Saying], processor: PalmEProcessor) -> np.ndarray:
    """int64[N]: tokens of each saying and its goal."""
    return _counted(sayings, processor, lambda saying: goal_line(saying.goal))


def _counted(sayings: Sequence[Saying], processor: PalmEProcessor, answer: Callable[[Saying], Answer]) -> np.ndarray:
    """int64[N]: tokens of each saying and an answer, some at a time: a tokenizer makes a hundred times as much of a
    text as the text is long."""
    parts = [sayings[start:start + COUNTED_AT_ONCE] for start in range(0, len(sayings), COUNTED_AT_ONCE)]
    return np.concatenate([processor.count_tokens([s.prompt for s in part], [answer(s) for s in part])
                           for part in parts])


def drawn(sayings: Sequence[Saying], count: int, seed: int) -> list[Saying]:
    """So many of the sayings, all where there are fewer, drawn by the seed, in the order of their lengths."""
    chosen = np.random.default_rng([seed, 4]).permutation(len(sayings))[:count]
    return sorted((sayings[i] for i in chosen), key=lambda saying: len(saying.text))


def collate_sayings(sayings: Sequence[Saying], processor: PalmEProcessor) -> Collate:
    """Collates sayings: what the processor makes of prompts and goals."""

    def collate(chosen: np.ndarray, step: int) -> tuple[list[str], dict[str, Any]]:
        picked = [sayings[place] for place in chosen]
        inputs = processor([s.prompt for s in picked], [goal_line(s.goal) for s in picked])
        return [str(place) for place in chosen], dict(inputs)

    return collate


@torch.no_grad()
def measured(model: nn.Module, sayings: Sequence[Saying], processor: PalmEProcessor, placement: Placement
             ) -> dict[str, float]:
    """Of sayings that were not learned: loss, nats a token; exact, the share of goals of which every token is the
    likeliest after those before it, which is what greedy decoding writes; and exact/KIND, of each kind."""
    collate, losses = collate_sayings(sayings, processor), []
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(sayings), MEASURED_AT_ONCE):
        places = np.arange(start, min(start + MEASURED_AT_ONCE, len(sayings)))
        batch = placement.put(Batch(0, (), collate(places, 0)[1]))
        labels = batch.inputs["labels"]
        count = (labels[:, 1:] != IGNORED).sum()
        with placement.arithmetic():
            out = model(**batch.inputs, num_items_in_batch=count, is_packed=True)
        losses.append((float(out.loss), float(count)))
        for place, is_right in zip(places, right_answers(out.graded_logits, labels).tolist(), strict=True):
            right[sayings[place].kind].append(is_right)
    whole = [is_right for kind in right.values() for is_right in kind]
    return {"loss": mean_of_means(losses), "exact": float(np.mean(whole)),
            **{f"exact/{kind}": float(np.mean(right[kind])) for kind in sorted(right)}}


def publish(run: RunFolder, stage: str, settings: UnderstandSettings, last: Path) -> None:
    """Write the model with the weights of the last checkpoint as the stage's result."""
    publish_to(run.mind(stage), run, stage, settings, last)


def publish_to(folder: Path, run: RunFolder, stage: str, settings: UnderstandSettings, saved: Path) -> None:
    """Write the model with the weights of a checkpoint into a folder, and beside it how long the sentences were that it
    learned from, and the card that makes it a mind."""
    model, processor = load_model(run.mind_before(stage))
    checkpoint.load_weights(model, saved)
    calibration = write_calibration(Calibration(_longest_learned(settings, processor)))
    base = (getattr(model.config, "base", None) or {}).get("name")
    save_model(model, processor, folder, beside={CALIBRATION: calibration, CARD: write_card(base)})
    print(f"wrote {folder}")


def _longest_learned(settings: UnderstandSettings, processor: PalmEProcessor) -> int:
    """Tokens of the longest sentence that was learned from, now or by the weights that the stage began with."""
    now = int(_counted(read_sayings(files_of(settings.train)), processor, lambda saying: ()).max())
    before = None if settings.weights is None else weights_folder(settings.weights)
    if before is None or not (before / CALIBRATION).exists():
        return now
    return max(now, read_calibration(before).longest_tokens)
