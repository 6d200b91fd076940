"""From a dataset to a model that acts: segmenter, what it sees there, planner. Local runs and Ray jobs share this.

    run/recipe.json, owner.json ... what the folder says of itself, see run_folder
    run/<stage>/checkpoints, log.jsonl, tensorboard
    run/segmenter/segmenter.*       the trained eyes
    run/start/                      the planner before its first step
    run/examples.json               how many asks of the dataset were taught, and how many left out why
    run/model/                      the result: `embodied.models.loading.load(run / "model")`
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from embodied.data.batches import Batch, Batches, Collate, Sampler
from embodied.data.dataset import Dataset
from embodied.data.examples import Examples, Jitter
from embodied.data.files import write_json
from embodied.data.pool import Result, map_seeds
from embodied.data.sights import Sights, see_dataset
from embodied.data.teaching import describe
from embodied.models.building import Facts, build
from embodied.models.configuration import SegmenterConfig
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.processor import words_of
from embodied.models.scene_encoders import find_encoder
from embodied.models.segmenter import ObjectSegmenter
from embodied.planning.grammar import fingerprint
from embodied.training import checkpoint
from embodied.training.collate import collate_examples, collate_views, view_places
from embodied.training.hooks import JsonlLog, ProgressBar, StopOnSignals, TensorBoard, Validation
from embodied.training.loop import Hook, Objective, TrainState, set_threads, train
from embodied.training.objectives.segment import segment
from embodied.training.objectives.sft import sft
from embodied.training.optim import WarmupCosine, adamw
from embodied.training.perception import eyes_of, load_segmenter, make_eyes, make_perfect_eyes, save_segmenter
from embodied.training.run_folder import claim, note_workers, owned
from embodied.training.settings import StageName, StageSettings, TrainSettings, plain, read_settings

VALIDATION_BATCHES = 8
CARD = "examples.json"
"""Of a run folder: what the asks of the dataset became, see `embodied.data.teaching`."""

UNKNOWN_WORD = "do not know the word"
"""In the expert's refusal of an instruction with a word that means nothing here."""


class StoppedError(RuntimeError):
    """Training was asked to stop; its checkpoint is saved and the same command goes on from it."""


@dataclass(slots=True)
class Job:
    """Everything `train` needs for one stage on one worker."""

    settings: StageSettings
    model: nn.Module
    batches: Batches
    objective: Objective[Batch]
    optimizer: torch.optim.Optimizer
    schedule: WarmupCosine
    measure: Callable[[nn.Module], Mapping[str, float]]
    start: int = 0

    def train(self, hooks: Sequence[Hook], model: nn.Module | None = None) -> TrainState[Batch]:
        """The last state; `model` is the same model in a data-parallel wrapper."""
        return train(model or self.model, self.batches, self.objective, self.optimizer, steps=self.settings.steps,
                     start=self.start, hooks=hooks, schedule=self.schedule, clip_norm=self.settings.clip_norm)


MapSeeds = Callable[..., Iterable[Result]]
RunStage = Callable[[Mapping[str, Any], StageName, Path], Path]
"""(plain settings, stage, run folder) -> the last checkpoint: `run_stage`, or `distributed.launch.launch`."""


def train_all(values: Mapping[str, Any], run_dir: str | Path, *, run: RunStage | None = None,
              map_seeds: MapSeeds = map_seeds) -> Path:
    """The folder of the trained model. Everything already done in `run_dir` is kept; the rest goes on where it stopped.

    Raises ValueError for a bad recipe or dataset, OccupiedError while another process trains in that folder,
    StoppedError after SIGTERM or Ctrl-C.
    """
    with owned(Path(run_dir).resolve()):
        return train_owned(values, run_dir, run=run, map_seeds=map_seeds)


def train_owned(values: Mapping[str, Any], run_dir: str | Path, *, run: RunStage | None = None,
                map_seeds: MapSeeds = map_seeds) -> Path:
    """The same as `train_all`, in a folder that the caller has made its own (`run_folder.owned`)."""
    run_dir, settings = Path(run_dir).resolve(), read_settings(values)
    run = run or run_stage
    claim(run_dir, settings)
    for stage in stages_of(settings):
        if not finished(stage, run_dir).exists():
            start_stage(settings, stage, run_dir, map_seeds)
            finish_stage(settings, stage, run_dir, run(plain(settings), stage, run_dir))
    return run_dir / "model"


def stages_of(settings: TrainSettings) -> tuple[StageName, ...]:
    return ("segmenter", "planner") if find_encoder(settings.model.scene_encoder).scene.finds_objects else ("planner",)


def finished(stage: StageName, run_dir: Path) -> Path:
    """The file whose presence says that a stage is over."""
    return run_dir / ("segmenter/segmenter.json" if stage == "segmenter" else "model/manifest.json")


