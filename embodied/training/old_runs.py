"""Run folders as they were before a run was a list of stages: read here, and brought into the present form, alone.

There were two stages, `segmenter` and `planner`, which began with new weights and learned from one dataset; `planner`
is called `sft` now, and owns the jitter of its examples. The model's `scene_encoder` was called `seeing`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embodied.data.files import renamed_folder, write_json

STAGES = {"segmenter": "segmenter", "planner": "sft"}
"""Name as it was -> name as it is."""


def is_old(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe.json is of the earlier form."""
    return "stages" not in recipe and set(STAGES) <= set(recipe)


def present_form(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe in the present form; one that has it already stays as it is."""
    if not is_old(recipe):
        return dict(recipe)
    stages = {name: recipe[old] for old, name in STAGES.items()}
    stages["segmenter"] = {**stages["segmenter"], "weights": None}
    stages["sft"] = {**stages["sft"], "jitter": recipe.get("jitter", {}), "weights": None}
    kept = {key: value for key, value in recipe.items() if key not in (*STAGES, "jitter")}
    return {**kept, "model": _present_model(recipe["model"]), "precision": "float32", "mixture": {}, "stages": stages}


def _present_model(model: Mapping[str, Any]) -> dict[str, Any]:
    """What a planner sees was called `seeing` before it was the name of an encoder, and its vocabulary a lexicon."""
    new = {"seeing": "scene_encoder", "is_lexicon_open": "is_vocabulary_open"}
    return {new.get(key, key): value for key, value in model.items()}


def renew(run_dir: Path) -> None:
    """Bring a folder of the earlier form into the present one; others stay as they are. The recipe is written last, so
    that a kill between leaves a folder that is renewed by the next training.
    """
    path = run_dir / "recipe.json"
    recipe = json.loads(path.read_text())
    if not is_old(recipe):
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
