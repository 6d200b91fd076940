"""What listens to training: logs, progress, validation, signals. Each has `step(state)` and `end(state)`."""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from embodied.data.files import write_whole
from embodied.training.averaging import averaged
from embodied.training.loop import Best, TrainState, learned_parameters, put_values


def numbers_of(state: TrainState[Any]) -> dict[str, float]:
    """What a log records of a step: wait_s for its batch, then step_s, of which forward_s, backward_s, optimizer_s and
    other_s are parts, where they are known; tokens_per_s of both together, where the batch has tokens; products_share
    of step_s, see `training.roofline`, where it is known."""
    state.settle()
    other = {"other_s": state.step_s - sum(state.spent.values())} if state.spent else {}
    whole_s = state.wait_s + state.step_s
    speed = {"tokens_per_s": state.tokens / whole_s} if state.tokens and whole_s else {}
    return {"step": state.step, "loss": state.loss, "grad_norm": state.grad_norm, "lr": state.lr,
            "skipped": state.skipped, "step_s": state.step_s, "wait_s": state.wait_s, **state.spent,
            **other, **speed, **_share(state), **state.metrics, **state.measured}


def _share(state: TrainState[Any]) -> dict[str, float]:
    return {} if state.products_share is None else {"products_share": state.products_share}


class JsonlLog:
    """One JSON line every `every` steps; on resuming, the lines beyond the resumed step are dropped first.

    What could not be written (a full disk) is counted, and the count written when there is room again.
    """

    is_log = True

    def __init__(self, path: Path, *, every: int = 10, start: int = 0, header: Mapping[str, Any] | None = None):
        self.every, self.lost, self.notes, self.is_torn, self.path, self.last = every, 0, 0, False, path, start
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open(start)
        if header:
            self.write({"event": "start", "step": start, **header})

    def _open(self, start: int, *, keeps_events: bool = False) -> None:
        """Go on after a step; what was logged of later ones is dropped, but for events where they are to be kept."""
        kept = [line for line in _whole_lines(self.path)
                if line.get("step", 0) <= start or (keeps_events and "event" in line)]
        write_whole(self.path, b"".join(map(_line, kept)))
        self.file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed in `end`

    def write(self, line: Mapping[str, Any]) -> None:
        """Write a line. OSError on a full disk; what was torn off is a line of its own, which readers pass over."""
        head = b"\n" * self.is_torn
        lost = _line({"event": "lost", "lines": self.lost}) if self.lost else b""
        text = head + lost + _line(line)
        try:
            written = self.file.write(text)
            if written != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self.lost, self.is_torn = self.lost + 1, True
            raise
        self.lost, self.is_torn = 0, False

    def step(self, state: TrainState[Any]) -> None:
        if state.step <= self.last:  # it was taken back
            before, self.last = self.file, state.step - 1
            self._open(self.last, keeps_events=True)
            before.close()
        self.last = state.step
        self._write_notes(state)
        if state.step % self.every == 0 or state.step == state.steps:
            self.write(numbers_of(state))

    def _write_notes(self, state: TrainState[Any]) -> None:
        for note in state.notes[self.notes:]:
            self.write({"event": "note", "step": state.step, "note": note})
            self.notes += 1

    def end(self, state: TrainState[Any]) -> None:
        with self.file:
            self._write_notes(state)
            self.write({"event": "end", "step": state.step, "steps": state.steps, "stop": state.stop,
                        "skipped": state.skipped, "hard_clips": state.hard_clips})


def _line(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(_finite(values)) + "\n").encode()


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Parsed lines; a last one cut by a kill is left out."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def _finite(line: Mapping[str, Any]) -> dict[str, Any]:
    """The line with NaN and infinities as text: JSON has no such numbers."""
    return {k: str(v) if isinstance(v, float) and (v != v or abs(v) == float("inf")) else v for k, v in line.items()}


class TensorBoard:
    """Scalars for TensorBoard every `every` steps."""

    is_log = True

    def __init__(self, folder: Path, *, every: int = 10):
        from torch.utils.tensorboard import SummaryWriter

        self.writer, self.every = SummaryWriter(str(folder)), every

    def step(self, state: TrainState[Any]) -> None:
        if state.step % self.every == 0:
            for name, value in numbers_of(state).items():
                self.writer.add_scalar(name, value, state.step)

    def end(self, state: TrainState[Any]) -> None:
        self.writer.close()


