"""Checkpoint directories: published whole, checked to the last byte, never a pickle."""

from __future__ import annotations

import shutil
from contextlib import contextmanager

import pytest
import torch

from embodied.data.files import aside_of, replaced_folder
from embodied.data.locks import Hold
from embodied.models import loading
from embodied.models.folder import CheckpointError, verify_manifest
from embodied.models.loading import load, save
from tests.embodied.models.test_planner import make, prompt


@pytest.fixture(scope="module")
def made():
    return make()


@pytest.fixture(scope="module")
def published(made, tmp_path_factory):
    return save(*made, tmp_path_factory.mktemp("run") / "checkpoint")


@pytest.fixture
def copy(published, tmp_path):
    return shutil.copytree(published, tmp_path / "checkpoint")


def test_round_trip(made, published):
    model, _ = made
    again, back = load(published)
    assert not again.training
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    batch = back([prompt((1, 2))])
    assert torch.equal(model(**batch).logits, again(**batch).logits)
    assert [p.name for p in published.parent.iterdir()] == ["checkpoint"], "no drafts are left behind"


def damage_truncate(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_flip(folder):
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def damage_empty(folder):
    (folder / "config.json").write_bytes(b"")


def damage_missing(folder):
    (folder / "tokenizer.json").unlink()


def damage_pickle(folder):
    (folder / "pytorch_model.bin").write_bytes(b"anything")


def damage_manifest(folder):
    (folder / "manifest.json").write_text("[]")


@pytest.mark.parametrize(("damage", "message"), [
    (damage_truncate, "model.safetensors"), (damage_flip, "model.safetensors"), (damage_empty, "config.json"),
    (damage_missing, "tokenizer.json"), (damage_pickle, "pytorch_model.bin"), (damage_manifest, "manifest.json")])
def test_damage_is_named(copy, damage, message):
    damage(copy)
    with pytest.raises(CheckpointError, match=message):
        load(copy)


@pytest.mark.parametrize(("damage", "message"), [(damage_truncate, "truncated"), (damage_empty, "cannot be read")])
def test_damage_is_found_without_a_manifest(copy, damage, message):
    (copy / "manifest.json").unlink()
    damage(copy)
    with pytest.raises(CheckpointError, match=message):
        load(copy)


def test_missing_folder(tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        load(tmp_path / "nothing")


def test_header_bomb_is_refused(copy):
    (copy / "manifest.json").unlink()
    (copy / "model.safetensors").write_bytes((2**60).to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match="damaged"):
        load(copy)


def test_full_disk_keeps_the_old_checkpoint(made, copy, monkeypatch):
    before = {p.name: p.read_bytes() for p in copy.iterdir()}

    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embodied.data.files.sync_tree", full)
    with pytest.raises(OSError, match=r"No space left.*bytes are needed"):
        save(*made, copy)
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before
    assert [p.name for p in copy.parent.iterdir()] == ["checkpoint"]


def test_death_between_two_renames_loses_nothing(copy):
    copy.rename(aside_of(copy))
    load(copy)
    verify_manifest(copy)


def test_save_replaces_an_older_checkpoint(made, copy):
    (copy / "stale.txt").write_text("old")
    save(*made, copy)
    assert not (copy / "stale.txt").exists()
    verify_manifest(copy)


def test_a_draft_that_a_killed_writer_left_is_swept_by_the_next_save(made, copy):
    dead, live, other = (copy.with_name(name) for name in (
        ".checkpoint.01234567.draft", ".checkpoint.89abcdef.draft", ".another.01234567.draft"))
    for draft in (dead, live, other):
        draft.mkdir()
        (draft / "model.safetensors").write_bytes(b"half")
    with Hold.own(live):
        save(*made, copy)
    assert not dead.exists() and live.exists() and other.exists()


def test_what_does_not_read_back_is_not_called_saved(made, copy, monkeypatch):
    @contextmanager
    def worn_out(folder):
        with replaced_folder(folder) as draft:
            yield draft
        damage_flip(folder)

    monkeypatch.setattr(loading, "replaced_folder", worn_out)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        save(*made, copy)
