"""Where the checkpoints of a Ray job stand: in the run's folder, or at an address of fsspec (an object store, a folder
that several machines mount). There is no rename in an object store: manifests are written last, and what is read is
verified.

Secrets are none of an address's business: fsspec's packages take them from the environment, or from files of their own.
"""

from __future__ import annotations

import json
import shutil
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

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem
    from ray.train import Checkpoint

RECIPE = "recipe.json"
_PATTERN = "checkpoint_"


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


@contextmanager
def newest_whole(files: FileSystem, path: str) -> Iterator[Path | None]:
    """A local folder with the newest whole checkpoint at a path, within the block; None where there is none. A warning
    for each one passed over."""
    from pyarrow.fs import FileSelector, LocalFileSystem

    names = sorted((one.base_name for one in files.get_file_info(FileSelector(path, allow_not_found=True))
                    if one.base_name.startswith(_PATTERN)), reverse=True)
    if isinstance(files, LocalFileSystem):
        yield checkpoint.newest_valid(Path(path), f"{_PATTERN}*")
        return
    with tempfile.TemporaryDirectory() as room:
        yield next(filter(None, (_fetched(files, f"{path}/{name}", Path(room) / name) for name in names)), None)


def _fetched(files: FileSystem, path: str, folder: Path) -> Path | None:
    """A local copy of a checkpoint, None where it is not whole."""
    from pyarrow.fs import copy_files

    folder.mkdir()
    copy_files(path, str(folder), source_filesystem=files)
    try:
        checkpoint.verify(folder)
    except CheckpointError as error:
        warnings.warn(f"passed over a checkpoint: {error}", stacklevel=2)
        shutil.rmtree(folder)
        return None
    return folder


def local_copy(saved: Checkpoint, folder: Path) -> Path:
    """Where a checkpoint stands on this machine: where Ray put it, or a copy in `folder`, published whole."""
    from pyarrow.fs import LocalFileSystem, copy_files

    if isinstance(saved.filesystem, LocalFileSystem):
        return Path(saved.path)
    target = folder / Path(saved.path).name
    if not checkpoint.is_valid(target):
        with replaced_folder(target) as draft:
            copy_files(saved.path, str(draft), source_filesystem=saved.filesystem)
    return target


def uploaded(saved: Checkpoint, name: str, storage: Any) -> Checkpoint:
    """A checkpoint of a local folder, or one process's part of it, in the storage of a job, under a name. storage: of
    Ray's context."""
    from ray.train import Checkpoint

    path = storage.build_checkpoint_path_from_name(name)
    put(storage.storage_filesystem, path, Path(saved.path))
    return Checkpoint(path, storage.storage_filesystem)
