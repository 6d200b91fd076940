"""A multimodal-sentence model in this process: its perception, its language, and the mask over what it may say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.agents.backends.looks import Looks
from embodied.planning.declaration import read_language
from embodied.planning.language import shortest_plan
from embodied.prompt import Prompt, PromptTooLongError, Sample, Slot
from envs.interface import Observation
from envs.skills.signatures import TABLETOP, PlanLanguage

if TYPE_CHECKING:
    from embodied.agents.backends.streaming import OnToken
    from embodied.models.decoding.loop import Writer
    from embodied.models.decoding.rows import Anything, Row
    from embodied.models.planner import PalmEForConditionalGeneration
    from embodied.models.processor import PalmEProcessor
    from embodied.planning.constrain import Grammars


def learned_language(declared: Mapping[str, Any] | str | None) -> PlanLanguage:
    """The language that a checkpoint's plans are in, by its `plan_language`; the tabletop's where it does not say."""
    return TABLETOP if declared is None else read_language(declared, "the checkpoint")


@contextmanager
def drawing_at(backend: LocalBackend, temperature: float) -> Iterator[None]:
    """Within the block a backend draws its answers at another temperature; 0: the likeliest token each time."""
    before, backend.temperature = backend.temperature, temperature
    try:
        yield
    finally:
        backend.temperature = before


class LocalBackend:
    """Completes prompts with a loaded model: the likeliest token each time, or sampled when temperature > 0."""

    def __init__(self, model: PalmEForConditionalGeneration, processor: PalmEProcessor, *,
                 temperature: float = 0.0, version: int | None = None) -> None:
        """version: of the model's weights, which its samples carry. Raises LanguageError when a skill that the model
        learned is no longer what it was."""
        self.language = learned_language(processor.plan_language)
        self.model, self.processor, self.temperature, self.version = model, processor, temperature, version
        self.scene, self.names_by_number = processor.scene, processor.names_by_number
        self._looks = Looks()

    @property
    def is_privileged(self) -> bool:
        """Whether the model is shown objects where the simulator's masks say that they are."""
        from embodied.models.scene_encoders import PRIVILEGED

        return self.processor.scene_encoder in PRIVILEGED

    @cached_property
    def _writer(self) -> Writer:
        from embodied.models.decoding.loop import Writer

        return Writer(self.model, usual=self._usual)

    @property
    def _usual(self) -> list[list[int]]:
        """Tokens of the shortest plan that does something, in languages that have one over two objects."""
        text, tokenizer = shortest_plan(self.language), self.processor.tokenizer
        return [] if text is None else [[*tokenizer(f" {text}", add_special_tokens=False)["input_ids"],
                                         tokenizer.eos_token_id]]

    def forget(self, *, is_seen_kept: bool = False) -> None:
        """Go on as if nothing had been seen, read or answered. What was read before makes answers faster, and other in
        their last bits; what was seen is what would be seen again."""
        if not is_seen_kept:
            self._looks = Looks()
        self._writer.forget()

    def load_weights(self, weights: bytes | str | Path, version: int | None) -> None:
        """Go on with other weights of the same model: of `models.weights.weights_to_bytes`, or a safetensors file. What
        is sampled from now on carries their version. Raises ValueError, and changes nothing, when they do not fit."""
        from embodied.models.weights import load_weights

        load_weights(self.model, weights)
        self.version = version

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects that the model's segmenter finds; none where plans go by names and nothing is pointed at. Raises
        ValueError when the model has none."""
        from embodied.agents.backends.plain import eyes_for, look
        from embodied.models.decoding.prefixes import state_of

        segmenter = self.model.segmenter
        if self.scene.remembers:
            return []
        if segmenter is None:
            raise ValueError("LocalBackend.perceive: the model has no segmenter; load one with segmenter_config; "
                             "planners that are shown the simulator's own masks are asked by suite=palm_e alone")
        segmenter = eyes_for(observation, segmenter)
        return self._looks.of(observation, state_of(segmenter), lambda: look(segmenter, observation))

    def names_of(self, prompt: Prompt, names: Sequence[str]) -> list[str] | None:
        """What the things that a prompt shows are called: of some names, what the soft token of each is most like. None
        of a model that was not taught names. Raises PromptTooLongError."""
        import torch

        if not self.model.config.naming_weight:
            return None
        batch = self.processor([prompt]).to(self.model.device)
        if not len(batch.get("pixel_values", ())):
            return []
        with torch.inference_mode():
            soft = self.model.see(batch["pixel_values"], batch.get("geometry"))
            likeness = self.model.name_likeness(soft, self.processor.name_ids(names).to(soft.device))
        return [names[place] for place in likeness.argmax(dim=1).tolist()]

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        return self.complete_batch([prompt], None if grammar is None else [grammar],
                                   max_new_tokens=max_new_tokens, seed=seed)[0]

    def complete_batch(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, *, max_new_tokens: int,
                       seed: int, on_token: OnToken | None = None) -> list[Sample]:
        """One answer a prompt, the one that it would get alone; grammars: one a prompt, None = anything goes.
        on_token: told each token as it is chosen; a row whose listener answers False ends there. Raises
        PromptTooLongError when one of them is too long: ask for the others again."""
        return self._written(prompts, grammars or [None] * len(prompts), [seed] * len(prompts), max_new_tokens,
                             on_token)

    def draw(self, prompt: Prompt, grammar: str | None, count: int, *, max_new_tokens: int, seed: int) -> list[Sample]:
        """`count` answers to one prompt, each drawn from a stream of chance of its own, which hangs on the seed and its
        number. Raises PromptTooLongError."""
        seeds = [int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) for number in range(count)]
        return self._written([prompt] * count, [grammar] * count, seeds, max_new_tokens)

    def _written(self, prompts: Sequence[Prompt], grammars: Sequence[str | None], seeds: Sequence[int],
                 max_new_tokens: int, on_token: OnToken | None = None) -> list[Sample]:
        """An answer a prompt."""
        batch = self.processor(list(prompts)).to(self.model.device)
        sizes = batch["attention_mask"].sum(dim=1).tolist()
        rows = [self._row(number, room, grammar, seed, on_token) for number, (room, grammar, seed) in enumerate(zip(
            self._rooms(sizes, max_new_tokens), grammars, seeds, strict=True))]
        self._writer.write(batch, rows)
        asked = [Sample("", prompt, mask, temperature=self.temperature, seed=seed, version=self.version,
                        prompt_tokens=size)
                 for prompt, mask, seed, size in zip(prompts, grammars, seeds, sizes, strict=True)]
        return [self._answered(sample, row) for sample, row in zip(asked, rows, strict=True)]

    def _row(self, number: int, room: int, grammar: str | None, seed: int, on_token: OnToken | None) -> Row:
        """An empty answer. Each draws from its own stream of chance, so that no draw hangs on neighbours."""
        from embodied.agents.backends.streaming import RowListener
        from embodied.models.decoding.rows import Row

        guide = self._anything if grammar is None else self._grammars.guide(grammar)
        return Row(room, self.processor.tokenizer.eos_token_id, guide, temperature=self.temperature, seed=seed,
                   hears=None if on_token is None else RowListener(self.processor, number, on_token))

    def _rooms(self, sizes: Sequence[int], max_new_tokens: int) -> list[int]:
        """Most tokens of each answer: each prompt leaves its own room in the model's context."""
        most = self.processor.max_tokens
        if max(sizes) >= most:
            raise PromptTooLongError(f"the prompt has {max(sizes)} tokens, the model takes {most} with the answer")
        return [min(max_new_tokens, most - size) for size in sizes]

    def log_probabilities(self, prompt: Prompt, answers: Sequence[str]) -> list[float]:
        """Log-probability of each answer's words after the prompt, not of its end: how a longer one would begin."""
        import torch

        from embodied.training.objectives.losses import next_tokens, token_log_probs

        batch = self.processor([prompt] * len(answers), answers).to(self.model.device)
        targets, is_graded = next_tokens(batch.pop("labels"))
        is_word = is_graded & (targets != self.processor.tokenizer.eos_token_id)
        said = torch.zeros(is_word.shape, device=is_word.device)
        with torch.inference_mode():
            logits = self.model(**batch, use_cache=False, logits_to_keep=is_word).logits
            said[is_word] = token_log_probs(logits, targets[is_word])
        return said.sum(dim=1).tolist()

    @cached_property
    def _grammars(self) -> Grammars:
        from embodied.planning.constrain import Grammars, compile_tokenizer

        return Grammars(compile_tokenizer(self.processor.tokenizer), self.model.word_count, self._never)

    @cached_property
    def _anything(self) -> Anything:
        from embodied.models.decoding.rows import Anything

        return Anything.but(self._never, self.model.word_count)

    @property
    def _never(self) -> list[int]:
        return self.model.generation_config.suppress_tokens or []

    def _answered(self, sample: Sample, row: Row) -> Sample:
        """What was asked, answered."""
        from embodied.agents.backends.streaming import settled

        ids = row.said
        texts = [settled(self.processor.decode(ids[:count]), count == len(ids)) for count in range(len(ids) + 1)]
        pieces = tuple(text[len(before):] for before, text in itertools.pairwise(texts))
        return replace(sample, text=texts[-1], token_ids=tuple(ids), log_probs=tuple(row.log_probs),
                       masked_log_probs=tuple(row.masked_log_probs), pieces=pieces,
                       is_cut=ids[-1] != self.processor.tokenizer.eos_token_id)

    def unknown_words(self, text: str) -> list[str]:
        return self.processor.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self.processor.vocabulary or frozenset()
