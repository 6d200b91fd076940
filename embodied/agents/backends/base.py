"""What a language agent asks of whatever completes its prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from embodied.planning.scene import SceneEncoder
from embodied.prompt import Prompt, Sample, Slot
from envs.interface import Observation
from envs.skills.signatures import PlanLanguage


class Backend(Protocol):
    """What an agent perceives and completes its prompts with."""

    scene: SceneEncoder
    language: PlanLanguage
    """What its model plans in."""
    names_by_number: bool
    """Whether instructions that it was last taught called things obj_1, obj_2 .. alone."""

    def perceive(self, observation: Observation) -> list[Slot]:
        """The objects in sight, in any order."""
        ...

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        """The answer to a prompt, inside the grammar when one is given; the same seed gives the same answer. Raises
        PromptTooLongError."""
        ...

    def unknown_words(self, text: str) -> list[str]:
        """Words that the backend has never been taught, in reading order."""
        ...

    def known_words(self) -> frozenset[str]:
        """The words that it was taught; empty where any word goes."""
        ...


Asked, Answer = TypeVar("Asked"), TypeVar("Answer")


def each_alone(do: Callable[[Sequence[Asked]], Sequence[Answer]], batch: Sequence[Asked]) -> list[Answer | Exception]:
    """The answers to a batch. Where it fails, each is asked for alone, and has its own answer or its own error: what is
    wrong with one must not spoil its neighbours."""
    try:
        return list(do(batch))
    except Exception as error:
        return [error] if len(batch) == 1 else [answer for one in batch for answer in each_alone(do, [one])]
