"""The one training loop. It reads any iterable of batches and knows no task, no disk, no device and no cluster: hooks
and the placement do.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from embodied.training.placement import Lesson, Placement, Replicated

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

LARGEST_CLIP = 1000.0
"""A step whose gradient is clipped by more than this factor is as good as thrown away, which is said."""

LATEST = 8
"""Steps after which what a device told is fetched, where no hook has asked for it before."""

REMEMBERED = 1024
"""Steps whose losses are kept for a hook that asks for them."""

OUT_OF_BATCHES = "the end of its batches"
"""Why a training stopped whose batches were fewer than its steps."""

B = TypeVar("B", contravariant=True)
B_co = TypeVar("B_co", covariant=True)


class Objective(Protocol[B]):
    def __call__(self, model: nn.Module, batch: B) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Loss and metrics by name, scalars all, of this rank's share of a batch."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a step told, still on the device that computed it."""

    step: int
    ids: Any  # of its batch
    wait_s: float
    tokens: int
    metrics: tuple[str, ...]
    numbers: Float64[Tensor, " numbers"]  # loss, length of the gradient, metrics


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a step told, see `TrainState`."""

    loss: float = float("nan")  # a mean, as the objective has it
    grad_norm: float = float("nan")  # loss per unit of weights
    metrics: dict[str, float] = field(default_factory=dict)  # mean of each, by name


@dataclass(slots=True)
class Best:
    """What learned, as it was when validation said its best, see `hooks.KeepBest`."""

    step: int
    score: tuple[float, float]  # greater is better: the share of exact answers, then the loss, negative
    weights: dict[str, Tensor]  # values of `Module.named_parameters`, on the CPU
    since: int = 0  # measurements after it, none of them better

    def is_final(self, patience: int | None) -> bool:
        """Whether it was waited long enough for a better one; None waits for ever."""
        return patience is not None and self.since >= patience


@dataclass(slots=True)
class Course:
    """What a training remembers of its course beside model and optimiser: hooks keep it, and it is saved with them.
    average: float[*any] of each parameter's shape. losses: float[N], N at most `rewinding.WINDOW`."""

    best: Best | None = None
    average: dict[str, Tensor] | None = None  # of what learned, over the steps, by name, where it is
    losses: list[float] = field(default_factory=list)  # the last ones that were no jump, see `rewinding`, as the next
    rewinds: int = 0  # times that the training was taken back to an earlier step


@dataclass(slots=True)
class TrainState(Generic[B]):
    """Where a training stands; hooks read it after every step and may ask it to stop.

    What a step told is fetched from its device when it is asked for: `loss`, `grad_norm` and `metrics` wait for it, and
    what is counted and timed is as of the last fetch, see `settle`. On a CPU that is after every step.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    steps: int
    step: int = 0  # steps taken
    placement: Placement = field(default_factory=Replicated)
    clip_norm: float = 1.0  # longest gradient, loss per unit of weights
    max_bad_steps: int = 5
    untold: list[Told] = field(default_factory=list)  # by steps since the last fetch
    last: Numbers = field(default_factory=Numbers)
    lr: float = 0.0  # learning rate of the first group of parameters, its factor of the schedule included
    measured: dict[str, float] = field(default_factory=dict)  # by hooks, after this step
    bad: list[Any] = field(default_factory=list)  # ids of the batches of steps in a row that were dropped, till now
    skipped: int = 0  # steps dropped for a loss or gradient that was not finite
    hard_clips: int = 0  # steps whose gradient was clipped by more than LARGEST_CLIP
    notes: list[str] = field(default_factory=list)  # what a person should know, in the order it happened
    failing: set[Any] = field(default_factory=set)  # logs that could not write when last asked
    began_s: float = 0.0  # when the first step since the last fetch was begun
    wait_s: float = 0.0  # of a step, spent waiting for its batch; the mean since the last fetch, as the next two
    step_s: float = 0.0  # without that
    tokens: float = 0  # mean number of tokens in this rank's part of the batch, without padding
    spent: dict[str, float] = field(default_factory=dict)  # seconds of step_s by part, forward_s ...; {}: unknown
    products_share: float | None = None  # of step_s, what its matrix products take alone; None: not known (yet)
    stop: str | None = None  # why to stop early
    is_enough: bool = False  # a hook found that more steps would teach nothing: the training is over
    course: Course = field(default_factory=Course)
    went_back: bool = False  # a hook has just taken it back, and `step` is an earlier one: nothing but saving follows
    jump: list[tuple[int, Any]] = field(default_factory=list)  # the last steps, if their losses may be a jump; batches
    heard: deque[tuple[int, float, Any]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Step, loss and the ids of its batch, of steps that were taken and that no hook has taken out yet."""

    @property
    def loss(self) -> float:
        """The mean over all ranks, of the last step as all that follows."""
        return self.settle().loss

    @property
    def grad_norm(self) -> float:
        """Length of the whole gradient before it was clipped, loss per unit of weights."""
        return self.settle().grad_norm

    @property
    def metrics(self) -> dict[str, float]:
        """The mean of each over all ranks, by the name that the objective gives it."""
        return self.settle().metrics

    def settle(self) -> Numbers:
        """What the last step told. Fetches what steps told since the last time, waiting for the device once, and counts
        it."""
        untold, self.untold = self.untold, []
        if untold:
            values = iter(torch.cat([told.numbers for told in untold]).tolist())
            for told in untold:
                self._hear(told, *islice(values, 2 + len(told.metrics)))
            whole_s, waited_s = time.perf_counter() - self.began_s, sum(told.wait_s for told in untold)
            self.wait_s, self.step_s = waited_s / len(untold), (whole_s - waited_s) / len(untold)
            self.tokens = sum(told.tokens for told in untold) / len(untold)
        return self.last

    def _hear(self, told: Told, loss: float, norm: float, *metrics: float) -> None:
        """Count a step, unless too many before it were bad: it should not have been taken."""
        if len(self.bad) >= self.max_bad_steps:
            return
        is_good = math.isfinite(norm)
        self.bad = [] if is_good else [*self.bad, told.ids]
        self.skipped += not is_good
        self.last = Numbers(loss, norm, dict(zip(told.metrics, metrics, strict=True)))
        if is_good:
            self.heard.append((told.step, loss, told.ids))
        if is_good and norm > LARGEST_CLIP * self.clip_norm:
            self.hard_clips += 1
            self.note(f"the gradient's norm {norm:.3g} was clipped to {self.clip_norm:g}, more than "
                      f"{LARGEST_CLIP:,.0f} times less: the step taught next to nothing", told.step,
                      is_loud=self.hard_clips == 1)

    def note(self, text: str, step: int | None = None, *, is_loud: bool = True) -> None:
        """Tell a person of something that happened at a step, None: at the last one."""
        self.notes.append(f"step {self.step if step is None else step}: {text}")
        if is_loud:
            warnings.warn(self.notes[-1], stacklevel=5)


