"""What a training run depends on, typed. Nothing heavy is imported: what is wrong is refused before torch is loaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from embodied.data.queries import Referrals
from embodied.training import stages
from embodied.training.stage import PLANNER, ExampleSettings, Stage, StageSettings
from embodied.typed import SettingError, between, read, read_by

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16", "rounded"]
"""rounded: float32, but for the products of weights that do not learn, of numbers rounded to bfloat16, on a CPU."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Arguments of `embodied.models.building.build`."""

    language: Any  # sizes with a "model_type", or the name or folder of a published model
    vision: dict[str, Any]  # fields of PalmEVisionConfig
    segmenter: dict[str, Any] = field(default_factory=dict)  # fields of SegmenterConfig
    scene_encoder: str = "slots"  # a file of embodied.models.scene_encoders
    vocab_size: int = between(300, 1_000_000, default=512)
    pretrained_vision: bool = False
    is_vocabulary_open: bool = False  # False: words that no training instruction held are refused
    sizes: dict[str, Any] = field(default_factory=dict)  # other fields of PalmEConfig, such as soft_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What all stages of a run share, whoever starts it."""

    seed: int = between(0)
    threads: int | None = between(1, 1024)  # of torch in a training process; None: all cores
    workers: int = between(0, 256)  # processes that look
    loaders: int = between(0, 256, default=0)  # processes that make batches ahead; 0: a thread
    log_every: int = between(1)  # steps
    validation_fraction: float = between(0, 0.5)  # of episodes, held out of every stage
    device: Device  # auto: a GPU where there is one
    precision: Precision  # of the arithmetic; weights are float32 in any
    saves_in_background: bool = False  # whether checkpoints are copied and written beside training


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings(RunSettings):
    """A whole run: a list of stages, the model and what it learns from."""

    dataset: str  # a folder, learned from where `mixture` names none
    model: ModelSettings
    stages: dict[str, StageSettings] = field(metadata=read_by(stages.read_stages))  # in the order of the run
    mixture: dict[str, float] = field(default_factory=dict)  # folder of a dataset -> its weight, a share of their sum
    referrals: Referrals = "numbers"  # of what numbers things
    rewordings: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """World -> a wording of its datasets -> others that are taught, too."""

    @property
    def datasets(self) -> dict[str, float]:
        """The folders of all datasets that are learned from, with their weights, shares of the sum."""
        return self.mixture or {self.dataset: 1.0}

    def stage(self, name: str) -> Stage:
        """The stage of that name, with the settings of this run."""
        return stages.make(name, self.stages[name])

    def check_needs(self) -> None:
        """Raise SettingError where a stage of the list lacks what it needs of earlier ones, names weights that it would
        not begin as, or has no part of the model to teach, and for sizes of a language model that cannot be. Loads the
        scene encoder."""
        if isinstance(self.model.language, Mapping):
            _check_sizes(self.model.language)
        given: set[str] = set()
        for name in self.stages:
            self._check_needs(name, given)
            given |= set(self.stage(name).gives)
            self.stage(name).check_model(self.model)
        self._check_weights()

    def _check_weights(self) -> None:
        first, *later = [name for name, stage in self.stages.items() if isinstance(stage, ExampleSettings)] or [""]
        for name in later:
            if (weights := self.stages[name].weights) is not None:
                raise SettingError(f"stage.{name}.weights={weights}: expected null, for {name} goes on from the "
                                   "planner of the stage before; say it of the first one: "
                                   f"stage.{first}.weights={weights}")

    def _check_needs(self, name: str, given: set[str]) -> None:
        for need in self.stage(name).needs(self.model):
            if need not in given:
                makers = [other for other in stages.names() if need in stages.stage_class(other).gives]
                raise SettingError(f"stage {name}: expected an earlier stage that gives a {need}, got none; put "
                                   f"{' or '.join(makers) or 'one'} before it: stage=[{(makers or ['..'])[0]},{name}]")

    def worked(self) -> tuple[str, ...]:
        """Names of the stages that have work to do: those after which the planner is better, those that give what a
        later one needs, and the last one."""
        return tuple(name for name in self.stages if self._has_work(name))

    def _has_work(self, name: str) -> bool:
        later = list(self.stages)[list(self.stages).index(name) + 1:]
        needed = {need for other in later for need in self.stage(other).needs(self.model)} | {PLANNER}
        return not later or bool(needed & set(self.stage(name).gives))


def _check_sizes(language: Mapping[str, Any]) -> None:
    """Raise SettingError for keys or sizes that a family known for planners does not have."""
    from embodied.models.checkpoint_checks import check_language
    from embodied.models.known_keys import LANGUAGE_KEYS

    if language.get("model_type") in LANGUAGE_KEYS:
        try:
            check_language(language, "language.config.")
        except ValueError as error:
            raise SettingError(str(error)) from error


OUTWARD = ("threads", "workers", "loaders", "log_every", "device", "saves_in_background")
"""Settings that may change between a start and its resumption."""


def read_settings(values: Mapping[str, Any]) -> TrainSettings:
    """Typed settings of plain values. SettingError for an unknown key, naming the nearest known one."""
    return read(TrainSettings, values)


def plain(settings: TrainSettings, *, only_inward: bool = False) -> dict[str, Any]:
    """The settings as plain values. only_inward: without OUTWARD ones."""
    values = dataclasses.asdict(settings)
    return {k: v for k, v in values.items() if not (only_inward and k in OUTWARD)}
