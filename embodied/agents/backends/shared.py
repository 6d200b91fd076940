"""A backend in another process of the same command, which several worlds' planners share: who asks, and who answers.

Questions and answers are the plain records of `embodied.prompt`, over a socket that only this command's processes can
open: it lies in a folder of its user's alone, and wants a key that stands in no file.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from embodied.agents.backends.base import Backend
from embodied.planning.scene import SceneEncoder
from embodied.prompt import Prompt, Sample, Slot
from envs.interface import Observation
from envs.skills.signatures import PlanLanguage

ASKED = ("perceive", "complete", "names_of", "log_probabilities", "unknown_words")
"""What may be asked of it, by name."""
_GONE = (EOFError, OSError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a shared backend is asked; travels to the processes that ask."""

    path: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Facts:
    """What is asked of a backend once."""

    scene: SceneEncoder
    language: PlanLanguage
    names_by_number: bool
    words: frozenset[str]


class SharedBackend:
    """A `Backend` whose perception and language are those at a place; for one thread."""

    scene: SceneEncoder
    language: PlanLanguage
    names_by_number: bool

    def __init__(self, place: Place) -> None:
        """Raises ConnectionError where nobody answers there."""
        try:
            self._connection: Connection = Client(place.path, "AF_UNIX", place.key)
            facts: Facts = self._connection.recv()
        except _GONE as error:
            raise ConnectionError(f"expected a planner that is shared at {place.path}, got {error!r}; the process that "
                                  "lent it has ended: run the command again") from error
        self.scene, self.language, self.names_by_number = facts.scene, facts.language, facts.names_by_number
        self._words = facts.words

    def perceive(self, observation: Observation) -> list[Slot]:
        return self._ask("perceive", observation)

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        return self._ask("complete", prompt, grammar, max_new_tokens=max_new_tokens, seed=seed)

    def names_of(self, prompt: Prompt, names: Sequence[str]) -> list[str] | None:
        """What things are called, see `LocalBackend.names_of`."""
        return self._ask("names_of", prompt, names)

    def log_probabilities(self, prompt: Prompt, answers: Sequence[str]) -> list[float]:
        """How likely each answer to a prompt is, see `LocalBackend.log_probabilities`."""
        return self._ask("log_probabilities", prompt, answers)

    def unknown_words(self, text: str) -> list[str]:
        return self._ask("unknown_words", text)

    def known_words(self) -> frozenset[str]:
        return self._words

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The answer; raises what the backend raised, and ConnectionError where it is gone."""
        try:
            self._connection.send((name, args, kwargs))
            is_answer, content = self._connection.recv()
        except _GONE as error:
            raise ConnectionError(f"the shared planner is gone ({error!r}); run the command again") from error
        if not is_answer:
            raise content
        return content


@contextlib.contextmanager
def shared(backend: Backend) -> Iterator[Place]:
    """Where others ask a backend, which may be asked from any thread, until the block is left."""
    with tempfile.TemporaryDirectory(prefix="embodied-") as folder:
        place = Place(str(Path(folder) / "planner"), secrets.token_bytes(32))
        with Listener(place.path, "AF_UNIX", backlog=64, authkey=place.key) as listener:
            answering = _Answering(backend, listener)
            try:
                yield place
            finally:
                answering.end(place)


class _Answering:
    """A thread that hears who comes, and one for each of them."""

    def __init__(self, backend: Backend, listener: Listener) -> None:
        self._backend, self._listener, self._is_over = backend, listener, False
        self._facts = Facts(backend.scene, backend.language, backend.names_by_number, backend.known_words())
        self._hearing = threading.Thread(target=self._hear, name="shared-planner", daemon=True)
        self._hearing.start()

    def end(self, place: Place) -> None:
        """Hear nobody else; those who are being answered are until they go."""
        self._is_over = True
        with contextlib.suppress(*_GONE):
            Client(place.path, "AF_UNIX", place.key).close()  # wakes who waits for the next one
        self._hearing.join(timeout=10.0)

    def _hear(self) -> None:
        while not self._is_over:
            try:
                connection = self._listener.accept()
            except (*_GONE, AuthenticationError):  # of one who left again, or has no key
                continue
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        with connection, contextlib.suppress(*_GONE):
            connection.send(self._facts)
            while True:
                connection.send(_answered(self._backend, *connection.recv()))


def _answered(backend: Backend, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[bool, Any]:
    """(True, the answer) or (False, what was raised)."""
    try:
        if name not in ASKED:
            raise AttributeError(f"expected one of {', '.join(ASKED)}, got {name!r}")
        ask: Callable[..., Any] = getattr(backend, name)
        return True, ask(*args, **kwargs)
    except Exception as error:
        return False, error
