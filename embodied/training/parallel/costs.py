"""How long a step takes and what is sent in it, under each layout, before anything is trained.

A token costs 6 floating-point operations for each weight that multiplies it, there and back (Kaplan et al. 2020, table
1), and 12 x layers x width x context for attention (PaLM, Chowdhery et al. 2022, appendix B, whose model FLOPs
utilisation, MFU, this is the numerator of: it counts attention in full, masked or not, and no recomputation). Messages
are those of rings, of which each process sends 2 (n - 1) / n of what is added up by n, and (n - 1) / n of what is
gathered (Rajbhandari et al. 2020, section 7, for ZeRO; Korthikanti et al. 2022, section 4.2.2, for tensor and sequence
parallel; Huang et al. 2019, section 2.3, for a pipeline's bubble).

As `divided` has it: words and their head are held and computed whole by each process of `tensor` and `pipeline`, and
gradients and weights travel as float32. Counts of bytes were compared with those that a machine sent itself
(`scripts/bench/layouts.py`); gloo sends twice as much where sums are scattered (`zero` 2 and 3, `sequence`), which no
ring has to. Bytes are counted, not messages: of small models each message costs more than its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from embodied.training.parallel.estimate import ADAM, FLOAT, Shape, Work, need
from embodied.training.parallel.layout import Layout

TRAINED = 6
"""Operations of a weight and a token there (2) and back (4)."""
ATTENDED = 12
"""Operations of a token, a layer, a number of its width and a token that it may look at, there and back."""
THERE, BACK = 2, 5
"""Sums of hidden states that tensor parallelism makes of each layer on the way there, and back: Megatron-LM makes 2
back, too, as `sequence` does here; without it queries, keys, values and both halves of the gated network make one."""
STEPPED = 2 * (FLOAT + ADAM) + FLOAT
"""Bytes that AdamW moves of a parameter: it reads weight, gradient and averages, and writes all but the gradient."""


@dataclass(frozen=True, slots=True)
class Device:
    """What its maker says of an accelerator."""

    peak: float  # FLOP a second, rate of dense products in bfloat16
    memory: float  # bytes
    stream: float  # bytes a second between its memory and its processors
    link: float  # bytes a second that it sends to the others of its machine, at the most


DEVICES = {"a100": Device(312e12, 80e9, 2.039e12, 300e9), "h100": Device(989.4e12, 80e9, 3.35e12, 450e9),
           "h200": Device(989.4e12, 141e9, 4.8e12, 450e9)}
"""NVIDIA's data sheets: A100 80GB SXM, H100 SXM and H200 SXM; without sparsity, and NVLink in one direction."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What one process does in a step."""

    products: float  # FLOP, a count, of weights
    attention: float  # FLOP, a count
    idle: float  # FLOP, a count: those that it could do while it waits for the others of its pipeline
    moved: float  # bytes through its memory: AdamW's, and what is kept for the way back, written and read
    layers: float  # calls of layers, a count


@dataclass(frozen=True, slots=True)
class Rates:
    """What a process does a second of each kind of work, one after another; `scripts/bench/costs.py` measures them."""

    products: float  # FLOP a second, a rate
    attention: float  # FLOP a second, a rate
    moved: float  # bytes a second
    layer_s: float  # of each call of a layer, however little it computes

    def seconds(self, effort: Effort) -> float:
        """Seconds of a step, without messages."""
        return ((effort.products + effort.idle) / self.products + effort.attention / self.attention
                + effort.moved / self.moved + effort.layers * self.layer_s)


def rates_of(device: Device, mfu: float) -> Rates:
    """Those of a device whose steps without messages reach a share `mfu` of its peak: all that it does beside products
    is in that share."""
    return Rates(device.peak * mfu, device.peak * mfu, float("inf"), 0.0)


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes that one process sends in a step."""

    data: float  # bytes: gradients and weights, among those that share out a batch
    tensor: float  # bytes: of each layer, among those that share out its products
    pipeline: float  # bytes: hidden states and their gradients, to those with other layers, a mean of these

    @property
    def total(self) -> float:
        """Bytes."""
        return self.data + self.tensor + self.pipeline


@dataclass(frozen=True, slots=True)
class Step:
    """A step's time, by what for."""

    computed_s: float
    sent: Sent
    link: float  # bytes a second

    @property
    def longest_s(self) -> float:
        """Seconds, where nothing is computed while messages travel."""
        return self.computed_s + self.sent.total / self.link

    @property
    def shortest_s(self) -> float:
        """Seconds, where messages of gradients and weights travel while two thirds of it, the way back, is computed, as
        DDP and FSDP have it; ZeRO-1, tensor and pipeline parallelism send gradients after it."""
        data_s = self.sent.data / self.link
        return self.longest_s - min(data_s, self.computed_s * 2 / 3)


def model_flops(shape: Shape, work: Work) -> float:
    """FLOP, a count, of all that a process learns from in a step, by the whole model: what MFU counts."""
    head = TRAINED * work.graded * shape.words * shape.width
    tokens = work.batch * work.length
    return head + shape.layers * tokens * (TRAINED * shape.active + ATTENDED * shape.width * work.length)


def effort_of(shape: Shape, layout: Layout, work: Work) -> Effort:
    """What one process of a layout does to learn from its work."""
    tokens, again = work.batch * work.length, 4 / 3 if work.is_checkpointed else 1.0  # the way there, once more
    mine = -(-shape.layers // layout.pipeline)
    active = shape.active - shape.cut + shape.cut / layout.tensor
    layers = TRAINED * tokens * mine * active * again
    attention = ATTENDED * tokens * mine * shape.width * work.length / layout.tensor * again
    turns = work.parts if layout.pipeline > 1 else 1
    needed = need(shape, layout, work)
    kept = (needed.activations + needed.logits) * (work.parts if layout.pipeline == 1 else 1)
    return Effort(layers + TRAINED * work.graded * shape.words * shape.width, attention,
                  (layers + attention) * (layout.pipeline - 1) / turns,
                  STEPPED * needed.optimizer / ADAM + 2 * kept, mine * work.parts)


def sent_of(shape: Shape, layout: Layout, work: Work, state_bytes: int = FLOAT) -> Sent:
    """What one process of a layout sends in a step. state_bytes: of a number of the hidden states."""
    data = layout.data or 1
    mine = -(-shape.layers // layout.pipeline)
    layers = FLOAT * mine * (shape.cut / layout.tensor + shape.numbers - shape.cut)
    rest, states = FLOAT * shape.rest, work.batch * work.length * shape.width * state_bytes
    added = {0: 2 * layers, 1: 3 * layers + rest, 2: 2 * layers * work.parts, 3: 3 * layers * work.parts}[layout.zero]
    sums = THERE * (2 if work.is_checkpointed else 1) + (THERE if layout.sequence else BACK)
    return Sent(_ring(data) * (added + 2 * rest), _ring(layout.tensor) * 2 * sums * mine * states,
                _ring(layout.pipeline) * 4 * states)


def _ring(ranks: int) -> float:
    """The share of what so many gather that each of them sends."""
    return (ranks - 1) / ranks


def step_of(shape: Shape, layout: Layout, work: Work, rates: Rates, link: float, state_bytes: int = FLOAT) -> Step:
    """A step's time. link: bytes a second that a process sends. state_bytes: of a number of the hidden states."""
    return Step(rates.seconds(effort_of(shape, layout, work)), sent_of(shape, layout, work, state_bytes), link)
