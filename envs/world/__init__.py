"""PyBullet and nothing above it: one private client a World, bodies, contacts, clock, images.

May import: envs.words, envs.interface. The only room that imports pybullet, and only when a World is made.
"""

from __future__ import annotations

from envs.reexport import lazily

_HOMES = {"World": "world", "BOWL_OUTER_RADIUS_M": "shapes", "BOWL_INNER_RADIUS_M": "shapes", "BOWL_HEIGHT_M": "shapes",
          "BOWL_FLOOR_M": "shapes"}

__all__ = ["BOWL_FLOOR_M", "BOWL_HEIGHT_M", "BOWL_INNER_RADIUS_M", "BOWL_OUTER_RADIUS_M", "World"]

__getattr__ = lazily(__name__, _HOMES)
