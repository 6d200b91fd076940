"""How the stage that teaches a reward model is begun, what it learns from, and what it leaves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from embodied.agents.mind_card import is_mind
from embodied.agents.shipped import weights_folder
from embodied.data.batches import Batch, Batches, Collate, Sampler
from embodied.data.preferences import PROMPTS, PreferenceError, last_said, read_preferences
from embodied.data.prompts import read_prompts
from embodied.data.sayings import files_of
from embodied.models.folder import check_folder
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.processor import PalmEProcessor
from embodied.models.reward import HEAD, RewardModel, save_reward
from embodied.prompt import Prompt
from embodied.training import checkpoint
from embodied.training.job import Job, make_job, mean_of_means
from embodied.training.objectives.preferences import FIRST, SECOND, TIE
from embodied.training.objectives.reward import OUTCOMES, is_right, reward_objective, scores_of
from embodied.training.placement import Placement
from embodied.training.planner_stage import let_learn
from embodied.training.run_folder import RunFolder

if TYPE_CHECKING:
    from embodied.training.stages.reward import RewardSettings

_OUTCOMES = {"first": FIRST, "second": SECOND, "tie": TIE}
MEASURED_AT_ONCE = 16
"""Pairs of one forward pass of a validation."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two plans after a prompt, and what came of it: FIRST, SECOND or TIE."""

    name: str
    prompt: Prompt
    plans: tuple[str, str]
    outcome: int


def result(run: RunFolder, stage: str) -> Path:
    """The file whose presence says that the stage is over."""
    return _model(run, stage) / HEAD


def _model(run: RunFolder, stage: str) -> Path:
    return run.of(stage) / "model"


def _start(run: RunFolder, stage: str) -> Path:
    """The planner that the head is put on."""
    return run.of(stage) / "start"


def check(run: RunFolder, stage: str, settings: RewardSettings) -> None:
    """Raise ValueError for weights and files that the stage cannot begin with."""
    for path in files_of([*settings.train, *settings.validation]):
        if not (path.parent / PROMPTS).is_file():
            raise ValueError(f"{path}: expected {PROMPTS} beside it, with what was read at each moment; name a file in "
                             "the folder of its pairs")
    folder = weights_folder(settings.weights)
    check_folder(folder)
    if is_mind(folder):
        raise ValueError(f"stage.{stage}.weights={settings.weights}: expected a planner's, which reads scenes, got a "
                         "mind's; choose tabletop-few")


def begin(run: RunFolder, stage: str, settings: RewardSettings) -> None:
    """Read all once, for all workers, and write the planner before its first step. PreferenceError for a line that is
    none."""
    learned, held_out = (comparisons(settings, files) for files in (settings.train, settings.validation))
    print(f"{stage}: {len(learned)} comparisons to learn from, {len(held_out)} held out, of which "
          f"{sum(one.outcome != TIE for one in held_out)} prefer one", flush=True)
    if not (_start(run, stage) / "manifest.json").exists():
        save_model(*load_model(weights_folder(settings.weights)), _start(run, stage))


def comparisons(settings: RewardSettings, patterns: Iterable[str]) -> list[Comparison]:
    """What was said last by each rater in some files, "can't tell" left out, and ties where the loss knows none.
    PreferenceError for a line that is none, or that is about a moment that was not kept."""
    return [one for path in files_of(patterns) for one in _of_file(path)
            if one.outcome != TIE or settings.loss == "davidson"]


def _of_file(path: Path) -> list[Comparison]:
    prompts, found = read_prompts(path.parent / PROMPTS), []
    for said in last_said(read_preferences(path)):
        if said.choice == "unsure":
            continue
        if said.pair.moment not in prompts:
            raise PreferenceError(f"{path}: pair {said.pair.id}: expected a moment of {path.parent / PROMPTS}, got "
                                  f"{said.pair.moment!r}; leave the file in the folder of its pairs")
        found.append(Comparison(f"{path.parent.name}/{said.pair.id}", prompts[said.pair.moment], said.pair.plans,
                                _OUTCOMES[said.choice]))
    return found


def prepare(run: RunFolder, stage: str, settings: RewardSettings, placement: Placement) -> Job:
    """The job of teaching the head, and the planner under it where the settings say so."""
    planner, processor = load_model(_start(run, stage))
    let_learn(planner, [] if settings.learns == "head" else None)
    model = RewardModel(planner)
    learned, held_out = (comparisons(settings, files) for files in (settings.train, settings.validation))
    batches = Batches(Sampler(_lengths(learned, processor), batch_size=settings.batch_size, seed=run.settings.seed),
                      collate_pairs(learned, processor), rank=placement.data_rank, world_size=placement.data_size,
                      loaders=run.settings.loaders)
    measure = partial(measured, held_out=held_out, processor=processor, loss=settings.loss, placement=placement)
    return make_job(settings, model, batches, reward_objective(settings.loss), placement, measure)


def _lengths(found: Sequence[Comparison], processor: PalmEProcessor) -> np.ndarray:
    """int64[N]: tokens of the longer sentence of each."""
    each = [processor.count_tokens([one.prompt for one in found], [one.plans[place] for one in found])
            for place in (0, 1)]
    return np.max(each, axis=0)


def collate_pairs(found: Sequence[Comparison], processor: PalmEProcessor) -> Collate:
    """Collates comparisons: rows of a model's inputs, two each, and their outcomes int64[B]."""

    def collate(chosen: np.ndarray, step: int) -> tuple[list[str], dict[str, Any]]:
        picked = [found[place] for place in chosen]
        inputs = dict(processor([one.prompt for one in picked for _ in one.plans],
                                [plan for one in picked for plan in one.plans]))
        inputs.pop("labels")
        return [one.name for one in picked], {**inputs, OUTCOMES: torch.tensor([one.outcome for one in picked])}

    return collate


@torch.no_grad()
def measured(model: nn.Module, held_out: Sequence[Comparison], processor: PalmEProcessor, loss: str,
             placement: Placement) -> dict[str, float]:
    """Of comparisons that were not learned from: loss; right, the share of those that prefer one whose preferred plan
    has the greater score; and pairs, how many those are."""
    collate, objective = collate_pairs(held_out, processor), reward_objective(loss)
    losses, right = [], 0
    for start in range(0, len(held_out), MEASURED_AT_ONCE):
        places = np.arange(start, min(start + MEASURED_AT_ONCE, len(held_out)))
        batch = placement.put(Batch(0, (), collate(places, 0)[1]))
        with placement.arithmetic():
            losses.append((float(objective(model, batch)[0]), float(len(places))))
            scores, outcomes, _ = scores_of(model, batch)
        right += int(is_right(scores, outcomes).sum())
    told = sum(one.outcome != TIE for one in held_out)
    return {"loss": mean_of_means(losses), "right": right / max(told, 1), "pairs": float(told)}


def publish(run: RunFolder, stage: str, last: Path) -> None:
    """Write the model with the weights of the last checkpoint as the stage's result."""
    planner, processor = load_model(_start(run, stage))
    model = RewardModel(planner)
    checkpoint.load_weights(model, last)
    print(f"wrote {save_reward(model, processor, _model(run, stage))}")
