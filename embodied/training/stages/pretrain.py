"""Pre-training: a decoder learns a language from nothing, from texts (`embodied.data.text`), with its own tokenizer.

What it leaves, `pretrain/model`, is a language model in transformers' form that a planner can stand on:
`language.name=RUN/pretrain/model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embodied.data.text.road import Road
from embodied.training import stage
from embodied.training.stage import LANGUAGE, StageSettings
from embodied.typed import SettingError, between

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainSettings(StageSettings):
    text: Road
    length: int = between(16, 32768)  # tokens of a row
    most_tokens: int | None = between(1, default=None)  # of the texts, drawn by the seed; None: all of them


class Stage(stage.Stage[PretrainSettings]):
    Settings = PretrainSettings
    gives = (LANGUAGE,)
    reads_datasets = False

    def check_model(self, model: ModelSettings) -> None:
        if isinstance(model.language, str):
            raise SettingError(f"stage {self.name}: expected sizes of a decoder that begins from nothing, got the "
                               f"published model {model.language}; choose size=tiny, or language.name=null")
        if not self.settings.text.folders:
            raise SettingError(f"stage.{self.name}.text.folders: expected a folder of texts at least, got none; "
                               "installed stands for the docs of installed packages")
        positions = model.language.get("max_position_embeddings")
        if positions is not None and positions < self.settings.length:
            raise SettingError(f"stage.{self.name}.length={self.settings.length}: expected at most the decoder's "
                               f"{positions} positions (size.language.positions)")

    def check(self, run: RunFolder) -> None:
        from embodied.data.text import road
        from embodied.models.tokens import check_vocab_size

        road.check(self.settings.text)
        check_vocab_size(run.settings.model.vocab_size)

    def result(self, run: RunFolder) -> Path:
        return run.of(self.name) / "model" / "config.json"

    def begin(self, run: RunFolder) -> None:
        from embodied.training import language_stage

        language_stage.begin(run, self.name, self.settings)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        from embodied.training import language_stage

        return language_stage.prepare(run, self.name, self.settings, placement)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training import language_stage

        language_stage.publish(run, self.name, last)
