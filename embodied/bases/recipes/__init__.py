"""From a published file to a folder that transformers or timm reads: a file each, found by name among these alone."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path

from embodied.bases.catalogue import BaseError
from envs.names import unknown

Recipe = Callable[[Path, Path], None]
"""(published file, folder): writes config.json, model.safetensors and, of a language model, its tokenizer."""


def find_recipe(name: str) -> Recipe:
    """The recipe of that name. BaseError, with nothing imported, for another."""
    known = sorted(module.name for module in pkgutil.iter_modules(__path__))
    if name not in known:
        raise BaseError(unknown(name, known, what="recipe"))
    return importlib.import_module(f"{__name__}.{name}").convert
