"""embodied train experiment=tabletop_tiny: from nothing to a model that acts.

Collects episodes if they are missing, trains the stages in their order, on a GPU where there is one, and plays a few
validation episodes. stage=[segmenter,sft] is the usual list; stage=[segmenter,align,sft] lets pictures learn
a published language model's words first. Leaves model/ (for weights=...), logs, curve.png and validation.json in the
run folder; the same command goes on where it stopped. distributed=ray distributed.num_workers=2 does the same as a Ray
Train job. plan=256 trains nothing and says what it would need, with sentences of so many tokens, by layout.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any

from embodied.bases.cache import resolve
from embodied.cli.errors import UsageError
from embodied.cli.run import RunContext
from embodied.cli.settings import (
    AdapterSettings,
    DataSettings,
    DistributedSettings,
    EnvSettings,
    LanguageSettings,
    PictureSettings,
    SizeSettings,
    VisionSettings,
)
from embodied.data.facts import facts_file
from embodied.models.hub import check_reachable
from embodied.training.parallel.layout import Layout
from embodied.training.settings import ModelSettings, RunSettings, TrainSettings
from embodied.training.stage import StageSettings
from embodied.training.stages import read_stages, stage_class
from embodied.typed import between, read_by
from envs.sensors.held_out import refuse_held_out

INTERRUPTED = 130
"""Exit code of a training that was asked to stop and saved itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(RunSettings):
    env: EnvSettings
    data: DataSettings
    size: SizeSettings
    model: PictureSettings
    language: LanguageSettings
    adapter: AdapterSettings
    vision: VisionSettings
    stage: dict[str, StageSettings] = field(metadata=read_by(read_stages))
    distributed: DistributedSettings
    parallel: Layout
    name: str
    is_vocabulary_open: bool
    language_is_frozen: bool
    validation_episodes: int = between(0, 100_000)
    plan: int | None = between(8, 1_000_000, default=None)


@contextmanager
def enter(settings: Settings, folder: Path) -> Iterator[None]:
    """The run folder, held for this training alone. Raises ValueError where another trains in it, where it began with
    another recipe, for a base that was not fetched, and for workers that cannot do what is asked; what it holds is then
    as it was."""
    if settings.plan is not None:  # it may be about a cluster that is not there
        settings.parallel.over(settings.distributed.num_workers if settings.distributed.name == "ray" else 1)
        yield
        return
    with _joining(settings.distributed):
        _check_workers(settings)
        _check_mixture(settings)
        _check_held_out(settings)
        _check_validated(settings)
        if settings.language.name is not None:
            check_reachable(resolve(settings.language.name))
        if settings.vision.name is not None and "/" in (name := resolve(settings.vision.name)):
            check_reachable(name)
        from embodied.training.run_folder import RunFolder, owned

        wanted = recipe(settings)
        with owned(folder, wanted):
            RunFolder(folder, wanted).check()
            yield


@contextmanager
def _joining(where: DistributedSettings) -> Iterator[None]:
    """Within the block RAY_ADDRESS is what the settings say, where they say something."""
    before = os.environ.get("RAY_ADDRESS")
    if where.address is not None:
        os.environ["RAY_ADDRESS"] = where.address
    try:
        yield
    finally:
        if where.address is not None:
            _put_back("RAY_ADDRESS", before)


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def act(settings: Settings, run: RunContext) -> float | None:
    """The success rate on validation seeds, None where none was played."""
    if settings.plan is not None:
        from embodied.cli.train_plan import Asked, lines

        workers = settings.distributed.num_workers if settings.distributed.name == "ray" else 1
        asked = Asked(settings.plan, recipe(settings).model, settings.stage, settings.parallel, workers)
        print("\n".join(lines(asked)))
        return None
    from embodied.cli.collect import gather
    from embodied.evaluation.curve import draw_curves
    from embodied.training.recipe import StoppedError, train_owned

    where = settings.distributed
    if settings.data.is_collected and any(stage_class(name).reads_datasets for name in settings.stage):
        gather(settings.data, settings.env, workers=settings.workers, backend="local")
    try:
        model = train_owned(recipe(settings), run.folder, **_workers(where, settings.parallel))
    except StoppedError as stopped:
        raise UsageError(str(stopped), INTERRUPTED) from stopped
    finally:
        draw_curves(run.folder, tuple(settings.stage))
    print(f"wrote {model or run.folder}\nwrote {run.folder / 'curve.png'}")
    return _validate(settings, run, model) if settings.validation_episodes and model else None


def _check_mixture(settings: Settings) -> None:
    """Raise ValueError, before anything is collected, where a folder of the mixture holds no dataset and is not the one
    that is collected."""
    if not any(stage_class(name).reads_datasets for name in settings.stage):
        return
    for folder in map(Path, settings.data.folders):
        if folder != Path(settings.data.folder).resolve() and not facts_file(folder).exists():
            raise ValueError(f"data.mixture: expected datasets that were collected, got none in {folder}; embodied "
                             "collect makes one. Other folders are added to those of a recipe; '~data.mixture' before "
                             "takes those out")


def _check_held_out(settings: Settings) -> None:
    """Raise ValueError, before anything is collected, where a segmenter would learn from looks that are held out."""
    eyes = settings.stage.get("segmenter")
    if eyes is None or eyes.weights is not None or eyes.learns_held_out or not settings.data.is_collected:
        return
    refuse_held_out(settings.data.env_id, settings.env.arguments())


