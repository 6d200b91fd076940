"""From a dataset to a model that acts: the stages of a run, one after the other. Local runs and Ray jobs share this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from embodied.data.pool import map_seeds
from embodied.training import checkpoint
from embodied.training.hooks import JsonlLog, ProgressBar, StopOnSignals, TensorBoard
from embodied.training.loop import Hook, TrainState
from embodied.training.memory import remedied
from embodied.training.placement import alone, set_threads
from embodied.training.run_folder import MapSeeds, RunFolder, claim, note_workers, owned
from embodied.training.settings import TrainSettings
from embodied.training.stage import PLANNER


class StoppedError(RuntimeError):
    """Training was asked to stop; its checkpoint is saved and the same command goes on from it."""


RunStage = Callable[[TrainSettings, str, Path], Path]
"""(settings, stage, run folder) -> the last checkpoint: `run_stage`, or `distributed.launch.launch`."""


def train_all(settings: TrainSettings, run_dir: str | Path, *, run: RunStage | None = None,
              map_seeds: MapSeeds = map_seeds) -> Path | None:
    """The folder of the trained model. Everything already done in `run_dir` is kept; the rest goes on where it stopped.

    None where no stage of the list trains a planner. Raises ValueError for a bad recipe or dataset, OccupiedError while
    another process trains in that folder, StoppedError after SIGTERM or Ctrl-C.
    """
    with owned(Path(run_dir).resolve(), settings):
        return train_owned(settings, run_dir, run=run, map_seeds=map_seeds)


def train_owned(settings: TrainSettings, run_dir: str | Path, *, run: RunStage | None = None,
                map_seeds: MapSeeds = map_seeds) -> Path | None:
    """The same as `train_all`, in a folder that the caller has made its own (`run_folder.owned`)."""
    folder = RunFolder(Path(run_dir).resolve(), settings, map_seeds)
    folder.check()
    claim(folder.path, settings)
    worked = settings.worked()
    for name in settings.stages:
        if name not in worked:
            print(f"{name}: passed over, for no later stage needs what it gives", flush=True)
        elif not settings.stage(name).result(folder).exists():
            start_stage(folder, name)
            if not settings.stage(name).result(folder).exists():  # else there was nothing to train
                finish_stage(folder, name, (run or run_stage)(settings, name, folder.path))
    is_planner = any(PLANNER in settings.stage(name).gives for name in settings.stages)
    return folder.model if is_planner else None


def start_stage(run: RunFolder, name: str) -> None:
    """Make what every worker of a stage reads."""
    run.settings.stage(name).begin(run)


def finish_stage(run: RunFolder, name: str, saved: Path) -> None:
    """Publish the result of a stage from its last checkpoint. CheckpointError where that is damaged."""
    checkpoint.verify(saved)
    run.settings.stage(name).publish(run, saved)


def run_stage(settings: TrainSettings, name: str, run_dir: str | Path, *, hooks: Sequence[Hook] = ()) -> Path:
    """The last checkpoint of a stage, trained in this process; resumes from the newest valid one."""
    run = RunFolder(Path(run_dir), settings)
    placement = alone(settings.device, settings.precision, set_threads(settings.threads),
                      settings.stages[name].accumulate)
    with remedied(name, settings.stages[name]):
        job = settings.stage(name).prepare(run, placement)
        saved = checkpoint.newest_valid(run.checkpoints(name))
        if saved is not None:
            job.go_on_from(saved)
    saver = checkpoint.Checkpointing(run.checkpoints(name), job.batches, every=job.settings.save_every,
                                     keep=job.settings.keep, in_background=settings.saves_in_background)
    facts = placement.facts()
    note_workers(run.path, name, **facts)
    print(f"{name}: from step {job.start} of {job.settings.steps}, {facts['threads']} torch threads, "
          f"device {facts['device']}", flush=True)
    log = JsonlLog(run.of(name) / "log.jsonl", every=settings.log_every, start=job.start,
                   header={"stage": name, **facts})
    board = TensorBoard(run.of(name) / "tensorboard", every=settings.log_every)
    with remedied(name, job.settings):
        state = job.train([StopOnSignals(), *job.listeners(), log, board, ProgressBar(name), *hooks, saver])
    return _last(run.checkpoints(name), state)


def _last(folder: Path, state: TrainState[Any]) -> Path:
    """The checkpoint just saved, read again. StoppedError when training stopped early, OSError when it is not whole."""
    path = folder / f"step_{state.step:08d}"
    if state.stop and state.step == 0:
        raise StoppedError(f"stopped by {state.stop} before there was anything to save; the same command begins anew")
    if not checkpoint.is_valid(path):
        newest = checkpoint.newest_valid(path.parent)
        raise OSError(f"{path}: the last checkpoint could not be saved, or is damaged, after {state.step} of "
                      f"{state.steps} steps; {f'{newest.name} is whole' if newest else 'no other is whole'}; free some "
                      "space and run the same command again")
    if state.stop:
        raise StoppedError(f"stopped by {state.stop} at step {state.step} of {state.steps}; saved in {path}; the same "
                          "command goes on from there")
    return path