class ProgressBar:
    """A bar on a terminal; a plain line every `every` steps elsewhere. An early end is said in either."""

    is_log = True

    def __init__(self, title: str, *, every: int = 50):
        self.title, self.every, self.bar, self.task = title, every, None, None

    def _begin(self, state: TrainState[Any]) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                            TextColumn("loss {task.fields[loss]:.3f}"))
        self.task = self.bar.add_task(self.title, total=state.steps, loss=state.loss)
        self.bar.start()

    def step(self, state: TrainState[Any]) -> None:
        if sys.stdout.isatty():
            if self.bar is None:
                self._begin(state)
            told = {} if state.untold else {"loss": state.loss}  # what is still on the device is not waited for
            self.bar.update(self.task, completed=state.step, **told)
        elif state.step % self.every == 0 or state.step == state.steps:
            said = state.metrics | state.measured | _share(state)
            print(f"{self.title} {state.step}/{state.steps} loss {state.loss:.4f} "
                  + " ".join(f"{k} {v:.3f}" for k, v in said.items()), flush=True)

    def end(self, state: TrainState[Any]) -> None:
        if self.bar is not None:
            self.bar.stop()
        if state.stop:
            print(f"{self.title}: ended by {state.stop} after {state.step} of {state.steps} steps", flush=True)


class Validation:
    """Puts the numbers of `measure(model)` beside the step's metrics every `every` steps and at the last one: of the
    weights' average, where there is one."""

    def __init__(self, measure: Callable[[Any], Mapping[str, float]], *, every: int):
        self.measure, self.every = measure, every

    def step(self, state: TrainState[Any]) -> None:
        if state.step % self.every == 0 or state.step == state.steps:
            state.settle()  # or measuring would count as training
            model = state.placement.unwrap(state.model)
            model.eval()
            with averaged(state):
                state.measured |= {f"validation/{k}": float(v) for k, v in self.measure(model).items()}
            model.train()

    def end(self, state: TrainState[Any]) -> None:
        pass


class KeepBest:
    """Ends training after `patience` measurements without a better one, and leaves the weights of the best in the
    model, also where the steps end first. To stand between `Validation` and what saves.

    Better: more validation/exact, or as much and less validation/loss. Checkpoints hold the best, from which a training
    that was stopped or killed goes on.
    """

    def __init__(self, patience: int, best: Best | None = None):
        """best: of the checkpoint that the training goes on from."""
        self.patience, self.best = patience, best

    def step(self, state: TrainState[Any]) -> None:
        if "validation/loss" in state.measured:
            self._compare(state, (state.measured.get("validation/exact", 0.0), -state.measured["validation/loss"]))
        state.course.best = self.best
        if self.best is not None and (state.is_enough or state.step == state.steps):
            put_values(state, self.best.weights)
            state.note(f"the weights are those of step {self.best.step}, the best of those measured", is_loud=False)

    def _compare(self, state: TrainState[Any], found: tuple[float, float]) -> None:
        if self.best is None or found > self.best.score:
            learned = {name: p.detach().cpu().contiguous().clone() for name, p in
                       (state.course.average or dict(learned_parameters(state))).items()}
            self.best = Best(state.step, found, learned)
        else:
            self.best.since += 1
        state.is_enough = self.best.is_final(self.patience)

    def end(self, state: TrainState[Any]) -> None:
        pass


STOP_ASKED = threading.Event()
"""Set while a training that is stopping waits for its running step: batches that take long to make end then."""


class StopOnSignals:
    """Turns SIGTERM and Ctrl-C into a stop after the running step, so that the checkpoint hook can save."""

    def __init__(self) -> None:
        self.state: TrainState[Any] | None = None
        self.caught: str | None = None
        self.before: dict[int, Any] = {}
        STOP_ASKED.clear()
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._catch) for s in (signal.SIGTERM, signal.SIGINT)}

    def _catch(self, number: int, frame: Any) -> None:
        self.caught = signal.Signals(number).name
        STOP_ASKED.set()
        if self.state is not None:
            self.state.stop = self.caught

    def begin(self, state: TrainState[Any]) -> None:
        self.state, state.stop = state, self.caught or state.stop

    def step(self, state: TrainState[Any]) -> None:
        state.stop = self.caught or state.stop

    def end(self, state: TrainState[Any]) -> None:
        STOP_ASKED.clear()
        for number, handler in self.before.items():
            signal.signal(number, handler)
