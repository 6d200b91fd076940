"""What stages that teach the planner the expert's answers have in common: the planner before its first step, the
examples, and how the result is published.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from embodied.agents.shipped import weights_folder
from embodied.data.batches import Batches, Collate
from embodied.data.dataset import Dataset
from embodied.data.detections import Detections, detect_dataset
from embodied.data.examples import Examples
from embodied.data.facts import language_of
from embodied.data.files import write_json
from embodied.data.mixture import Mixture, world_names
from embodied.data.teaching import describe, is_of_an_unknown_word
from embodied.models import retention
from embodied.models.building import Facts, build
from embodied.models.checkpoint_checks import read_json
from embodied.models.encoding import SegmentEncoder
from embodied.models.loading import load as load_model
from embodied.models.loading import save as save_model
from embodied.models.on_base import adapters_off
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor, words_of
from embodied.models.scene_encoders import encoder_in, find_encoder
from embodied.models.segmenter_files import load_segmenter
from embodied.planning.declaration import declaration, world_of
from embodied.planning.language import object_names
from embodied.planning.named import COLOR_FAMILY, colors_in
from embodied.prompt import MAX_OBJECTS
from embodied.training import checkpoint
from embodied.training.collate import collate_examples, sampled_by
from embodied.training.dataset import at_most, mixed_sampler, open_datasets, split_all
from embodied.training.job import Job, Measure, make_job, validate
from embodied.training.objectives.sft import counts, sft
from embodied.training.perception import (
    check_segmenter,
    config_of,
    detector_of,
    look_detector,
    make_detector,
    make_look_detector,
    make_perfect_detector,
)
from embodied.training.placement import Placement
from embodied.training.replay import read_texts, with_replay, write_texts
from embodied.training.replay_settings import Replay
from embodied.training.run_folder import RunFolder
from embodied.training.stage import ExampleSettings


def begin(run: RunFolder, stage: str, settings: ExampleSettings) -> None:
    """Look at the datasets, once for all workers, and write the planner before its first step, and the texts of its
    base that the stage replays, where there are none."""
    examples = examples_of(run)
    if not (run.start / "manifest.json").exists():
        save_model(*first_planner(run, examples), run.start)
    write_replay(run, stage, settings.replay, run.start)


def write_replay(run: RunFolder, stage: str, replay: Replay, start: Path) -> None:
    """Have the base of the model in the folder `start` write the texts that the stage replays, where there are none."""
    if replay.share and not run.replay(stage).exists():
        model, processor = load_model(start)
        with adapters_off(model.language):
            write_texts(run.replay(stage), replay, model.language, processor.tokenizer, run.settings.seed)


def check_weights(run: RunFolder, stage: str, weights: str) -> None:
    """Raise ValueError where the run's planner is still to be written and the checkpoint that it is to begin as has
    another scene encoder or another segmenter than the run. Only its configuration is read."""
    if (run.start / "manifest.json").exists():
        return
    folder = weights_folder(weights)
    config, model = config_of(folder), run.settings.model
    whose = f"stage.{stage}.weights={weights}"
    if config.scene_encoder != model.scene_encoder:
        raise ValueError(f"{whose}: expected a planner that sees {model.scene_encoder}, got one that sees "
                         f"{config.scene_encoder}; choose model={config.scene_encoder}")
    worlds = read_json(folder / "processor_config.json").get("worlds", {})
    if worlds and not world_names([language_of(d.facts, str(d.path)) for d in open_datasets(run.settings)]):
        raise ValueError(f"{whose}: expected data of several worlds to go on with a planner of {', '.join(worlds)}, "
                         "got data of one; give a data.mixture, or train a planner of its own")
    if find_encoder(model.scene_encoder).needs_segmenter:
        check_segmenter(whose, config.segmenter_config, run.settings)


def examples_of(run: RunFolder, kind: type[Examples] = Examples, **settings: Any) -> Mixture:
    """What the datasets of the run teach its planner. settings: of `Examples`."""
    is_open = run.settings.model.is_vocabulary_open
    settings = {"is_open": is_open, "referrals": run.settings.referrals, **settings}
    datasets = open_datasets(run.settings)
    for dataset in datasets:
        _refuse_strange(dataset)
    return Mixture([kind(dataset, detect(run, dataset, encoder), scene=encoder.scene,
                         rewordings=_rewordings_of(run, dataset), **settings)
                    for dataset, encoder in zip(datasets, encoders_of(run, datasets), strict=True)])


def _refuse_strange(dataset: Dataset) -> None:
    """Raise ValueError for a dataset of tables on which names do not say what things look like, things have no names,
    or each episode has cameras of its own: eyes learn from it, planners from the others."""
    strange = {key: value for key, value in (dataset.facts["env"]["kwargs"].get("appearance") or {}).items()
               if key in ("colors", "distractors", "cameras") and value not in ("own", "none")}
    if strange:
        raise ValueError(f"dataset {dataset.path}: expected a table of its own colors, things and cameras for a "
                         f"planner to learn from, got appearance {strange}; the stage segmenter learns from it")


def _rewordings_of(run: RunFolder, dataset: Dataset) -> Mapping[str, Sequence[str]] | None:
    """What the words of a dataset may be put as; of one whose world has no name (any more) those of the only world that
    the run has some of."""
    known = run.settings.rewordings
    name = world_of(language_of(dataset.facts, f"dataset {dataset.path}"))
    return known.get(name, next(iter(known.values())) if name is None and len(known) == 1 else None)


def encoders_of(run: RunFolder, datasets: Sequence[Dataset]) -> list[SegmentEncoder]:
    """What the planner of the run is shown of each dataset: by its own scene encoder, but for datasets of several
    worlds, see `scene_encoders.encoder_in`."""
    own = run.settings.model.scene_encoder
    names = world_names([language_of(dataset.facts, f"dataset {dataset.path}") for dataset in datasets])
    if names and own != "slots":
        raise ValueError(f"model={own}: expected model=slots for datasets of several worlds, {', '.join({*names})}; "
                         "those of one world alone may be told otherwise")
    return [find_encoder(encoder_in(name, own)) for name in names or [None] * len(datasets)]


def detect(run: RunFolder, dataset: Dataset, encoder: SegmentEncoder) -> Detections:
    """What the eyes of an encoder, or the segmenter of this run, find in every view of the dataset."""
    pool = {"workers": run.settings.workers, "map_seeds": run.map_seeds}
    if eyes := encoder.scene.eyes:
        return detect_dataset(dataset, look_detector(eyes), make_look_detector, {"eyes": eyes}, **pool)
    if not encoder.needs_segmenter:
        return detect_dataset(dataset, "masks", make_perfect_detector, {}, **pool)
    return detect_dataset(dataset, detector_of(run.detector), make_detector, {"folder": str(run.detector)}, **pool)


def first_planner(run: RunFolder, examples: Mixture) -> tuple[Any, Any]:
    """(model, processor) before the first step, with the segmenter of the run inside: those of the weights that the
    first stage of the planner names, else new ones."""
    weights = next(s.weights for s in run.settings.stages.values() if isinstance(s, ExampleSettings))
    facts = facts_of(run, examples)
    model, processor = new_planner(run, examples, facts) if weights is None else known_planner(weights, facts)
    if model.segmenter is not None:
        model.segmenter.load_state_dict(load_segmenter(run.detector).state_dict())
    return model, processor


def facts_of(run: RunFolder, examples: Mixture) -> Facts:
    """What the checkpoint remembers: of several worlds those of the first, and of each by its name."""
    if not examples.worlds:
        vocabulary = None if run.settings.model.is_vocabulary_open else vocabulary_of(examples)
        return Facts(vocabulary=vocabulary, plan_language=declaration(examples.language), cameras=examples.cameras,
                     names_by_number=_names_by_number(run, examples))
    known = {name: facts_of(run, world) for name, world in examples.worlds.items()}
    worlds = {name: {"scene_encoder": encoder_in(name, run.settings.model.scene_encoder),
                     "vocabulary": None if facts.vocabulary is None else sorted(facts.vocabulary),
                     "plan_language": facts.plan_language, "cameras": dict(facts.cameras),
                     "names_by_number": facts.names_by_number} for name, facts in known.items()}
    first = next(iter(worlds))
    return replace(known[first], worlds=worlds, scene_encoder=worlds[first]["scene_encoder"])


def known_planner(weights: str, facts: Facts) -> tuple[Any, Any]:
    """The planner of a checkpoint, which is to learn what `facts` say; of its kind, see `check_weights`."""
    model, processor = load_model(weights_folder(weights))
    known = {field.name: getattr(facts, field.name) for field in fields(facts)}
    return model, processor.knowing(**known | {"scene_encoder": facts.scene_encoder or model.config.scene_encoder})


def new_planner(run: RunFolder, examples: Mixture, facts: Facts) -> tuple[Any, Any]:
    """A planner drawn from the seed."""
    chosen = run.settings.model
    torch.manual_seed(run.settings.seed)
    has_segmenter = find_encoder(chosen.scene_encoder).needs_segmenter
    corpus = [] if isinstance(chosen.language, str) else corpus_of(examples)  # a published model has its tokenizer
    return build(chosen.language, chosen.vision, corpus=corpus, vocab_size=chosen.vocab_size,
                 segmenter=read_json(run.detector / "segmenter.json") if has_segmenter else None,
                 pretrained_vision=chosen.pretrained_vision, facts=facts, scene_encoder=chosen.scene_encoder,
                 **chosen.sizes)


def vocabulary_of(examples: Examples | Mixture) -> set[str]:
    """Words of the instructions, but for those that the expert did not understand; where they number things, every
    number that a prompt can have."""
    queries = [item.query for item in examples.items if not is_of_an_unknown_word(item.query)]
    numbers = object_names(MAX_OBJECTS) if _is_numbered(examples) else ()
    texts = {*(query.instruction for query in queries), *examples.rewordings, *numbers}
    return {word for text in texts for word in words_of(text)}


def _is_numbered(examples: Examples | Mixture) -> bool:
    """Whether instructions call things obj_1, obj_2 .."""
    return any(item.query.numbered for item in examples.items if not is_of_an_unknown_word(item.query))


def _names_by_number(run: RunFolder, examples: Examples | Mixture) -> bool:
    """Whether all that is taught calls things by number and nothing by color, and colors are asked for."""
    queries = [item.query for item in examples.items if not is_of_an_unknown_word(item.query)]
    stages = [s for s in run.settings.stages.values() if isinstance(s, ExampleSettings)]
    is_told_colors = any(getattr(s, "teaches", None) == "descriptions" for s in stages) or any(
        colors_in(text) for text in (*(query.instruction for query in queries), *examples.rewordings))
    is_asked = any(q.family == COLOR_FAMILY for q in queries) and all(s.limits.get(COLOR_FAMILY) != 0 for s in stages)
    return _is_numbered(examples) and is_asked and not is_told_colors


def corpus_of(examples: Examples | Mixture) -> list[str]:
    """Texts that a tokenizer should be good at: every text of every prompt and every answer."""
    worded = (examples.worded(i, examples.sight(i, has_pixels=False)) for i in range(len(examples)))
    return [text for e in worded for text in (*(getattr(s, "text", "") for s in e.prompt.segments), e.answer)]


def prepare(run: RunFolder, stage: str, settings: ExampleSettings, placement: Placement, *,
            learns: Sequence[str] | None = None, kind: type[Examples] = Examples) -> Job:
    """The job of teaching the planner the dataset's examples. learns: see `let_learn`. kind: what is taught of the
    dataset's views."""
    model, processor = load_model(run.planner_before(stage))
    let_learn(model, learns)
    scene = find_encoder(run.settings.model.scene_encoder).scene
    if model.vision is not None and (scene.needs_image or not settings.jitter.light):
        model.vision.remember()  # else every crop is tinted anew, and none comes again
    examples = examples_of(run, kind, jitter=settings.jitter)
    if placement.data_rank == 0:
        write_json(run.examples_card, examples.card)
    datasets = [part.dataset for part in examples.parts]
    learned, held_out = map(examples.places, split_all(datasets, run.settings))
    families = [item.query.family for item in examples.items]
    learned = [at_most(settings.per_family, part, families, run.settings.seed, limits=settings.limits)
               for part in learned]
    checked = _mixed((i for i in chain(*held_out) if settings.limits.get(families[i]) != 0), run.settings.seed)
    collate = partial(collate_examples, examples, processor=processor, seed=run.settings.seed)
    lengths, views = zip(*(sampled_by(examples, part, processor, loaders=run.settings.loaders) for part in learned),
                         strict=True)
    sampler = mixed_sampler(lengths, run.settings, settings.batch_size, views)
    batches = Batches(sampler, replayed(run, stage, settings.replay, processor, collate(list(chain(*learned)))),
                      rank=placement.data_rank, world_size=placement.data_size, loaders=run.settings.loaders,
                      shares=placement.shares(model, settings.batch_size // placement.data_size))
    measure = partial(validate, objective=sft, check=collate(checked, is_jittered=False), count=len(checked),
                      batch_size=settings.batch_size, placement=placement, counts=counts)
    if settings.measures_retention:
        measure = measured_both(measure, retention_meter(run.start, processor))
    return make_job(settings, model, batches, sft, placement, measure, settings.patience)


def _mixed(places: Iterable[int], seed: int) -> list[int]:
    """The places in an order drawn by the seed, so that the first of them are of all episodes."""
    places = list(places)
    return [places[i] for i in np.random.default_rng([seed, 2]).permutation(len(places))]


def replayed(run: RunFolder, stage: str, replay: Replay, processor: PalmEProcessor, collate: Collate) -> Collate:
    """The collation with texts of the base among the examples, where the settings have some."""
    if not replay.share:
        return collate
    texts = read_texts(run.replay(stage))
    return with_replay(collate, texts, replay, processor.tokenizer.pad_token_id, run.settings.seed)


def retention_meter(start: Path, processor: PalmEProcessor) -> Measure:
    """What a model keeps of the language that it began with, in the folder `start`, without adapters: its base."""
    language = load_model(start)[0].language
    with adapters_off(language):
        base = retention.read(lambda ids: language(ids).logits, processor.tokenizer)
    return lambda model: retention.numbers(retention.read_planner(model, processor.tokenizer), base)


def measured_both(first: Measure, second: Measure) -> Measure:
    """What measures with both."""

    def both(model: nn.Module) -> dict[str, float]:
        return {**first(model), **second(model)}

    return both


def let_learn(model: PalmEForConditionalGeneration, learns: Sequence[str] | None = None) -> None:
    """Freeze what a stage leaves alone: the segmenter and, where `learns` names parts of the model, all but those.

    Raises ValueError for a part that the model does not have.
    """
    parts = {name for name, _ in model.named_children()}
    if strange := sorted(set(learns or ()) - parts):
        raise ValueError(f"learns: expected parts of the model, {', '.join(sorted(parts))}, got {', '.join(strange)}")
    for name, part in model.named_children():
        if name == "segmenter" or (learns is not None and name not in learns):
            part.requires_grad_(False)


def publish(run: RunFolder, stage: str, last: Path) -> None:
    """Write the planner with the weights of a checkpoint, and say what was taught of the dataset."""
    model, processor = load_model(run.planner_before(stage))
    checkpoint.load_weights(model, last)
    save_model(model, processor, run.planner_after(stage))
    if run.examples_card.exists():
        card = json.loads(run.examples_card.read_text())
        print("\n".join([*describe(card, "were taught"), f"see {run.examples_card}"]))
