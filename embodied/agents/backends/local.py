"""A multimodal-sentence model in this process: its perception, its language, and the mask over what it may say."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.planning.declaration import read_language
from embodied.prompt import Prompt, PromptTooLongError, Sample, Slot
from envs.interface import Observation
from envs.skills.signatures import TABLETOP, PlanLanguage

if TYPE_CHECKING:
    from jaxtyping import Int
    from torch import Tensor

    from embodied.agents.backends.streaming import OnToken
    from embodied.models.planner import PalmEForConditionalGeneration
    from embodied.models.processor import PalmEProcessor


def learned_language(declared: Mapping[str, Any] | str | None) -> PlanLanguage:
    """The language that a checkpoint's plans are in, by its `plan_language`; the tabletop's where it does not say."""
    return TABLETOP if declared is None else read_language(declared, "the checkpoint")


class LocalBackend:
    """Completes prompts with a loaded model: the likeliest token each time, or sampled when temperature > 0."""

    def __init__(self, model: PalmEForConditionalGeneration, processor: PalmEProcessor, *,
                 temperature: float = 0.0, version: int | None = None) -> None:
        """version: of the model's weights, which its samples carry. Raises LanguageError when a skill that the model
        learned is no longer what it was."""
        self.language = learned_language(processor.plan_language)
        self.model, self.processor, self.temperature, self.version = model, processor, temperature, version
        self.scene = processor.scene
        self._compiled: Any = None

    def load_weights(self, weights: bytes | str | Path, version: int | None) -> None:
        """Go on with other weights of the same model: of `models.weights.weights_to_bytes`, or a safetensors file. What
        is sampled from now on carries their version. Raises ValueError, and changes nothing, when they do not fit."""
        from embodied.models.weights import load_weights

        load_weights(self.model, weights)
        self.version = version

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects that the model's segmenter finds. Raises ValueError when the model has none."""
        from embodied.models.scene import perceive

        if self.model.segmenter is None:
            raise ValueError("LocalBackend.perceive: the model has no segmenter; load one with segmenter_config")
        return list(perceive(self.model.segmenter, observation))

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        return self.complete_batch([prompt], None if grammar is None else [grammar],
                                   max_new_tokens=max_new_tokens, seed=seed)[0]

    def complete_batch(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, *, max_new_tokens: int,
                       seed: int, on_token: OnToken | None = None) -> list[Sample]:
        """One answer a prompt, the one that it would get alone; grammars: one a prompt, None = anything goes.
        on_token: told each token as it is chosen; a row whose listener answers False ends there. Raises
        PromptTooLongError when one of them is too long: ask for the others again."""
        if self.temperature > 0 and len(prompts) > 1:
            return self._sample_each(prompts, grammars, max_new_tokens, seed, on_token)
        batch = self.processor(list(prompts), padding_side="left").to(self.model.device)
        sizes = batch["attention_mask"].sum(dim=1).tolist()
        constraint = None if grammars is None else self._constraint(grammars)
        ends = self._ends(batch["input_ids"].shape[1], self._rooms(sizes, max_new_tokens), on_token, constraint)
        out = self._generate(batch, ends, constraint, seed)
        asked = [Sample("", prompt, mask, temperature=self.temperature, seed=seed, version=self.version,
                        prompt_tokens=size)
                 for prompt, mask, size in zip(prompts, grammars or [None] * len(prompts), sizes, strict=True)]
        return self._read(out, ends, asked)

    def _sample_each(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, max_new_tokens: int, seed: int,
                     on_token: OnToken | None) -> list[Sample]:
        """One after the other: `generate` draws for all rows from one stream of chance, so that a row's draw would
        hang on its neighbours."""
        def on_row(row: int) -> OnToken | None:
            return None if on_token is None else lambda _, text, probability: on_token(row, text, probability)

        return [self.complete_batch([prompt], None if grammars is None else [grammars[row]], seed=seed,
                                    max_new_tokens=max_new_tokens, on_token=on_row(row))[0]
                for row, prompt in enumerate(prompts)]

    def _rooms(self, sizes: Sequence[int], max_new_tokens: int) -> list[int]:
        """Most tokens of each answer: each prompt leaves its own room in the model's context."""
        most = self.processor.max_tokens
        if max(sizes) >= most:
            raise PromptTooLongError(f"the prompt has {max(sizes)} tokens, the model takes {most} with the answer")
        return [min(max_new_tokens, most - size) for size in sizes]

    def _ends(self, start: int, rooms: Sequence[int], on_token: OnToken | None, constraint: Any) -> Any:
        """The `RowEnds` of a batch whose padded prompts have `start` tokens."""
        from embodied.agents.backends.streaming import RowEnds

        return RowEnds(self.processor, start, rooms, on_token, None if constraint is None else constraint.end)

    def _generate(self, batch: Any, ends: Any, constraint: Any, seed: int) -> Any:
        """What `generate` returns; its first tokens are the prompts'."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        settings: dict[str, Any] = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True,
                                    "do_sample": False, "eos_token_id": self.processor.tokenizer.eos_token_id}
        if self.temperature > 0:
            settings |= {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        if constraint is not None:
            settings["logits_processor"] = LogitsProcessorList([constraint])
        with torch.random.fork_rng(enabled=self.temperature > 0):
            if self.temperature > 0:
                torch.manual_seed(seed)
            return self.model.generate(**batch, **settings, max_new_tokens=max(ends.rooms),
                                       stopping_criteria=StoppingCriteriaList([ends]))

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

    def _constraint(self, grammars: Sequence[str]) -> Any:
        from embodied.planning.constrain import PlanConstraint, compile_tokenizer

        if self._compiled is None:
            self._compiled = compile_tokenizer(self.processor.tokenizer)
        return PlanConstraint(self._compiled, grammars)

    def _read(self, out: Any, ends: Any, asked: Sequence[Sample]) -> list[Sample]:
        """What was asked, answered. out: of `generate`; sequences int64[B, S + T], and T times logits and scores
        float[B, V], the scores after mask and temperature."""
        tokens = out.sequences[:, -len(out.scores):]
        own = _log_probs(out.logits, tokens, self.temperature or 1.0)
        masked = _log_probs(out.scores, tokens)
        return [self._answered(sample, tokens[row, :ends.lengths[row]].tolist(), own[row], masked[row])
                for row, sample in enumerate(asked)]

    def _answered(self, sample: Sample, ids: list[int], own: list[float], masked: list[float]) -> Sample:
        from embodied.agents.backends.streaming import settled

        texts = [settled(self.processor.decode(ids[:count]), count == len(ids)) for count in range(len(ids) + 1)]
        pieces = tuple(text[len(before):] for before, text in itertools.pairwise(texts))
        return replace(sample, text=texts[-1], token_ids=tuple(ids), log_probs=tuple(own[:len(ids)]),
                       masked_log_probs=tuple(masked[:len(ids)]), pieces=pieces,
                       is_cut=ids[-1] != self.processor.tokenizer.eos_token_id)

    def unknown_words(self, text: str) -> list[str]:
        return self.processor.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self.processor.vocabulary or frozenset()


def _log_probs(steps: Sequence[Any], tokens: Int[Tensor, "B T"], temperature: float = 1.0) -> list[list[float]]:
    """[B][T]: log-probability of each token. steps: T times float[B, V]. tokens: int64[B, T]."""
    import torch

    scaled = torch.stack(list(steps), dim=1).float() / temperature
    return scaled.log_softmax(-1).gather(-1, tokens[..., None])[..., 0].tolist()
