"""Checkpoint folders: config.json and processor_config.json in the present form; weights stay byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embodied.conversion.kind import Kind, Language
from embodied.conversion.languages import declared
from embodied.data.files import sha256_of, write_json, write_whole
from embodied.models.checkpoint_checks import read_json
from embodied.models.folder import MANIFEST, NEEDED, check_folder
from embodied.models.old_forms import OLD_KEYS, renewed

FILES = ("config.json", "processor_config.json")


def is_checkpoint(folder: Path) -> bool:
    """Whether the folder has the files of a planner's checkpoint."""
    return all((folder / name).is_file() for name in NEEDED)


def old_parts(folder: Path) -> list[str]:
    """Files with keys that no version writes any more. CheckpointError where the folder is damaged or altered."""
    check_folder(folder)
    found = {name: sorted(OLD_KEYS & set(read_json(folder / name))) for name in FILES}
    return [f"{name}: {', '.join(keys)}" for name, keys in found.items() if keys]


def renew(folder: Path, language: Language = None) -> None:
    """Write both files anew, and what the manifest says of them."""
    for name in FILES:
        values = _present(read_json(folder / name), folder / name, language)
        write_whole(folder / name, (json.dumps(values, indent=2, sort_keys=True) + "\n").encode())
    if (folder / MANIFEST).exists():
        _renew_manifest(folder)


def _present(values: dict[str, Any], path: Path, language: Language) -> dict[str, Any]:
    new = renewed(values)
    if isinstance(new.get("plan_language"), str):
        new["plan_language"] = declared(new["plan_language"], language, path)
    return new


def _renew_manifest(folder: Path) -> None:
    manifest = read_json(folder / MANIFEST)
    for name in set(FILES) & set(manifest["files"]):
        path = folder / name
        manifest["files"][name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size}
    write_json(folder / MANIFEST, manifest)


def check(folder: Path) -> None:
    """Load it. Raises ValueError where it does not."""
    from embodied.models.loading import load

    load(folder)


CHECKPOINT = Kind("a checkpoint", f"the {', '.join(NEEDED)} of a checkpoint", is_checkpoint, old_parts, renew, check)
