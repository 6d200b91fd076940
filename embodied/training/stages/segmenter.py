"""The detector: a segmenter learns the simulator's masks, from RGB-D alone; or is taken over from weights that
exist."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from embodied.training import stage
from embodied.training.stage import SEGMENTER, StageSettings
from embodied.typed import SettingError
from envs.sensors.held_out import refuse_held_out

if TYPE_CHECKING:
    from embodied.data.dataset import Dataset
    from embodied.models.segmenter import ObjectSegmenter
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder
    from embodied.training.settings import ModelSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterSettings(StageSettings):
    weights: str | None = None  # shipped, or a checkpoint folder: its segmenter is taken as it is, and nothing trained
    is_disguised: bool = False  # whether what is no object has other colors, and depth and calibration are worse
    learns_held_out: bool = False  # whether looks that are held out to test eyes on may be learned from


class Stage(stage.Stage[SegmenterSettings]):
    """Batches are of views: as many images as there are cameras in each."""

    Settings = SegmenterSettings
    gives = (SEGMENTER,)

    def check_model(self, model: ModelSettings) -> None:
        for key, usual in (("accumulate", 1), ("activation_checkpointing", False)):
            if (value := getattr(self.settings, key)) != usual:
                raise SettingError(f"stage.{self.name}.{key}={value}: expected {str(usual).lower()}, for a "
                                   "segmenter pads its pictures together and computes no layer again; lower batch_size")

    def result(self, run: RunFolder) -> Path:
        return run.detector / "segmenter.json"

    def begin(self, run: RunFolder) -> None:
        """Take the segmenter of the named weights over, where there are any, with its own sizes. ValueError for weights
        that have none."""
        if self.settings.weights is None:
            return
        from embodied.agents.shipped import weights_folder
        from embodied.models.loading import load
        from embodied.models.segmenter_files import save_segmenter

        weights = weights_folder(self.settings.weights)
        found = load(weights)[0].segmenter
        if found is None:
            raise ValueError(f"stage.segmenter.weights={self.settings.weights}: expected a planner with a segmenter, "
                             f"got one without ({weights}); choose another, or null to train one")
        save_segmenter(found, run.detector)

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        import torch

        from embodied.data.batches import Batches
        from embodied.training.collate import collate_views, view_places
        from embodied.training.dataset import mixed_sampler, open_datasets, split_all
        from embodied.training.job import make_job, validate
        from embodied.training.objectives.segment import counts, segment

        datasets, seed, size = open_datasets(run.settings), run.settings.seed, self.settings.batch_size
        for dataset in datasets if not self.settings.learns_held_out else ():
            _refuse_held_out(dataset)
        torch.manual_seed(seed)
        model = _new(run)
        learned, held_out = ([view_places(*part) for part in zip(datasets, episodes, strict=True)]
                             for episodes in split_all(datasets, run.settings))
        checked = list(chain(*held_out))
        sampler = mixed_sampler([[0] * len(part) for part in learned], run.settings, size)
        batches = Batches(sampler, collate_views(list(chain(*learned)), model.config, seed=seed,
                                                 is_disguised=self.settings.is_disguised), rank=placement.data_rank,
                          world_size=placement.data_size, loaders=run.settings.loaders)
        measure = partial(validate, objective=segment, count=len(checked), batch_size=size, placement=placement,
                          check=collate_views(checked, model.config, seed=seed, is_jittered=False), counts=counts)
        return make_job(self.settings, model, batches, segment, placement, measure)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.models.segmenter_files import save_segmenter
        from embodied.training import checkpoint

        model = _new(run)
        checkpoint.load_weights(model, last)
        save_segmenter(model, run.detector)


def _refuse_held_out(dataset: Dataset) -> None:
    """Raise ValueError where what a dataset shows is kept to test eyes on."""
    made = dataset.facts["env"]
    try:
        refuse_held_out(made["id"], {**made["kwargs"], "renderer": dataset.facts["renderer"]})
    except ValueError as error:
        raise ValueError(f"dataset {dataset.path}: {error}") from error


def _new(run: RunFolder) -> ObjectSegmenter:
    """A segmenter of the run's sizes, drawn from torch's generator."""
    from embodied.models.segmenter import ObjectSegmenter
    from embodied.training.perception import segmenter_config

    return ObjectSegmenter(segmenter_config(run.settings.model))
