"""What layouts of processes need and do, side by side: memory said beforehand and measured, and tokens a second.

    python scripts/bench/layouts.py --layouts dp2 dp2_zero1 dp2_zero3 pp2 --width 576 --layers 30 --words 49152

A Llama-type decoder of random weights learns from random words, over gloo, one thread a process. Memory is the highest
of any process over what the bare process has, with an allocator that keeps no large blocks; `said` is that of
`embodied.training.parallel.estimate`. `single` is one process; names are as of `Layout.name`, with `_checkpointing` or
`_accumulateN` behind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find a script."""

import torch  # noqa: E402
from torch import Tensor, distributed, nn  # noqa: E402

from embodied.compat import guard_torchvision  # noqa: E402

guard_torchvision()

from transformers import AutoModelForCausalLM, LlamaConfig  # noqa: E402

from embodied.data.batches import Batch, Shares  # noqa: E402
from embodied.training.job import checkpoint_activations  # noqa: E402
from embodied.training.loop import TrainState, train  # noqa: E402
from embodied.training.objectives.losses import token_cross_entropy  # noqa: E402
from embodied.training.optim import adamw  # noqa: E402
from embodied.training.parallel.costs import sent_of  # noqa: E402
from embodied.training.parallel.divided import place  # noqa: E402
from embodied.training.parallel.estimate import Work, need, shape_of  # noqa: E402
from embodied.training.parallel.layout import Layout  # noqa: E402
from embodied.training.placement import CPU, Replicated, share  # noqa: E402

_GIVEN_BACK, _AT_START = "MALLOC_MMAP_THRESHOLD_", frozenset(os.environ)
"""Larger blocks are given back to the system when they are freed: glibc keeps more and more of them otherwise, and what
is measured is what it kept."""
_NAME = re.compile(r"^(single|(dp(?P<data>\d+))?(_?zero(?P<zero>\d))?(_?tp(?P<tensor>\d+))?(?P<sequence>_sp)?"
                   r"(_?pp(?P<pipeline>\d+))?)(?P<checkpointing>_checkpointing)?(_accumulate(?P<accumulate>\d+))?$")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layouts", nargs="+", default=["single", "dp2", "dp2_zero1", "dp2_zero3", "tp2", "pp2"])
    for name, usual in (("width", 128), ("layers", 4), ("heads", 4), ("key_heads", 4), ("words", 640), ("batch", 8),
                        ("length", 128), ("steps", 4)):
        parser.add_argument(f"--{name}", type=int, default=usual, help=f"{usual} by default; batch: of all processes")
    asked = parser.parse_args()
    if os.environ.setdefault(_GIVEN_BACK, "262144") and _GIVEN_BACK not in _AT_START:
        os.execv(sys.executable, [sys.executable, *sys.argv])  # the allocator reads it when a process starts
    for name in asked.layouts:
        print(json.dumps(measured(name, asked)), flush=True)


def read(name: str) -> tuple[Layout, int, bool]:
    """(layout, accumulate, is_checkpointed) of a name. ValueError for one that is none."""
    found = _NAME.match(name)
    if not found:
        raise ValueError("--layouts: expected names such as dp2_zero1, tp2_sp, pp2 or single_checkpointing, got "
                         f"{name}")
    numbers = {key: int(found[key]) for key in ("data", "zero", "tensor", "pipeline") if found[key]}
    layout = Layout(**{"data": 1, **numbers}, sequence=bool(found["sequence"]))
    return layout, int(found["accumulate"] or 1), bool(found["checkpointing"])


