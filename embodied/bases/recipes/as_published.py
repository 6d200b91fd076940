"""A model that was published in transformers' form already: its files as they are, where transformers can read them."""

from __future__ import annotations

import shutil
from pathlib import Path

from transformers import AutoConfig, AutoTokenizer

from embodied.bases.catalogue import BaseError


def convert(path: Path, folder: Path) -> None:
    """Copy the weights and all files beside them. BaseError where no known model or no tokenizer is among them."""
    shutil.copytree(path.parent, folder, dirs_exist_ok=True)
    try:
        AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BaseError(f"{path.name}: the files beside it are of no known model ({' '.join(str(error).split())[:200]})"
                        ) from error
