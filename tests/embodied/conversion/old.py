"""Folders as earlier versions wrote them, made of ones in the present form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embodied.data.dataset import episode_files
from embodied.data.episodes import read_episode
from embodied.models.folder import write_manifest
from tests.embodied.data.test_episodes import as_of_format_2

SHA256 = "7f170a0d6562a068eaed358aba0c6b158bbf3e28bb011bc28f6de5131d6accb2"
"""By which the language of the tabletop went."""


def rewrite(path: Path, **changes: Any) -> None:
    """Change values of a JSON object; None takes a key away."""
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))


def old_checkpoint(folder: Path, sha256: str = SHA256) -> Path:
    """The checkpoint with `seeing` and a sha256 in it."""
    for name in ("config.json", "processor_config.json"):
        seeing = json.loads((folder / name).read_text())["scene_encoder"]
        rewrite(folder / name, scene_encoder=None, seeing=seeing)
    rewrite(folder / "config.json", geometry_size=11)
    rewrite(folder / "processor_config.json", plan_language=None, grammar_fingerprint=sha256)
    write_manifest(folder)
    return folder


def old_dataset(folder: Path, sha256: str = SHA256, **facts: Any) -> Path:
    """The dataset in format 2."""
    rewrite(folder / "dataset.json", **{"grammar": sha256, "format": 2, **facts})
    for path in episode_files(folder):
        as_of_format_2(path, read_episode(path))
    return folder


def old_run(folder: Path) -> Path:
    """The run as if it were of two stages, `segmenter` and `planner`."""
    recipe = json.loads((folder / "recipe.json").read_text())
    stages, model = recipe["stages"], recipe["model"]
    model = {**model, "seeing": model.pop("scene_encoder"), "is_lexicon_open": model.pop("is_vocabulary_open")}
    segmenter, planner = ({key: value for key, value in stages[name].items() if key not in ("jitter", "weights")}
                          for name in ("segmenter", "sft"))
    rewrite(folder / "recipe.json", stages=None, precision=None, mixture=None, model=model, segmenter=segmenter,
            planner=planner, jitter=stages["sft"]["jitter"])
    workers = json.loads((folder / "workers.json").read_text())
    (folder / "workers.json").write_text(json.dumps({"segmenter": workers["segmenter"], "planner": workers["sft"]}))
    (folder / "sft").rename(folder / "planner")
    for planner in (folder / "start", folder / "model"):
        if planner.exists():
            old_checkpoint(planner)
    return folder
