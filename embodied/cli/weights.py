"""Weights named on the command line: found, checked to the last byte before any episode is played, and their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from embodied.evaluation.contestants import weights_folder


def checked(weights: str) -> tuple[Path, str]:
    """The folder, and the SHA-256 over its weights. Raises ValueError when it is missing, truncated or altered."""
    from embodied.models.loading import MANIFEST, CheckpointError, verify_manifest

    folder = weights_folder(weights).resolve()
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"checkpoint {folder}: no *.safetensors there; give a folder that `embodied train` wrote")
    if (folder / MANIFEST).exists():
        verify_manifest(folder)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return folder, digest.hexdigest()
