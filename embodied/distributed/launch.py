"""A training stage as a Ray Train job: the same settings, batches and loop as the local run, shared between workers.

Data-parallel over gloo on processors. The batch of a step is split over the workers, so the number of workers changes
the speed, not what is learned (up to rounding).
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from embodied.distributed.cluster import connect, refuse_odd_split
from embodied.training import checkpoint
from embodied.training.hooks import JsonlLog, ProgressBar, numbers_of
from embodied.training.loop import TrainState
from embodied.training.recipe import Job, StageName, prepare, validation
from embodied.training.run_folder import note_workers
from embodied.training.settings import read_settings


def launch(values: Mapping[str, Any], stage: StageName, run_dir: str | Path, *, num_workers: int = 2,
           max_failures: int = 3, fault: Mapping[str, Any] | None = None) -> Path:
    """The last checkpoint of a stage, trained by `num_workers` processes.

    A worker that dies costs what came after the last checkpoint; after `max_failures` of them the job fails. A job of
    the same stage in the same `run_dir` goes on where it stood. fault, for tests: {"rank", "step", "marker", "wait_s"},
    kill that worker `wait_s` after that step unless the marker file exists.
    Raises ValueError for more workers than processors, RuntimeError when the job fails.
    """
    connect(num_workers)
    settings = read_settings(values)
    refuse_odd_split(settings.stage(stage).batch_size, num_workers)
    loop_config = {"values": dict(values), "stage": stage, "run_dir": str(Path(run_dir).resolve()), "fault": fault}
    return _fit(loop_config, num_workers, max_failures, settings.stage(stage).keep)


def _fit(loop_config: Mapping[str, Any], num_workers: int, max_failures: int, keep: int) -> Path:
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    storage = Path(loop_config["run_dir"]) / "ray"
    trainer = TorchTrainer(
        train_worker, train_loop_config=dict(loop_config), torch_config=TorchConfig(backend="gloo"),
        scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=False),
        run_config=RunConfig(name=loop_config["stage"], storage_path=str(storage),
                             failure_config=FailureConfig(max_failures=max_failures),
                             checkpoint_config=CheckpointConfig(num_to_keep=keep)))
    result = trainer.fit()
    if result.checkpoint is None:
        raise RuntimeError(f"{storage}: expected a checkpoint of the job, got none; run the same command again")
    saved = Path(result.checkpoint.path)
    checkpoint.verify(saved)
    return saved


def train_worker(loop_config: Mapping[str, Any]) -> None:
    """Nothing. What each worker of the job runs: prepare, resume, train, report."""
    import ray.train
    import ray.train.torch

    context = ray.train.get_context()
    rank, world_size = context.get_world_rank(), context.get_world_size()
    settings, run_dir = read_settings(loop_config["values"]), Path(loop_config["run_dir"])
    job = prepare(settings, loop_config["stage"], run_dir, rank=rank, world_size=world_size)
    _resume(job, world_size)
    # A share of a batch may hold no picture (nothing in sight, to be refused): the eyes then get no gradient.
    model = ray.train.torch.prepare_model(job.model, parallel_strategy_kwargs={"find_unused_parameters": True})
    hooks = [*validation(job), _Fault(rank, **(loop_config["fault"] or {})), _Report(job, rank, world_size)]
    if rank == 0:
        hooks = [hooks[0], *_logs(job, run_dir / loop_config["stage"], settings.log_every, world_size), *hooks[1:]]
    job.train(hooks, model)


def _logs(job: Job, folder: Path, every: int, world_size: int) -> list[Any]:
    import torch

    header = {"threads": torch.get_num_threads(), "world_size": world_size, "backend": "ray"}
    note_workers(folder.parent, folder.name, threads=header["threads"], world_size=world_size)
    print(f"{folder.name}: from step {job.start} of {job.settings.steps}, {world_size} workers, "
          f"{header['threads']} torch thread(s) each", flush=True)
    return [JsonlLog(folder / "log.jsonl", every=every, start=job.start, header=header), ProgressBar(folder.name)]


def _resume(job: Job, world_size: int) -> None:
    """Nothing. Puts the job where its newest whole checkpoint stands; those passed over are warned of."""
    import ray.train

    reported = ray.train.get_checkpoint()
    if reported is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        saved = checkpoint.newest_valid(Path(reported.path).parent, "checkpoint_*")
        if saved is not None:
            job.start = checkpoint.load(saved, model=job.model, optimizer=job.optimizer, sampler=job.batches,
                                        world_size=world_size)


class _Report:
    """Reports to Ray on every rank, every `save_every` steps and at the end; rank 0 brings the checkpoint."""

    def __init__(self, job: Job, rank: int, world_size: int):
        self.job, self.rank, self.world_size = job, rank, world_size

    def step(self, state: TrainState[Any]) -> None:
        if state.step % self.job.settings.save_every == 0 or state.step == state.steps:
            with tempfile.TemporaryDirectory() as folder:
                self._report(state, Path(folder))

    def _report(self, state: TrainState[Any], folder: Path) -> None:
        import ray.train

        is_whole = self.rank == 0 and self._fill(state, folder)
        saved = ray.train.Checkpoint.from_directory(str(folder)) if is_whole else None
        ray.train.report(json.loads(json.dumps(numbers_of(state))), checkpoint=saved)

    def _fill(self, state: TrainState[Any], folder: Path) -> bool:
        """Whether a checkpoint stands in `folder`; a full disk is said, for the other ranks wait for this one."""
        try:
            checkpoint.fill(folder, model=state.model, optimizer=state.optimizer, step=state.step,
                            sampler=self.job.batches, world_size=self.world_size)
            checkpoint.verify(folder)
        except (OSError, SafetensorError, checkpoint.CheckpointError) as error:
            warnings.warn(f"no checkpoint of step {state.step}: {error}; free some space", stacklevel=2)
            return False
        return True

    def end(self, state: TrainState[Any]) -> None:
        pass


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
