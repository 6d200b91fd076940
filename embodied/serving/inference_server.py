"""One model for all sessions: a thread that looks and completes for whoever asks, several prompts at once.

The queue is bounded. A caller who finds it full is told when to come back, instead of making everybody wait longer.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from embodied.agents.backends.base import Backend, each_alone
from embodied.planning.dialogue import Reading, Turn
from embodied.planning.scene import SceneEncoder
from embodied.prompt import Prompt, Sample, Slot
from embodied.serving.lazy_backend import LazyBackend
from envs.interface import Observation
from envs.skills.signatures import PlanLanguage

OnPiece = Callable[[str, float], bool]
"""(text of a token, its probability): whether to go on."""

_FIRST_GUESS_S = 0.2  # of a job, until one was measured


class BusyError(RuntimeError):
    """The queue is full; `retry_after_s` says when it may not be."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"expected a free place in the planner's queue, got none; come back in {retry_after_s:.1f} s")
        self.retry_after_s = retry_after_s


class CancelledError(RuntimeError):
    """Whoever asked has gone."""


class BatchBackend(Backend, Protocol):
    """A backend that completes several prompts side by side."""

    def complete_batch(self, prompts: Sequence[Prompt], grammars: Sequence[str] | None, *, max_new_tokens: int,
                       seed: int, on_token: Callable[[int, str, float], bool] | None = None) -> list[Sample]:
        """One completion a prompt. on_token: told (row, text, probability) of each token as it is chosen; a row ends
        where it answers False."""
        ...


@dataclass(slots=True)
class _Job:
    """What one caller waits for. Jobs of the same key may be done at once."""

    key: tuple
    content: Any
    on_piece: OnPiece
    answer: Future = field(default_factory=Future)
    told: int = 0  # tokens that its listener heard, of all tries together
    fault: Exception | None = None  # of its listener

    def listener(self) -> OnPiece:
        """The listener to one more try: it hears no token twice, and what it raises is this job's trouble alone."""
        place = 0

        def on_piece(text: str, probability: float) -> bool:
            nonlocal place
            place += 1
            if self.fault is not None or place <= self.told:
                return self.fault is None
            self.told = place
            try:
                return self.on_piece(text, probability)
            except Exception as error:
                self.fault = error
                return False

        return on_piece

    def settle(self, answer: Any) -> None:
        """Give whoever waits the answer, or raises it there."""
        fault = self.fault or (answer if isinstance(answer, Exception) else None)
        self.answer.set_exception(fault) if fault is not None else self.answer.set_result(answer)


