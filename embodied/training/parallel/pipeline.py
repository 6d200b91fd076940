"""Pipeline parallelism: each process holds some of the decoder's layers, and micro-batches go through them one behind
the other (GPipe, Huang et al. 2019).

Departures: what comes before and after the layers (embeddings, pictures, heads, losses) is held and computed by every
process of a pipeline, so that any objective can be learned from, whatever it asks of the model, and weights that are
used on both sides need no exchange: all processes come to the same gradients of them. That work is not divided, and
what comes before the layers is done twice. (torch.distributed.pipelining divides it, but wants micro-batches of one
shape, and stages that are functions of tensors.)

B examples, T tokens, D width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, distributed, nn

if TYPE_CHECKING:
    from jaxtyping import Float


Arithmetic = Callable[[], AbstractContextManager]


@dataclass(frozen=True, slots=True)
class Line:
    """The processes of a pipeline, in the order of their layers, and which of them this is."""

    ranks: tuple[int, ...]
    place: int
    group: Any  # of torch.distributed, of these ranks

    @property
    def is_last(self) -> bool:
        """Whether this has the last layers."""
        return self.place == len(self.ranks) - 1

    def take(self, like: Tensor, step: int) -> Tensor:
        """What the process `step` places on (1 or -1) passes to this one, of the shape of `like`, float[*any]."""
        taken = torch.empty_like(like)
        distributed.recv(taken, self.ranks[self.place + step], group=self.group)
        return taken

    def give(self, value: Tensor, step: int) -> list[Sent]:
        """Pass a value, float[*any], to the process `step` places on, without waiting for it."""
        value = value.detach().contiguous()
        return [Sent(value, distributed.isend(value, self.ranks[self.place + step], group=self.group))]

    def from_one(self, value: Tensor, place: int) -> Tensor:
        """The value, float[*any], that the process at a place has; of others its shape counts alone."""
        shared = value.detach().contiguous().clone()
        distributed.broadcast(shared, self.ranks[place], group=self.group)
        return shared


class Sent(NamedTuple):
    """A value, float[*any], that has to stay until the work of sending it is done."""

    value: Tensor
    work: Any


def wait(sent: Sequence[Sent]) -> None:
    """Until all of it has arrived."""
    for one in sent:
        one.work.wait()


class _EnteredError(Exception):
    """Ends a forward pass where the layers begin."""


@dataclass(slots=True)
class Entry:
    """What one micro-batch brings to the layers. states: float[B, T, D], with the graph of what made it."""

    states: Float[Tensor, "B T D"]
    others: tuple[Any, ...]
    named: Mapping[str, Any]
    ends: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # float[B, T, D]: came in, went out


class Layers(nn.Module):
    """Stands for all layers of a decoder in a process that has some of them."""

    def __init__(self, mine: Sequence[nn.Module], first: int, line: Line, arithmetic: Arithmetic):
        """first: number of the first of these layers, from 0. arithmetic: gives the context in which they compute."""
        super().__init__()
        self.mine, self.first, self.line, self.arithmetic = nn.ModuleList(mine), first, line, arithmetic
        self.answer: Callable[[Entry], Tensor] = self.pass_through

    def forward(self, states: Float[Tensor, "B T D"], *others: Any, **named: Any) -> Float[Tensor, "B T D"]:
        """float[B, T, D]: what all layers make of hidden states, float[B, T, D]."""
        return self.answer(Entry(states, others, named))

    def pass_through(self, entry: Entry) -> Float[Tensor, "B T D"]:
        """The same, one batch at a time and without gradients: as a model is measured."""
        if torch.is_grad_enabled():
            raise RuntimeError("a model whose layers are divided between processes: expected Placement.learn to learn "
                               "from it, got a forward pass with gradients; use it, or torch.no_grad()")
        line, states = self.line, entry.states
        if line.place:
            states = line.take(states, -1)
        states = self.run(states, entry)
        sent = [] if line.is_last else line.give(states, 1)
        final = line.from_one(states, len(line.ranks) - 1)
        wait(sent)
        return final

    def run(self, states: Float[Tensor, "B T D"], entry: Entry) -> Float[Tensor, "B T D"]:
        """float[B, T, D]: what the layers of this process make of hidden states, float[B, T, D]."""
        with self.arithmetic():
            for layer in self.mine:
                states = layer(states, *entry.others, **entry.named)
        return states


def divide(decoder: nn.Module, line: Line, arithmetic: Arithmetic = nullcontext) -> Layers:
    """Leave a decoder its part of the layers, in place. ValueError for one with fewer layers than processes, or with
    layers of several kinds, or such as have a loss of their own."""
    config, count, size = decoder.config, len(decoder.layers), len(line.ranks)
    if count < size:
        raise ValueError(f"parallel.pipeline={size}: expected at least as many layers, got {count}; choose less")
    if len({*(getattr(config, "layer_types", None) or ["one"])}) > 1:
        raise ValueError(f"parallel.pipeline={size}: expected layers of one kind, got {config.model_type}'s of "
                         f"{', '.join(sorted({*config.layer_types}))}; choose pipeline=1")
    if getattr(decoder, "adds_loss", False):
        raise ValueError(f"parallel.pipeline={size}: expected layers without a loss of their own, got a mixture of "
                         "experts that learns to balance them; choose pipeline=1, or router_aux_loss_coef=0")
    starts = [count * place // size for place in range(size + 1)]
    first, after = starts[line.place], starts[line.place + 1]
    layers = Layers(decoder.layers[first:after], first, line, arithmetic)
    decoder.layers = nn.ModuleList([layers])
    return layers


def learn(layers: Layers, look: Callable[[Any], tuple[Tensor, Mapping[str, Tensor]]], parts: Sequence[Any],
          scaled: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Mapping[str, Tensor]]]:
    """(loss, metrics) of each micro-batch, whose gradients are left in the parameters: of this process's layers, and
    of all that is no layer.

    look: the objective of a micro-batch: loss float[] and metrics float[]. scaled: what is to be added up of a loss,
    float[] of float[].
    """
    line, sent = layers.line, []
    entries = [_enter(layers, look, part) for part in parts]
    for entry in entries:
        sent += _forward(layers, entry)
    finals = [line.from_one(entry.ends[0][1], len(line.ranks) - 1).requires_grad_() for entry in entries]
    told = [_grade(layers, look, part, final, scaled) for part, final in zip(parts, finals, strict=True)]
    for entry, final in zip(entries, finals, strict=True):
        sent += _backward(line, entry, final)
    for entry in entries:
        came_in = entry.ends[0][0]
        grad = line.from_one(came_in.grad if line.place == 0 else came_in, 0)
        if entry.states.requires_grad:
            entry.states.backward(grad)
    wait(sent)
    return told


@contextmanager
def _answering(layers: Layers, answer: Callable[[Entry], Tensor]) -> Iterator[None]:
    """Within the block the layers are answered for."""
    layers.answer = answer
    try:
        yield
    finally:
        layers.answer = layers.pass_through


def _enter(layers: Layers, look: Callable[[Any], Any], part: Any) -> Entry:
    """What an objective has the layers do."""
    met: list[Entry] = []

    def stop(entry: Entry) -> Tensor:
        met.append(entry)
        raise _EnteredError

    with _answering(layers, stop), suppress(_EnteredError):
        look(part)
    if met:
        return met[0]
    raise ValueError("parallel.pipeline: expected an objective that runs the decoder, got one that does not; choose "
                     "pipeline=1")


def _forward(layers: Layers, entry: Entry) -> list[Sent]:
    line = layers.line
    came_in = (line.take(entry.states.detach(), -1) if line.place else entry.states.detach()).requires_grad_()
    went_out = layers.run(came_in, entry)
    entry.ends.append((came_in, went_out))
    return [] if line.is_last else line.give(went_out, 1)


def _grade(layers: Layers, look: Callable[[Any], tuple[Tensor, Mapping[str, Tensor]]], part: Any,
           final: Float[Tensor, "B T D"], scaled: Callable[[Tensor], Tensor]) -> tuple[Tensor, Mapping[str, Tensor]]:
    """What the objective says where the layers have made `final`, float[B, T, D], which is left its gradient."""
    asked: list[Entry] = []

    def answer(entry: Entry) -> Tensor:
        asked.append(entry)
        return final

    with _answering(layers, answer):
        loss, metrics = look(part)
    if len(asked) != 1:
        raise ValueError(f"parallel.pipeline: expected an objective that runs the decoder once, got {len(asked)} "
                         "times; choose pipeline=1")
    scaled(loss).backward()
    return loss.detach(), metrics


def _backward(line: Line, entry: Entry, final: Float[Tensor, "B T D"]) -> list[Sent]:
    came_in, went_out = entry.ends[0]
    said = torch.zeros_like(final) if final.grad is None else final.grad
    went_out.backward(said if line.is_last else line.take(went_out.detach(), 1))
    return line.give(came_in.grad, -1) if line.place else []
