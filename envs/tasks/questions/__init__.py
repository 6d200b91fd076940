"""Families of questions about the table of blocks, a file each: what is asked, what is true, how it is told.

A new family is a file here with a constant FAMILY; its name is the file's. May import what `envs.tasks` may.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from envs.tasks.questions.family import Family


def _found() -> dict[str, Family]:
    """Name -> family, of every file of this package, in the order of their numbers."""
    names = [module.name for module in iter_modules(__path__) if module.name != "family"]
    found = {name: import_module(f"{__name__}.{name}").FAMILY for name in names}
    return dict(sorted(found.items(), key=lambda item: item[1].number))


FAMILIES: Mapping[str, Family] = MappingProxyType(_found())
