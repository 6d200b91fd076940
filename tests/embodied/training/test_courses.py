"""What a stage's settings do to its course: the moving average, schedules, one batch, memory that does not suffice."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from embodied.training import checkpoint
from embodied.training.averaging import Average, LeaveAverage
from embodied.training.hooks import KeepBest, Validation
from embodied.training.job import make_job
from embodied.training.loop import train
from embodied.training.memory import MemoryShortError, remedied
from embodied.training.optim import Schedule, adamw
from embodied.training.placement import Replicated
from embodied.training.stage import StageSettings
from tests.embodied.training.test_loop import Watch, a_model, run, squares
from tests.embodied.training.test_rewinding import Lines


def test_the_average_is_what_it_is_by_hand():
    seen = []
    state = run(a_model(), 5, hooks=[Watch(seen), Average(0.3)])
    wanted = seen[0]
    for step, weights in enumerate(seen, start=1):
        kept = min(0.3, (1 + step) / (10 + step))
        wanted = kept * wanted + (1 - kept) * weights
    assert torch.allclose(state.course.average["weight"], wanted, atol=1e-6)
    assert torch.equal(state.model.weight, seen[-1]), "training itself goes on from its own weights"


def test_the_average_is_measured_and_left_at_the_end():
    measured, seen = [], []

    def measure(model):
        measured.append(model.weight.detach().clone())
        return {"loss": 1.0}

    state = run(a_model(), 4, hooks=[Watch(seen), Average(0.9), Validation(measure, every=2), LeaveAverage()])
    assert not torch.equal(measured[0], seen[1]) and torch.equal(measured[1], state.course.average["weight"])
    assert torch.equal(state.model.weight, state.course.average["weight"])
    assert torch.equal(seen[2], run(a_model(), 3).model.weight), "measuring has changed nothing"


def test_the_best_average_is_kept():
    scores, averages = iter((1.0, 3.0, 2.0)), []
    keep = KeepBest(patience=1)
    state = run(a_model(), 3, hooks=[Average(0.9), Validation(
        lambda m: averages.append(m.weight.detach().clone()) or {"loss": 1.0, "exact": next(scores)}, every=1),
        LeaveAverage(), keep])
    assert keep.best.step == 2 and torch.equal(state.model.weight, averages[1])


def test_an_average_is_saved_and_gone_on_from_to_the_bit(tmp_path):
    whole = run(a_model(), 4, hooks=[Average(0.9)])
    model, batches = a_model(), Lines()
    optimizer = adamw(model, lr=0.05)
    train(model, batches, squares, optimizer, steps=2,
          hooks=[Average(0.9), checkpoint.Checkpointing(tmp_path, batches, every=2)])
    model, batches = a_model(), Lines()
    optimizer = adamw(model, lr=0.05)
    saved = tmp_path / "step_00000002"
    start = checkpoint.load(saved, model=model, optimizer=optimizer, batches=batches)
    end = train(model, batches, squares, optimizer, steps=4, start=start, hooks=[Average(0.9)],
                course=checkpoint.course_of(saved))
    assert torch.equal(end.course.average["weight"], whole.course.average["weight"])
    (saved / "average.safetensors").write_bytes(b"?")
    assert not checkpoint.is_valid(saved)


@pytest.mark.parametrize(("shape", "wanted"), [
    ("constant", [1 / 11, 1.0, 1.0, 1.0, 1.0]), ("warmup_stable_decay", [1 / 11, 1.0, 1.0, 0.55, 0.1]),
    ("inverse_sqrt", [1 / 11, (10 / 11) ** 0.5, (10 / 90) ** 0.5, (10 / 101) ** 0.5, (10 / 111) ** 0.5])])
def test_schedules_by_hand(shape, wanted):
    """Steps 0, 10, 89, 100, 110 of 110, of which the first ten warm up; the last fifth of the others comes down."""
    schedule = Schedule(steps=110, warmup_steps=10, floor=0.1, shape=shape)
    assert [schedule.factor(step) for step in (0, 10, 89, 100, 110)] == pytest.approx(wanted)


SETTINGS = StageSettings(steps=1, batch_size=64, lr=1.0, weight_decay=0.0, warmup_steps=0, clip_norm=1.0, save_every=1,
                         validate_every=1, keep=1)


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), MemoryError(),
    RuntimeError("CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA to enable assertions."),
    OSError(12, "Cannot allocate memory"), RuntimeError("Caught RuntimeError in a loader.\nout of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_does_not_suffice_is_answered_with_what_to_turn(error):
    wanted = r"(?i)sft: .*\(.*memory.*\); lower stage\.sft\.batch_size \(now 64\).*new run folder"
    with pytest.raises(MemoryShortError, match=wanted), remedied("sft", SETTINGS):
        raise error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), remedied("sft", SETTINGS):
        raise RuntimeError("shapes differ")


def test_the_settings_of_a_stage_are_what_its_training_does(tmp_path):
    """Order counts: the average before what measures it, what saves last."""
    settings = replace(SETTINGS, steps=40, lr=0.05, save_every=10, validate_every=20, ema_decay=0.9, spike_ratio=20.0,
                       schedule="constant", overfit_one_batch=True)
    measured = []
    job = make_job(settings, a_model(), Lines(), squares, Replicated(),
                   lambda model: measured.append(model.weight.detach().clone()) or {"loss": 1.0})
    state = job.train([*job.listeners(), checkpoint.Checkpointing(tmp_path, job.batches, every=10)])
    assert state.loss < 0.05 and state.lr == pytest.approx(0.05) and state.course.rewinds == 0
    assert torch.equal(measured[-1], state.course.average["weight"]) and torch.equal(state.model.weight, measured[-1])
    saved = checkpoint.newest_valid(tmp_path)
    other = make_job(settings, a_model(), Lines(), squares, Replicated())
    other.go_on_from(saved)
    assert other.start == 40 and torch.equal(other.course.average["weight"], measured[-1])
    assert len(other.course.losses) == 40
