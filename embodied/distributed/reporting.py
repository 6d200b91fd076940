"""What the workers of a job tell Ray while they train: numbers, and checkpoints, each worker its files of them."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from embodied.distributed.storage import tidy, uploaded
from embodied.models.checkpoint_checks import CheckpointError
from embodied.training.background import Background
from embodied.training.contents import Contents, Form, beside
from embodied.training.hooks import numbers_of
from embodied.training.job import Job
from embodied.training.loop import TrainState


class Report:
    """Reports to Ray on every rank, every `save_every` steps and at the end, with the files that this rank writes.

    in_background: they are copied at their step, written by a thread, reported after the step at which all ranks have
    written theirs, and uploaded by another thread; the next save, and the end, wait for it.
    """

    saves = True

    def __init__(self, job: Job, form: Form, *, in_background: bool = False):
        self.job, self.form, self.in_background = job, form, in_background
        self.background: Background[bool] = Background()
        self.folder, self.numbers, self.has_files = Path(), {}, False
        self.uploading: threading.Event | None = None

    def step(self, state: TrainState[Any]) -> None:
        is_last = state.step == state.steps or state.is_enough or state.went_back
        is_due = is_last or (state.step % self.job.settings.save_every == 0 and not state.jump)
        if self.background.is_busy and (is_due or self._all(self.background.is_done)):
            self._report()
        if is_due:
            self._begin(state)
        if is_last or (is_due and not self.in_background):
            self._report()

    def _begin(self, state: TrainState[Any]) -> None:
        """Have what this rank saves of a step written to a folder of its own."""
        if self.uploading is not None:
            self.uploading.wait()
        said = beside(state.step, self.job.batches, state.placement, state.course)
        taken = self.form.take(state.model, state.optimizer, said)
        self.folder = Path(tempfile.mkdtemp(prefix="checkpoint-"))
        self.numbers, self.has_files = json.loads(json.dumps(numbers_of(state))), taken is not None
        self.background.begin(partial(_is_written, taken and (taken.copied() if self.in_background else taken),
                                      self.folder, state.step))

    def _report(self) -> None:
        """Tell Ray of what was begun, with files unless a rank could not write its own."""
        import ray.train

        is_written = self._all(self.background.result()) and self.has_files
        saved = ray.train.Checkpoint.from_directory(str(self.folder)) if is_written else None
        modes, is_over = ray.train.CheckpointUploadMode, threading.Event()
        storage = ray.train.get_context().get_storage()
        self.uploading = is_over if is_written and self.in_background else None
        upload = partial(_upload, storage=storage, is_over=is_over)
        ray.train.report(self.numbers, checkpoint=saved, checkpoint_dir_name=f"step_{self.numbers['step']:08d}",
                         checkpoint_upload_fn=upload,
                         checkpoint_upload_mode=modes.ASYNC if self.in_background else modes.SYNC,
                         delete_local_checkpoint_after_upload=False)
        if not is_written:
            shutil.rmtree(self.folder, ignore_errors=True)
        elif self.job.placement.is_first:
            tidy(storage, self.job.settings.keep + self.in_background)  # the newest may still be on its way

    def _all(self, is_so: bool) -> bool:
        """Whether it is so on all ranks, each of which must ask."""
        placement = self.job.placement
        return float(placement.mean(torch.tensor(float(is_so), device=placement.device))) == 1.0

    def end(self, state: TrainState[Any]) -> None:
        """Wait for the thread that writes, where training ends by an error: what it wrote stays unreported."""
        if self.background.is_busy:
            self.background.result()
            shutil.rmtree(self.folder, ignore_errors=True)


def _is_written(taken: Contents | None, folder: Path, step: int) -> bool:
    """Whether all that a rank saves stands in a folder; a full disk is said, and the other ranks are kept from saving a
    part of a checkpoint."""
    if taken is None:
        return True
    try:
        taken.write(folder)
        taken.verify(folder)
    except (OSError, SafetensorError, CheckpointError) as error:
        print(f"no checkpoint of step {step}: {error}; free some space", file=sys.stderr, flush=True)
        return False
    return True


def _upload(saved: Any, name: str, *, storage: Any, is_over: threading.Event) -> Any:
    """Copy a local folder to where the job keeps its checkpoints, and remove it."""
    try:
        return uploaded(saved, name, storage)
    finally:
        shutil.rmtree(saved.path, ignore_errors=True)
        is_over.set()
