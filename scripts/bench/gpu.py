"""The share of an accelerator's peak that training reaches (MFU): our loop and a plain Trainer of transformers, each
with and without torch.compile, on planners of 135 M and 1 B parameters in bfloat16.

    python -m scripts.bench.gpu                          # on a CUDA device; one JSON line a figure
    python -m scripts.bench.gpu --device cpu --quick     # the same code on a tiny planner in float32
    python -m scripts.bench.gpu --fake                   # no device: see below

Both sides learn from the same batches of the same new planner: pictures of random pixels, a text, an answer as long,
rows of equal length; weights and optimizer are float32, products bfloat16. Times are of all steps after the first ones,
between two waits for the device. MFU is `embodied.training.parallel.costs.model_flops` of the decoder (PaLM's count:
the head where an answer is graded, attention in full, pictures not) a second over the device's peak: that of its data
sheet where it is known, else of a product of great matrices timed here; "peak" says which. A CPU's is timed, too.

--fake: steps of the decoder in torch's fake tensors, which have shapes and no numbers. Torch aborts where anything is
to learn on a fake CUDA device and the build has no CUDA, so that they say they are on a device of another name: our
loop takes it for an accelerator (autocast, the fused optimizer that drops bad steps itself, numbers left on the
device) and so it is exercised until it reads a number, which ends it. No CUDA kernel is looked at, and nothing timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from torch import nn

from embodied.compat import guard_torchvision

guard_torchvision()

from transformers import (  # noqa: E402
    LlamaConfig,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from embodied.data.batches import Batch  # noqa: E402
from embodied.models.building import build  # noqa: E402
from embodied.prompt import Entity, Prompt, Slot, Text  # noqa: E402
from embodied.training.loop import train  # noqa: E402
from embodied.training.objectives.losses import IGNORED  # noqa: E402
from embodied.training.objectives.sft import sft  # noqa: E402
from embodied.training.optim import adamw  # noqa: E402
from embodied.training.parallel.costs import DEVICES, model_flops  # noqa: E402
from embodied.training.parallel.estimate import Work, shape_of  # noqa: E402
from embodied.training.placement import Replicated  # noqa: E402
from envs.interface import Box  # noqa: E402


@dataclass(frozen=True, slots=True)
class Size:
    """A planner and its batches."""

    language: dict[str, Any]
    words: int
    batch: int
    length: int  # tokens of a row


def _llama(width: int, middle: int, layers: int, heads: int, key_heads: int) -> dict[str, Any]:
    return {"model_type": "llama", "hidden_size": width, "intermediate_size": middle, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_key_value_heads": key_heads, "max_position_embeddings": 8192,
            "tie_word_embeddings": True}


SIZES = {"small": Size(_llama(576, 1536, 30, 9, 3), 49152, 32, 1024),
         "1b": Size(_llama(2048, 8192, 16, 32, 8), 49152, 8, 2048),
         "tiny": Size(_llama(64, 176, 2, 4, 2), 512, 2, 96)}
"""Layers of SmolLM2-135M and of Llama-3.2-1B, with the words of SmolLM2 both."""
VISION = {"name": "vit_tiny_patch16_224", "image_size": 64,
          "options": {"patch_size": 16, "embed_dim": 192, "depth": 4, "num_heads": 3}}
CORPUS = ["Instruction: put the red block in the blue bowl\nPlan: pick(obj_1); place_in(obj_2); done()"] * 4
PICTURES, DIFFERENT = 4, 3
"""Of a row; and batches that take turns."""


def config_of(size: Size) -> LlamaConfig:
    """The decoder of a planner of a size."""
    return LlamaConfig(vocab_size=size.words, **{k: v for k, v in size.language.items() if k != "model_type"})


@dataclass(frozen=True, slots=True)
class Subject:
    """A new planner and what it learns from."""

    model: nn.Module
    batches: list[dict[str, Any]]
    flops: float  # of a step, of the decoder


def subject_of(size: Size) -> Subject:
    """A planner of a size, on the CPU."""
    torch.manual_seed(0)
    model, processor = build(size.language, VISION, corpus=CORPUS, vocab_size=420)
    model.language.resize_token_embeddings(size.words, mean_resizing=False)
    batches = [dict(_inputs(processor, size, seed)) for seed in range(DIFFERENT)]
    tokens, graded = batches[0]["input_ids"].numel(), int((batches[0]["labels"][:, 1:] != IGNORED).sum())
    shape = shape_of(model.language.config)
    return Subject(model.train(), batches, model_flops(shape, Work(size.batch, tokens // size.batch, graded)))


def _inputs(processor: Any, size: Size, seed: int) -> dict[str, Any]:
    """A batch of rows of the size's length, or a few tokens less."""

    def row(words: int) -> tuple[Prompt, str]:
        return Prompt((Text("Instruction: " + "put " * words), *pictures, Text("\nPlan:"))), " done" * words

    pictures = [Entity(j, _slot(seed + j)) for j in range(1, PICTURES + 1)]
    few, more = (processor.count_tokens([row(words)[0]], [row(words)[1]])[0] for words in (1, 9))
    prompt, answer = row(1 + int((size.length - few) / ((more - few) / 8)))
    return processor([prompt] * size.batch, [answer] * size.batch)


def _slot(seed: int) -> Slot:
    pixels = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    return Slot(pixels, Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04), 0.3), area_px=200)


@dataclass(eq=False)
class Span:
    """The time from the end of step `warm` to the end of the last one; a hook of our loop."""

    device: torch.device
    warm: int
    last: int
    times_s: list[float] = field(default_factory=list)

    def at(self, step: int) -> None:
        if step in (self.warm, self.last):
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            self.times_s.append(time.perf_counter())

    def step(self, state: Any) -> None:
        self.at(state.step)

    def end(self, state: Any) -> None:
        """Nothing is open."""

    @property
    def step_s(self) -> float:
        """Seconds of a step, the mean."""
        begin_s, end_s = self.times_s
        return (end_s - begin_s) / (self.last - self.warm)


