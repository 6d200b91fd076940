"""Checkpoints of a job in a file system that has no rename: whole or passed over; addresses that cannot be."""

from __future__ import annotations

import shutil

import pytest

from embodied.distributed import storage, storage_address
from embodied.training import checkpoint
from embodied.training.settings import read_settings
from tests.embodied.training.conftest import tiny
from tests.embodied.training.test_checkpoint import go, parts


@pytest.fixture
def memory():
    """(files, path) of fsspec's memory."""
    files, path = storage.opened("memory://bucket/run")
    yield files, path
    files.delete_dir("/bucket")


def uploaded(memory, tmp_path, names=("checkpoint_1", "checkpoint_2")):
    """Where two checkpoints of a training stand, of steps 2 and 4."""
    files, path = memory
    go(parts(), tmp_path / "local", 4)
    for name, folder in zip(names, checkpoint.saved_in(tmp_path / "local"), strict=True):
        storage.put(files, f"{path}/{name}", folder)
    return files, path


def test_the_newest_whole_one_is_read(memory, tmp_path):
    files, path = uploaded(memory, tmp_path)
    with storage.newest_whole(files, path) as saved:
        assert checkpoint.step_of(saved) == 4
    assert not saved.exists()
    with storage.newest_whole(files, f"{path}/nothing") as saved:
        assert saved is None


@pytest.mark.parametrize("missing", ["manifest.json", "model.safetensors"])
def test_one_whose_upload_was_cut_off_is_passed_over(memory, tmp_path, missing):
    files, path = uploaded(memory, tmp_path)
    files.delete_file(f"{path}/checkpoint_2/{missing}")
    with pytest.warns(UserWarning, match="passed over.*checkpoint_2"), storage.newest_whole(files, path) as saved:
        assert checkpoint.step_of(saved) == 2


def test_manifests_are_written_last(memory, tmp_path, monkeypatch):
    import pyarrow.fs

    files, path = memory
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("manifest.json", "part-00000-of-00002.manifest.json", "part-00000-of-00002.safetensors", "a.json"):
        (folder / name).write_text(name)
    put, copy = [], pyarrow.fs.copy_files
    monkeypatch.setattr(pyarrow.fs, "copy_files", lambda one, to, **how: put.append(to) or copy(one, to, **how))
    storage.put(files, f"{path}/checkpoint_1", folder)
    assert [to.rpartition("/")[2] for to in put[2:]] == ["part-00000-of-00002.manifest.json", "manifest.json"]


def test_the_last_one_comes_to_this_machine_whole_and_once(memory, tmp_path, monkeypatch):
    from ray.train import Checkpoint

    files, path = uploaded(memory, tmp_path)
    last = Checkpoint(f"{path}/checkpoint_2", files)
    local = storage.local_copy(last, tmp_path / "here")
    assert local == tmp_path / "here" / "checkpoint_2" and checkpoint.is_valid(local)
    files.delete_dir(f"{path}/checkpoint_2")
    assert storage.local_copy(last, tmp_path / "here") == local
    on_disk = Checkpoint.from_directory(str(local))
    assert storage.local_copy(on_disk, tmp_path / "elsewhere") == local


def test_checkpoints_of_another_recipe_are_not_gone_on_from(memory, tmp_path):
    files, path = memory
    one = tiny(tmp_path)
    storage.claim(files, path, read_settings(one))
    storage.claim(files, path, read_settings(one | {"log_every": 5}))
    with pytest.raises(ValueError, match="got another seed; choose another address"):
        storage.claim(files, path, read_settings(one | {"seed": 7}))


def test_a_folder_of_this_machine_is_read_where_it_stands(tmp_path):
    import pyarrow.fs

    go(parts(), tmp_path / "local", 4)
    shutil.copytree(tmp_path / "local" / "step_00000004", tmp_path / "job" / "checkpoint_1")
    with storage.newest_whole(pyarrow.fs.LocalFileSystem(), str(tmp_path / "job")) as saved:
        assert saved == tmp_path / "job" / "checkpoint_1"


@pytest.mark.parametrize(("address", "said"), [
    ("s4://bucket/folder", "expected a protocol of fsspec such as s3, gs or file, got s4"),
    ("memory://folder", "expected what all workers see"),
    ("/mounted/folder", "expected an address such as s3://bucket/folder"),
    ("simplecache::s3://bucket", "expected an address such as")])
def test_addresses_that_cannot_be_are_refused(address, said):
    with pytest.raises(ValueError, match=said):
        storage_address.check(address)


def test_a_protocol_without_its_package_is_refused_with_what_to_install(monkeypatch):
    from fsspec.registry import known_implementations

    monkeypatch.setitem(known_implementations, "s9", {"class": "s9fs.S9FileSystem", "err": "Install s9fs"})
    with pytest.raises(ValueError, match=r"package that reads s9://, got none; pip install s9fs on every machine"):
        storage_address.check("s9://bucket/folder")
    storage_address.check("file:///mounted/folder")


@pytest.mark.parametrize("address", ["s3://me:hush@host/bucket", "s3://bucket/folder?secret_key=hush", "s3://b#hush"])
def test_an_address_with_a_secret_is_refused_and_not_repeated(address):
    with pytest.raises(ValueError, match="credentials come from the environment") as refused:
        storage_address.check(address)
    assert "hush" not in str(refused.value)
