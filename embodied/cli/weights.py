"""Weights named on the command line: found, checked to the last byte before any episode is played, and their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

from embodied.evaluation.policies import weights_folder
from embodied.models.folder import check_folder


def checked(weights: str) -> tuple[Path, str]:
    """The folder, and the SHA-256 over its weights. Raises ValueError when it is missing, truncated or altered."""
    folder = weights_folder(weights).resolve()
    check_folder(folder)
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return folder, digest.hexdigest()
