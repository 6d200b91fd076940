"""Alignment: pictures learn the language that is there, which is frozen (PaLM-E, section 4), before `sft` trains all.

What is where is taught, by captions and questions about the dataset's views, or the expert's answers as in `sft`; only
the parts named in `learns` move. It is of use where the language model is a published one; beside one that starts from
nothing, pictures would be fitted to words without meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from embodied.training.stage import ExampleSettings
from embodied.training.stages import sft
from embodied.typed import SettingError

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings


Part = Literal["vision", "projector", "pointer", "language", "new_words"]
"""Parts of a planner that may learn; new_words: of one that stands on a base."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignSettings(ExampleSettings):
    learns: tuple[Part, ...]  # parts of the planner
    teaches: Literal["descriptions", "answers"] = "answers"  # captions and questions about what is where, or plans


class Stage(sft.Stage):
    Settings = AlignSettings

    def check_model(self, model: ModelSettings) -> None:
        from embodied.models.scene_encoders import find_encoder

        super().check_model(model)
        encoder, learns = find_encoder(model.scene_encoder), self.settings.learns
        lacking = {"vision": encoder.pixels is None, "pointer": not encoder.scene.finds_objects,
                   "new_words": "adaptation" not in model.sizes}
        parts = [part for part in get_args(Part) if not lacking.get(part, False)]
        if not learns or not set(learns) <= set(parts):
            instead = ",".join(part for part in parts if part in learns) or "projector"
            raise SettingError(f"stage.{self.name}.learns=[{','.join(learns)}]: expected at least one part of the "
                               f"planner of model={model.scene_encoder}, of {', '.join(parts)}; "
                               f"stage.{self.name}.learns=[{instead}]")

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.data.describing import Descriptions
        from embodied.data.examples import Examples
        from embodied.training import planner_stage

        kind = Descriptions if self.settings.teaches == "descriptions" else Examples
        return planner_stage.prepare(run, self.name, self.settings, placement, learns=self.settings.learns, kind=kind)
