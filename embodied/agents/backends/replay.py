"""Recorded answers: for tests, and to run an episode again without its model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from embodied.planning.scene import OBJECTS, SceneEncoder
from embodied.prompt import Prompt, Sample, Slot
from envs.interface import Observation
from envs.skills.signatures import TABLETOP, PlanLanguage


class ReplayBackend:
    """Answers with `replies` one after the other, perceives by `perceive`, and keeps the prompts that it was asked."""

    names_by_number = False

    def __init__(self, replies: Iterable[str], perceive: Callable[[Observation], Sequence[Slot]], *,
                 scene: SceneEncoder = OBJECTS, language: PlanLanguage = TABLETOP,
                 vocabulary: Iterable[str] = ()) -> None:
        self.scene, self.language = scene, language
        self.asked: list[tuple[Prompt, str | None]] = []
        self._replies, self._perceive, self._vocabulary = iter(replies), perceive, frozenset(vocabulary)

    def perceive(self, observation: Observation) -> list[Slot]:
        return list(self._perceive(observation))

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        """The next reply, without tokens: nobody recorded them. Raises ValueError when the recording is over."""
        self.asked.append((prompt, grammar))
        reply = next(self._replies, None)
        if reply is None:
            raise ValueError(f"ReplayBackend: expected at most {len(self.asked) - 1} questions; record more replies")
        return Sample(reply, prompt, grammar, seed=seed)

    def unknown_words(self, text: str) -> list[str]:
        return [w for w in text.lower().split() if w not in self._vocabulary] if self._vocabulary else []

    def known_words(self) -> frozenset[str]:
        return self._vocabulary
