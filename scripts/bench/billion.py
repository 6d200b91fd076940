"""What a planner of 1 B parameters would cost on 8 GPUs with 1,000 rollout workers, in arithmetic.

    python -m scripts.bench.billion [--device h100] [--mfu 0.4] [--episodes 6]

Nothing of this size is run. The learner's half is `embodied.training.parallel.costs`, whose rates on a CPU are measured
by `scripts/bench/costs.py`, with a device's data sheet and an MFU that is given. The workers' half is measured here on
the shipped planner of a table: CPU seconds of an episode and what was asked and said in it, of one core; and how fast
weights become bytes and a checkpoint's sums. What a planner of this size would take beside it on that core is reckoned
from --core_gflops (of `costs.py --fit`) and --core_gb (what decoding reads a second, of `plan.py`). One JSON line each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from embodied.compat import guard_torchvision

guard_torchvision()

from embodied.agents.rollouts import Rollout, make_rollouts  # noqa: E402
from embodied.models.weights import load_weights, weights_to_bytes  # noqa: E402
from embodied.training.parallel.costs import DEVICES, Device, model_flops, rates_of, step_of  # noqa: E402
from embodied.training.parallel.estimate import ADAM, FLOAT, Shape, Work, need, shape_of  # noqa: E402
from embodied.training.parallel.layout import Layout  # noqa: E402
from envs.interface import domain_id  # noqa: E402
from scripts.bench.gpu import SIZES, config_of  # noqa: E402

GPUS = 8
LAYOUTS = (Layout(data=8), Layout(data=8, zero=1), Layout(data=8, zero=2), Layout(data=8, zero=3),
           Layout(data=4, tensor=2, sequence=True), Layout(data=1, tensor=8, sequence=True),
           Layout(data=4, pipeline=2), Layout(data=1, pipeline=8))
ROUNDED = 2  # bytes of a number in bfloat16


@dataclass(frozen=True, slots=True)
class Played:
    """An episode of the shipped planner, the mean of some."""

    cpu_s: float
    plans: float  # a mean number of decisions
    asked: float  # tokens that a plan's question has, a mean
    said: float  # tokens that a plan has, a mean


@dataclass(frozen=True, slots=True)
class Moved:
    """How fast one core of this machine does what comes with weights."""

    packed: float  # bytes a second, weights to bytes
    taken: float  # bytes a second, bytes into a model
    summed: float  # bytes a second, SHA-256
    drawn: float  # numbers a second, a rate, of a normal distribution


def played(episodes: int) -> Played:
    """What episodes of the shipped planner take; the first one, which warms up, is not counted."""
    play = make_rollouts("tabletop-tiny", f"envs:{domain_id('tabletop')}", max_calls=12)
    play(0)
    began_s = time.process_time()
    rollouts: list[Rollout] = [play(1 + number) for number in range(episodes)]
    cpu_s = (time.process_time() - began_s) / episodes
    samples = [sample for one in rollouts for decision in one.decisions for sample in decision.samples]
    return Played(cpu_s, len(samples) / episodes, sum(s.prompt_tokens for s in samples) / len(samples),
                  sum(len(s.token_ids) for s in samples) / len(samples))


def moved() -> Moved:
    """How fast weights are packed and taken, of a matrix of 128 MB."""
    model = torch.nn.Linear(4096, 8192, bias=False)
    size, seconds = model.weight.numel() * FLOAT, {}
    content = weights_to_bytes(model)
    for name, work in (("packed", lambda: weights_to_bytes(model)), ("taken", lambda: load_weights(model, content)),
                       ("summed", lambda: hashlib.sha256(content).digest()),
                       ("drawn", lambda: torch.nn.init.normal_(model.weight))):
        began_s = time.process_time()
        work()
        seconds[name] = time.process_time() - began_s
    return Moved(size / seconds["packed"], size / seconds["taken"], size / seconds["summed"],
                 size / FLOAT / seconds["drawn"])


def steps(shape: Shape, device: Device, mfu: float, batch: int, length: int) -> Iterator[dict[str, Any]]:
    """A step of each layout; `batch` rows of `length` tokens for each GPU."""
    whole = Work(GPUS * batch, length, GPUS * batch * length)
    for layout in LAYOUTS:
        mine = GPUS * batch // layout.data
        work = Work(mine, length, mine * length, layout.parts)
        step, needed = step_of(shape, layout, work, rates_of(device, mfu), device.link), need(shape, layout, work)
        tokens = whole.batch * length
        yield {"what": "step", "layout": layout.name, "computed_s": round(step.computed_s, 4),
               "sent_mb": {name: round(getattr(step.sent, name) / 1e6) for name in ("data", "tensor", "pipeline")},
               "shortest_s": round(step.shortest_s, 4), "longest_s": round(step.longest_s, 4),
               "tokens_per_s": round(tokens / step.longest_s),
               "mfu": round(model_flops(shape, whole) / step.longest_s / GPUS / device.peak, 3),
               "float32_gb": round(needed.peak / 1e9, 1), "of_gb": device.memory / 1e9}


def fleet(numbers: int, one: Played, asked: argparse.Namespace, learned: float) -> dict[str, Any]:
    """What the workers bring. numbers: of the planner. learned: tokens a second, a rate, that the learner takes."""
    plan_s = (2 * numbers * one.asked / asked.core_gflops / 1e9
              + FLOAT * numbers * one.said / asked.core_gb / 1e9)
    tokens = one.plans * (one.asked + one.said)
    found = {}
    for name, episode_s in (("own_planner", one.cpu_s + one.plans * plan_s), ("served_planner", one.cpu_s)):
        brought = asked.workers / episode_s
        found[name] = {"episode_s": round(episode_s, 1), "episodes_per_s": round(brought, 2),
                       "tokens_per_s": round(brought * tokens), "learner_busy": round(brought * tokens / learned, 4),
                       "said_tokens_per_s": round(brought * one.plans * one.said)}
    return {"what": "workers", "workers": asked.workers, "plan_s_of_one_core": round(plan_s, 1),
            "tokens_an_episode": round(tokens), **found}


def weights(numbers: int, one: Moved, asked: argparse.Namespace, step_s: float, episode_s: float) -> dict[str, Any]:
    """What it takes to give all workers new weights, to save and to begin; and how many steps old the weights are of an
    episode that ends, if each worker has its own planner. step_s: of the learner."""
    size, saved = FLOAT * numbers, (FLOAT + ADAM) * numbers
    nodes = -(-asked.workers // asked.cores)
    sent_s = nodes * size / asked.network_gb / 1e9  # one machine has them, and the others come to it
    told_s = size / one.packed + sent_s + size / one.taken
    found = {"gb": size / 1e9, "machines": nodes, "packed_s": size / one.packed, "sent_s": sent_s,
             "taken_s": size / one.taken, "steps_meanwhile": told_s / step_s,
             "stale_steps": (told_s + episode_s) / step_s, "machine_gb": (asked.cores + 1) * size / 1e9,
             "all_to_workers_gb": asked.workers * size / 1e9, "saved_gb": saved / 1e9,
             "summed_s": saved / one.summed, "written_s": saved / asked.disk_gb / 1e9, "begun_gb": GPUS * size / 1e9,
             "begun_s": numbers / one.drawn}
    return {"what": "weights", **{name: round(value, 1) for name, value in found.items()}}


def served(numbers: int, device: Device, said: float, workers: int) -> dict[str, Any]:
    """What one GPU that answers all workers could say, by what it has to read for each token of a batch."""
    each_s = ROUNDED * numbers / device.stream
    return {"what": "served", "tokens_per_s_of_one_row": round(1 / each_s), "rows": workers,
            "tokens_per_s_at_most": round(workers / each_s), "asked_for": round(said),
            "share": round(said * each_s / workers, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=[*DEVICES], default="h100")
    parser.add_argument("--mfu", type=float, default=0.4, help="of steps without messages")
    parser.add_argument("--batch", type=int, default=8, help="rows of 2,048 tokens for each GPU")
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--episodes", type=int, default=6, help="of the shipped planner, to time")
    for name, usual, told in (("core_gflops", 75.0, "products of a core"), ("core_gb", 13.0, "that it reads a second"),
                              ("network_gb", 12.5, "a second, between machines: 100 Gbit/s"),
                              ("disk_gb", 2.0, "a second, that a disk takes")):
        parser.add_argument(f"--{name}", type=float, default=usual, help=told)
    parser.add_argument("--cores", type=int, default=64, help="of a machine with workers")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    size, device = SIZES["1b"], DEVICES[asked.device]
    shape = shape_of(config_of(size))
    numbers = shape.layers * shape.numbers + shape.rest
    print(json.dumps({"what": "planner", "parameters": numbers, "device": asked.device, "mfu": asked.mfu}), flush=True)
    told = list(steps(shape, device, asked.mfu, asked.batch, size.length))
    for line in told:
        print(json.dumps(line), flush=True)
    one = played(asked.episodes)
    print(json.dumps({"what": "episode", "cpu_s": round(one.cpu_s, 2), "plans": round(one.plans, 2),
                      "asked": round(one.asked), "said": round(one.said, 1)}), flush=True)
    brought = fleet(numbers, one, asked, told[0]["tokens_per_s"])
    print(json.dumps(brought), flush=True)
    print(json.dumps(weights(numbers, moved(), asked, told[0]["longest_s"], brought["own_planner"]["episode_s"])),
          flush=True)
    said = brought["served_planner"]["said_tokens_per_s"]
    print(json.dumps(served(numbers, device, said, asked.workers)), flush=True)


if __name__ == "__main__":
    main()
