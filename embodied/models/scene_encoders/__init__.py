"""Scene encoders: how the pictures of a sentence become soft tokens, one file each.

A file here makes an encoder of its name: `ENCODER` in it, a `SegmentEncoder`, chosen by `model.scene_encoder` of the
configuration. May import what `embodied.models` may. Importing the package itself loads no heavy library.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embodied.models.encoding import SegmentEncoder


PRIVILEGED = frozenset(("true_state",))
"""Encoders whose `is_privileged` is true: known here so that their planners can be refused without loading torch."""


REMEMBERING = frozenset(("furniture", "pieces"))
"""Encoders whose scene `remembers`: known here for the same reason."""
ROAMING = frozenset(("furniture",))
"""Encoders whose scene `roams`."""
ELSEWHERE = MappingProxyType({"board": "pieces", "kitchen": "furniture"})
"""World -> the encoder there of a planner that sees slots: the same pictures and soft tokens in another sentence."""


def encoder_in(world: str | None, name: str) -> str:
    """The encoder of a planner in one of the worlds that it knows. name: its own. world: a name of
    `envs.skills.signatures.LANGUAGES`, None for any other."""
    return ELSEWHERE.get(world, name) if name == "slots" else name


def encoder_names() -> tuple[str, ...]:
    """Names of all encoders: the files of this package."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find_encoder(name: str) -> SegmentEncoder:
    """The encoder of that name. Raises ValueError, naming the known ones, for another."""
    if name not in encoder_names():
        raise ValueError(f"scene_encoder: expected one of {', '.join(encoder_names())}, got {name!r}")
    return import_module(f"{__name__}.{name}").ENCODER
