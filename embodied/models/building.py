"""A new model and its processor from plain values: sizes of what starts from nothing, names of what is published."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from embodied.bases.numbers import check_pair
from embodied.models.adaptation import Adaptation, read_adaptation
from embodied.models.base_reference import reference_of
from embodied.models.configuration import PalmEConfig, language_config
from embodied.models.language import build_language, published_config, published_tokenizer
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor
from embodied.models.tokens import (
    NAME_TOKENS,
    PLACEHOLDERS,
    SLOT_TOKENS,
    add_plan_tokens,
    first_name_id,
    placeholder_range,
    train_tokenizer,
)
from embodied.models.vision import build_vision
from embodied.models.vision_sources import VisionSource, find_source

EMBEDDING_GAIN = 6.0
"""Factor on the first word embeddings and soft tokens of a language model that starts from nothing."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a checkpoint remembers of its making; see PalmEProcessor, which takes the same arguments."""

    vocabulary: Iterable[str] | None = None
    plan_language: Mapping[str, Any] | None = None
    cameras: Mapping[str, Any] | None = None
    names_by_number: bool = False
    worlds: Mapping[str, Mapping[str, Any]] | None = None
    scene_encoder: str | None = None  # None: the model's own


def build(language: Mapping[str, Any] | str, vision: Mapping[str, Any], *, corpus: Iterable[str] = (),
          vocab_size: int = 512, tokenizer: PreTrainedTokenizerBase | None = None,
          segmenter: Mapping[str, Any] | None = None, pretrained_vision: bool = False, facts: Facts | None = None,
          **sizes: Any) -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """A new model and its processor.

    language: sizes ({"model_type": "llama", ...}: random weights), or a hub name or folder (published weights and
    tokenizer). vision: see `find_source`. tokenizer: None trains one on `corpus` (with sizes) or takes the
    published one (with a name). segmenter: fields of SegmenterConfig, None for no segmenter. sizes: other fields of
    PalmEConfig (scene_encoder, soft_tokens, projector_width, language_is_frozen, adaptation: how it learns on a
    published model, values of `Adaptation`). Weights are drawn from torch's generator.
    """
    if (adaptation := read_adaptation(sizes.pop("adaptation", None))).kind != "whole":
        parts = _Parts(find_source(vision, pretrained=pretrained_vision), segmenter, facts or Facts(), sizes)
        return _build_on_base(language, adaptation, parts)
    if tokenizer is None:
        is_published = isinstance(language, str)
        tokenizer = published_tokenizer(language) if is_published else train_tokenizer(corpus, vocab_size)
    add_plan_tokens(tokenizer)
    published = build_language(language) if isinstance(language, str) else None
    text = _text_config(language, published, tokenizer)
    parts = _Parts(find_source(vision, pretrained=pretrained_vision), segmenter, facts or Facts(), sizes)
    model = PalmEForConditionalGeneration(_config(text, tokenizer, parts))
    if published is None:
        apply_embedding_gain(model)
    _take_published(model, published, parts.vision)
    share_names(model, tokenizer)
    _set_generation(model, tokenizer)
    return model.eval(), _processor(model, tokenizer, parts.facts)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Arguments of `build` beside the language model."""

    vision: VisionSource
    segmenter: Mapping[str, Any] | None
    facts: Facts
    sizes: Mapping[str, Any]


def _build_on_base(language: Mapping[str, Any] | str, adaptation: Adaptation, parts: _Parts
                   ) -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """A new planner on a published language model, whose own words and weights stay as they are but for what the
    adaptation says moves."""
    if not isinstance(language, str):
        raise ValueError(f"adapter {adaptation.kind}: expected a published language model to learn on, got sizes; "
                         "choose language.name=NAME (embodied bases list), or adapter=none")
    tokenizer, before = published_tokenizer(language), published_tokenizer(language)
    add_plan_tokens(tokenizer)
    source = published_config(language) if adaptation.kind == "random" else language
    published = build_language(source)
    check_pair(published, before, language)
    first = max(before.get_vocab().values()) + 1
    text = copy.deepcopy(published.config)  # the model's own is told how to attend by transformers
    config = _config(text, tokenizer, parts, adaptation=adaptation.values(), new_word_first_id=first,
                     new_words=len(tokenizer) - first, base=reference_of(language) if adaptation.borrows else None)
    model = PalmEForConditionalGeneration(config, published)
    speak_as_loud(model)
    model.new_words.begin(published.get_input_embeddings().weight, tokenizer, before)
    _take_published(model, None, parts.vision)
    share_names(model, tokenizer)
    _set_generation(model, tokenizer)
    return model.eval(), _processor(model, tokenizer, parts.facts)


def _config(text: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, parts: _Parts, **more: Any) -> PalmEConfig:
    first, last = placeholder_range(tokenizer)
    return PalmEConfig(text_config=text, vision_config=dict(parts.vision.fields),
                       segmenter_config=None if parts.segmenter is None else dict(parts.segmenter),
                       placeholder_first_id=first, placeholder_last_id=last, name_first_id=first_name_id(tokenizer),
                       **parts.sizes, **more)


def apply_embedding_gain(model: PalmEForConditionalGeneration) -> None:
    """Makes a new language model's words and soft tokens loud beside what its layers add to them.

    At the usual scale (0.02) the first layers of a narrow model drown the words that later layers are to compare.
    """
    with torch.no_grad():
        model.get_input_embeddings().weight.mul_(EMBEDDING_GAIN)
        model.projector.out.weight.mul_(EMBEDDING_GAIN)


def speak_as_loud(model: PalmEForConditionalGeneration) -> None:
    """Gives new soft tokens the loudness of a published model's words: quieter ones are drowned by them, and what draws
    a direction has a gradient as great as its length is small."""
    with torch.no_grad():
        words = model.get_input_embeddings().weight.std()
        model.projector.out.weight.mul_(words / getattr(model.config.text_config, "initializer_range", 0.02))


def share_names(model: PalmEForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> None:
    """Gives the placeholder `<obj_j>` the embedding of the name `obj_j`."""
    slots, names = (torch.tensor(tokenizer.convert_tokens_to_ids(list(t))) for t in (SLOT_TOKENS, NAME_TOKENS))
    table = model.new_words
    with torch.no_grad():
        rows = model.get_input_embeddings().weight if table is None else table.rows
        first = 0 if table is None else table.first_id
        rows[slots - first] = rows[names - first]


def _text_config(language: Mapping[str, Any] | str, published: PreTrainedModel | None,
                 tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    """The language model's configuration, as wide as the tokenizer."""
    ids = {"pad_token_id": tokenizer.pad_token_id, "bos_token_id": tokenizer.bos_token_id,
           "eos_token_id": tokenizer.eos_token_id}
    if published is None:
        return language_config({**language, "vocab_size": len(tokenizer), **ids})
    if len(tokenizer) > published.get_input_embeddings().num_embeddings:
        published.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    published.config.pad_token_id = ids["pad_token_id"]
    return published.config


