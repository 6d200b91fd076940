"""Folders of training runs: recipe and stages as they are called now, and the planners in them."""

from __future__ import annotations

import json
from pathlib import Path

from embodied.conversion import checkpoints
from embodied.conversion.kind import Kind, Language
from embodied.training import old_runs
from embodied.training.checkpoint import saved_in, verify
from embodied.training.run_folder import owned
from embodied.training.settings import read_settings

RECIPE = "recipe.json"


def is_run(folder: Path) -> bool:
    """Whether some training began in the folder."""
    return (folder / RECIPE).is_file()


def old_parts(folder: Path) -> list[str]:
    """What is of an earlier form: the recipe, and planners by their folders."""
    recipe = json.loads((folder / RECIPE).read_text())
    found = {RECIPE: old_runs.old_parts(recipe)}
    found |= {str(path.relative_to(folder)): checkpoints.old_parts(path) for path in _planners(folder)}
    return [f"{name}: {'; '.join(parts)}" for name, parts in found.items() if parts]


def _planners(folder: Path) -> list[Path]:
    """The folders of the planners that the run has published."""
    return [path for path in sorted([folder / "start", folder / "model", *folder.glob("*/model")])
            if checkpoints.is_checkpoint(path)]


def renew(folder: Path, language: Language = None) -> None:
    """Bring recipe, stages and planners into the present form."""
    old_runs.renew(folder)
    for path in _planners(folder):
        checkpoints.renew(path, language)


def check(folder: Path) -> None:
    """Read the recipe as a training does, every checkpoint of its stages, and load its planners."""
    outward = {"threads": None, "workers": 0, "log_every": 1, "device": "cpu"}
    settings = read_settings({**json.loads((folder / RECIPE).read_text()), **outward})
    for stage in settings.stages:
        for path in saved_in(folder / stage / "checkpoints"):
            verify(path)
    for path in _planners(folder):
        checkpoints.check(path)


RUN = Kind("a run folder", f"the {RECIPE} of a training", is_run, old_parts, renew, check, owned)
