"""embodied train experiment=tabletop_tiny: from nothing to a model that acts.

Collects episodes if they are missing, trains the segmenter, then the planner, and plays a few validation episodes.
Leaves model/ (for weights=...), logs, curve.png and validation.json in the run folder; the same command goes on where
it stopped. distributed=ray distributed.num_workers=2 does the same as a Ray Train job.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from embodied.cli.complaint import Complaint
from embodied.cli.run import Run
from embodied.cli.settings import (
    DataSettings,
    DistributedSettings,
    EnvSettings,
    LanguageSettings,
    ModelSettings,
    ObjectiveSettings,
    SizeSettings,
    VisionSettings,
)
from embodied.cli.typed import between

INTERRUPTED = 130
"""Exit code of a training that was asked to stop and saved itself."""


@dataclass(frozen=True, slots=True)
class Settings:
    env: EnvSettings
    data: DataSettings
    size: SizeSettings
    model: ModelSettings
    language: LanguageSettings
    vision: VisionSettings
    objective: ObjectiveSettings
    distributed: DistributedSettings
    name: str
    is_lexicon_open: bool
    language_is_frozen: bool
    seed: int = between(0)
    threads: int | None = between(1, 1024)
    workers: int = between(0, 256)
    log_every: int = between(1)
    validation_fraction: float = between(0, 0.5)
    validation_episodes: int = between(0, 100_000)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[None]:
    """The run folder, held for this training alone. Raises ValueError where another trains in it, where it began with
    another recipe, and for workers that cannot do what is asked; what it holds is then as it was."""
    _check_workers(settings)
    from embodied.training.run_folder import owned
    from embodied.training.settings import read_settings

    with owned(folder, read_settings(recipe(settings))):
        yield


def act(settings: Settings, run: Run) -> float | None:
    """The success rate on validation seeds, None where none was played."""
    from embodied.cli.collect import gather
    from embodied.evaluation.curve import draw_curves
    from embodied.training.recipe import StoppedError, train_owned

    where = settings.distributed
    gather(settings.data, settings.env, workers=settings.workers, backend="local")
    try:
        model = train_owned(recipe(settings), run.folder, **_workers(where))
    except StoppedError as stopped:
        raise Complaint(str(stopped), INTERRUPTED) from stopped
    finally:
        draw_curves(run.folder)
    print(f"wrote {model}\nwrote {run.folder / 'curve.png'}")
    return _validate(settings, run, model) if settings.validation_episodes else None


def _check_workers(settings: Settings) -> None:
    """Nothing. Raises ValueError, before anything is collected, where Ray could not do what is asked."""
    from embodied.cli.cluster import check_cluster

    where, objective = settings.distributed, settings.objective
    check_cluster(where.name, where.num_workers)
    if where.name == "ray":
        from embodied.distributed.cluster import refuse_odd_split

        for stage in (objective.segmenter, objective.planner):
            refuse_odd_split(stage.batch_size, where.num_workers)


def recipe(settings: Settings) -> dict[str, Any]:
    """The plain values that the training rooms take."""
    language, vision, model = settings.language, settings.vision, settings.model
    return {
        "dataset": str(Path(settings.data.folder).resolve()), "seed": settings.seed, "threads": settings.threads,
        "workers": settings.workers, "log_every": settings.log_every,
        "validation_fraction": settings.validation_fraction, "jitter": settings.objective.jitter,
        "segmenter": asdict(settings.objective.segmenter), "planner": asdict(settings.objective.planner),
        "model": {"language": language.name or language.config, "vision": vision.fields(),
                  "pretrained_vision": vision.pretrained, "segmenter": settings.size.segmenter,
                  "scene_encoder": model.scene_encoder, "vocab_size": settings.size.vocab_size,
                  "is_lexicon_open": settings.is_lexicon_open,
                  "sizes": {"soft_tokens": model.soft_tokens, "naming_weight": model.naming_weight,
                            "projector_width": settings.size.projector_width,
                            "language_is_frozen": settings.language_is_frozen}}}


def _workers(where: DistributedSettings) -> dict[str, Any]:
    """Who runs a stage, and who looks: this machine's processes, or a Ray Train job and actors."""
    if where.name == "local":
        return {}
    from embodied.distributed.launch import launch
    from embodied.distributed.rollouts import map_episodes

    return {"run": partial(launch, num_workers=where.num_workers, max_failures=where.max_failures),
            "map_seeds": partial(map_episodes, backend="ray")}


def _validate(settings: Settings, run: Run, model: Path) -> float:
    from embodied.cli.weights import checked
    from embodied.data.collect import progress
    from embodied.data.files import write_json
    from embodied.distributed.rollouts import map_episodes
    from embodied.evaluation.contest import Heat, contest
    from embodied.evaluation.play import Arena
    from embodied.evaluation.suites import episode_seeds
    from embodied.evaluation.summary import block
    from envs.interface import TASK_IDS

    seeds = episode_seeds("validation", 0, settings.validation_episodes)
    folder, sha256 = checked(str(model))
    arena = Arena("model", tuple(TASK_IDS), seeds[0], str(folder), settings.env.arguments())
    map_seeds = partial(map_episodes, workers=settings.workers, backend=settings.distributed.name)
    with progress("validation", len(seeds)) as played:
        [records] = contest([Heat(arena, seeds, run.folder / f"validation-{sha256[:8]}.jsonl")], map_seeds=map_seeds,
                            weights_sha256=sha256, played=played)
    result = block(records)
    write_json(run.folder / "validation.json", result)
    print(f"validation: {result['success_rate']:.1%} of {result['episodes']} episodes")
    return result["success_rate"]
