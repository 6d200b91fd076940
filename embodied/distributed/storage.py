"""Where the checkpoints of a Ray job stand: in the run's folder, or at an address of fsspec (an object store, a folder
that several machines mount). There is no rename in an object store: manifests are written last, and what is read is
verified.

Secrets are none of an address's business: fsspec's packages take them from the environment, or from files of their own.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.data.files import replaced_folder
from embodied.models.checkpoint_checks import CheckpointError
from embodied.training import checkpoint
from embodied.training.settings import TrainSettings, plain
from embodied.training.stored import INDEX

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray.train import Checkpoint

RECIPE = "recipe.json"
RAYS_LIST = "checkpoint_manager_snapshot.json"


def opened(address: str) -> tuple[FileSystem, str]:
    """(pyarrow's view of the file system, path in it) of an address that `storage_address.check` let pass."""
    from fsspec.core import url_to_fs
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    files, path = url_to_fs(address)
    return PyFileSystem(FSSpecHandler(files)), path


def claim(files: FileSystem, path: str, settings: TrainSettings) -> None:
    """Write recipe.json at a path, or check that checkpoints there are of the same recipe. ValueError where they are of
    another: a run would go on from it."""
    from pyarrow.fs import FileType

    wanted = json.loads(json.dumps(plain(settings, only_inward=True)))
    place = f"{path}/{RECIPE}"
    if files.get_file_info(place).type == FileType.NotFound:
        files.create_dir(path, recursive=True)
        with files.open_output_stream(place) as file:
            file.write(json.dumps(wanted, indent=1).encode())
        return
    with files.open_input_stream(place) as file:
        found = json.loads(file.read())
    if changed := [key for key in wanted if found.get(key) != wanted[key]]:
        raise ValueError(f"distributed.storage: expected the recipe that the checkpoints there began with, got another "
                         f"{', '.join(changed)}; choose another address or restore those settings")


def put(files: FileSystem, path: str, folder: Path) -> None:
    """Copy the files of a local folder to a path, manifests last, the manifest of all behind those of parts."""
    from pyarrow.fs import copy_files

    files.create_dir(path, recursive=True)
    for file in sorted(folder.iterdir(), key=lambda one: (one.name.endswith(checkpoint.MANIFEST),
                                                          one.name == checkpoint.MANIFEST, one.name)):
        copy_files(str(file), f"{path}/{file.name}", destination_filesystem=files)


def newest_name(files: FileSystem, path: str) -> str:
    """Which of the checkpoints at a path is the newest whole one, "" where there is none; earlier versions called
    theirs by the time. A warning for each one passed over."""
    from pyarrow.fs import FileSelector

    there = [one.base_name for one in files.get_file_info(FileSelector(path, allow_not_found=True))]
    names = [name for kind in ("step_", "checkpoint_") for name in sorted(there, reverse=True) if name.startswith(kind)]
    return next((name for name in names if _is_whole(files, f"{path}/{name}")), "")


def _is_whole(files: FileSystem, path: str) -> bool:
    with at_hand(files, path) as folder:
        try:
            checkpoint.verify(folder)
        except CheckpointError as error:
            warnings.warn(f"passed over a checkpoint: {error}", stacklevel=2)
            return False
    return True


@contextmanager
def at_hand(files: FileSystem, path: str) -> Iterator[Path]:
    """A local folder with what stands at a path: itself, or a copy within the block."""
    from pyarrow.fs import copy_files

    if _is_local(files):
        yield Path(path)
        return
    with tempfile.TemporaryDirectory() as room:
        copy_files(path, room, source_filesystem=files)
        yield Path(room)


def local_copy(files: FileSystem, path: str, folder: Path) -> Path:
    """Where a checkpoint stands on this machine: where it is, or a copy in `folder`, published whole."""
    from pyarrow.fs import copy_files

    if _is_local(files):
        return Path(path)
    target = folder / Path(path).name
    if not checkpoint.is_valid(target):
        with replaced_folder(target) as draft:
            copy_files(path, str(draft), source_filesystem=files)
    return target


def uploaded(saved: Checkpoint, name: str, storage: Any) -> Checkpoint:
    """A checkpoint of a local folder, or one process's part of it, in the storage of a job, under a name. In a folder
    of this machine a whole one is published by one rename. storage: of Ray's context."""
    from ray.train import Checkpoint

    files, path = storage.storage_filesystem, storage.build_checkpoint_path_from_name(name)
    source = Path(saved.path)
    if _is_local(files) and (source / checkpoint.MANIFEST).exists() and not (source / INDEX).exists():
        with replaced_folder(Path(path)) as draft:
            put(files, str(draft), source)
    else:
        put(files, path, source)
    return Checkpoint(path, files)


def tidy(storage: Any, keep: int) -> None:
    """Of a job's checkpoints leave the newest `keep`: whole ones in folders of this machine, elsewhere so many names,
    the newest of which has just been published. Ray would go by what it heard of, and by names that are used again."""
    from pyarrow.fs import FileSelector

    files, path = storage.storage_filesystem, storage.experiment_fs_path
    if _is_local(files):
        checkpoint.prune(Path(path), keep)
        return
    names = sorted(one.base_name for one in files.get_file_info(FileSelector(path, allow_not_found=True))
                   if one.base_name.startswith("step_"))
    for name in names[:-keep]:
        files.delete_dir(f"{path}/{name}")


def forget_list(files: FileSystem, path: str) -> None:
    """Remove Ray's list of the checkpoints that it heard of. It is seconds late and written in place: a job whose
    driver was killed meanwhile would lose what came since, or never start again. What stands there counts."""
    from pyarrow.fs import FileType

    if files.get_file_info(f"{path}/{RAYS_LIST}").type != FileType.NotFound:
        files.delete_file(f"{path}/{RAYS_LIST}")


def _is_local(files: FileSystem) -> bool:
    from pyarrow.fs import LocalFileSystem

    return isinstance(files, LocalFileSystem)
