"""Reward modelling: a planner with a scalar head learns which of two plans of one moment is preferred (docs/rl.md).

What it learns from are lines of JSON (`embodied.data.preferences`), by people, rules or forks of the world alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from embodied.training import stage
from embodied.training.stage import REWARD, StageSettings
from embodied.typed import SettingError

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings

LossName = Literal["bradley_terry", "davidson"]
"""Of `objectives.preferences`. bradley_terry leaves ties out; davidson learns from them."""
LearnsName = Literal["all", "head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettings(StageSettings):
    """batch_size: pairs."""

    weights: str  # shipped, or a checkpoint folder: the planner that the head is put on
    train: tuple[str, ...]  # files of preferences, or patterns; PROMPTS stands beside each
    validation: tuple[str, ...]  # the same, none of them learned from
    loss: LossName
    learns: LearnsName  # all: the planner too, but its segmenter; head: its weights stay as they are

    def __post_init__(self) -> None:
        StageSettings.__post_init__(self)
        if self.accumulate > 1:
            raise SettingError(f"accumulate={self.accumulate}: expected 1 of a stage that learns from pairs; lower "
                               "batch_size")


class Stage(stage.Stage[RewardSettings]):
    Settings = RewardSettings
    gives = (REWARD,)
    reads_datasets = False

    def check_model(self, model: ModelSettings) -> None:
        for key in ("train", "validation"):
            if not getattr(self.settings, key):
                raise SettingError(f"stage.{self.name}.{key}: expected a file of preferences at least, got none; name "
                                   f"some: stage.{self.name}.{key}=[FILE.jsonl]")

    def check(self, run: RunFolder) -> None:
        from embodied.training import reward_stage

        reward_stage.check(run, self.name, self.settings)

    def result(self, run: RunFolder) -> Path:
        from embodied.training import reward_stage

        return reward_stage.result(run, self.name)

    def begin(self, run: RunFolder) -> None:
        from embodied.training import reward_stage

        reward_stage.begin(run, self.name, self.settings)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.training import reward_stage

        return reward_stage.prepare(run, self.name, self.settings, placement)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training import reward_stage

        reward_stage.publish(run, self.name, last)
