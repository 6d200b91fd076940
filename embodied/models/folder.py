"""A checkpoint's folder: whole, unaltered, without pickles. Judged without torch: a wrong one is refused at once."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors

from embodied.data.files import put_back, sha256_of
from embodied.models.base_reference import base_folder
from embodied.models.checkpoint_checks import (
    CheckpointError,
    check_added_tokens,
    check_contents,
    check_files,
    check_sizes,
    read_json,
    refuse_pickles,
)
from embodied.models.known_keys import FILES, LONGEST_LIST, SHARDS, TRAINER, UNREAD

MANIFEST = "manifest.json"
WEIGHTS = Path(__file__).parent.parent / "weights"
"""Folders of weights that come with the package."""
NEEDED = ("config.json", "processor_config.json", "tokenizer.json")
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


def check_folder(folder: Path) -> None:
    """Raise CheckpointError when the folder is missing, incomplete, altered or damaged, or holds pickles,
    files that do not belong to a model, or keys and sizes that no known configuration has (see checkpoint_checks)."""
    put_back(folder)
    check_present(folder)
    check_files(folder, PICKLES)
    _check_held(folder)


def check_local(name: str | Path | None, subfolder: str = "") -> Path | None:
    """The folder that `from_pretrained` was given, checked as `check_folder` does; None for the name of a hub.

    It need not be whole (a model and its processor are read one by one), and may be one that a Trainer goes on from.
    """
    folder = None if name is None else Path(name, subfolder)
    if folder is None or not folder.is_dir():
        return None
    check_files(folder, PICKLES, apart=TRAINER)
    _check_held(folder, apart=TRAINER)
    return folder


def check_published(folder: Path) -> None:
    """Raise CheckpointError for a language model's own folder whose files lead elsewhere, or do not end."""
    check_files(folder)
    adapter = folder / "adapter_config.json"
    if adapter.exists():
        raise CheckpointError(f"checkpoint file {adapter}: expected a whole model, got an adapter, which names another "
                              "model to load; merge it into its model, or remove the file")
    check_added_tokens(folder, LONGEST_LIST)


def _check_held(folder: Path, apart: str = "") -> None:
    """Raise CheckpointError for what is in the folder; `apart`, a pattern, names files that nobody will read."""
    check_names(folder, apart)
    check_contents(folder)
    if (folder / MANIFEST).exists():
        verify_manifest(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if weights and (folder / "config.json").exists():
        config = read_json(folder / "config.json")
        for base in filter(None, (config.get("base"), eyes_of(config))):
            weights += base_folder(base, folder).glob("*.safetensors")
        check_sizes(folder, sum(map(count_numbers, weights)))


def eyes_of(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The base that a config.json names for its vision encoder; None where the weights beside it hold one."""
    vision = config.get("vision_config")
    return vision.get("base") if isinstance(vision, Mapping) else None


def check_names(folder: Path, apart: str = "") -> None:
    """Raise CheckpointError for a file that a library might read or follow, and that no such model has.

    What people keep beside a model, and hidden files, are read by no library.
    """
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        is_ours = len(place.parts) == 1 and (path.name in FILES or re.fullmatch(SHARDS, path.name))
        is_unread = path.suffix.lower() in ("", *UNREAD) or re.fullmatch(apart, path.name)
        is_hidden = any(part.startswith(".") for part in place.parts)
        if not (path.is_dir() or is_ours or is_unread or is_hidden):
            raise CheckpointError(f"checkpoint file {path}: expected the files of a model (config.json, "
                                  "model.safetensors, tokenizer.json ...), got another that a library may follow; "
                                  "remove it")


def write_manifest(folder: str | Path) -> None:
    """Writes manifest.json: the SHA-256 and size of every other file of the folder."""
    folder = Path(folder)
    files = {path.relative_to(folder).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
             for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")


def verify_manifest(folder: str | Path) -> None:
    """Raises CheckpointError naming the first file that is missing or not what the manifest says."""
    folder = Path(folder)
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        expected = {str(name): str(facts["sha256"]) for name, facts in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"checkpoint file {folder / MANIFEST}: cannot be read ({error}); {REMEDY}") from error
    for name, digest in expected.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise CheckpointError(f"checkpoint file {path}: listed in {MANIFEST} but missing; {REMEDY}")
        if sha256_of(path) != digest:
            raise CheckpointError(f"checkpoint file {path}: its SHA-256 is not the one in {MANIFEST} "
                                  f"(truncated or altered); {REMEDY}")


REMEDY = "copy it again, or train one with `embodied train`"


def check_present(folder: Path) -> None:
    """Raise CheckpointError when the folder is missing or incomplete: by the names in it alone, for it may
    be anything, such as a whole disk."""
    try:
        names = set(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointError(f"checkpoint {folder}: no such folder; give one that `embodied train` wrote") from error
    except OSError as error:
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({error.strerror}); {REMEDY}") from error
    refuse_pickles(folder, sorted(names), PICKLES)
    missing = [name for name in NEEDED if name not in names]
    if missing or not any(name.endswith(".safetensors") for name in names):
        raise CheckpointError(f"checkpoint {folder}: {', '.join(missing) or 'model.safetensors'} missing; {REMEDY}")


def count_numbers(path: Path, prefix: str = "") -> int:
    """How many numbers a file holds in tensors whose names begin so. CheckpointError unless its header parses and its
    offsets fit the file."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys()  # noqa: SIM118 - no mapping
                       if name.startswith(prefix))
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"checkpoint file {path}: truncated or damaged ({error}); {REMEDY}") from error


