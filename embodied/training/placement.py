"""Where a model trains and with whom: the one object that the loop, checkpoints and launches ask.

Nobody else in `training` and `distributed` knows a device, a wrapper or a process group, but for `gradients` and the
placement of divided models, `parallel`.

What data-parallel ranks tell each other, so that a batch shared out between them is learned from as one batch: their
gradients are averaged, and a rank's mean over its own tokens, averaged again, is a mean of means: it gives a token of a
rank with few of them more weight. So a rank divides its *sums* by its share of the counts of the whole batch; the
average over the ranks is then the whole batch's mean, up to rounding.
"""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from embodied.data.batches import Shares
from embodied.models.frozen import can_round, rounded_products
from embodied.models.weights import put_weights, stored_names
from embodied.training.gradients import average_gradients, laid_as
from embodied.training.parts import known, mean_counts, said_before
from embodied.training.stored import Stored
from embodied.training.team import Team, mean_over_threads, why_not_shared

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Real

T = TypeVar("T")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class State:
    """What a training goes on from, whole and on the CPU, wherever and on however many devices it trained; where it
    stands in files, tensors are not read yet."""

    weights: Mapping[str, Tensor | Stored]  # float[*any] of `state_dict`, each once, also where two names share it
    optimizer: Mapping[str, Any]  # as `torch.optim.Optimizer.state_dict` gives it
    device_random: list[int] | None = None  # the state of the device's own random generator, None: it has none


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one batch gave, on this rank."""

    loss: Float[Tensor, ""]
    metrics: Mapping[str, Tensor]
    forward_s: float
    backward_s: float


class Placement(Protocol):
    """Device, wrapping and rank of one worker of a training."""

    device: torch.device
    data_rank: int  # of this worker among those that share out a batch
    data_size: int  # how many those are

    @property
    def is_first(self) -> bool:
        """Whether this is the worker that speaks and saves for all."""
        ...

    @property
    def is_ahead(self) -> bool:
        """Whether code runs ahead of the device, so that each number that is read costs the device time."""
        ...

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model on its device, and so that gradients of all ranks become one."""
        ...

    def unwrap(self, model: nn.Module) -> nn.Module:
        """The model that `wrap` was given."""
        ...

    def put(self, batch: T) -> T:
        """The batch with every tensor in it on the device."""
        ...

    def shares(self, model: nn.Module, batch_size: int) -> int:
        """Into how many parts this worker's part of each batch is to be made, for threads that learn side by side."""
        ...

    def learn(self, objective: Callable[..., Any], model: nn.Module, batch: Any, parameters: Sequence[nn.Parameter]
              ) -> Lesson:
        """Leave the gradients of an objective of a batch, or of its `Shares`, in the parameters."""
        ...

    def optimizer(self, whole: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """What takes the steps of an optimiser of the wrapped model."""
        ...

    def clip(self, parameters: Sequence[nn.Parameter], longest: float) -> Float[Tensor, ""]:
        """float[]: the length of the gradient of the whole model, which is scaled down where that is longer; the same
        on every rank, each of which must call it. longest: loss per unit of weights."""
        ...

    def arithmetic(self) -> AbstractContextManager:
        """The context in which an objective is computed."""
        ...

    def mean(self, values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """The values averaged over all ranks; every rank must call it."""
        ...

    def state(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
        """What to save, on the first rank (others may have a part of it); every rank must call it."""
        ...

    def restore(self, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Put back what `state` gave. ValueError where it is of another model."""
        ...

    def facts(self) -> dict[str, Any]:
        """What results depend on, up to rounding: said where one training goes on under others."""
        ...


@dataclass(frozen=True)
class Replicated:
    """Every rank holds the whole model; one rank is training alone."""

    device: torch.device = CPU
    data_rank: int = 0
    data_size: int = 1
    precision: torch.dtype = torch.float32  # of products; weights and optimiser are float32 in any case
    is_rounded: bool = False  # of frozen products on a CPU, see `frozen.rounded_products`
    team: Team | None = None  # threads that share out this worker's part of a batch
    accumulate: int = 1  # parts of it that are learned from one after another

    @property
    def is_first(self) -> bool:
        return self.data_rank == 0

    @property
    def is_ahead(self) -> bool:
        return self.device.type != "cpu"

    def wrap(self, model: nn.Module) -> nn.Module:
        model = model.to(self.device)
        if self.data_size == 1:
            return model
        # A share of a batch may hold no picture (nothing in sight, to be refused): vision then gets no gradient.
        return DistributedDataParallel(model, find_unused_parameters=True)

    def unwrap(self, model: nn.Module) -> nn.Module:
        return model.module if isinstance(model, DistributedDataParallel) else model

    def put(self, batch: T) -> T:
        return batch if self.device.type == "cpu" else _put(batch, self.device)

    def shares(self, model: nn.Module, batch_size: int) -> int:
        if self.accumulate > 1:
            return refuse_odd_parts(batch_size, self.accumulate, "accumulate")
        size = 1 if self.team is None else self.team.size
        return 1 if batch_size % size or why_not_shared(model) else size

    def learn(self, objective: Callable[..., Any], model: nn.Module, batch: Any, parameters: Sequence[nn.Parameter]
              ) -> Lesson:
        if isinstance(batch, Shares):
            learn = self._learn_together if self.accumulate == 1 else self._learn_in_turn
            return learn(objective, model, batch, parameters)
        return self._learn_one(objective, model, batch)

    def _learn_one(self, objective: Callable[..., Any], model: nn.Module, batch: Any, parts: int = 1) -> Lesson:
        """Add the gradients of a batch, or of one of its parts."""
        began_s = time.perf_counter()
        loss, metrics = self._look(objective, model, batch)
        looked_s = time.perf_counter()
        (poisoned(loss) / parts).backward()
        return Lesson(loss.detach(), metrics, looked_s - began_s, time.perf_counter() - looked_s)

    def _learn_in_turn(self, objective: Callable[..., Any], model: nn.Module, batch: Shares,
                      parameters: Sequence[nn.Parameter]) -> Lesson:
        """The same of all shares, one after another; ranks wait for each other after the last."""
        counts = mean_over_ranks(mean_counts(objective, model, batch.parts).to(self.device))
        is_wrapped = isinstance(model, DistributedDataParallel)
        with known(counts), model.no_sync() if is_wrapped else nullcontext():
            lessons = [self._learn_one(objective, model, part, len(batch.parts)) for part in batch.parts]
        if is_wrapped:
            average_gradients(parameters, self.data_size)
        return mean_lesson(lessons)

    def _learn_together(self, objective: Callable[..., Any], model: nn.Module, batch: Shares,
                        parameters: Sequence[nn.Parameter]) -> Lesson:
        """The same of all shares, each in a thread of the team."""

        def learn(share: Any) -> tuple[Lesson, Sequence[Tensor | None]]:
            began_s = time.perf_counter()
            loss, metrics = self._look(objective, model, share)
            looked_s = time.perf_counter()
            gradients = torch.autograd.grad(poisoned(loss) / len(batch.parts), parameters, allow_unused=True)
            lesson = Lesson(loss.detach(), metrics, looked_s - began_s, time.perf_counter() - looked_s)
            return lesson, gradients

        if self.team is None or len(batch.parts) != self.team.size:
            raise ValueError(f"batch: expected a share for each of {self.team and self.team.size} threads, got "
                             f"{len(batch.parts)}; make as many as Placement.shares says")
        learned = self.team.run(learn, batch.parts)
        for parameter, *parts in zip(parameters, *(gradients for _, gradients in learned), strict=True):
            there = [part for part in parts if part is not None]
            parameter.grad = laid_as(parameter, sum(there[1:], there[0])) if there else None
        lesson = mean_lesson([lesson for lesson, _ in learned])
        return replace(lesson, forward_s=learned[0][0].forward_s, backward_s=learned[0][0].backward_s)

    def _look(self, objective: Callable[..., Any], model: nn.Module, batch: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        with self.arithmetic():
            return objective(model, self.put(batch))

    def optimizer(self, whole: torch.optim.Optimizer) -> torch.optim.Optimizer:
        return whole

    def clip(self, parameters: Sequence[nn.Parameter], longest: float) -> Float[Tensor, ""]:
        return nn.utils.clip_grad_norm_(parameters, longest)

    def arithmetic(self) -> AbstractContextManager:
        if self.is_rounded:
            return rounded_products()
        return torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32)

    def mean(self, values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        return mean_over_ranks(values)

    def state(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> State:
        weights = self.unwrap(model).state_dict()
        stored = {name: weights[name].cpu().contiguous() for name in stored_names(weights)}
        return State(stored, _put(optimizer.state_dict(), CPU), self.random_of_device())

    def restore(self, state: State, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        put_weights(self.unwrap(model), state.weights)
        optimizer.load_state_dict(_read(state.optimizer))
        self.put_random_of_device(state.device_random)

    def random_of_device(self) -> list[int] | None:
        """The state of the device's own random generator; None: it has none."""
        return torch.cuda.get_rng_state(self.device).tolist() if self.device.type == "cuda" else None

    def put_random_of_device(self, state: list[int] | None) -> None:
        """Put back what `random_of_device` gave."""
        if state is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(torch.tensor(state, dtype=torch.uint8), self.device)

    def facts(self) -> dict[str, Any]:
        threads = torch.get_num_threads() if self.team is None else self.team.size
        shared = {} if self.team is None else {"threads_share_batches": True}
        return {"threads": threads, "world_size": self.data_size, "device": self.device.type, **shared}


def _read(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of which nothing stands in files alone."""
    return {**optimizer, "state": {number: {key: value[...] if isinstance(value, Stored) else value
                                            for key, value in slots.items()}
                                   for number, slots in optimizer["state"].items()}}


def choose(device: str) -> torch.device:
    """The device of "auto" (a GPU where there is one), "cpu" or "cuda". ValueError for a GPU that is not there."""
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise ValueError("device=cuda: expected a GPU that torch can use, got none; use device=cpu, or device=auto, "
                         "which takes a GPU where there is one")
    return torch.device("cuda" if has_gpu and device != "cpu" else "cpu")


def alone(device: str, precision: str = "float32", threads: int = 1, accumulate: int = 1) -> Replicated:
    """The placement of a training in one process. threads: how many may share out a batch, on a CPU, where it is not
    learned from in parts. ValueError for a GPU that is not there."""
    chosen = choose(device)
    team = Team(threads) if threads > 1 and accumulate == 1 and chosen.type == "cpu" else None
    return Replicated(chosen, team=team, accumulate=accumulate, **arithmetic_of(precision, chosen))


def one_of_many(device: torch.device, rank: int, size: int, precision: str = "float32", accumulate: int = 1
                ) -> Replicated:
    """The placement of one of `size` workers that share out each batch, on the device that its launcher gave it."""
    return Replicated(device, rank, size, accumulate=accumulate, **arithmetic_of(precision, device))


def arithmetic_of(precision: str, device: torch.device) -> dict[str, Any]:
    """Fields of `Replicated` by the setting; float32, and a warning, for products that this CPU cannot round."""
    if precision != "rounded":
        return {"precision": getattr(torch, precision)}
    if device.type == "cpu" and not can_round():
        warnings.warn("precision=rounded: this CPU multiplies no bfloat16, so that all is computed in float32, which "
                      "is slower", stacklevel=3)
    return {"is_rounded": can_round()}


def set_threads(threads: int | None) -> int:
    """Torch threads now in use; None keeps what torch chose. One process: all cores; one of several: one."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch keeps to the thread that calls it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _put(value: Any, device: torch.device) -> Any:
    """The value with every tensor in it on the device: of mappings, sequences and dataclasses, at any depth."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        return {key: _put(item, device) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_put(item, device) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _put(getattr(value, f.name), device)
                                             for f in dataclasses.fields(value) if f.init})
    return value


def poisoned(loss: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """The loss; one that is not finite is made to poison every gradient, so that all ranks of a job skip the same
    step."""
    return loss * torch.where(torch.isfinite(loss.detach()), 1.0, float("nan"))


def mean_lesson(lessons: Sequence[Lesson]) -> Lesson:
    """What the parts of a batch gave together; times are sums."""
    return Lesson(_mean([lesson.loss for lesson in lessons]),
                  {name: _mean([lesson.metrics[name] for lesson in lessons]) for name in lessons[0].metrics},
                  sum(lesson.forward_s for lesson in lessons), sum(lesson.backward_s for lesson in lessons))


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack([value.detach() for value in values]).double().mean().to(values[0].dtype)


def _ranks() -> int:
    """How many ranks train together; 1 where no process group was made."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def share(*counts: Real[Tensor, ""]) -> Float32[Tensor, " counts"]:
    """float32[len(counts)]: each count summed over all ranks and divided by their number; every rank must call it.

    Asked of the process group, not of a placement, for an objective is given a model and a batch and nothing else. So
    it holds where all ranks of the group share out the batch, or as many of them learn from each part of it, as they do
    in every placement that there is. Of parts that are learned from in turn, see `parts`, it is what all parts have.
    """
    told = torch.stack([count.float() for count in counts])
    before = said_before(told)
    return mean_over_ranks(told) if before is None else before


def mean_over_ranks(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """The values averaged over all ranks; themselves where there is one rank. Every rank must call it, and every thread
    of a team that shares out its part of a batch."""
    values, ranks = mean_over_threads(values), _ranks()
    if ranks == 1:
        return values
    values = values.clone()
    distributed.all_reduce(values)
    return values / ranks


def refuse_odd_parts(batch_size: int, parts: int, setting: str) -> int:
    """The parts, where a worker's share of a batch is made into as many examples each. ValueError elsewhere."""
    if batch_size % parts:
        raise ValueError(f"{setting}={parts}: expected a divisor of a worker's share of the batch, {batch_size}; "
                         "change batch_size")
    return parts
