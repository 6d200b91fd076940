"""How fast planners train: against the Trainer of transformers, and as a share of the time of their matrix products.

    python scripts/bench/train.py --quick          # under a minute on two idle cores; one JSON line a figure

"hf_trainer": examples a second of our loop over those of `transformers.Trainer` with its own length grouping and fused
AdamW: the tiny planner, same weights, examples and collation, batches of 32. "hf_trainer_small": the same of a planner
with the layers of SmolLM2-135M (random weights; what is measured does not depend on them), LoRA of rank 16 by peft on
all their products, batches of 4, without the naming loss. Each side has a process of its own, so that neither finds
memory or threads that the other left; their slices alternate; `ratio` is the median of those of a step's time a token,
each of ours against the Trainer's whose batch is as long among its own, `cpu_ratio` the same of CPU time, which others
on the machine disturb less. The Trainer's speed on two threads differs by a third from process to process: run it
often. "roofline": the share of our step that its products take when timed alone in the same run. "data_wait": the share
that it waits for batches.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find a script."""

import numpy as np  # noqa: E402
import torch  # noqa: E402

from embodied.compat import guard_torchvision  # noqa: E402

guard_torchvision()

from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments  # noqa: E402

from embodied.cli.configs import config_dir  # noqa: E402
from embodied.cli.overrides import compose  # noqa: E402
from embodied.cli.train import Settings, recipe  # noqa: E402
from embodied.data.batches import Batches, Sampler  # noqa: E402
from embodied.data.collect import CollectSpec, collect  # noqa: E402
from embodied.data.dataset import Dataset  # noqa: E402
from embodied.data.detections import detect_dataset  # noqa: E402
from embodied.data.examples import Examples  # noqa: E402
from embodied.data.mixture import Mixture  # noqa: E402
from embodied.models.building import Facts  # noqa: E402
from embodied.training.collate import collate_examples, sampled_by  # noqa: E402
from embodied.training.loop import train  # noqa: E402
from embodied.training.objectives.sft import sft  # noqa: E402
from embodied.training.optim import adamw  # noqa: E402
from embodied.training.perception import make_perfect_detector  # noqa: E402
from embodied.training.placement import alone  # noqa: E402
from embodied.training.planner_stage import let_learn, new_planner  # noqa: E402
from embodied.training.roofline import products_of, products_s  # noqa: E402
from embodied.training.run_folder import RunFolder  # noqa: E402
from embodied.typed import read  # noqa: E402

SMALL = {"model_type": "llama", "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30,
         "num_attention_heads": 9, "num_key_value_heads": 3, "max_position_embeddings": 8192,
         "tie_word_embeddings": True}
"""The sizes of SmolLM2-135M."""
SMALL_WORDS = 49152
GOLDEN_SHARE = 0.618
"""Its multiples spread evenly between whole numbers, however many they are."""
PRODUCTS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


@dataclass
class Subject:
    """What both sides train, from places among the examples."""

    model: Any
    collate: Any
    sampler: Evenly
    lengths: list[int]  # tokens of each example
    threads: int

    @property
    def batch_size(self) -> int:
        return self.sampler.batch_size


@dataclass(frozen=True)
class Step:
    """One step of either side, from the end of the one before."""

    tokens: int
    wall_s: float
    cpu_s: float
    waited_s: float = 0.0


class Ours:
    """Our loop, some steps at a time: a hook that notes each but the first, whose batch was not made ahead."""

    def __init__(self, subject: Subject):
        self.subject, self.reached, self.noted = subject, 0, []
        self.placement = alone("cpu", threads=subject.threads)
        shares = self.placement.shares(subject.model, subject.batch_size)
        self.batches = Batches(subject.sampler, subject.collate, shares=shares)
        self.optimizer = adamw(subject.model, lr=1e-4)

    def advance(self, steps: int) -> list[Step]:
        """The steps but the first."""
        torch.set_num_threads(self.subject.threads)
        self.noted, self.cpu_s = [], time.process_time()
        train(self.subject.model, self.batches, sft, self.optimizer, steps=self.reached + steps, start=self.reached,
              hooks=[self], placement=self.placement)
        return self.noted[1:]

    def step(self, state: Any) -> None:
        now_s = time.process_time()
        self.noted.append(Step(state.tokens, state.wait_s + state.step_s, now_s - self.cpu_s, state.wait_s))
        self.cpu_s, self.reached = now_s, state.step

    def end(self, state: Any) -> None:
        """Nothing is open."""