def _check_validated(settings: Settings) -> None:
    """Raise ValueError where episodes are wanted of a planner that cannot play any."""
    from embodied.models.scene_encoders import PRIVILEGED

    worlds = _worlds(settings)
    if settings.validation_episodes and worlds and settings.data.domain not in worlds:
        raise ValueError(f"validation_episodes={settings.validation_episodes}: expected data.domain to be one of the "
                         f"mixture's worlds, {', '.join(worlds)}, got {settings.data.domain}; choose one, or 0")
    if settings.validation_episodes and settings.model.scene_encoder in PRIVILEGED:
        raise ValueError(f"validation_episodes={settings.validation_episodes}: expected 0 with model="
                         f"{settings.model.scene_encoder}, which is shown the simulator's own masks and plays no "
                         "episode; embodied evaluate suite=palm_e asks it")


def _check_workers(settings: Settings) -> None:
    """Raise ValueError, before anything is collected, where Ray, or the one process without a GPU, could not do it."""
    from embodied.cli.cluster import check_cluster

    where = settings.distributed
    fewest = where.num_workers if where.min_workers is None else where.min_workers
    if where.name == "ray":
        from embodied.distributed.cluster import check_widths, processors_of

        check_cluster(where.name, processors_of(settings.stage, fewest, where.num_workers, settings.workers))
        check_widths(settings.parallel, fewest, where.num_workers, settings.stage)
        if where.sharded_checkpoints and settings.parallel.is_plain:
            raise UsageError("distributed.sharded_checkpoints=true: expected parallel.zero, tensor or pipeline, for "
                             "workers that hold a part each, got every worker holding all; set one, or leave it out")
    elif settings.parallel != Layout():
        raise UsageError(f"parallel={settings.parallel.name}: expected distributed=ray, whose workers share out a "
                         "model, got distributed=local, which is one process")
    elif settings.device == "cuda":
        from embodied.training.placement import choose

        choose(settings.device)


def recipe(settings: Settings) -> TrainSettings:
    """What the training rooms take."""
    shared = {field.name: getattr(settings, field.name) for field in fields(RunSettings)}
    return TrainSettings(**shared, dataset=str(Path(settings.data.folder).resolve()), stages=settings.stage,
                         model=_model(settings), mixture=settings.data.folders,
                         referrals=settings.data.referrals, rewordings=_rewordings(settings))


def _rewordings(settings: Settings) -> dict[str, dict[str, tuple[str, ...]]]:
    """What the words of a world, or of all worlds of a mixture, may be put as, too, where that is to be learned."""
    if not settings.data.reworded:
        return {}
    from envs.domains import find_domain

    return {world: dict(known) for world in _worlds(settings) if (known := find_domain(world).rewordings)}


def _worlds(settings: Settings) -> list[str]:
    """The worlds that are learned from: of a mixture those that its datasets, as far as they are there, name."""
    from embodied.data.facts import facts_file, language_of, read_facts
    from embodied.planning.declaration import world_of

    made = [Path(folder) for folder in settings.data.folders if facts_file(Path(folder)).exists()]
    named = [world_of(language_of(read_facts(folder), str(folder))) for folder in made]
    return list(dict.fromkeys([*filter(None, named), *([settings.data.domain] if settings.data.is_collected else [])]))


def _model(settings: Settings) -> ModelSettings:
    language, vision, picture, size = settings.language, settings.vision, settings.model, settings.size
    sizes = {"soft_tokens": picture.soft_tokens, "naming_weight": picture.naming_weight, "projector": picture.projector,
             "projector_width": size.projector_width, "language_is_frozen": settings.language_is_frozen}
    if (adaptation := settings.adapter.values(language.name)) is not None:
        sizes["adaptation"] = adaptation
    return ModelSettings(language=language.name or language.config, vision=vision.fields(), segmenter=size.segmenter,
                         scene_encoder=picture.scene_encoder, vocab_size=size.vocab_size, sizes=sizes,
                         pretrained_vision=vision.pretrained, is_vocabulary_open=settings.is_vocabulary_open)


def _workers(where: DistributedSettings, layout: Layout) -> dict[str, Any]:
    """Who runs a stage, and who looks: this machine's processes, or a Ray Train job and actors."""
    if where.name == "local":
        return {}
    from embodied.distributed.launch import launch
    from embodied.distributed.rollouts import map_episodes

    return {"run": partial(launch, num_workers=where.num_workers, min_workers=where.min_workers, layout=layout,
                           max_failures=where.max_failures, is_sharded=where.sharded_checkpoints,
                           storage=where.storage),
            "map_seeds": partial(map_episodes, backend="ray")}


def _validate(settings: Settings, run: RunContext, model: Path) -> float:
    from embodied.cli.weights import checked
    from embodied.data.files import write_json
    from embodied.data.progress import progress
    from embodied.distributed.rollouts import map_episodes
    from embodied.evaluation.episode import EpisodeSpec
    from embodied.evaluation.jobs import EvaluationJob, run_jobs
    from embodied.evaluation.suites import episode_seeds
    from embodied.evaluation.summary import block

    seeds = episode_seeds("validation", 0, settings.validation_episodes)
    folder, sha256 = checked(str(model))
    spec = EpisodeSpec("model", settings.data.tasks, seeds[0], str(folder), settings.env.arguments())
    map_seeds = partial(map_episodes, workers=settings.workers, backend=settings.distributed.name)
    with progress("validation", len(seeds)) as played:
        [records] = run_jobs([EvaluationJob(spec, seeds, run.folder / f"validation-{sha256[:8]}.jsonl")],
                             map_seeds=map_seeds,
                             weights_sha256=sha256, played=played)
    result = block(records)
    write_json(run.folder / "validation.json", result)
    print(f"validation: {result['success_rate']:.1%} of {result['episodes']} episodes")
    return result["success_rate"]
