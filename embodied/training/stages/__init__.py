"""The stages that there are: one module each, found by name among the files of this folder and nowhere else."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from typing import Any

from embodied.training.stage import Stage, StageSettings
from embodied.typed import SettingError, read
from envs.names import unknown

REPLACED = {"planner": "sft"}
"""Name of a stage as it was -> as it is."""


@cache
def names() -> tuple[str, ...]:
    """The known stages, in the order of the alphabet."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def stage_class(name: str) -> type[Stage]:
    """The class of a known stage. SettingError, with nothing imported, for another name."""
    if name not in names():
        remedy = f"; it is called {REPLACED[name]!r} now" if name in REPLACED else ""
        raise SettingError(unknown(name, names(), what="stage") + remedy)
    return importlib.import_module(f"{__name__}.{name}").Stage


def read_stages(values: Any, where: str) -> dict[str, StageSettings]:
    """The typed settings of each stage, in the order in which they are to run. SettingError for what is none."""
    if not isinstance(values, Mapping) or not values:
        raise SettingError(f"{where}: expected at least one stage and its settings, got {values!r}")
    return {name: read(stage_class(name).Settings, value, f"{where}.{name}") for name, value in values.items()}


def make(name: str, settings: StageSettings) -> Stage:
    """The stage of that name."""
    return stage_class(name)(name, settings)
