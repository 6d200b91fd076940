"""A multimodal-sentence model in this process: its eyes, its language, and the mask over what it may say."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from embodied.planning.grammar import fingerprint
from embodied.prompt import Completion, Prompt, PromptTooLongError, Slot
from envs.interface import Observation

if TYPE_CHECKING:
    from embodied.agents.backends.listening import OnToken
    from embodied.models.planner import PalmEForConditionalGeneration
    from embodied.models.processor import PalmEProcessor


class LocalBackend:
    """Completes prompts with a loaded model: the likeliest token each time, or sampled when temperature > 0."""

    def __init__(self, model: PalmEForConditionalGeneration, processor: PalmEProcessor, *,
                 temperature: float = 0.0) -> None:
        """Raises ValueError when the model learned another plan language than this code speaks."""
        learned = processor.grammar_fingerprint
        if learned is not None and learned != fingerprint():
            raise ValueError(f"LocalBackend: expected plan language {fingerprint()[:12]}, the checkpoint learned "
                             f"{learned[:12]}; use the version of the code that trained it, or train it again")
        self.model, self.processor, self.temperature = model, processor, temperature
        self.scene = processor.scene
        self._compiled: Any = None

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects that the model's segmenter finds. Raises ValueError when the model has none."""
        from embodied.models.scene import perceive

        if self.model.segmenter is None:
            raise ValueError("LocalBackend.perceive: the model has no segmenter; load one with segmenter_config")
        return list(perceive(self.model.segmenter, observation))

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Completion:
        return self.complete_batch([prompt], None if grammar is None else [grammar],
                                   max_new_tokens=max_new_tokens, seed=seed)[0]

    def complete_batch(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, *, max_new_tokens: int,
                       seed: int, on_token: OnToken | None = None) -> list[Completion]:
        """One completion a prompt, the one that it would get alone; grammars: one a prompt, None = anything goes.
        on_token: told each token as it is chosen; a row whose listener answers False ends there. Raises
        PromptTooLongError when one of them is too long: ask for the others again."""
        if self.temperature > 0 and len(prompts) > 1:
            return self._sample_each(prompts, grammars, max_new_tokens, seed, on_token)
        batch = self.processor(list(prompts), padding_side="left").to(self.model.device)
        sizes = batch["attention_mask"].sum(dim=1).tolist()
        constraint = None if grammars is None else self._constraint(grammars)
        ends = self._ends(batch["input_ids"].shape[1], self._rooms(sizes, max_new_tokens), on_token, constraint)
        out = self._generate(batch, ends, constraint, seed)
        return self._read(out, ends, sizes, is_constrained=grammars is not None)

    def _sample_each(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, max_new_tokens: int, seed: int,
                     on_token: OnToken | None) -> list[Completion]:
        """One after the other: `generate` draws for all rows from one stream of chance, so that a row's draw would
        hang on its neighbours."""
        def heard(row: int) -> OnToken | None:
            return None if on_token is None else lambda _, text, probability: on_token(row, text, probability)

        return [self.complete_batch([prompt], None if grammars is None else [grammars[row]], seed=seed,
                                    max_new_tokens=max_new_tokens, on_token=heard(row))[0]
                for row, prompt in enumerate(prompts)]

    def _rooms(self, sizes: Sequence[int], max_new_tokens: int) -> list[int]:
        """Most tokens of each answer: each prompt leaves its own room in the model's context."""
        most = self.processor.max_tokens
        if max(sizes) >= most:
            raise PromptTooLongError(f"the prompt has {max(sizes)} tokens, the model takes {most} with the answer")
        return [min(max_new_tokens, most - size) for size in sizes]

    def _ends(self, start: int, rooms: Sequence[int], on_token: OnToken | None, constraint: Any) -> Any:
        """The `RowEnds` of a batch whose padded prompts have `start` tokens."""
        from embodied.agents.backends.listening import RowEnds

        return RowEnds(self.processor, start, rooms, on_token, None if constraint is None else constraint.end)

    def _generate(self, batch: Any, ends: Any, constraint: Any, seed: int) -> Any:
        """What `generate` returns; its first tokens are the prompts'."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        settings: dict[str, Any] = {"return_dict_in_generate": True, "output_scores": True, "do_sample": False,
                                    "eos_token_id": self.processor.tokenizer.eos_token_id}
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

        batch = self.processor([prompt] * len(answers), answers).to(self.model.device)
        labels = batch.pop("labels")[:, 1:]
        is_word = (labels >= 0) & (labels != self.processor.tokenizer.eos_token_id)
        with torch.inference_mode():
            logits = self.model(**batch, use_cache=False).logits[:, :-1].float()
        chosen = logits.log_softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
        return (chosen * is_word).sum(dim=1).tolist()

    def _constraint(self, grammars: Sequence[str]) -> Any:
        from embodied.planning.constrain import PlanConstraint, compile_tokenizer

        if self._compiled is None:
            self._compiled = compile_tokenizer(self.processor.tokenizer)
        return PlanConstraint(self._compiled, grammars)

    def _read(self, out: Any, ends: Any, sizes: Sequence[int], *, is_constrained: bool) -> list[Completion]:
        """out: of `generate`; sequences int64[B, S + T], and T times scores float[B, V], after the mask. sizes: tokens
        of each prompt."""
        import torch

        tokens = out.sequences[:, -len(out.scores):]
        log_probs = torch.stack(list(out.scores), dim=1).float().log_softmax(-1)
        chosen = log_probs.gather(-1, tokens[..., None])[..., 0].tolist()
        return [self._completion(ids[:ends.lengths[row]], chosen[row], sizes[row], is_constrained)
                for row, ids in enumerate(tokens.tolist())]

    def _completion(self, ids: list[int], log_probs: list[float], size: int, is_constrained: bool) -> Completion:
        from embodied.agents.backends.listening import settled

        texts = [settled(self.processor.decode(ids[:count]), count == len(ids)) for count in range(len(ids) + 1)]
        pieces = tuple(text[len(before):] for before, text in itertools.pairwise(texts))
        is_cut = ids[-1] != self.processor.tokenizer.eos_token_id
        return Completion(texts[-1], tuple(ids), tuple(log_probs[:len(ids)]), is_constrained, pieces, size, is_cut)

    def unknown_words(self, text: str) -> list[str]:
        return self.processor.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self.processor.lexicon or frozenset()
