"""Ten steps of each objective: losses and gradient norms of the smallest models, on a few episodes of the tabletop.

The planner that sees slots has the shipped detector: eyes of ten steps see nothing that could be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from embodied.agents.shipped import weights_path
from embodied.data.collect import CollectSpec, collect
from embodied.models.loading import load
from embodied.models.segmenter_files import save_segmenter
from embodied.training.placement import alone
from embodied.training.recipe import start_stage
from embodied.training.run_folder import RunFolder
from embodied.training.settings import TrainSettings, read_settings
from tests.embodied.training.conftest import tiny

STEPS = 10
OBJECTIVES = {"segment": ("segmenter", "slots"), "segment_light": ("segmenter", "slots"), "sft_slots": ("sft", "slots"),
              "sft_image": ("sft", "image")}
"""Name -> (stage, what the planner sees)."""
LIGHT = {"segmenter": {"form": "light", "patch_px": 4, "widths": [48, 64, 96], "level_depths": [1, 2, 2]}}
MODELS = {"segment": {"segmenter": {"widths": [24, 48, 64, 96]}}, "segment_light": LIGHT, "sft_slots": LIGHT,
          "sft_image": {"sizes": {"soft_tokens": 4}}}
"""Name -> settings of its model; the light segmenter is as large as the shipped one, the other one as it was."""


class Watch:
    """A hook that keeps what each step gave."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []

    def step(self, state: Any) -> None:
        self.steps.append({"loss": float(state.loss), "grad_norm": float(state.grad_norm)} |
                          {name: float(value) for name, value in state.metrics.items()})

    def end(self, state: Any) -> None:
        """Nothing is open."""


def losses(folder: Path) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """(objective, its ten steps); folder: an empty one, for what the stages leave."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    collect(CollectSpec(), folder / "dataset", episodes=8, executed_fraction=0.25, workers=0)
    for name, (stage, encoder) in OBJECTIVES.items():
        settings = _settings(folder / "dataset", encoder, MODELS[name])
        yield name, _ten_steps(settings, stage, folder / name)
    torch.set_num_threads(before)


def _settings(dataset: Path, encoder: str, model: Mapping[str, Any]) -> TrainSettings:
    values = tiny(dataset)
    values["model"] |= {"scene_encoder": encoder, **model}
    values["model"]["language"] |= {"max_position_embeddings": 512}
    values["stages"] = {name: stage | {"steps": STEPS} for name, stage in values["stages"].items()}
    return read_settings(values)


def _ten_steps(settings: TrainSettings, stage: str, folder: Path) -> list[dict[str, float]]:
    run = RunFolder(folder, settings)
    if stage == "sft" and settings.model.scene_encoder == "slots":
        detector = load(weights_path("tabletop-tiny"))[0].segmenter
        save_segmenter(detector, run.detector)
    start_stage(run, stage)
    watch, job = Watch(), settings.stage(stage).prepare(run, alone("cpu"))
    job.train([watch])
    return watch.steps
