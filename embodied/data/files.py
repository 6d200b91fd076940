"""Files that are whole or absent: written beside their place, flushed to the disk, published by one rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from embodied.data.locks import HeldError, Hold


def write_whole(path: Path, content: bytes) -> None:
    """Publish `content` at `path` so that a kill or a full disk at any moment leaves the old file."""
    sweep_drafts(path.parent, of=path.name)
    draft, hold = _new_draft(path, Path.touch)
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file of itself
    finally:
        hold.release()
    sync_folder(path.parent)


def _new_draft(path: Path, make: Callable[[Path], None]) -> tuple[Path, Hold]:
    """A new draft of `path`, made by `make`, and the lock that keeps `sweep_drafts` from it."""
    while True:
        draft = _draft_of(path)
        try:
            make(draft)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from error
        try:
            return draft, Hold.own(draft)
        except (HeldError, FileNotFoundError):  # swept in the moment between
            continue


def _draft_of(path: Path) -> Path:
    """A name that nothing has yet, which `sweep_drafts` knows."""
    return path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.draft"


def write_json(path: Path, value: Any) -> None:
    """Publish JSON text, as `write_whole` does."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False).encode())


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A draft folder to fill; leaving it publishes it at `folder` by one rename, leaving it by an error removes it.

    Raises FileExistsError where `folder` exists already: what is published is never written over.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: expected a folder that does not exist yet; choose another or remove it")
    with draft_folder(folder) as draft:
        yield draft
        sync_tree(draft)
        os.rename(draft, folder)  # not replace: fails where somebody published it meanwhile
    sync_folder(folder.parent)


@contextmanager
def replaced_folder(folder: Path, *, keep: Path | None = None) -> Iterator[Path]:
    """A draft folder to fill; leaving it puts it in the place of `folder`, leaving it by an error changes nothing.

    An older folder stays until the new one is complete: it steps aside and is removed last, or
    renamed to `keep`. Whoever reads such a folder calls `put_back` first.
    """
    with draft_folder(folder) as draft:
        yield draft
        sync_tree(draft)
        draft.chmod(0o755)
        put_back(folder)
        shutil.rmtree(aside_of(folder), ignore_errors=True)
        if folder.exists():
            folder.rename(aside_of(folder))
        try:
            draft.rename(folder)
        finally:
            put_back(folder)
    let_go(folder, keep)
    sync_folder(folder.parent)


def let_go(folder: Path, keep: Path | None = None) -> None:
    """Remove the folder that stepped aside for one that came, or give it the name `keep`."""
    if keep is not None and aside_of(folder).exists():
        aside_of(folder).rename(keep)
    shutil.rmtree(aside_of(folder), ignore_errors=True)


def put_back(folder: Path) -> None:
    """Put back a folder that stepped aside for one that never came: the process died between two renames."""
    if not folder.exists() and aside_of(folder).exists():
        aside_of(folder).rename(folder)


def remove_folder(folder: Path) -> None:
    """Take a folder away whole: a kill meanwhile leaves a draft, which is swept, and never a part under its name."""
    leaving = _draft_of(folder)
    folder.rename(leaving)
    shutil.rmtree(leaving, ignore_errors=True)


def aside_of(folder: Path) -> Path:
    """Where a folder waits while another takes its place."""
    return folder.with_name(f".{folder.name}.old")


def renamed_folder(folder: Path, name: str) -> Path:
    """The folder under another name in the same place. FileExistsError where something stands there."""
    target = folder.parent / name
    if target.exists():
        raise FileExistsError(f"{target}: expected nothing of that name beside {folder.name}; move one of them away")
    os.rename(folder, target)
    sync_folder(folder.parent)
    return target


@contextmanager
def draft_folder(folder: Path) -> Iterator[Path]:
    """A new hidden folder beside `folder`, to fill and to rename; removed at the end unless it was renamed.

    What killed writers of the same folder left is swept first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep_drafts(folder.parent, of=folder.name)
    draft, hold = _new_draft(folder, Path.mkdir)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        hold.release()


def sync_tree(folder: Path) -> None:
    """Flush every file and folder in `folder`, and itself, to the disk."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            with open(Path(place) / name, "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(place))


def sweep_drafts(folder: Path, *, of: str | None = None, is_deep: bool = False) -> int:
    """How many drafts of killed writers were removed from `folder`: files and folders. Those of live ones stay.

    of: only drafts of what has this name. is_deep: in the folders below, too.
    """
    if is_deep:
        return sum(_swept(draft) for draft in list(folder.rglob(".*.draft")))
    start = "." if of is None else f".{of}."
    names = os.listdir(folder) if folder.is_dir() else ()
    return sum(_swept(folder / name) for name in names if name.startswith(start) and name.endswith(".draft"))


def _swept(draft: Path) -> bool:
    try:
        with Hold.take(draft):
            if draft.is_dir():
                shutil.rmtree(draft, ignore_errors=True)
            else:
                draft.unlink(missing_ok=True)
    except (HeldError, FileNotFoundError):
        return False
    return True