class InferenceServer:
    """A `Backend` that may be asked from any thread."""

    def __init__(self, backend: BatchBackend | LazyBackend, *, max_batch: int = 8, wait_s: float = 0.002,
                 places: int = 64, askers: int = 1) -> None:
        """max_batch: prompts decoded at once, 1 for one after the other. wait_s: how long the first of a batch waits
        for others, where others have asked for something too and are not in it. places: jobs that may wait. askers:
        threads that ask the backend, more than one only for a backend that lives elsewhere."""
        self.backend = backend
        self._max_batch, self._wait_s = max_batch, wait_s
        self._jobs: queue.Queue[_Job | None] = queue.Queue(places)
        self._job_s, self._callers, self._lock = _FIRST_GUESS_S, 0, threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=f"inference-{i}", daemon=True) for i in range(askers)]
        for thread in self._threads:
            thread.start()

    @property
    def scene(self) -> SceneEncoder:
        return self.backend.scene

    @property
    def language(self) -> PlanLanguage:
        return self.backend.language

    @property
    def names_by_number(self) -> bool:
        return self.backend.names_by_number

    @property
    def is_ready(self) -> bool:
        """Whether the backend is loaded."""
        return self.backend.is_ready if isinstance(self.backend, LazyBackend) else True

    def begin(self) -> None:
        """Begin to load the backend, where nobody did."""
        if isinstance(self.backend, LazyBackend):
            self.backend.start()

    def settle(self, patience_s: float) -> None:
        """Wait until its loading has ended, where it began; see `LazyBackend.settle`."""
        if isinstance(self.backend, LazyBackend):
            self.backend.settle(patience_s)

    async def ready(self) -> None:
        """Wait until the backend is loaded."""
        if isinstance(self.backend, LazyBackend):
            await self.backend.ready()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._jobs.qsize()

    def retry_after_s(self) -> float:
        """When a full queue may have a place again."""
        return max(1.0, self._jobs.qsize() * self._job_s / self._max_batch)

    def perceive(self, observation: Observation) -> list[Slot]:
        return self._ask(("perceive",), observation, _always)

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int,
                 on_piece: OnPiece | None = None) -> Sample:
        """The completion of a prompt. on_piece: told each token as it is chosen, from another thread; False cancels.
        Raises BusyError, CancelledError, and what the backend raises."""
        key = ("complete", grammar is None, max_new_tokens, seed)
        return self._ask(key, (prompt, grammar), on_piece or _always)

    @property
    def log_probabilities(self) -> Callable[[Prompt, Sequence[str]], list[float]] | None:
        """What says how likely answers to a prompt are, None where the backend cannot."""
        can = getattr(self.backend, "log_probabilities", None) is not None
        return (lambda prompt, answers: self._ask(("score",), (prompt, answers), _always)) if can else None

    @property
    def names_of(self) -> Callable[[Prompt, Sequence[str]], list[str] | None] | None:
        """What says what the things that a prompt shows are called, None where the backend cannot."""
        can = getattr(self.backend, "names_of", None) is not None
        return (lambda prompt, names: self._ask(("name",), (prompt, names), _always)) if can else None

    @property
    def understands(self) -> bool:
        """Whether the loaded weights are a mind, which takes words for goals; waits until they are loaded."""
        return getattr(self.backend, "understander", None) is not None

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        """What words mean after what was said before, of a mind. Raises BusyError, and what its understander raises."""
        return self._ask(("understand",), (text, tuple(before)), _always)

    def unknown_words(self, text: str) -> list[str]:
        return self.backend.unknown_words(text)

    def known_words(self) -> frozenset[str]:
        return self.backend.known_words()

    def close(self) -> None:
        """Ends the threads once what waits is done."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join(timeout=10.0)

    def _ask(self, key: tuple, content: Any, on_piece: OnPiece) -> Any:
        job = _Job(key, content, on_piece)
        with self._counted():
            try:
                self._jobs.put_nowait(job)
            except queue.Full:
                raise BusyError(self.retry_after_s()) from None
            return job.answer.result()

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        """One more caller, while it waits for its answer."""
        with self._lock:
            self._callers += 1
        try:
            yield
        finally:
            with self._lock:
                self._callers -= 1

    def _work(self) -> None:
        kept: _Job | None = None
        while True:
            first = kept or self._jobs.get()
            if first is None:
                return
            batch, kept, is_last = self._gather(first)
            start = time.perf_counter()
            for job, answer in zip(batch, each_alone(self._do, batch), strict=True):
                job.settle(answer)
            self._job_s += 0.1 * ((time.perf_counter() - start) / len(batch) - self._job_s)
            if is_last:
                return

    def _gather(self, first: _Job) -> tuple[list[_Job], _Job | None, bool]:
        """Jobs of one kind, the next one of another kind, and whether the thread shall end."""
        batch, until = [first], time.monotonic() + self._wait_s
        while first.key[0] == "complete" and len(batch) < self._max_batch:
            try:
                others = self._callers > len(batch)
                job = self._jobs.get(timeout=max(0.0, until - time.monotonic()) if others else 0.0)
            except queue.Empty:
                break
            if job is None or job.key != first.key:
                return batch, job, job is None
            batch.append(job)
        return batch, None, False

    def _do(self, batch: Sequence[_Job]) -> list[Any]:
        if batch[0].key[0] == "perceive":
            return [self.backend.perceive(job.content) for job in batch]
        if batch[0].key[0] == "score":
            return [self.backend.log_probabilities(*job.content) for job in batch]
        if batch[0].key[0] == "name":
            return [self.backend.names_of(*job.content) for job in batch]
        if batch[0].key[0] == "understand":
            return [self.backend.understander.understand(*job.content) for job in batch]
        _, is_free, max_new_tokens, seed = batch[0].key
        prompts, grammars = zip(*(job.content for job in batch), strict=True)
        return self.backend.complete_batch(prompts, None if is_free else grammars, max_new_tokens=max_new_tokens,
                                           seed=seed, on_token=_listener(batch))


def _listener(batch: Sequence[_Job]) -> Callable[[int, str, float], bool] | None:
    """Tells each row's listener; None where nobody listens, for telling costs a tenth of a millisecond a token."""
    if all(job.on_piece is _always for job in batch):
        return None
    listeners = [job.listener() for job in batch]
    return lambda row, text, probability: listeners[row](text, probability)


def _always(text: str, probability: float) -> bool:
    return True


class InferenceClient:
    """A `Backend` for one session: the inference server, with somebody who hears the plan as it forms and may cancel
    it."""

    def __init__(self, inference: InferenceServer, on_piece: OnPiece,
                 begins: Callable[[], None] = lambda: None) -> None:
        """begins: called before each answer that is asked for."""
        self._inference, self._on_piece = inference, on_piece
        self.scene, self.language = inference.scene, inference.language
        self.names_by_number, self.unheard = inference.names_by_number, inference
        self.unknown_words, self.known_words = inference.unknown_words, inference.known_words
        self._is_cancelled, self._begins = False, begins

    scene: SceneEncoder
    language: PlanLanguage
    names_by_number: bool

    @property
    def log_probabilities(self) -> Callable[[Prompt, Sequence[str]], list[float]] | None:
        """As of the server."""
        return self._inference.log_probabilities

    @property
    def names_of(self) -> Callable[[Prompt, Sequence[str]], list[str] | None] | None:
        """As of the server."""
        return self._inference.names_of

    def perceive(self, observation: Observation) -> list[Slot]:
        return self._inference.perceive(observation)

    def complete(self, prompt: Prompt, grammar: str | None, *, max_new_tokens: int, seed: int) -> Sample:
        """Raises CancelledError when the listener said no."""
        self._is_cancelled = False
        self._begins()
        answer = self._inference.complete(prompt, grammar, max_new_tokens=max_new_tokens, seed=seed,
                                          on_piece=self._pass_on)
        if self._is_cancelled:
            raise CancelledError("expected somebody who waits for the plan, got nobody; ask again")
        return answer

    def _pass_on(self, text: str, probability: float) -> bool:
        self._is_cancelled = not self._on_piece(text, probability)
        return not self._is_cancelled