def run_stage(values: Mapping[str, Any], stage: StageName, run_dir: str | Path, *, hooks: Sequence[Hook] = ()) -> Path:
    """The last checkpoint of a stage, trained in this process; resumes from the newest valid one."""
    run_dir, settings = Path(run_dir), read_settings(values)
    threads = set_threads(settings.threads)
    job = prepare(settings, stage, run_dir)
    folder = run_dir / stage
    saved = checkpoint.newest_valid(folder / "checkpoints")
    if saved is not None:
        job.start = checkpoint.load(saved, model=job.model, optimizer=job.optimizer, sampler=job.batches)
    saver = checkpoint.Checkpointing(folder / "checkpoints", job.batches, every=job.settings.save_every,
                                     keep=job.settings.keep)
    note_workers(run_dir, stage, threads=threads, world_size=1)
    header = {"stage": stage, "threads": threads, "world_size": 1}
    print(f"{stage}: from step {job.start} of {job.settings.steps}, {threads} torch threads", flush=True)
    log = JsonlLog(folder / "log.jsonl", every=settings.log_every, start=job.start, header=header)
    board = TensorBoard(folder / "tensorboard", every=settings.log_every)
    state = job.train([StopOnSignals(), *validation(job), log, board, ProgressBar(stage), *hooks, saver])
    return _last(folder, state)


def validation(job: Job) -> list[Hook]:
    return [Validation(job.measure, every=job.settings.validate_every)]


def _last(folder: Path, state: TrainState[Batch]) -> Path:
    """The checkpoint just saved, read again. StoppedError when training stopped early, OSError when it is not whole."""
    path = folder / "checkpoints" / f"step_{state.step:08d}"
    if not checkpoint.is_valid(path):
        newest = checkpoint.newest_valid(path.parent)
        raise OSError(f"{path}: the last checkpoint could not be saved, or is damaged, after {state.step} of "
                      f"{state.steps} steps; {f'{newest.name} is whole' if newest else 'no other is whole'}; free some "
                      "space and run the same command again")
    if state.stop:
        raise StoppedError(f"stopped by {state.stop} at step {state.step} of {state.steps}; saved in {path}; the same "
                          "command goes on from there")
    return path


def start_stage(settings: TrainSettings, stage: StageName, run_dir: Path, map_seeds: MapSeeds = map_seeds) -> None:
    """Nothing. Makes what every worker of a stage reads: what the eyes see, and the planner before its first step."""
    if stage == "planner":
        dataset = open_dataset(settings)
        sights = look(settings, dataset, run_dir, map_seeds)
        if not (run_dir / "start" / "manifest.json").exists():
            save_model(*new_planner(settings, dataset, sights, run_dir), run_dir / "start")


def finish_stage(settings: TrainSettings, stage: StageName, run_dir: Path, saved: Path) -> None:
    """Nothing. Publishes the result of a stage from its last checkpoint."""
    checkpoint.verify(saved)
    if stage == "segmenter":
        segmenter = ObjectSegmenter(SegmenterConfig(**settings.model.segmenter))
        checkpoint.load_weights(segmenter, saved)
        save_segmenter(segmenter, settings.model.segmenter, run_dir / "segmenter")
    else:
        model, processor = load_model(run_dir / "start")
        checkpoint.load_weights(model, saved)
        save_model(model, processor, run_dir / "model")
        print("\n".join([*describe(json.loads((run_dir / CARD).read_text()), "were taught"), f"see {run_dir / CARD}"]))


def open_dataset(settings: TrainSettings) -> Dataset:
    """The dataset of the run. ValueError when it was made with another plan grammar."""
    return Dataset(settings.dataset, expect={"grammar": fingerprint()})


def look(settings: TrainSettings, dataset: Dataset, run_dir: Path, map_seeds: MapSeeds = map_seeds) -> Sights:
    """What the eyes of this run see in every view of the dataset."""
    pool = {"workers": settings.workers, "map_seeds": map_seeds}
    if not find_encoder(settings.model.scene_encoder).scene.finds_objects:
        return see_dataset(dataset, "masks", make_perfect_eyes, {}, **pool)
    folder = run_dir / "segmenter"
    return see_dataset(dataset, eyes_of(folder), make_eyes, {"folder": str(folder)}, **pool)


def new_planner(settings: TrainSettings, dataset: Dataset, sights: Sights, run_dir: Path) -> tuple[Any, Any]:
    """(model, processor) before the first step: the trained segmenter inside, everything else from the seed."""
    chosen, examples = settings.model, Examples(dataset, sights)
    facts = Facts(lexicon=None if chosen.is_lexicon_open else lexicon_of(examples),
                  grammar_fingerprint=fingerprint(), cameras=dataset.facts["cameras"])
    torch.manual_seed(settings.seed)
    segmenter = dict(chosen.segmenter) if find_encoder(chosen.scene_encoder).scene.finds_objects else None
    model, processor = build(chosen.language, chosen.vision, corpus=corpus_of(examples), vocab_size=chosen.vocab_size,
                             segmenter=segmenter, pretrained_vision=chosen.pretrained_vision, facts=facts,
                             scene_encoder=chosen.scene_encoder, **chosen.sizes)
    if model.segmenter is not None:
        model.segmenter.load_state_dict(load_segmenter(run_dir / "segmenter").state_dict())
    return model, processor


