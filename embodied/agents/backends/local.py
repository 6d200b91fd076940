"""A multimodal-sentence model in this process: its eyes, its language, and the mask over what it may say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from embodied.planning.grammar import fingerprint
from embodied.prompt import Completion, Prompt, PromptTooLongError, Slot
from envs.interface import Observation

if TYPE_CHECKING:
    import torch

    from embodied.models.planner import PalmEForConditionalGeneration
    from embodied.models.processor import PalmEProcessor

OnToken = Callable[[int, str, float], bool]
"""(row, text of the token, its probability after the mask): whether to go on."""


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
        self.seeing = processor.seeing
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
        """One completion a prompt, all decoded side by side; grammars: one a prompt, None = anything goes. on_token:
        told each token as it is chosen; a row whose listener answers False ends there."""
        import torch

        batch = self.processor(list(prompts), padding_side="left").to(self.model.device)
        start = batch["input_ids"].shape[1]
        room = min(max_new_tokens, self.processor.max_tokens - start)
        if room < 1:
            raise PromptTooLongError(f"the prompt has {start} tokens, the model takes {self.processor.max_tokens}")
        with torch.random.fork_rng(enabled=self.temperature > 0):
            if self.temperature > 0:
                torch.manual_seed(seed)
            out = self.model.generate(**batch, max_new_tokens=room, **self._decoding(grammars),
                                      **self._listening(start, on_token))
        return self._read(out.sequences[:, start:], out.scores, is_constrained=grammars is not None)

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

    def _decoding(self, grammars: Sequence[str] | None) -> dict[str, Any]:
        """Keyword arguments of `generate`."""
        from transformers import LogitsProcessorList

        settings: dict[str, Any] = {"return_dict_in_generate": True, "output_scores": True, "do_sample": False}
        if self.temperature > 0:
            settings |= {"do_sample": True, "temperature": self.temperature, "top_k": 0, "top_p": 1.0}
        if grammars is not None:
            settings["logits_processor"] = LogitsProcessorList([self._constraint(grammars)])
        return settings

    def _listening(self, start: int, on_token: OnToken | None) -> dict[str, Any]:
        """Keyword arguments of `generate`, for a listener to the tokens after the first `start`."""
        if on_token is None:
            return {}
        from embodied.agents.backends.listening import TokenListener

        return {"stopping_criteria": [TokenListener(self.processor, start, on_token)]}

    def _constraint(self, grammars: Sequence[str]) -> Any:
        from embodied.planning.constrain import PlanConstraint, compile_tokenizer

        if self._compiled is None:
            self._compiled = compile_tokenizer(self.processor.tokenizer)
        return PlanConstraint(self._compiled, grammars)

    def _read(self, tokens: torch.Tensor, scores: Sequence[torch.Tensor], *, is_constrained: bool) -> list[Completion]:
        """tokens: int64[B, T] of the answers. scores: T times float[B, V], after the mask."""
        import torch

        log_probs = torch.stack(list(scores), dim=1).float().log_softmax(-1)
        chosen = log_probs.gather(-1, tokens[..., None])[..., 0].tolist()
        end = self.processor.tokenizer.eos_token_id
        return [self._completion(row, probs, end, is_constrained)
                for row, probs in zip(tokens.tolist(), chosen, strict=True)]

    def _completion(self, ids: list[int], log_probs: list[float], end: int, is_constrained: bool) -> Completion:
        length = ids.index(end) + 1 if end in ids else len(ids)
        texts = [self.processor.decode(ids[:count]) for count in range(length + 1)]
        pieces = tuple(text[len(before):] for before, text in itertools.pairwise(texts))
        return Completion(texts[-1], tuple(ids[:length]), tuple(log_probs[:length]), is_constrained, pieces)

    def unknown_words(self, text: str) -> list[str]:
        return self.processor.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self.processor.lexicon or frozenset()