class Evenly:
    """The batches of an epoch in an order whose every few steps are of all lengths: a sentence's tokens are cheaper in
    longer batches, so both sides take the same share of the way from their shortest batch to their longest."""

    def __init__(self, batches: Iterable[Sequence[int]], lengths: Sequence[int]):
        self.ordered = sorted((np.asarray(places) for places in batches), key=lambda places: sum(lengths[places]))
        self.batch_size = len(self.ordered[0])

    def batch_at(self, step: int) -> np.ndarray:
        """int64[batch_size], places of examples; those of step 0 are of middle length."""
        return self.ordered[int((0.5 + step * GOLDEN_SHARE) % 1 * len(self.ordered))]


class EvenTrainer(Trainer):
    """A Trainer that takes the batches which it groups by length in that order."""

    begins_at = 0  # step

    def _get_train_sampler(self, *args: Any) -> list[int]:
        size = self.args.train_batch_size
        order, lengths = list(super()._get_train_sampler(*args)), [len(one["input_ids"]) for one in self.train_dataset]
        whole = [order[begin:begin + size] for begin in range(0, len(order) - size + 1, size)]
        evenly = Evenly(whole, np.array(lengths))
        steps = range(self.begins_at, self.begins_at + self.args.max_steps)
        return np.concatenate([evenly.batch_at(step) for step in steps]).tolist()


class Peer(TrainerCallback):
    """A Trainer of transformers, some steps at a time."""

    def __init__(self, subject: Subject, folder: str):
        self.subject, self.reached = subject, 0
        self.arguments = TrainingArguments(
            folder, per_device_train_batch_size=subject.batch_size, train_sampling_strategy="group_by_length",
            optim="adamw_torch_fused", learning_rate=1e-4, save_strategy="no", logging_strategy="no", report_to=[],
            use_cpu=True, disable_tqdm=True, remove_unused_columns=False)
        self.data = [{"place": place, "input_ids": range(length)} for place, length in enumerate(subject.lengths)]

    def advance(self, steps: int) -> list[Step]:
        """The steps but the first."""
        torch.set_num_threads(self.subject.threads)
        self.ends, self.tokens = [], []
        self.arguments.max_steps = steps
        trainer = EvenTrainer(self.subject.model, self.arguments, train_dataset=self.data, data_collator=self.collate,
                              callbacks=[self])
        trainer.begins_at = self.reached
        self.reached += steps
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        pairs = zip(self.ends, self.ends[1:], self.tokens[1:], strict=False)
        return [Step(tokens, *(b - a for a, b in zip(before, after, strict=True))) for before, after, tokens in pairs]

    def collate(self, chosen: list[dict[str, Any]]) -> dict[str, Any]:
        _, inputs = self.subject.collate(np.array([one["place"] for one in chosen]), len(self.tokens))
        self.tokens.append(int(inputs["attention_mask"].sum()))
        return dict(inputs)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))


def examples_in(dataset: Path) -> Mixture:
    """Those of a dataset; objects are where the simulator's masks say."""
    opened = Dataset(dataset)
    return Mixture([Examples(opened, detect_dataset(opened, "masks", make_perfect_detector, {}, workers=0))])


def subject_of(folder: Path, examples: Mixture, size: str, threads: int) -> Subject:
    """The planner of a size, new, with its examples."""
    values = compose(config_dir(), "train", ["experiment=tabletop_tiny", f"data.folder={folder}"])
    settings = recipe(read(Settings, values, ""))
    if size == "small":
        settings.model.language.clear()
        settings.model.language.update(SMALL)
    model, processor = new_planner(RunFolder(folder, settings), examples, Facts())
    let_learn(model)
    everything = range(len(examples))
    collate = collate_examples(examples, everything, processor, seed=0)
    if size == "small":
        collate = _adapt(model, collate)
    lengths, views = sampled_by(examples, everything, processor)
    sampler = Sampler(lengths, batch_size=4 if size == "small" else 32, seed=0, views=views)
    evenly = Evenly(map(sampler.batch_at, range(sampler.per_epoch)), lengths)
    return Subject(model.train(), collate, evenly, lengths.tolist(), threads)


def _adapt(model: Any, collate: Any) -> Any:
    """Give the language model as many words as SmolLM2 has and adapters; the collation, without names of pictures."""
    from peft import LoraConfig, inject_adapter_in_model

    model.language.resize_token_embeddings(SMALL_WORDS, mean_resizing=False)
    inject_adapter_in_model(LoraConfig(r=16, lora_alpha=32, target_modules=PRODUCTS), model.language)

    def without_names(chosen: np.ndarray, step: int) -> tuple[Any, dict[str, Any]]:
        ids, inputs = collate(chosen, step)
        return ids, {name: value for name, value in inputs.items() if name != "name_ids"}

    return without_names


