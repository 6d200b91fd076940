"""Files that are whole or absent: written beside their place, flushed to the disk, published by one rename."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any


def write_whole(path: Path, content: bytes) -> None:
    """Nothing. Publishes `content` at `path` so that a kill or a full disk at any moment leaves the old file."""
    draft = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.draft"
    try:
        with open(draft, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file of itself
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Nothing. `write_whole` of JSON text."""
    write_whole(path, json.dumps(value, indent=1, allow_nan=False).encode())


def sync_folder(folder: Path) -> None:
    """Nothing. Makes renames inside `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep_drafts(folder: Path) -> int:
    """How many drafts of killed writers were removed from `folder`."""
    drafts = list(folder.glob(".*.draft"))
    for draft in drafts:
        draft.unlink(missing_ok=True)
    return len(drafts)
