"""Understanding: a language model learns to write, for what people say, the goal that they have (`envs.goals`).

It reads words alone, earlier turns among them, and no picture: what the words mean on a table is worked out afterwards.
What it learns from are lines of JSON (`embodied.data.sayings`), no episodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from embodied.training import stage
from embodied.training.stage import MIND, WritingSettings
from embodied.typed import SettingError, between

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderstandSettings(WritingSettings):
    train: tuple[str, ...]  # files of sayings, or patterns such as train-*.jsonl
    validation: tuple[str, ...]  # the same, none of them learned from
    measured: int = between(1, default=300)  # sayings that a validation asks, drawn by the seed
    frozen_layers: int = between(0, default=0)  # of the language model, the first ones: they learn no more, and a step
    # need not go back through them
    shares: dict[str, float] = field(default_factory=dict)  # kind -> share of its sayings that is learned from; else 1


class Stage(stage.Stage[UnderstandSettings]):
    Settings = UnderstandSettings
    gives = (MIND,)
    reads_datasets = False

    def check_model(self, model: ModelSettings) -> None:
        stage.check_keeps(self.name, self.settings, model)
        for key in ("train", "validation"):
            if not getattr(self.settings, key):
                raise SettingError(f"stage.{self.name}.{key}: expected a file of sayings at least, got none; name "
                                   f"some: stage.{self.name}.{key}=[FILE.jsonl]")
        for kind, share in self.settings.shares.items():
            if not 0 <= share <= 1:
                raise SettingError(f"stage.{self.name}.shares.{kind}: expected 0 .. 1, got {share}; a kind of which "
                                   "more is wanted is given by less of the others")

    def check(self, run: RunFolder) -> None:
        from embodied.agents.shipped import weights_folder
        from embodied.data.sayings import files_of
        from embodied.models.folder import check_folder

        files_of([*self.settings.train, *self.settings.validation])
        if self.settings.weights is not None:
            check_folder(weights_folder(self.settings.weights))

    def result(self, run: RunFolder) -> Path:
        return run.mind(self.name) / "manifest.json"

    def begin(self, run: RunFolder) -> None:
        from embodied.training import mind_stage

        mind_stage.begin(run, self.name, self.settings)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.training import mind_stage

        return mind_stage.prepare(run, self.name, self.settings, placement)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training import mind_stage

        mind_stage.publish(run, self.name, self.settings, last)
