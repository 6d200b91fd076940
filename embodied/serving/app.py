"""The planner as a Ray Serve deployment: replicas, request batching, autoscaling. The robots stay with the server.

A robot cannot be shared out, so sessions, leases and stops live in the one FastAPI process; what scales is thinking.
`deploy` gives a backend whose questions go to the replicas; observations and prompts travel as plain records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from embodied.agents.backends.base import each_alone
from embodied.planning.scene import SceneEncoder
from embodied.prompt import Prompt, Sample, Slot
from embodied.serving.inference_server import BatchBackend
from envs.interface import Observation
from envs.skills.signatures import PlanLanguage

NAME = "embodied-planner"
_READY_S = 180.0

Question = tuple[Prompt, str | None, int, int]
"""Prompt, grammar, most tokens of the answer, seed."""


@dataclass(frozen=True, slots=True)
class PlannerFacts:
    """What is asked of a backend once."""

    scene: SceneEncoder
    language: PlanLanguage
    names_by_number: bool
    words: frozenset[str]


def _deployment(replicas: Any, max_batch: int, wait_s: float) -> Any:
    """The deployment's class, with as many replicas, or as many as load asks for between two numbers."""
    from ray import serve

    scale = {"num_replicas": replicas} if isinstance(replicas, int) else {
        "autoscaling_config": {"min_replicas": replicas[0], "max_replicas": replicas[1], "target_ongoing_requests": 4}}

    @serve.deployment(max_ongoing_requests=64, **scale)
    class Thinker:
        """One model in one process, of one thread."""

        def __init__(self, folder: str) -> None:
            import torch

            from embodied.agents.shipped import load_agent

            torch.set_num_threads(1)
            self._backend = load_agent(folder).backend

        async def facts(self) -> PlannerFacts:
            backend = self._backend
            return PlannerFacts(backend.scene, backend.language, backend.names_by_number, backend.known_words())

        async def unknown_words(self, text: str) -> list[str]:
            return self._backend.unknown_words(text)

        async def perceive(self, observation: Observation) -> list[Slot]:
            return self._backend.perceive(observation)

        async def log_probabilities(self, prompt: Prompt, answers: Sequence[str]) -> list[float]:
            return self._backend.log_probabilities(prompt, answers)

        async def names_of(self, prompt: Prompt, names: Sequence[str]) -> list[str] | None:
            return self._backend.names_of(prompt, names)

        @serve.batch(max_batch_size=max_batch, batch_wait_timeout_s=wait_s)
        async def complete(self, questions: list[Question]) -> list[Sample | Exception]:
            return answers_to(self._backend, questions)

    return Thinker


def answers_to(backend: BatchBackend, questions: Sequence[Question]) -> list[Sample | Exception]:
    """What a backend says to each question, or why it cannot: others' questions share its batches."""
    def ask(alike: Sequence[Question]) -> list[Sample]:
        _, grammar, most, seed = alike[0]
        return backend.complete_batch([q[0] for q in alike], None if grammar is None else [q[1] for q in alike],
                                      max_new_tokens=most, seed=seed)

    return [answer for alike in _alike(questions) for answer in each_alone(ask, alike)]


def _alike(questions: Sequence[Question]) -> list[list[Question]]:
    """Neighbours that may be answered at once."""
    groups: list[list[Question]] = []
    for question in questions:
        key = (question[1] is None, *question[2:])
        if groups and (groups[-1][0][1] is None, *groups[-1][0][2:]) == key:
            groups[-1].append(question)
        else:
            groups.append([question])
    return groups


def deploy(folder: str, replicas: int | Sequence[int], max_batch: int, wait_s: float) -> RayBackend:
    """The backend of a deployment that has started on the cluster that this process is connected to."""
    from ray import serve

    serve.start(proxy_location="Disabled")  # nothing of Ray listens for HTTP: the server in front does, with its walls
    handle = serve.run(_deployment(replicas, max_batch, wait_s).bind(folder), name=NAME, route_prefix=None)
    return RayBackend(handle)


def shut_down() -> None:
    """Ends the deployment."""
    from ray import serve

    serve.shutdown()


class RayBackend:
    """A `Backend` whose perception and language are the deployment's. Tokens are told once all of them are there."""

    def __init__(self, handle: Any) -> None:
        facts = handle.facts.remote().result(timeout_s=_READY_S)
        self._handle, self._words = handle, facts.words
        self.scene, self.language, self.names_by_number = facts.scene, facts.language, facts.names_by_number

    def perceive(self, observation: Observation) -> list[Slot]:
        return self._handle.perceive.remote(observation).result()

    def complete_batch(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, *, max_new_tokens: int,
                       seed: int, on_token: Callable[[int, str, float], bool] | None = None) -> list[Sample]:
        """One completion a prompt; the deployment batches what comes at once, from here and from others.

        on_token: told (row, text, probability) of each token.
        """
        masks = [None] * len(prompts) if grammars is None else grammars
        pending = [self._handle.complete.remote((prompt, mask, max_new_tokens, seed))
                   for prompt, mask in zip(prompts, masks, strict=True)]
        answers = [response.result() for response in pending]
        for fault in (answer for answer in answers if isinstance(answer, Exception)):
            raise fault
        for row, answer in enumerate(answers if on_token else ()):
            _tell(row, answer, on_token)
        return answers

    def log_probabilities(self, prompt: Prompt, answers: Sequence[str]) -> list[float]:
        """How likely each answer to a prompt is, see `LocalBackend.log_probabilities`."""
        return self._handle.log_probabilities.remote(prompt, answers).result()

    def names_of(self, prompt: Prompt, names: Sequence[str]) -> list[str] | None:
        """What things are called, see `LocalBackend.names_of`."""
        return self._handle.names_of.remote(prompt, names).result()

    def unknown_words(self, text: str) -> list[str]:
        return self._handle.unknown_words.remote(text).result()

    def known_words(self) -> frozenset[str]:
        return self._words


def _tell(row: int, answer: Sample, on_token: Callable[[int, str, float], bool]) -> None:
    for piece, log_prob in zip(answer.pieces, answer.masked_log_probs, strict=True):
        if not on_token(row, piece, math.exp(log_prob)):
            return
