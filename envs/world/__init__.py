"""PyBullet and nothing above it: one private client a World, bodies, contacts, clock, images.

May import: envs.words, envs.interface. The only room that imports pybullet, and only when a World is made.
"""

from __future__ import annotations

from typing import Any

_HOMES = {"World": "world", "BOWL_OUTER_RADIUS_M": "shapes", "BOWL_INNER_RADIUS_M": "shapes", "BOWL_HEIGHT_M": "shapes",
          "BOWL_FLOOR_M": "shapes"}

__all__ = ["BOWL_FLOOR_M", "BOWL_HEIGHT_M", "BOWL_INNER_RADIUS_M", "BOWL_OUTER_RADIUS_M", "World"]


def __getattr__(name: str) -> Any:
    """The re-exported name, its module imported only now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(_HOMES)}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
