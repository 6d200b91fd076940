"""What counts as done: scenes, the words that query for them, and progress in [0, 1].

May import: envs.goals, envs.world, envs.words, envs.interface. Tasks and skills are strangers.
"""

from __future__ import annotations

from envs.reexport import lazily

_HOMES = {"TASKS": "families", "make_task": "families", "Task": "families", "Scene": "scene", "Entity": "scene",
          "COLORS": "scene", "VOCABULARY": "phrasings", "UNKNOWN_WORDS": "phrasings"}

__all__ = ["COLORS", "TASKS", "UNKNOWN_WORDS", "VOCABULARY", "Entity", "Scene", "Task",
           "make_task"]

__getattr__ = lazily(__name__, _HOMES)
