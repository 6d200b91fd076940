"""What a stage of a run is. Nothing heavy is imported here, nor at the top of a stage's own file: what a stage's
settings are has to be known before torch is worth loading.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

from embodied.data.jitter import Jitter
from embodied.training.replay_settings import NO_REPLAY, Replay
from embodied.typed import SettingError, between

if TYPE_CHECKING:
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings

ScheduleName = Literal["cosine", "constant", "warmup_stable_decay", "inverse_sqrt"]
"""How the learning rate goes on after the warm-up: a half cosine (Loshchilov and Hutter 2017), not at all, not at all
and then straight down (Hu et al. 2024, arXiv 2404.06395), or as 1 / sqrt(step) (Vaswani et al. 2017)."""

SEGMENTER = "segmenter"
"""Of what a stage gives: a segmenter, in `RunFolder.detector`."""
PLANNER = "planner"
"""Of what a stage gives: the planner a little better than before, in `RunFolder.planner_after`."""
LANGUAGE = "language"
"""Of what a stage gives: a language model, in transformers' form, in `RunFolder.of(stage) / "model"`."""
MIND = "mind"
"""Of what a stage gives: a model that writes goals for people's words, in `RunFolder.of(stage) / "model"`."""
REWARD = "reward"
"""Of what a stage gives: a model that scores plans, in `RunFolder.of(stage) / "model"`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """One training of one model. A stage that needs more has a subclass in its own file; values are in its YAML."""

    steps: int = between(1)
    batch_size: int = between(1)  # of all workers together
    lr: float = between(0, 10)  # learning rate, the highest of the schedule
    weight_decay: float = between(0, 10)  # share of a weight that a step takes away, times its learning rate
    warmup_steps: int = between(0)
    clip_norm: float = between(0)  # longest gradient, loss per unit of weights; longer ones are scaled by a factor
    save_every: int = between(1)  # steps
    validate_every: int = between(1)  # steps
    keep: int = between(1)  # checkpoints
    lr_scale: dict[str, float] = field(default_factory=dict)  # name prefix of parameters -> factor of lr
    schedule: ScheduleName = "cosine"
    ema_decay: float = between(0, 0.999999, default=0.0)  # of the weights' moving average, see `averaging`; 0: none
    spike_ratio: float | None = between(1.5, default=None)  # of losses that are gone back from, see `rewinding`
    accumulate: int = between(1, default=1)  # parts of a worker's share of a batch that are learned from in turn
    activation_checkpointing: bool = False  # whether layers are computed again on the way back, for less memory
    overfit_one_batch: bool = False  # whether the first batch is learned from again and again

    def __post_init__(self) -> None:
        if self.batch_size % self.accumulate:
            raise SettingError(f"accumulate={self.accumulate}: expected a divisor of batch_size={self.batch_size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingSettings(StageSettings):
    """Of a stage that teaches a language model what to write."""

    weights: str | None = None  # shipped, or a checkpoint folder: what the run's model begins as; None for a new one
    patience: int | None = between(1, default=None)  # measurements without a better one, see `hooks.KeepBest`
    replay: Replay = NO_REPLAY  # texts of the base's own
    measures_retention: bool = False  # at each validation, of a model on a base; see `embodied.models.retention`

    def __post_init__(self) -> None:
        StageSettings.__post_init__(self)
        if self.accumulate > 1 and self.replay.share:
            raise SettingError(f"accumulate={self.accumulate}: expected 1 with replay.share={self.replay.share}, of "
                               "which each part would draw texts of its own; leave one of them out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleSettings(WritingSettings):
    """Of a stage that teaches the planner the examples of the dataset."""

    jitter: Jitter  # of what was seen
    per_family: int | None = between(1, default=None)  # most examples of a family in a dataset, drawn by the seed
    limits: dict[str, int] = field(default_factory=dict)  # family -> the same, of that one alone, 0 for none

    def __post_init__(self) -> None:
        WritingSettings.__post_init__(self)
        if wrong := sorted(family for family, most in self.limits.items() if most < 0):
            raise SettingError(f"limits.{wrong[0]}={self.limits[wrong[0]]}: expected at least 0")


def check_keeps(name: str, settings: WritingSettings, model: ModelSettings) -> None:
    """Raise SettingError where a stage is to keep the language of a base, and its model has none."""
    asked = {"measures_retention": settings.measures_retention, "replay.share": settings.replay.share}
    is_published = isinstance(model.language, str) and model.sizes.get("adaptation", {}).get("kind") != "random"
    for key in (key for key, value in asked.items() if value and not is_published):
        raise SettingError(f"stage.{name}.{key}={asked[key]}: expected a published language model, whose language "
                           "could be kept, got one that begins from nothing; choose size=small, or leave the setting "
                           "out")


S = TypeVar("S", bound=StageSettings, covariant=True)


class Stage(Protocol[S]):
    """A part of a run: `embodied/training/stages/NAME.py` holds one, called `Stage`, and `configs/stage/NAME.yaml` its
    values. A subclass says how its work is prepared and published; the rest has defaults.
    """

    Settings: ClassVar[type[StageSettings]] = StageSettings
    gives: ClassVar[tuple[str, ...]] = (PLANNER,)
    reads_datasets: ClassVar[bool] = True
    """Whether it learns from the run's datasets of episodes, which have to be collected first."""
    plays: ClassVar[bool] = False
    """Whether each process that trains has `workers` others beside it, which play episodes with the model."""

    def __init__(self, name: str, settings: S):
        self.name, self.settings = name, settings

    def needs(self, model: ModelSettings) -> tuple[str, ...]:
        """What earlier stages of the same run must have given."""
        return ()

    def check_model(self, model: ModelSettings) -> None:
        """Raise SettingError where these settings and the model's do not go together."""

    def check(self, run: RunFolder) -> None:
        """Raise ValueError for what this stage cannot begin with, such as the checkpoint that its settings name. Asked
        before any stage of the run is begun."""

    def result(self, run: RunFolder) -> Path:
        """The file whose presence says that this stage is over, the last one that `publish` writes."""
        return run.planner_after(self.name) / "manifest.json"

    def begin(self, run: RunFolder) -> None:
        """Make what every worker reads, once, before any of them is started. May be called again after a kill. Where it
        leaves `result` there, the stage is over, and nothing is trained."""

    @abstractmethod
    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        """Return what one worker trains; called on each, after `begin`."""
        ...

    @abstractmethod
    def publish(self, run: RunFolder, last: Path) -> None:
        """Write the result of the stage from its last checkpoint, a folder."""
        ...
