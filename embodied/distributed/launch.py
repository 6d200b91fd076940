"""A training stage as a Ray Train job: the same settings, batches and loop as the local run, shared between workers.

Over gloo on processors and nccl on GPUs. The batch of a step is split over the workers, and, where a `Layout` says so,
the model, so the number of workers changes the speed, not what is learned (up to rounding).
"""

from __future__ import annotations

import json
import os
import signal
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embodied.data.files import sweep_drafts
from embodied.distributed.cluster import check_layout, connect, has_gpus
from embodied.training import checkpoint
from embodied.training.hooks import JsonlLog, ProgressBar, numbers_of
from embodied.training.job import Job
from embodied.training.loop import TrainState
from embodied.training.memory import remedied
from embodied.training.parallel.divided import place
from embodied.training.parallel.layout import Layout
from embodied.training.placement import State, choose
from embodied.training.run_folder import RunFolder, note_workers
from embodied.training.settings import TrainSettings, plain, read_settings

WHOLE = Layout()
"""Every worker holds the whole model."""

RAYS_LIST = "checkpoint_manager_snapshot.json"
"""Ray's list of what it heard of. It is seconds late and written in place: a job whose driver was killed meanwhile
would lose what came since, or never start again."""


def launch(settings: TrainSettings, stage: str, run_dir: str | Path, *, num_workers: int = 2,
           max_failures: int = 3, layout: Layout = WHOLE, fault: Mapping[str, Any] | None = None) -> Path:
    """The last checkpoint of a stage, trained by `num_workers` processes.

    A worker that dies costs what came after the last checkpoint; after `max_failures` of them the job fails. A job of
    the same stage in the same `run_dir` goes on where it stood, under another layout, too. fault, for tests: {"rank",
    "step", "marker"}, kill that worker after that step unless the marker file exists.
    Raises ValueError for more workers than processors or wanted GPUs, or such as cannot be laid out as asked,
    RuntimeError when the job fails.
    """
    connect(num_workers)
    check_layout(layout, num_workers, {stage: settings.stages[stage]})
    loop_config = {"values": plain(settings), "stage": stage, "run_dir": str(Path(run_dir).resolve()), "fault": fault,
                   "layout": asdict(layout), "use_gpu": has_gpus(settings.device, num_workers)}
    saved = _fit(loop_config, num_workers, max_failures)
    check_last(saved, settings.stages[stage].steps, getattr(settings.stages[stage], "patience", None))
    return saved


def check_last(saved: Path, steps: int, patience: int | None = None) -> None:
    """Raise CheckpointError unless this is a whole checkpoint of the last step, or of where patience ended: a full disk
    may have kept that one from being saved, and an earlier one is no end of a stage."""
    checkpoint.verify(saved)
    best = checkpoint.best_of(saved)
    is_over = best is not None and best.is_final(patience)
    if (step := checkpoint.step_of(saved)) != steps and not is_over:
        raise checkpoint.CheckpointError(f"{saved}: expected the checkpoint of step {steps}, the last one, got that of "
                                         f"step {step}; free some space and run the same command again")


def _fit(loop_config: Mapping[str, Any], num_workers: int, max_failures: int) -> Path:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    kept, use_gpu = _kept(loop_config), loop_config["use_gpu"]
    (kept / RAYS_LIST).unlink(missing_ok=True)
    trainer = TorchTrainer(
        train_worker, train_loop_config=dict(loop_config),
        torch_config=TorchConfig(backend="nccl" if use_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=use_gpu),
        run_config=RunConfig(name=kept.name, storage_path=str(kept.parent),
                             failure_config=FailureConfig(max_failures=max_failures)))
    trainer.fit()
    saved = _newest(kept)
    if saved is None:
        raise RuntimeError(f"{kept}: expected a checkpoint of the job, got none; run the same command again")
    return saved


def _kept(loop_config: Mapping[str, Any]) -> Path:
    """Where the job keeps its checkpoints: what stands there is what it goes on from, whatever Ray's list says."""
    return Path(loop_config["run_dir"]) / "ray" / loop_config["stage"]


def _newest(kept: Path) -> Path | None:
    """The newest whole checkpoint; earlier versions called theirs by the time."""
    return checkpoint.newest_valid(kept) or checkpoint.newest_valid(kept, "checkpoint_*")


