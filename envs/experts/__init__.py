"""Privileged planners: they prove that every scene can be solved, make demonstrations, and label what a wish needs.

May import: envs.tasks, envs.world, envs.skills.signatures, envs.interface.
"""

from __future__ import annotations

from typing import Any

_HOMES = {"remaining_calls": "oracle", "sample_asks": "asks"}

__all__ = ["remaining_calls", "sample_asks"]


def __getattr__(name: str) -> Any:
    """The re-exported name, its module imported only now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(_HOMES)}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
