"""How a package offers names of its modules and imports each only when it is used: packages stay quick to enter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package. homes: name -> the module in the package that defines it, imported only then."""
    def look_up(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}; it has {sorted(homes)}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return look_up
