"""Privileged planners: they prove that every scene can be solved, make demonstrations, and label what an instruction
needs.

May import: envs.tasks, envs.world, envs.skills.signatures, envs.interface.
"""

from __future__ import annotations

from envs.reexport import lazily

_HOMES = {"remaining_calls": "oracle", "sample_queries": "queries"}

__all__ = ["remaining_calls", "sample_queries"]

__getattr__ = lazily(__name__, _HOMES)