def learned_parameters(state: TrainState[Any]) -> list[tuple[str, nn.Parameter]]:
    """Name and values of what learns."""
    return [(name, p) for name, p in state.placement.unwrap(state.model).named_parameters() if p.requires_grad]


def copied(values: Iterable[tuple[str, Tensor]]) -> dict[str, Tensor]:
    """Copies of named tensors, values and result float[*any] of any shape, that no step changes."""
    return {name: value.detach().clone() for name, value in values}


def put_values(state: TrainState[Any], values: Mapping[str, Tensor]) -> None:
    """Give what learns other values: float[*any] of each parameter's shape, by its name."""
    with torch.no_grad():
        for name, parameter in learned_parameters(state):
            parameter.copy_(values[name])


class BatchStream(Protocol[B_co]):
    """Batches, endless or not, whose place can be saved and gone back to: read from disk, or made by the live model."""

    def __iter__(self) -> Iterator[B_co]: ...
    def state_dict(self) -> dict[str, Any]: ...  # JSON values: where the next batch is
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...  # ValueError where it is of other data


class Hook(Protocol):
    """What listens to training; what has `begin` is called with the state before the first step, too. Where `is_log`
    is set and true, an OSError (a full disk) is said and survived. Where `saves` is, it hears of steps that were taken
    back, too: the rest hears of the steps after."""

    def step(self, state: TrainState[Any]) -> None: ...  # after each step
    def end(self, state: TrainState[Any]) -> None: ...  # once, however training ended


class NonFiniteError(RuntimeError):
    """Too many steps in a row had a loss or gradient that is not finite; the message names their batches."""