class Side:
    """A process that trains one side of a size, told on its input how many steps to take, or what else to measure."""

    def __init__(self, name: str, size: str, dataset: Path, threads: int):
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--side", name, "--size", size, "--dataset", str(dataset), "--threads",
             str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def heard(self) -> Any:
        """What it says next, once it does."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a side of the bench ended early (exit code {self.process.wait()}); see above")
        return json.loads(line)

    def ask(self, what: int | str) -> Any:
        """Its answer to a number of steps, a list of each but the first, or to "roofline"."""
        print(json.dumps(what), file=self.process.stdin, flush=True)
        return self.heard()

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def be_side(name: str, size: str, dataset: Path, threads: int) -> None:
    """The work of the process of a `Side`."""
    answers, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        subject = subject_of(Path(folder), examples_in(dataset), size, threads)
        side = Ours(subject) if name == "ours" else Peer(subject, folder)
        print(json.dumps({"lengths": subject.lengths, "batch_size": subject.batch_size}), file=answers, flush=True)
        for line in sys.stdin:
            what = json.loads(line)
            answer = (roofline(subject, side, 3 if size == "tiny" else 1) if what == "roofline"
                      else [asdict(step) for step in side.advance(what)])
            print(json.dumps(answer), file=answers, flush=True)


def compare(sides: dict[str, Side], about: dict[str, Any], steps: int, slices: int
            ) -> tuple[dict[str, Any], list[Step]]:
    """What the alternating slices say, and our steps."""
    found: dict[str, list[Step]] = {name: [] for name in sides}
    for number in range(slices + 1):
        for name, side in sides.items():
            noted = [Step(**step) for step in side.ask(steps if number else 2)]
            found[name] += noted if number else []  # the first is for warming up
    tokens = statistics.mean(about["lengths"])
    wall = {name: statistics.median(step.wall_s / step.tokens for step in noted) for name, noted in found.items()}
    pairs = list(zip(found["peer"], found["ours"], strict=True))
    ratio = statistics.median(peer.wall_s / peer.tokens / (ours.wall_s / ours.tokens) for peer, ours in pairs)
    cpu = statistics.median(peer.cpu_s / peer.tokens / (ours.cpu_s / ours.tokens) for peer, ours in pairs)
    return {"ratio": round(ratio, 2), "cpu_ratio": round(cpu, 2),
            "examples_per_s": round(1 / wall["ours"] / tokens, 2), "peer_per_s": round(1 / wall["peer"] / tokens, 2),
            "tokens_per_s": round(1 / wall["ours"]), "batch_size": about["batch_size"]}, found["ours"]


def roofline(subject: Subject, ours: Ours, rounds: int) -> dict[str, Any]:
    """The share of a step that its products take alone, in one thread: as each of a team works."""
    torch.set_num_threads(1)
    batch = Batches(subject.sampler, subject.collate).batch_at(0)
    parameters = [p for p in subject.model.parameters() if p.requires_grad]

    def step() -> None:
        ours.optimizer.zero_grad(set_to_none=True)
        loss, _ = sft(subject.model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        ours.optimizer.step()

    counter = products_of(step)
    shares = []
    for _ in range(rounds):
        began_s = time.thread_time()
        step()
        whole_s = time.thread_time() - began_s
        shares.append(products_s(counter, rounds=1) / whole_s)
    return {"share": round(statistics.median(shares), 3), "gflop": round(counter.flops / 1e9, 1)}


def say(what: str, **found: Any) -> None:
    print(json.dumps({"what": what, **found, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}),
          flush=True)


def main() -> None:
    """Print a line for every figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--dataset", type=Path, help="a collected dataset; else a few still scenes are made")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of either side")
    parser.add_argument("--without", nargs="*", default=[], choices=["tiny", "small"])
    parser.add_argument("--side", choices=["ours", "peer"], help=argparse.SUPPRESS)
    parser.add_argument("--size", choices=["tiny", "small"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        be_side(asked.side, asked.size, asked.dataset, asked.threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        dataset = asked.dataset or Path(folder) / "dataset"
        if asked.dataset is None:
            collect(CollectSpec(), dataset, episodes=24, executed_fraction=0.0, workers=0)
        examples_in(dataset)  # looked at here, once
        for size, row, steps, slices in (("tiny", "hf_trainer", 8, 2), ("small", "hf_trainer_small", 5, 1)):
            if size not in asked.without:
                measure(size, row, dataset, asked.threads, steps, slices if asked.quick else 4 * slices)


def measure(size: str, row: str, dataset: Path, threads: int, steps: int, slices: int) -> None:
    """Print the lines of a size."""
    sides = {name: Side(name, size, dataset, threads) for name in ("ours", "peer")}
    about, _ = [side.heard() for side in sides.values()]
    figures, noted = compare(sides, about, steps, slices)
    say(row, **figures, threads=threads)
    waited = sum(step.waited_s for step in noted) / sum(step.wall_s for step in noted)
    say("data_wait", size=size, share=round(waited, 4))
    say("roofline", size=size, **sides["ours"].ask("roofline"))
    for side in sides.values():
        side.end()


if __name__ == "__main__":
    main()
