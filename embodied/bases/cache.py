"""Where bases stand on this machine, and what their manifests say: files with hash, source and licence.

    $EMBODIED_CACHE/bases/NAME    else $XDG_CACHE_HOME/embodied/bases/NAME, else ~/.cache/embodied/bases/NAME
    $EMBODIED_CACHE/wheels/NAME   archives that were fetched whole and wait for their conversion
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embodied.bases.catalogue import BASES, BaseError
from embodied.data.files import sha256_of, write_json

MANIFEST = "manifest.json"
VARIABLE = "EMBODIED_CACHE"


def cache_folder() -> Path:
    """The folder that everything fetched goes to; it need not exist."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "embodied"


def place_of(name: str) -> Path:
    """The folder of a base of the catalogue, or of a model that was fetched by the name of a hub; it need not exist."""
    return cache_folder() / "bases" / re.sub(r"[^\w.-]", "--", name)


def resolve(source: str) -> str:
    """What a language model's or encoder's name stands for: the cache folder of a base, else the text as it is.

    A folder with a config.json goes before a base of the same name. BaseError for a base that was not fetched.
    """
    if (Path(source) / "config.json").is_file():
        return source
    if (place_of(source) / MANIFEST).is_file():
        return str(place_of(source))
    if source in BASES:
        raise BaseError(f"base {source}: not on this machine (expected it in {place_of(source)}); fetch it with: "
                        f"embodied bases fetch {source}")
    return source


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is said of a base beside its files."""

    name: str
    role: str
    model: str
    source: Mapping[str, Any]
    licence: Mapping[str, Any]
    files: Mapping[str, str]  # name -> SHA-256
    weights_sha256: str  # see weights_sha256
    numbers: Mapping[str, Any]  # what the model gave when it was converted; see numbers


def write_manifest(folder: Path, *, name: str, role: str, model: str, source: Mapping[str, Any],
                   licence: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """Write manifest.json over all other files of the folder."""
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    write_json(folder / MANIFEST, {
        "name": name, "role": role, "model": model, "source": source, "licence": licence, "numbers": numbers,
        "weights_sha256": weights_sha256(folder), "files": files})


def read_manifest(folder: Path) -> Manifest:
    """What manifest.json says. BaseError where it is missing or damaged."""
    try:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Manifest(**{key: values[key] for key in Manifest.__slots__})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BaseError(f"base {folder}: {MANIFEST} cannot be read ({error}); {_remedy(folder)}") from error


def check_files(folder: Path) -> Manifest:
    """The manifest. BaseError naming the first file that is missing, or not what it was when it was converted."""
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if "/" in name or not path.is_file():
            raise BaseError(f"base {folder}: {name} is missing; {_remedy(folder)}")
        if (found := sha256_of(path)) != expected:
            raise BaseError(f"base {folder}: {name}: expected SHA-256 {expected[:12]}.., got {found[:12]}.. (truncated "
                            f"or altered); {_remedy(folder)}")
    return manifest


def weights_sha256(folder: Path) -> str:
    """SHA-256 over the tensors of a folder: of each, in the order of names, name, type, shape and bytes.

    The same for one file and for shards, and whatever else stands in their headers. BaseError without whole weights.
    """
    found: dict[str, tuple[Path, str, int, int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= _tensors(path)
    if not found:
        raise BaseError(f"base {folder}: expected *.safetensors, got none; give a folder in transformers' form")
    digest = hashlib.sha256()
    for name in sorted(found):
        path, kind, start, stop = found[name]
        digest.update(f"{name} {kind} ".encode())
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            digest.update(memoryview(content)[start:stop].toreadonly() if stop > start else b"")
    return digest.hexdigest()


def _tensors(path: Path) -> dict[str, tuple[Path, str, int, int]]:
    """Name -> (file, type and shape, first byte, byte after the last) of a safetensors file."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, 2**27)))
        header.pop("__metadata__", None)
        places = {name: (path, f"{facts['dtype']} {facts['shape']}", *(8 + length + at for at in facts["data_offsets"]))
                  for name, facts in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaseError(f"base file {path}: truncated or damaged ({error}); copy or fetch it again") from error
    if any(stop > size for _, _, _, stop in places.values()):
        raise BaseError(f"base file {path}: truncated; copy or fetch it again")
    return places


def _remedy(folder: Path) -> str:
    return f"embodied bases fetch {folder.name} writes it anew" if folder.name in BASES else "fetch or copy it again"
