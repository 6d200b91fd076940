"""Checkpoints: exact, whole or absent, never believed when damaged."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
import torch
from torch import nn

from embodied.data.batches import Batches, Sampler
from embodied.data.files import sha256_of
from embodied.data.locks import Hold
from embodied.training import checkpoint, contents
from embodied.training.loop import train
from embodied.training.optim import Schedule, adamw
from embodied.training.placement import one_of_many


def collate(places, step):
    return [str(p) for p in places], {"x": torch.tensor(places, dtype=torch.float32)[:, None] / 10}


def objective(model, batch):
    x = batch.inputs["x"]
    noise = 1 + 0.1 * torch.randn_like(x)  # drawn from the global generator, as dropout is
    return (model(x) - 2 * x * noise).square().mean(), {}


def parts(width=4):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(1, width), nn.Tanh(), nn.Dropout(0.2), nn.Linear(width, 1))
    return model, adamw(model, lr=0.05), Batches(Sampler(np.arange(23), batch_size=4, seed=1), collate)


def go(made, folder, steps, start=0, every=2):
    model, optimizer, batches = made
    saver = checkpoint.Checkpointing(folder, batches, every=every, keep=2)
    return train(model, batches, objective, optimizer, steps=steps, start=start, hooks=[saver],
                 schedule=Schedule(steps=4, warmup_steps=1))


def resume(made, folder, **options):
    model, optimizer, batches = made
    newest = checkpoint.newest_valid(folder)
    return checkpoint.load(newest, model=model, optimizer=optimizer, batches=batches, **options)


def test_two_steps_and_two_more_are_four(tmp_path):
    whole = parts()
    go(whole, tmp_path / "a", 4)
    go(parts(), tmp_path / "b", 2)
    torch.manual_seed(99)
    resumed = parts()
    assert resume(resumed, tmp_path / "b") == 2
    go(resumed, tmp_path / "b", 4, start=2)
    weights = [made[0].state_dict() for made in (whole, resumed)]
    for (name, one), other in zip(weights[0].items(), weights[1].values(), strict=True):
        assert torch.equal(one, other), name
    states = [made[1].state_dict()["state"].values() for made in (whole, resumed)]
    for one, other in zip(*states, strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("forgotten", ["optimizer", "random", "sampler"])
def test_nothing_that_is_saved_could_be_left_out(tmp_path, forgotten):
    whole = parts()
    go(whole, tmp_path / "a", 4)
    go(parts(), tmp_path / "b", 2)
    resumed, spare = parts(), parts()
    loaded = list(resumed)
    if forgotten == "optimizer":
        loaded[1] = spare[1]
    if forgotten == "sampler":
        loaded[2] = spare[2]
    resume(loaded, tmp_path / "b")
    if forgotten == "random":
        torch.manual_seed(0)
    go(resumed, tmp_path / "c", 4, start=2)
    both = zip(whole[0].parameters(), resumed[0].parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in both)


def test_only_the_newest_are_kept(tmp_path):
    go(parts(), tmp_path, 9, every=2)
    assert [p.name for p in checkpoint.saved_in(tmp_path)] == ["step_00000008", "step_00000009"]


def test_what_was_just_read_back_is_not_read_again(tmp_path, monkeypatch):
    read = []
    for room in (checkpoint, contents):
        monkeypatch.setattr(room, "sha256_of", lambda path: read.append(path) or sha256_of(path))
    go(parts(), tmp_path, 2)
    assert len(read) == 2 * len(checkpoint.FILES), "once for the manifest, once when it stood in its place"


def spoil(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def test_damaged_checkpoints_push_out_no_whole_one(tmp_path):
    """The two newest are damaged; training goes on from the third and saves again before it gets to their steps."""
    made = parts()
    go(made, tmp_path, 8, every=2)
    go(parts(), tmp_path / "other", 5, every=1)
    for step in (4, 5):
        (tmp_path / "other" / f"step_{step:08d}").rename(tmp_path / f"step_{step:08d}")
    for step in (6, 8):
        spoil(tmp_path / f"step_{step:08d}")
    checkpoint.prune(tmp_path, keep=2)
    assert [p.name[-1] for p in checkpoint.saved_in(tmp_path)] == ["4", "5", "6", "8"]
    with pytest.warns(UserWarning, match="passed over"):
        newest = checkpoint.newest_valid(tmp_path)
    assert newest.name == "step_00000005"


def test_nothing_is_removed_while_too_few_are_whole(tmp_path):
    go(parts(), tmp_path, 4, every=2)
    spoil(tmp_path / "step_00000004")
    checkpoint.prune(tmp_path, keep=1)
    assert [p.name[-1] for p in checkpoint.saved_in(tmp_path)] == ["2", "4"]
    checkpoint.save(tmp_path / "step_00000004", **_what(parts()), step=4)
    checkpoint.prune(tmp_path, keep=1)
    assert [p.name[-1] for p in checkpoint.saved_in(tmp_path)] == ["4"]


def _what(made):
    return {"model": made[0], "optimizer": made[1], "batches": made[2]}


def test_what_does_not_read_back_is_not_reported_as_saved(tmp_path, monkeypatch):
    made = parts()
    go(made, tmp_path, 4)
    write = contents.Contents.write

    def worn_out(taken, folder):
        write(taken, folder)
        spoil(folder)

    monkeypatch.setattr(contents.Contents, "write", worn_out)
    with pytest.warns(UserWarning, match=r"step_0000000[68].*damaged"):
        go(made, tmp_path, 8, start=4)
    assert [checkpoint.is_valid(p) for p in checkpoint.saved_in(tmp_path)] == [True, True, False, False]


def test_drafts_of_a_killed_trainer_are_swept_and_those_of_a_live_one_are_not(tmp_path):
    dead, live = (tmp_path / f".step_0000000{i}.0123456{i}.draft" for i in (1, 2))
    for draft in (dead, live):
        draft.mkdir()
    with Hold.own(live):
        checkpoint.Checkpointing(tmp_path, parts()[2], every=2)
    assert not dead.exists() and live.exists()


@pytest.mark.parametrize("file", [*checkpoint.FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "remove"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, file, damage):
    go(parts(), tmp_path, 4)
    path = tmp_path / "step_00000004" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"truncate": content[:len(content) // 2], "empty": b"", "flip": content}[damage])
    with pytest.warns(UserWarning, match="passed over.*step_00000004"):
        assert checkpoint.newest_valid(tmp_path).name == "step_00000002"


@pytest.mark.parametrize("text", ["null", "5", "[]"])
def test_a_manifest_that_lists_nothing_is_damaged(tmp_path, text):
    go(parts(), tmp_path, 4)
    (tmp_path / "step_00000004" / "manifest.json").write_text(text)
    with pytest.warns(UserWarning, match="passed over.*step_00000004"):
        assert checkpoint.newest_valid(tmp_path).name == "step_00000002"


def full(*_, **__):
    """In the place of what writes, on a full disk."""
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_the_old_checkpoint_and_training_goes_on(tmp_path, monkeypatch):
    made = parts()
    go(made, tmp_path, 2)
    monkeypatch.setattr(contents, "save_file", full)
    with pytest.warns(UserWarning, match=r"No space left.*MB.*untouched"):
        assert go(made, tmp_path, 4, start=2).step == 4
    assert checkpoint.newest_valid(tmp_path).name == "step_00000002" and not list(tmp_path.glob(".*"))


def test_another_thread_or_worker_count_is_said(tmp_path):
    go(parts(), tmp_path, 2)
    wider = one_of_many(torch.device("cpu"), 0, 2)
    with pytest.warns(UserWarning, match="world_size 1 -> 2: not bit-exact"):
        resume(parts(), tmp_path, placement=wider)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(UserWarning, match="threads .*not bit-exact"):
            resume(parts(), tmp_path)
    finally:
        torch.set_num_threads(threads)


def test_weights_of_another_model_are_refused(tmp_path):
    go(parts(), tmp_path, 2)
    with pytest.raises(checkpoint.CheckpointError, match=r"another model.*0\.weight"):
        resume(parts(width=5), tmp_path)


def test_a_position_in_other_data_is_refused():
    _, _, batches = parts()
    with pytest.raises(ValueError, match="same data"):
        batches.load_state_dict({**batches.state_dict(), "examples": 7})


def save_for_ever(folder, step, made, pipe):
    model, optimizer, batches = made
    while True:
        checkpoint.save(folder / f"step_{step:08d}", model=model, optimizer=optimizer, step=step, batches=batches)
        os.write(pipe, b".")
        step += 1


def test_a_kill_at_any_moment_of_saving_leaves_a_readable_checkpoint(tmp_path):
    rng, made, newest = np.random.default_rng(0), parts(width=4000), 0
    for trial in range(16):
        ours, theirs = os.pipe()
        child = os.fork()  # a copy of this process: torch need not be imported sixteen times
        if child == 0:
            save_for_ever(tmp_path, newest + 1, made, theirs)
        os.read(ours, 1)
        time.sleep(rng.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ours), os.close(theirs)
        assert all(checkpoint.is_valid(path) for path in checkpoint.saved_in(tmp_path)), trial
        found = int(checkpoint.newest_valid(tmp_path).name.removeprefix("step_"))
        assert found > newest
        newest = found


def test_what_stands_beside_a_checkpoint_is_not_believed(tmp_path):
    """Parts and an average of another save, where folders are written over."""
    model, optimizer, batches = parts()
    path = checkpoint.save(tmp_path / "step_00000000", model=model, optimizer=optimizer, step=0, batches=batches)
    for name in ("index.json", "average.safetensors"):
        (path / name).write_text("of another")
    checkpoint.verify(path)
    assert checkpoint.load(path, model=model, optimizer=optimizer, batches=batches) == 0
    assert checkpoint.course_of(path).average is None


def test_one_that_was_just_being_replaced_is_put_back(tmp_path):
    model, optimizer, batches = parts()
    path = checkpoint.save(tmp_path / "step_00000002", model=model, optimizer=optimizer, step=2, batches=batches)
    path.rename(tmp_path / ".step_00000002.old")
    assert checkpoint.newest_valid(tmp_path) == path
