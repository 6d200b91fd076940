"""A training stage as a Ray Train job: the same settings, batches and loop as the local run, shared between workers.

Over gloo on processors and nccl on GPUs. The batch of a step is split over the workers, and, where a `Layout` says so,
the model, so the number of workers changes the speed, not what is learned (up to rounding).
"""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from embodied.data.files import sweep_drafts
from embodied.distributed.cluster import check_widths, connect, has_gpus, processors_of
from embodied.distributed.reporting import Report
from embodied.distributed.rollouts import open_workers
from embodied.distributed.storage import at_hand, claim, forget_list, local_copy, newest_name, opened
from embodied.training import checkpoint
from embodied.training.contents import Whole
from embodied.training.hooks import JsonlLog, ProgressBar
from embodied.training.job import Job
from embodied.training.loop import TrainState
from embodied.training.memory import remedied
from embodied.training.parallel.divided import Divided, place
from embodied.training.parallel.layout import Layout
from embodied.training.parallel.sharded import Sharded
from embodied.training.placement import choose
from embodied.training.run_folder import RunFolder, note_workers
from embodied.training.settings import TrainSettings, plain, read_settings

WHOLE = Layout()
"""Every worker holds the whole model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who trains a stage, and where their checkpoints go."""

    num_workers: int = 2
    min_workers: int | None = None  # that are enough to go on with, after others were lost; None: all of them
    max_failures: int = 3  # workers that may die
    layout: Layout = WHOLE
    is_sharded: bool = False  # whether each worker saves its own part
    storage: str | None = None  # address of fsspec; None: in the run's folder

    @property
    def fewest(self) -> int:
        """As many as have to be there."""
        return self.num_workers if self.min_workers is None else self.min_workers


def launch(settings: TrainSettings, stage: str, run_dir: str | Path, *, fault: Mapping[str, Any] | None = None,
           **chosen: Any) -> Path:
    """The last checkpoint of a stage, on this machine, trained by the processes of a Ray job. chosen: of `Workers`.

    A worker that dies costs what came after the last checkpoint; after `max_failures` of them the job fails. A job of
    the same stage in the same `run_dir` goes on where it stood, under another layout, too. fault, for tests: {"rank",
    "step", "marker", "wait_s"}, kill that worker `wait_s` after that step unless the marker file exists.
    Raises ValueError for more workers than processors or wanted GPUs, or such as cannot be laid out as asked,
    RuntimeError when the job fails.
    """
    workers = Workers(**chosen)
    connect(processors_of([stage], workers.fewest, workers.num_workers, settings.workers))
    check_widths(workers.layout, workers.fewest, workers.num_workers, {stage: settings.stages[stage]})
    loop_config = {"values": plain(settings), "stage": stage, "run_dir": str(Path(run_dir).resolve()), "fault": fault,
                   "layout": asdict(workers.layout), "use_gpu": has_gpus(settings.device, workers.fewest),
                   "is_sharded": workers.is_sharded}
    saved = _fit(loop_config, workers, settings)
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


def _fit(loop_config: Mapping[str, Any], workers: Workers, settings: TrainSettings) -> Path:
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    local, use_gpu, stage = Path(loop_config["run_dir"]) / "ray", loop_config["use_gpu"], loop_config["stage"]
    files, path = _storage(workers.storage, local, settings)
    forget_list(files, f"{path}/{stage}")
    width = workers.num_workers if workers.min_workers is None else (workers.fewest, workers.num_workers)
    trainer = TorchTrainer(
        train_worker, train_loop_config=dict(loop_config),
        torch_config=TorchConfig(backend="nccl" if use_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=width, use_gpu=use_gpu),
        run_config=RunConfig(name=stage, storage_filesystem=files, storage_path=path,
                             failure_config=FailureConfig(max_failures=workers.max_failures)))
    trainer.fit()
    name = newest_name(files, f"{path}/{stage}")
    if not name:
        raise RuntimeError(f"{workers.storage or local}: expected a checkpoint of the job, got none; run the same "
                           "command again")
    return local_copy(files, f"{path}/{stage}/{name}", local / stage)


