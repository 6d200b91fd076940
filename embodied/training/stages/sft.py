"""Supervised fine-tuning: the whole planner but its segmenter learns the expert's answers (PaLM-E, section 3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embodied.training import stage
from embodied.training.stage import SEGMENTER, ExampleSettings

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings


class Stage(stage.Stage[ExampleSettings]):
    Settings = ExampleSettings

    def needs(self, model: ModelSettings) -> tuple[str, ...]:
        from embodied.models.scene_encoders import find_encoder

        return (SEGMENTER,) if find_encoder(model.scene_encoder).needs_segmenter else ()

    def check_model(self, model: ModelSettings) -> None:
        stage.check_keeps(self.name, self.settings, model)

    def check(self, run: RunFolder) -> None:
        if self.settings.weights is not None:
            from embodied.training import planner_stage

            planner_stage.check_weights(run, self.name, self.settings.weights)

    def begin(self, run: RunFolder) -> None:
        from embodied.training import planner_stage

        planner_stage.begin(run, self.name, self.settings)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.training import planner_stage

        return planner_stage.prepare(run, self.name, self.settings, placement)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training import planner_stage

        planner_stage.publish(run, self.name, last)
