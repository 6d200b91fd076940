"""Run folders as they were before a run was a list of stages: read here, and brought into the present form, alone.

There were two stages, `segmenter` and `planner`, which began with new weights and learned from one dataset; `planner`
is called `sft` now, and owns the jitter of its examples. The model's `scene_encoder` was called `seeing`, and whether
its vocabulary is open `is_lexicon_open`, also in the first runs that were a list of stages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embodied.data.files import renamed_folder, write_json

STAGES = {"segmenter": "segmenter", "planner": "sft"}
"""Name as it was -> name as it is."""

MODEL = {"seeing": "scene_encoder", "is_lexicon_open": "is_vocabulary_open"}
"""The same for keys of the model."""


def old_parts(recipe: Mapping[str, Any]) -> list[str]:
    """What of a recipe.json is of an earlier form, in words; nothing of one that has the present form."""
    is_of_two = "stages" not in recipe and set(STAGES) <= set(recipe)
    return ["two stages"] * is_of_two + [f"model.{key}" for key in MODEL if key in recipe.get("model", {})]


def present_form(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe in the present form; one that has it already stays as it is."""
    if not old_parts(recipe):
        return dict(recipe)
    stages = recipe.get("stages") or _present_stages(recipe)
    kept = {key: value for key, value in recipe.items() if key not in (*STAGES, "jitter")}
    return {"precision": "float32", "mixture": {}, **kept,
            "model": {MODEL.get(key, key): value for key, value in recipe["model"].items()},
            "stages": {name: {"weights": None, **stage} for name, stage in stages.items()}}


def _present_stages(recipe: Mapping[str, Any]) -> dict[str, Any]:
    stages = {name: recipe[old] for old, name in STAGES.items()}
    return stages | {"sft": {**stages["sft"], "jitter": recipe.get("jitter", {})}}


def renew(run_dir: Path) -> None:
    """Bring a folder of an earlier form into the present one; others stay as they are. The recipe is written last, so
    that a kill between leaves a folder that is renewed by the next training.
    """
    path = run_dir / "recipe.json"
    recipe = json.loads(path.read_text())
    if not old_parts(recipe):
        return
    for old, name in STAGES.items():
        for folder in (run_dir, run_dir / "ray"):
            if old != name and (folder / old).exists():
                renamed_folder(folder / old, name)
    _renew_workers(run_dir / "workers.json")
    write_json(path, present_form(recipe))


def _renew_workers(path: Path) -> None:
    if path.exists():
        write_json(path, {STAGES.get(stage, stage): facts for stage, facts in json.loads(path.read_text()).items()})