def lexicon_of(examples: Examples) -> set[str]:
    """Words of the instructions, but for those that the expert did not understand."""
    understood = (item.ask for item in examples.items if UNKNOWN_WORD not in (item.ask.refusal or ""))
    return {word for ask in understood for word in words_of(ask.instruction)}


def corpus_of(examples: Examples) -> list[str]:
    """Texts that a tokenizer should be good at: every text of every prompt and every answer."""
    worded = (examples[i] for i in range(len(examples)))
    return [text for e in worded for text in (*(getattr(s, "text", "") for s in e.prompt.segments), e.answer)]


def prepare(settings: TrainSettings, stage: StageName, run_dir: Path, *, rank: int = 0, world_size: int = 1) -> Job:
    """The job of a stage on one of `world_size` workers; the batch of a step is shared out between them."""
    dataset = open_dataset(settings)
    make = _segmenter_job if stage == "segmenter" else _planner_job
    return make(settings, dataset, run_dir, rank, world_size)


def split(count: int, settings: TrainSettings) -> tuple[np.ndarray, np.ndarray]:
    """(training, validation) places of episodes; those held out are drawn by the seed, at least one of two or more."""
    order = np.random.default_rng([settings.seed, 1]).permutation(count)
    held_out = min(max(round(count * settings.validation_fraction), 1), count - 1)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def _segmenter_job(settings: TrainSettings, dataset: Dataset, run_dir: Path, rank: int, world_size: int) -> Job:
    torch.manual_seed(settings.seed)
    model = ObjectSegmenter(SegmenterConfig(**settings.model.segmenter))
    learned, held_out = (set(part.tolist()) for part in split(len(dataset), settings))
    places = view_places(dataset)
    train_places, valid_places = ([p for p in places if p[0] in part] for part in (learned, held_out))
    collate = collate_views(dataset, train_places, seed=settings.seed)
    check = collate_views(dataset, valid_places, seed=settings.seed, is_jittered=False)
    return _job(settings, settings.segmenter, model, segment, np.zeros(len(train_places)), collate, check,
                len(valid_places), rank, world_size)


def _planner_job(settings: TrainSettings, dataset: Dataset, run_dir: Path, rank: int, world_size: int) -> Job:
    model, processor = load_model(run_dir / "start")
    if model.segmenter is not None:
        model.segmenter.requires_grad_(False)
    scene = find_encoder(settings.model.scene_encoder).scene
    examples = Examples(dataset, look(settings, dataset, run_dir), scene=scene, jitter=Jitter(**settings.jitter))
    if rank == 0:
        write_json(run_dir / CARD, examples.card)
    learned, held_out = (set(part.tolist()) for part in split(len(dataset), settings))
    train_places, valid_places = ([i for i, item in enumerate(examples.items) if item.file in part]
                                  for part in (learned, held_out))
    collate = collate_examples(examples, train_places, processor, seed=settings.seed)
    check = collate_examples(examples, valid_places, processor, seed=settings.seed, is_jittered=False)
    return _job(settings, settings.planner, model, sft, examples.lengths[train_places], collate, check,
                len(valid_places), rank, world_size)


def _job(settings: TrainSettings, stage: StageSettings, model: nn.Module, objective: Objective[Batch],
         lengths: np.ndarray, collate: Collate, check: Collate, held_out: int, rank: int, world_size: int) -> Job:
    sampler = Sampler(lengths, batch_size=stage.batch_size, seed=settings.seed)
    optimizer = adamw(model, lr=stage.lr, weight_decay=stage.weight_decay, lr_scale=stage.lr_scale)
    return Job(stage, model, Batches(sampler, collate, rank=rank, world_size=world_size), objective, optimizer,
               WarmupCosine(steps=stage.steps, warmup_steps=stage.warmup_steps),
               lambda trained: measure(trained, objective, check, held_out, stage.batch_size))


@torch.no_grad()
def measure(model: nn.Module, objective: Objective[Batch], check: Collate, count: int,
            batch_size: int) -> dict[str, float]:
    """Mean loss and metrics over the first held-out examples; nothing when none is held out."""
    totals: dict[str, list[float]] = {}
    for start in range(0, min(count, VALIDATION_BATCHES * batch_size), batch_size):
        ids, inputs = check(np.arange(start, min(start + batch_size, count)), 0)
        loss, metrics = objective(model, Batch(0, tuple(ids), inputs))
        for name, value in {"loss": loss, **metrics}.items():
            totals.setdefault(name, []).append(float(value))
    return {name: float(np.mean(values)) for name, values in totals.items()}

