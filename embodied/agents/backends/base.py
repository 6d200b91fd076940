"""What a language agent asks of whatever completes its prompts."""

from __future__ import annotations

from typing import Protocol

from embodied.planning.percept import Seeing
from embodied.prompt import Completion, Prompt, Slot
from envs.interface import Observation


class Backend(Protocol):
    """Eyes and language of an agent."""

    seeing: Seeing

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects in sight, in any order."""
        ...

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Completion:
        """The answer to a prompt, inside the grammar when one is given. Raises PromptTooLongError."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """Words that the backend has never been taught, in reading order."""
        ...

    def known_words(self) -> frozenset[str]:
        """The words that it was taught; empty where any word goes."""
        ...
