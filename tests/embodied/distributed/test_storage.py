"""Checkpoints of a job in a file system that has no rename: whole or passed over; addresses that cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow.fs import FileSelector, LocalFileSystem

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
    assert storage.newest_name(files, path) == "checkpoint_2" and storage.newest_name(files, f"{path}/nothing") == ""
    with storage.at_hand(files, f"{path}/checkpoint_2") as saved:
        assert checkpoint.step_of(saved) == 4
    assert not saved.exists()
    storage.put(files, f"{path}/step_00000002", checkpoint.saved_in(tmp_path / "local")[0])
    assert storage.newest_name(files, path) == "step_00000002", "earlier versions called theirs by the time"


@pytest.mark.parametrize("missing", ["manifest.json", "model.safetensors"])
def test_one_whose_upload_was_cut_off_is_passed_over(memory, tmp_path, missing):
    files, path = uploaded(memory, tmp_path)
    files.delete_file(f"{path}/checkpoint_2/{missing}")
    with pytest.warns(UserWarning, match="passed over"):
        assert storage.newest_name(files, path) == "checkpoint_1"


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
    files, path = uploaded(memory, tmp_path)
    last = files, f"{path}/checkpoint_2"
    local = storage.local_copy(*last, tmp_path / "here")
    assert local == tmp_path / "here" / "checkpoint_2" and checkpoint.is_valid(local)
    files.delete_dir(f"{path}/checkpoint_2")
    assert storage.local_copy(*last, tmp_path / "here") == local
    assert storage.local_copy(LocalFileSystem(), str(local), tmp_path / "elsewhere") == local


def test_in_a_folder_of_this_machine_a_whole_one_is_published_at_once(tmp_path, monkeypatch):
    """A kill amid the copy leaves a draft, and nothing under the checkpoint's name."""
    go(parts(), tmp_path / "local", 4)
    first, last = checkpoint.saved_in(tmp_path / "local")
    job = SimpleNamespace(storage_filesystem=LocalFileSystem(), experiment_fs_path=str(tmp_path / "job"),
                          build_checkpoint_path_from_name=lambda name: str(tmp_path / "job" / name))
    (tmp_path / "job").mkdir()
    with monkeypatch.context() as killed, pytest.raises(KeyboardInterrupt):
        killed.setattr(storage, "put", _interrupted)
        storage.uploaded(SimpleNamespace(path=str(last)), "step_00000004", job)
    assert not (tmp_path / "job" / "step_00000004").exists()
    for name, folder in (("step_00000002", first), ("step_00000004", last)):
        assert checkpoint.is_valid(Path(storage.uploaded(SimpleNamespace(path=str(folder)), name, job).path))
    storage.tidy(job, keep=1)
    assert [path.name for path in (tmp_path / "job").iterdir()] == ["step_00000004"]


def test_what_ray_heard_of_is_forgotten(tmp_path):
    storage.forget_list(LocalFileSystem(), str(tmp_path))
    (tmp_path / storage.RAYS_LIST).write_text("{")
    storage.forget_list(LocalFileSystem(), str(tmp_path))
    assert not (tmp_path / storage.RAYS_LIST).exists()


def _interrupted(*_):
    raise KeyboardInterrupt


def test_checkpoints_of_another_recipe_are_not_gone_on_from(memory, tmp_path):
    files, path = memory
    one = tiny(tmp_path)
    storage.claim(files, path, read_settings(one))
    storage.claim(files, path, read_settings(one | {"log_every": 5}))
    with pytest.raises(ValueError, match="got another seed; choose another address"):
        storage.claim(files, path, read_settings(one | {"seed": 7}))


def test_a_folder_of_this_machine_is_read_where_it_stands(tmp_path):
    go(parts(), tmp_path / "local", 4)
    shutil.copytree(tmp_path / "local" / "step_00000004", tmp_path / "job" / "checkpoint_1")
    assert storage.newest_name(LocalFileSystem(), str(tmp_path / "job")) == "checkpoint_1"
    with storage.at_hand(LocalFileSystem(), str(tmp_path / "job" / "checkpoint_1")) as saved:
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


def test_elsewhere_as_many_names_stay_as_are_kept_and_one_may_come_again(memory, tmp_path):
    files, path = memory
    go(parts(), tmp_path / "local", 4)
    first, last = checkpoint.saved_in(tmp_path / "local")
    job = SimpleNamespace(storage_filesystem=files, experiment_fs_path=path,
                          build_checkpoint_path_from_name=lambda name: f"{path}/{name}")
    for name, folder in (("step_00000002", first), ("step_00000004", last), ("step_00000004", last),
                         ("step_00000006", last)):
        storage.uploaded(SimpleNamespace(path=str(folder)), name, job)
        storage.tidy(job, keep=2)
    assert sorted(one.base_name for one in files.get_file_info(FileSelector(path))) == ["step_00000004",
                                                                                        "step_00000006"]