def _take_published(model: PalmEForConditionalGeneration, language: PreTrainedModel | None, vision: VisionSource
                    ) -> None:
    if language is not None:
        model.language.load_state_dict(language.state_dict())
    if vision.is_published and model.vision is not None:
        published = build_vision(model.config.vision_config, published=vision.folder or True)
        model.vision.load_state_dict(published.state_dict())


def _set_generation(model: PalmEForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> None:
    """Generation ends at the end mark and never says a placeholder: those are for pictures."""
    settings = model.generation_config
    settings.pad_token_id, settings.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    settings.bos_token_id = tokenizer.bos_token_id
    settings.suppress_tokens = tokenizer.convert_tokens_to_ids(list(PLACEHOLDERS))


def _processor(model: PalmEForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, facts: Facts
               ) -> PalmEProcessor:
    config, vision = model.config, model.config.vision_config
    return PalmEProcessor(
        tokenizer, scene_encoder=facts.scene_encoder or config.scene_encoder, image_size=vision.image_size,
        mean=vision.mean, std=vision.std,
        soft_tokens=config.soft_tokens, max_tokens=config.text_config.max_position_embeddings,
        vocabulary=facts.vocabulary, plan_language=facts.plan_language, cameras=facts.cameras,
        names_by_number=facts.names_by_number, worlds=facts.worlds)