class Told(TrainerCallback):
    """Tells a span of a Trainer's steps."""

    def __init__(self, span: Span):
        self.span = span

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.span.at(state.global_step)


def ours(subject: Subject, span: Span, backend: str | None) -> None:
    """Steps of our loop."""
    is_cpu = span.device.type == "cpu"
    placement = Replicated(span.device, precision=torch.float32 if is_cpu else torch.bfloat16)
    model = placement.wrap(subject.model)
    if backend:
        model.compile(backend=backend)
    batches = [Batch(0, (), inputs) for inputs in subject.batches]
    train(model, islice(cycle(batches), span.last), sft, adamw(model, lr=1e-4), steps=span.last, hooks=[span],
          placement=placement)


def peers(subject: Subject, span: Span, backend: str | None) -> None:
    """Steps of a Trainer, as it comes but for what it would write and say."""
    turns, is_cpu = cycle(subject.batches), span.device.type == "cpu"
    rows = len(subject.batches[0]["input_ids"])
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=rows, max_steps=span.last, bf16=not is_cpu, use_cpu=is_cpu,
            optim="adamw_torch_fused", learning_rate=1e-4, save_strategy="no", logging_strategy="no", report_to=[],
            disable_tqdm=True, remove_unused_columns=False, torch_compile=bool(backend), torch_compile_backend=backend)
        trainer = Trainer(subject.model, arguments, train_dataset=list(range(rows * span.last)),
                          data_collator=lambda _: dict(next(turns)), callbacks=[Told(span)])
        trainer.remove_callback(PrinterCallback)
        trainer.train()


SIDES: dict[str, Callable[[Subject, Span, str | None], None]] = {"ours": ours, "trainer": peers}


def measured(side: str, size: Size, span: Span, backend: str | None, peak: float) -> dict[str, Any]:
    """What one side does with a new planner."""
    subject = subject_of(size)
    if span.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    SIDES[side](subject, span, backend)
    tokens = subject.batches[0]["input_ids"].numel()
    found = {"step_s": round(span.step_s, 5), "tokens_per_s": round(tokens / span.step_s),
             "tflop": round(subject.flops / 1e12, 4), "mfu": round(subject.flops / span.step_s / peak, 4)}
    if span.device.type == "cuda":
        found["peak_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    del subject
    gc.collect()
    torch.compiler.reset()
    if span.device.type == "cuda":
        torch.cuda.empty_cache()
    return found


def peak_of(device: torch.device) -> tuple[float, str]:
    """FLOP a second, and where that is from."""
    name = torch.cuda.get_device_name(device).lower() if device.type == "cuda" else "cpu"
    for known, facts in DEVICES.items():
        if known in name:
            return facts.peak, f"data sheet, {known}"
    edge, dtype = (8192, torch.bfloat16) if device.type == "cuda" else (1024, torch.float32)
    one = torch.full((edge, edge), 0.5, device=device, dtype=dtype)
    times_s = []
    for _ in range(6):
        began_s = time.perf_counter()
        (one @ one)[0, 0].item()
        times_s.append(time.perf_counter() - began_s)
    threads = f" on {torch.get_num_threads()} threads" if name == "cpu" else ""
    return 2 * edge**3 / min(times_s), f"timed, {dtype}{threads}"


def fakes(sizes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Of each size, what can be seen of its decoder without a device."""
    from scripts.bench.fakes import fake_steps

    for name in sizes:
        size = SIZES[name]
        config = config_of(size)
        found = fake_steps(config, size.batch, size.length)
        said = model_flops(shape_of(config), Work(size.batch, size.length, size.batch * size.length))
        counted = sum(found.pop("flops").values())
        yield {"what": "fake", "size": name, **found, "tflop_said": round(said / 1e12, 3),
               "tflop_counted": round(counted / 1e12, 3), "said_over_counted": round(said / counted, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--sizes", nargs="+", choices=[*SIZES], default=["small", "1b"])
    parser.add_argument("--sides", nargs="+", choices=[*SIDES], default=[*SIDES])
    parser.add_argument("--backends", nargs="+", default=["none", "inductor"], help="of torch.compile; none: without")
    parser.add_argument("--warm", type=int, default=5, help="steps before it is timed")
    parser.add_argument("--steps", type=int, default=20, help="that are timed")
    parser.add_argument("--quick", action="store_true",
                        help="the tiny planner, few steps, graphs captured and not compiled")
    parser.add_argument("--fake", action="store_true", help="no device, no times")
    asked = parser.parse_args()
    if asked.quick:
        asked.sizes, asked.backends, asked.warm, asked.steps = ["tiny"], ["none", "eager"], 1, 3
    if asked.fake:
        for line in fakes(asked.sizes):
            print(json.dumps(line), flush=True)
        return
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: expected a GPU that torch can use, got none; use --device cpu --quick, or --fake")
    device = torch.device(asked.device)
    peak, source = peak_of(device)
    for size in asked.sizes:
        for backend in asked.backends:
            for side in asked.sides:
                span = Span(device, asked.warm, asked.warm + asked.steps)
                found = measured(side, SIZES[size], span, None if backend == "none" else backend, peak)
                print(json.dumps({"what": "mfu", "size": size, "side": side, "compile": backend, **found,
                                  "device": asked.device, "peak_tflops": round(peak / 1e12, 3), "peak": source}),
                      flush=True)


if __name__ == "__main__":
    main()