def measured(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Memory said and measured, MB, their ratio, what a process sends in a step, MB, said and measured, and tokens a
    second of all processes. Measured is what programs of this machine sent each other, over the processes: the least of
    the steps but the first, for others may send, too."""
    layout, accumulate, is_checkpointed = read(name)
    size, mine = layout.data * layout.tensor * layout.pipeline, asked.batch // layout.data
    parts = layout.parts if layout.pipeline > 1 else accumulate
    work = Work(mine, asked.length, mine * (asked.length - 1), parts, is_checkpointed)
    shape = shape_of(config_of(asked), layout)
    said = need(shape, layout, work).in_mb()

    def work_of(rank: int) -> dict[str, Any]:
        return learn(asked, layout, accumulate, rank, size, is_checkpointed=is_checkpointed)

    told = on_ranks(size, work_of)
    highest = max(one["peak_mb"] for one in told)
    return {"layout": name, "processes": size, "said_mb": round(said["peak"]), "measured_mb": round(highest),
            "said_over_measured": round(said["peak"] / highest, 3),
            "sent_said_mb": round(sent_of(shape, layout, work).total / 1e6, 1),
            "sent_measured_mb": round(min(min(one["sent_mb"][1:]) for one in told) / size, 1),
            "tokens_per_s": round(asked.batch * asked.length / min(min(one["steps_s"]) for one in told)),
            "parts_mb": {key: round(value) for key, value in said.items()}}


def config_of(asked: argparse.Namespace) -> LlamaConfig:
    """The decoder that was asked for."""
    return LlamaConfig(vocab_size=asked.words, hidden_size=asked.width, intermediate_size=asked.width * 8 // 48 * 16,
                       num_hidden_layers=asked.layers, num_attention_heads=asked.heads,
                       num_key_value_heads=asked.key_heads, tie_word_embeddings=True)


def learn(asked: argparse.Namespace, layout: Layout, accumulate: int, rank: int, size: int, *, is_checkpointed: bool
          ) -> dict[str, Any]:
    """What one process measures of itself: the most memory, and of each step its seconds and CPU seconds, and what all
    processes of the machine sent meanwhile."""
    placement = (place(layout, CPU, rank, size, accumulate=accumulate) if size > 1
                 else Replicated(accumulate=accumulate))
    bare_mb = memory_mb("VmRSS")
    model = AutoModelForCausalLM.from_config(config_of(asked))
    if is_checkpointed:
        checkpoint_activations(model)
    wrapped = placement.wrap(model)
    optimizer = placement.optimizer(adamw(model, lr=1e-4))
    mine = asked.batch // placement.data_size
    parts = placement.shares(wrapped, mine)
    batch = [_batch(mine // parts, asked, rank=placement.data_rank, part=part) for part in range(parts)]
    clock = _Clock()
    train(wrapped, [batch[0] if parts == 1 else Shares(tuple(batch))] * asked.steps, words, optimizer,
          steps=asked.steps, placement=placement, hooks=[clock])
    return {"peak_mb": memory_mb("VmHWM") - bare_mb, "steps_s": clock.steps_s, "cpus_s": clock.cpus_s,
            "sent_mb": clock.sent_mb}


class _Clock:
    """Seconds of each step and of its CPU time, and megabytes that this machine sent itself meanwhile."""

    def __init__(self) -> None:
        self.steps_s: list[float] = []
        self.cpus_s: list[float] = []
        self.sent_mb: list[float] = []
        self.cpu_s, self.now_mb = time.process_time(), _loopback_mb()

    def step(self, state: TrainState[Any]) -> None:
        state.settle()
        now_s = time.process_time()
        self.steps_s.append(state.step_s)
        self.cpus_s.append(now_s - self.cpu_s)
        self.sent_mb.append(_loopback_mb() - self.now_mb)
        self.cpu_s, self.now_mb = now_s, _loopback_mb()

    def end(self, state: TrainState[Any]) -> None:
        pass


def words(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of the next word, as objectives are written."""
    ids = batch.inputs["input_ids"]
    [count] = share(torch.tensor(ids[:, 1:].numel()))
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    return token_cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), count), {}


def _batch(count: int, asked: argparse.Namespace, *, rank: int, part: int) -> Batch:
    generator = torch.Generator().manual_seed(1000 * rank + part)
    return Batch(0, (), {"input_ids": torch.randint(0, asked.words, (count, asked.length), generator=generator)})


def _loopback_mb() -> float:
    """Megabytes (10^6 bytes) that programs of this machine have sent each other over its network so far."""
    [line] = [line for line in Path("/proc/net/dev").read_text().splitlines() if line.strip().startswith("lo:")]
    return int(line.split(":")[1].split()[8]) / 1e6


def memory_mb(kind: str) -> float:
    """Megabytes (10^6 bytes): VmRSS now, VmHWM the most so far."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind + ":")]
    return int(line.split()[1]) * 1024 / 1e6


def on_ranks(size: int, work: Callable[[int], dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """What work(rank) says in each of so many processes. RuntimeError where one of them ends otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        children = [_child(rank, size, work, Path(folder)) for rank in range(size)]
        ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        if any(ended):
            raise RuntimeError(f"expected every process to end well, got {ended}")
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(size)]


def _child(rank: int, size: int, work: Callable[[int], dict[str, Any]], folder: Path) -> int:
    """The number of a fork that does work(rank)."""
    if child := os.fork():
        return child
    status = 1
    try:
        torch.set_num_threads(1)
        if size > 1:
            distributed.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank,
                                           world_size=size, timeout=timedelta(minutes=10))
        (folder / f"{rank}.json").write_text(json.dumps(work(rank)))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
