"""What counts as done: scenes, the words that ask for them, and progress in [0, 1].

May import: envs.world, envs.words, envs.interface. Tasks and skills are strangers.
"""

from __future__ import annotations

from typing import Any

_HOMES = {"TASKS": "families", "make_task": "families", "Task": "families", "Scene": "scene", "Entity": "scene",
          "In": "scene", "On": "scene", "COLORS": "scene", "VOCABULARY": "phrasings", "UNKNOWN_WORDS": "phrasings"}

__all__ = ["COLORS", "TASKS", "UNKNOWN_WORDS", "VOCABULARY", "Entity", "In", "On", "Scene", "Task",
           "make_task"]


def __getattr__(name: str) -> Any:
    """The re-exported name, its module imported only now."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {sorted(_HOMES)}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