def _storage(address: str | None, local: Path, settings: TrainSettings) -> tuple[Any, str]:
    """(pyarrow's view of the file system, path in it) where Ray is to keep checkpoints."""
    if address is not None:
        files, path = opened(address)
        claim(files, path, settings)
        return files, path
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem(), str(local)


def train_worker(loop_config: Mapping[str, Any]) -> None:
    """Prepare, resume, train and report: what each worker of the job runs."""
    import ray.train
    import ray.train.torch

    context = ray.train.get_context()
    settings, stage = read_settings(loop_config["values"]), loop_config["stage"]
    device = ray.train.torch.get_device() if loop_config["use_gpu"] else choose("cpu")
    placement = place(Layout(**loop_config["layout"]), device, context.get_world_rank(), context.get_world_size(),
                      settings.precision, settings.stages[stage].accumulate)
    run = RunFolder(Path(loop_config["run_dir"]), settings, open_workers=partial(open_workers, backend="ray"))
    with remedied(stage, settings.stages[stage]):
        job = settings.stage(stage).prepare(run, placement)
        said = _resume(job)
    form = Sharded(placement) if loop_config["is_sharded"] and isinstance(placement, Divided) else Whole(placement)
    hooks = [*_logs(job, run, stage, said), _Fault(context.get_world_rank(), **(loop_config["fault"] or {})),
             Report(job, form, in_background=settings.saves_in_background)]
    with remedied(stage, job.settings):
        job.train([*job.listeners(), *hooks])


def _logs(job: Job, run: RunFolder, stage: str, said: list[str]) -> list[Any]:
    """What listens for a person, on the first rank alone. said: of `_resume`."""
    if not job.placement.is_first:
        return []
    facts = job.placement.facts()
    note_workers(run.path, stage, **facts)
    print(f"{stage}: from step {job.start} of {job.settings.steps}, {facts['world_size']} workers, "
          f"{facts['threads']} torch thread(s) each, device {facts['device']}", flush=True)
    return [JsonlLog(run.of(stage) / "log.jsonl", every=run.settings.log_every, start=job.start,
                     header={**facts, "backend": "ray", **({"said": said} if said else {})}), ProgressBar(stage)]


def _resume(job: Job) -> list[str]:
    """Put the job where its newest whole checkpoint stands, whatever Ray has heard of, and say what there is to say: of
    those passed over, and of what makes it not bit-exact, such as another number of workers. The first worker says
    which one it is, and sweeps what killed ones left: theirs may be just adding to them."""
    import ray.train
    from ray.train.collective import broadcast_from_rank_zero

    context = ray.train.get_context()
    storage, is_first = context.get_storage(), context.get_world_rank() == 0
    files, path = storage.storage_filesystem, storage.experiment_fs_path
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if is_first and Path(path).is_dir():
            sweep_drafts(Path(path))
        name = broadcast_from_rank_zero(newest_name(files, path) if is_first else None)
        if name:
            with at_hand(files, f"{path}/{name}") as saved:
                job.go_on_from(saved)
    said = [str(one.message) for one in caught]
    if said and job.placement.is_first:
        print(*said, sep="\n", file=sys.stderr, flush=True)
    return said


class _Fault:
    """Kills its own process once, after a given step, to show that the job survives it."""

    def __init__(self, my_rank: int, rank: int = -1, step: int = 0, marker: str = "", wait_s: float = 0.0):
        self.is_armed, self.at, self.marker, self.wait_s = my_rank == rank, step, Path(marker), wait_s

    def step(self, state: TrainState[Any]) -> None:
        if self.is_armed and state.step == self.at and not self.marker.exists():
            self.marker.touch()
            time.sleep(self.wait_s)
            os.kill(os.getpid(), signal.SIGKILL)

    def end(self, state: TrainState[Any]) -> None:
        pass
