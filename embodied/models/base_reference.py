"""What a checkpoint says of the base that it stands on, and where that base is. The standard library is enough."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embodied.bases.cache import resolve, weights_sha256
from embodied.bases.catalogue import BaseError
from embodied.models.checkpoint_checks import CheckpointError


def reference_of(source: str) -> dict[str, str]:
    """What a checkpoint says of a base: name (of the catalogue, else a whole path), SHA-256 of its tensors.

    BaseError where the base is not on this machine: a checkpoint cannot stand on what may change or vanish.
    """
    place = resolve(source)
    folder = Path(place)
    if not folder.is_dir():
        raise BaseError(f"base {source}: expected one that was fetched or a folder, got neither; copy the model to a "
                        "folder of this machine, or choose adapter=none")
    return {"name": str(folder.resolve()) if place == source else source, "sha256": weights_sha256(folder)}


def base_folder(reference: Mapping[str, Any], where: Path) -> Path:
    """The folder of the base that the checkpoint `where` names. CheckpointError where it is not on this machine."""
    name = str(reference.get("name"))
    try:
        folder = Path(resolve(name))
    except BaseError as error:
        raise CheckpointError(f"checkpoint {where}: stands on a base: {error}") from error
    if not folder.is_dir():
        raise CheckpointError(f"checkpoint {where}: stands on the base {name}, which is not on this machine; copy it "
                              "there, or write where it is into config.json in place of that name")
    return folder


def check_base(reference: Mapping[str, Any], folder: Path, where: Path) -> None:
    """Raise CheckpointError where the base in a folder is not the one that the checkpoint `where` was trained on."""
    try:
        found = weights_sha256(folder)
    except BaseError as error:
        raise CheckpointError(f"checkpoint {where}: stands on a base: {error}") from error
    if found != reference.get("sha256"):
        raise CheckpointError(f"checkpoint {where}: stands on a base of weights {str(reference.get('sha256'))[:12]}.., "
                              f"got {found[:12]}.. in {folder}: what was learned beside one base says nothing on "
                              "another; use the base that it was trained on")
