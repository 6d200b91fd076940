"""The detector: a segmenter learns the simulator's masks, from RGB-D alone, anew for each run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from embodied.training import stage
from embodied.training.stage import EYES, StageSettings

if TYPE_CHECKING:
    from embodied.models.segmenter import ObjectSegmenter
    from embodied.training.job import Job
    from embodied.training.placement import Placement
    from embodied.training.run_folder import RunFolder


class Stage(stage.Stage[StageSettings]):
    """Batches are of views: as many images as there are cameras in each."""

    gives = (EYES,)

    def result(self, run: RunFolder) -> Path:
        return run.detector / "segmenter.json"

    def prepare(self, run: RunFolder, placement: Placement) -> Job:
        import torch

        from embodied.data.batches import Batches, Sampler
        from embodied.training.collate import collate_views, view_places
        from embodied.training.dataset import open_dataset, split
        from embodied.training.job import make_job, validate
        from embodied.training.objectives.segment import counts, segment

        dataset, seed, size = open_dataset(run.settings), run.settings.seed, self.settings.batch_size
        torch.manual_seed(seed)
        model = _new(run)
        places, parts = view_places(dataset), [set(part.tolist()) for part in split(len(dataset), run.settings)]
        learned, held_out = ([p for p in places if p[0] in part] for part in parts)
        batches = Batches(Sampler([0] * len(learned), batch_size=size, seed=seed),
                          collate_views(dataset, learned, seed=seed),
                          rank=placement.data_rank, world_size=placement.data_size)
        measure = partial(validate, objective=segment, count=len(held_out), batch_size=size, placement=placement,
                          check=collate_views(dataset, held_out, seed=seed, is_jittered=False), counts=counts)
        return make_job(self.settings, model, batches, segment, placement, measure)

    def publish(self, run: RunFolder, last: Path) -> None:
        from embodied.training import checkpoint
        from embodied.training.perception import save_segmenter

        model = _new(run)
        checkpoint.load_weights(model, last)
        save_segmenter(model, run.settings.model.segmenter, run.detector)


def _new(run: RunFolder) -> ObjectSegmenter:
    """A segmenter of the run's sizes, drawn from torch's generator."""
    from embodied.models.configuration import SegmenterConfig
    from embodied.models.segmenter import ObjectSegmenter

    return ObjectSegmenter(SegmenterConfig(**run.settings.model.segmenter))