def train_worker(loop_config: Mapping[str, Any]) -> None:
    """Prepare, resume, train and report: what each worker of the job runs."""
    import ray.train
    import ray.train.torch

    context = ray.train.get_context()
    settings, stage = read_settings(loop_config["values"]), loop_config["stage"]
    device = ray.train.torch.get_device() if loop_config["use_gpu"] else choose("cpu")
    placement = place(Layout(**loop_config["layout"]), device, context.get_world_rank(), context.get_world_size(),
                      settings.precision, settings.stages[stage].accumulate)
    run = RunFolder(Path(loop_config["run_dir"]), settings)
    with remedied(stage, settings.stages[stage]):
        job = settings.stage(stage).prepare(run, placement)
        _resume(job, _kept(loop_config))
    hooks = [*_logs(job, run, stage), _Fault(context.get_world_rank(), **(loop_config["fault"] or {})),
             _Report(job, _kept(loop_config))]
    with remedied(stage, job.settings):
        job.train([*job.listeners(), *hooks])


def _logs(job: Job, run: RunFolder, stage: str) -> list[Any]:
    """What listens for a person, on the first rank alone."""
    if not job.placement.is_first:
        return []
    facts = job.placement.facts()
    note_workers(run.path, stage, **facts)
    print(f"{stage}: from step {job.start} of {job.settings.steps}, {facts['world_size']} workers, "
          f"{facts['threads']} torch thread(s) each, device {facts['device']}", flush=True)
    return [JsonlLog(run.of(stage) / "log.jsonl", every=run.settings.log_every, start=job.start,
                     header={**facts, "backend": "ray"}), ProgressBar(stage)]


def _resume(job: Job, kept: Path) -> None:
    """Put the job where its newest whole checkpoint stands; those passed over are warned of, and drafts of killed
    workers are swept. The first rank says which that is: workers of a job that was killed may be just adding to them.
    """
    from ray.train.collective import broadcast_from_rank_zero

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        if job.placement.is_first:
            sweep_drafts(kept)
        saved = broadcast_from_rank_zero(str(_newest(kept) or "") if job.placement.is_first else None)
        if saved:
            job.go_on_from(Path(saved))


class _Report:
    """Saves and tells Ray, every `save_every` steps and at the end: the first rank publishes by one rename, in `kept`,
    where the newest `keep` stay; the others wait for it."""

    saves = True

    def __init__(self, job: Job, kept: Path):
        self.job, self.kept = job, kept

    def step(self, state: TrainState[Any]) -> None:
        is_asked = state.step == state.steps or state.is_enough or state.went_back
        if is_asked or (state.step % self.job.settings.save_every == 0 and not state.jump):
            self._report(state)

    def _report(self, state: TrainState[Any]) -> None:
        import ray.train

        whole = self.job.placement.state(state.model, state.optimizer)
        path = self._saved(whole, state) if self.job.placement.is_first else None
        saved = ray.train.Checkpoint.from_directory(str(path)) if path else None
        ray.train.report(json.loads(json.dumps(numbers_of(state))), checkpoint=saved,
                         checkpoint_upload_mode=ray.train.CheckpointUploadMode.NO_UPLOAD)

    def _saved(self, whole: State, state: TrainState[Any]) -> Path | None:
        """The checkpoint of this step; None on a full disk, which is said, for the other ranks wait for this one."""
        path = self.kept / f"step_{state.step:08d}"
        try:
            checkpoint.publish(path, whole, step=state.step, batches=self.job.batches, course=state.course,
                               facts=self.job.placement.facts())
        except checkpoint.CheckpointError as error:
            warnings.warn(str(error), stacklevel=2)
            return None
        checkpoint.prune(self.kept, self.job.settings.keep, known=path)
        return path

    def end(self, state: TrainState[Any]) -> None:
        pass


class _Fault:
    """Kills its own process once, after a given step, to show that the job survives it."""

    def __init__(self, my_rank: int, rank: int = -1, step: int = 0, marker: str = ""):
        self.is_armed, self.at, self.marker = my_rank == rank, step, Path(marker)

    def step(self, state: TrainState[Any]) -> None:
        if self.is_armed and state.step == self.at and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    def end(self, state: TrainState[Any]) -> None:
        pass