def train(model: nn.Module, batches: Iterable[B], objective: Objective[B], optimizer: torch.optim.Optimizer, *,
          steps: int, start: int = 0, hooks: Sequence[Hook] = (), schedule: Callable[..., float] | None = None,
          clip_norm: float = 1.0, max_bad_steps: int = 5, placement: Placement | None = None,
          within: Callable[[B], AbstractContextManager[Any]] = nullcontext, is_enough: bool = False,
          course: Course | None = None) -> TrainState[B]:
    """The last state, after steps `start` .. `steps` - 1, or fewer where batches end or a hook says so: see `stop`.

    schedule: sets the learning rates of (optimizer, step) and returns their factor; None: they stay. clip_norm: the
    longest that a step's gradient may be, loss per unit of weights; longer ones are scaled down by a factor.
    placement: where the model was wrapped; None: on the CPU, alone. within: gives the context in which a batch is
    learned from. is_enough: it was over before, and no step is taken. course: of the steps before. NonFiniteError
    after `max_bad_steps` bad ones in a row, up to LATEST steps later on a device that works on by itself. Every hook's
    `end` is called, whatever happened.
    """
    state = TrainState(model, optimizer, steps, start, placement or Replicated(), clip_norm, max_bad_steps,
                       is_enough=is_enough, course=course or Course())
    model.train()
    stream = iter(batches)
    with ExitStack() as ends:
        for hook in reversed(hooks):
            ends.callback(_tell, hook, hook.end, state)
        for hook in hooks:
            if hasattr(hook, "begin"):
                hook.begin(state)
        while state.step < steps and not state.stop and not state.is_enough:
            batch = _next(stream, state)
            if batch is _THE_END:
                state.stop = state.stop or OUT_OF_BATCHES
                break
            if schedule is not None:
                schedule(optimizer, state.step)
            with within(batch):
                _take_step(state, batch, objective)
            _refuse_too_many_bad(state)
            state.went_back = False
            for hook in hooks:
                if not state.went_back or getattr(hook, "saves", False):
                    _tell(hook, hook.step, state)
        state.settle()
        _refuse_too_many_bad(state)
    return state


_THE_END = object()


def _next(stream: Any, state: TrainState[Any]) -> Any:
    """The next batch, _THE_END where there is none."""
    began_s = time.perf_counter()
    if not state.untold:
        state.began_s = began_s
    batch = next(stream, _THE_END)
    state.wait_s = time.perf_counter() - began_s
    return batch


def _refuse_too_many_bad(state: TrainState[Any]) -> None:
    if len(state.bad) >= state.max_bad_steps:
        raise NonFiniteError(f"step {state.step}: {len(state.bad)} steps in a row had a loss or gradient that is not "
                             f"finite; lower the learning rate or inspect these batches: {state.bad}")


def _tell(hook: Hook, call: Callable[[TrainState[Any]], None], state: TrainState[Any]) -> None:
    """Call a hook. A log that cannot write keeps nothing from those after it: they may be what saves the training."""
    try:
        call(state)
        state.failing.discard(hook)
    except OSError as error:
        if not getattr(hook, "is_log", False):
            raise
        if hook not in state.failing:
            state.failing.add(hook)
            state.note(f"{type(hook).__name__} cannot write ({error}); training goes on without it")


def _take_step(state: TrainState[B], batch: B, objective: Objective[B]) -> None:
    """A bad step leaves the weights and the optimiser as they were."""
    state.optimizer.zero_grad(set_to_none=True)
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    lesson = state.placement.learn(objective, state.model, batch, parameters)
    learned_s = time.perf_counter()
    norm = state.placement.clip(parameters, state.clip_norm)
    is_late = state.placement.is_ahead and bool(state.optimizer.defaults.get("fused"))
    _step_where_finite(state.optimizer, norm, is_late)
    optimizer_s = time.perf_counter() - learned_s
    state.step += 1
    state.lr, state.measured = state.optimizer.param_groups[0]["lr"], {}
    state.untold.append(_told(state, batch, lesson, norm))
    state.spent = {} if is_late else {"forward_s": lesson.forward_s, "backward_s": lesson.backward_s,
                                      "optimizer_s": optimizer_s}
    if not is_late or len(state.untold) >= LATEST:
        state.settle()


def _step_where_finite(optimizer: torch.optim.Optimizer, norm: Float[Tensor, ""], is_late: bool) -> None:
    """Take the step if the gradient is finite. is_late: its device sees to that, as fused optimisers do for the
    gradient scalers of torch, and nobody waits for it."""
    if is_late:
        both = {id(one): one for one in (optimizer, getattr(optimizer, "optim", optimizer))}.values()  # of ZeRO-1
        for one in both:
            one.found_inf = (~torch.isfinite(norm)).float()
        optimizer.step()
        for one in both:
            del one.found_inf
    elif torch.isfinite(norm):
        optimizer.step()


def _told(state: TrainState[Any], batch: Any, lesson: Lesson, norm: Float[Tensor, ""]) -> Told:
    """What a step told, averaged over all ranks, which must hold the same metrics."""
    loss = state.placement.mean(lesson.loss).double()
    numbers = torch.stack([loss, norm.to(loss)])
    if lesson.metrics:
        metrics = torch.stack([value.detach().double() for value in lesson.metrics.values()])
        numbers = torch.cat([numbers, state.placement.mean(metrics)])
    return Told(state.step, getattr(batch, "ids", None), state.wait_s, getattr(batch, "tokens", 0),
                tuple(lesson.metrics), numbers)
