"""Does a pretrained base pay where there is little to learn from? The cells of docs/low_data.md, and their table.

    embodied bases fetch small
    embodied collect data.folder=datasets/low_data data.episodes=769
    embodied collect data.folder=datasets/low_data_test data.episodes=100 data.first_seed=60000
    python -m scripts.low_data [--at-once 1] [--only lora-320-0 ...] [--device auto] [--write docs/low_data.md]

Each cell trains a planner (`experiment=low_data` and what it changes) to the stop of its validation curve and answers
1,000 asks of episodes that no cell learned from, 200 of each family. Exact: the likeliest next token is the right one
at every place of the answer, which is the same as that greedy decoding says it. Besides: with every content word of the
asks replaced by one that no cell ever saw (those answered by a plan alone), with the pictures taken away, and with
those of other asks. Cells that are done are not run again; one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

HEAD = """# Low data

Does a pretrained base pay where there is little to learn from? PaLM-E says so (one of its figures: 48.6 to 94.9 % with
320 examples a planning task). Here: today's tabletop asks, the shipped segmenter's slots, planners that differ in the
mind alone. Written by

    embodied bases fetch small
    embodied collect data.folder=datasets/low_data data.episodes=769
    embodied collect data.folder=datasets/low_data_test data.episodes=100 data.first_seed=60000
    python -m scripts.low_data --write docs/low_data.md

*Exact*: every token of the answer is the likeliest one, of 1,000 asks of episodes that no cell learned from, 200 of
each family (an answer that differs is often a right plan too); 95 % intervals are Wilson's, of the asks alone. *Plans
alone*: those of them that are answered by a plan. *Renamed*: the same, with every content word of the ask replaced by
one that no cell ever saw (`RENAMED` in the script: block to brick, red to crimson, put to deposit, ...). *Blind*:
pictures and places are zeros; *shuffled*: those of other asks. Steps of a cell are bounded (10 epochs at 320 a
family) under a cosine; it ends before where five measurements on held-out episodes bring nothing better, and its best
weights are taken.

"""

TEST_OF_EACH = 200
"""Asks of each family that every cell answers."""

RENAMED = {
    "block": "brick", "cube": "brick", "bowl": "basin", "dish": "basin", "tower": "column", "color": "hue",
    "colour": "hue", "red": "crimson", "blue": "azure", "green": "emerald", "yellow": "lemon", "orange": "tangerine",
    "purple": "lilac", "white": "ivory", "cyan": "aqua", "put": "deposit", "place": "lay", "drop": "release",
    "pick": "lift", "take": "fetch", "grab": "seize", "move": "shift", "stack": "pile", "build": "erect",
    "make": "construct", "set": "arrange", "sort": "organise", "match": "pair", "matching": "corresponding",
    "tidy": "neaten", "sit": "rest", "belongs": "lives", "goes": "travels", "go": "travel", "listed": "named",
    "want": "desire", "middle": "centre", "same": "identical"}
"""Content word -> one that no ask holds. What is left are words of grammar, place (on, below, top) and number."""

FAMILY_WORDS = {"block": "blocks", "cube": "cubes", "bowl": "bowls", "dish": "dishes"}
"""Plurals that asks hold."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One training and its examination. changes: to `experiment=low_data`."""

    mind: str
    amount: str
    seed: int
    changes: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.mind}-{self.amount}-{self.seed}"


MINDS: Mapping[str, tuple[str, ...]] = {
    "lora": (),
    "random": ("adapter=random", "stage.sft.lr=2e-4", "~stage.sft.lr_scale"),
    "tiny": ("size=tiny", "adapter=none", "~stage.sft.lr_scale", "stage.sft.batch_size=32"),
    "frozen": ("adapter=frozen",),
    "full": ("adapter=full", "stage.sft.lr=1e-4"),
}
"""Mind -> what it changes of the experiment. lora and frozen learn beside the base, random has its architecture and
tokenizer, full begins as it and moves whole, tiny is the size that is shipped."""

AMOUNTS: Mapping[str, tuple[str, ...]] = {
    "320": (), "2000": ("stage.sft.per_family=400", "stage.sft.steps=1200"),
    "all": ("stage.sft.per_family=null", "stage.sft.steps=1700", "stage.sft.validate_every=250",
            "stage.sft.batch_size=32")}
"""Amount -> its changes; 2000: in all, 400 of each family."""


def cells() -> list[Cell]:
    """In the order in which they are worth their time."""
    few = [(mind, "320", seed) for seed in (0, 1, 2) for mind in ("lora", "random", "tiny")]
    more = [(mind, amount, 0) for amount in ("2000", "all") for mind in ("lora", "random", "tiny")]
    return [Cell(mind, amount, seed, (*MINDS[mind], *AMOUNTS[amount], f"seed={seed}"))
            for mind, amount, seed in (*few, *more, ("frozen", "320", 0), ("full", "320", 0))]


def main() -> int:
    """1 where a cell failed."""
    options = _options()
    if options.cell:
        run_cell(_named(options.cell), options)
        return 0
    todo = [cell for cell in cells() if not options.only or cell.name in options.only]
    failed = _run_all([cell for cell in todo if not _result(options.folder, cell).exists()], options)
    text = table(options.folder)
    print(text)
    if options.write:
        options.write.write_text(text, encoding="utf-8")
    return int(bool(failed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("datasets/low_data"))
    parser.add_argument("--test", type=Path, default=Path("datasets/low_data_test"))
    parser.add_argument("--folder", type=Path, default=Path("outputs/low_data"), help="of runs and results")
    parser.add_argument("--only", nargs="*", metavar="CELL", help=", ".join(cell.name for cell in cells()))
    parser.add_argument("--at-once", type=int, default=1, help="cells side by side")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="further changes, of every cell")
    parser.add_argument("--asks", type=int, default=TEST_OF_EACH, help="asks of each family that are answered")
    parser.add_argument("--write", type=Path, help="file of the table")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.only or ()) - {cell.name for cell in cells()}:
        parser.error(f"--only: expected cells, got {', '.join(sorted(unknown))}")
    return options


def _named(name: str) -> Cell:
    return next(cell for cell in cells() if cell.name == name)


def _result(folder: Path, cell: Cell) -> Path:
    return folder / cell.name / "result.json"


def _run_all(todo: Sequence[Cell], options: argparse.Namespace) -> list[str]:
    """Names of the cells that failed; each runs in a process of its own."""
    running: dict[str, subprocess.Popen] = {}
    waiting, failed = list(todo), []
    while waiting or running:
        while waiting and len(running) < options.at_once:
            cell = waiting.pop(0)
            running[cell.name] = _start(cell, options)
            print(f"{cell.name}: begun", flush=True)
        time.sleep(1)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            is_done = running.pop(name).returncode == 0
            print(f"{name}: {'done' if is_done else f'failed, see {options.folder / name}.log'}", flush=True)
            failed += [] if is_done else [name]
    return failed


def _start(cell: Cell, options: argparse.Namespace) -> subprocess.Popen:
    options.folder.mkdir(parents=True, exist_ok=True)
    settings = [part for key in ("data", "test", "folder", "device", "asks")
                for part in (f"--{key}", str(getattr(options, key)))]
    with open(options.folder / f"{cell.name}.log", "ab") as log:
        return subprocess.Popen([sys.executable, "-m", "scripts.low_data", "--cell", cell.name, *settings,
                                 *(["--set", *options.set] if options.set else [])], stdout=log, stderr=log)


def run_cell(cell: Cell, options: argparse.Namespace) -> None:
    """Train a cell, examine it, and write its result."""
    import torch

    from embodied.data.files import write_json
    from embodied.models.loading import load
    from embodied.training.planner_stage import retention_meter
    from embodied.training.recipe import train_all
    from embodied.training.run_folder import RunFolder

    if options.device != "cpu" and torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")
    settings = settings_of(cell, options)
    folder, began_s = options.folder / cell.name, time.time()
    model, processor = load(train_all(settings, folder))
    took_s = time.time() - began_s
    run = RunFolder(folder.resolve(), settings)
    result = {"mind": cell.mind, "amount": cell.amount, "seed": cell.seed, "train_s": round(took_s),
              **_curve(folder), **examine(model, processor, run, options)}
    if model.new_words is not None and cell.mind != "random":
        result["retention"] = retention_meter(run.start, processor)(model)
    write_json(_result(options.folder, cell), result)


def settings_of(cell: Cell, options: argparse.Namespace) -> Any:
    """The recipe of a cell."""
    from embodied.cli import train
    from embodied.cli.configs import config_dir
    from embodied.cli.overrides import compose
    from embodied.typed import read

    changes = ["experiment=low_data", *cell.changes, f"data.folder={options.data}", f"device={options.device}",
               *options.set]
    values = compose(config_dir(), "train", changes)
    return train.recipe(read(train.Settings, {k: v for k, v in values.items() if k != "experiment"}))


def _curve(folder: Path) -> dict[str, Any]:
    """Where the validation curve ended and what its best was."""
    rows = [json.loads(line) for line in (folder / "sft" / "log.jsonl").read_text().splitlines()]
    measured = [(row["validation/exact"], row["step"]) for row in rows if "validation/exact" in row]
    best = max(measured, default=(0.0, 0))
    return {"steps": max((row["step"] for row in rows), default=0), "best_step": best[1],
            "validation_exact": round(best[0], 4), "curve": [[step, round(exact, 4)] for exact, step in measured],
            "step_s": round(sum(row.get("step_s", 0.0) + row.get("wait_s", 0.0) for row in rows)
                            / max(sum("step_s" in row for row in rows), 1), 4)}


def examine(model: Any, processor: Any, run: Any, options: argparse.Namespace) -> dict[str, Any]:
    """Condition -> family -> [right, asks]."""
    from embodied.data.dataset import Dataset
    from embodied.data.examples import Examples
    from embodied.training.collate import collate_examples
    from embodied.training.dataset import at_most
    from embodied.training.placement import alone
    from embodied.training.planner_stage import detect, encoders_of

    placement = alone(run.settings.device)
    dataset = Dataset(options.test)
    encoder, = encoders_of(run, [dataset])
    detections = detect(run, dataset, encoder)
    known, other = (kind(dataset, detections, scene=encoder.scene, is_open=True)
                    for kind in (Examples, _renamed_examples()))
    families = [item.query.family for item in known.items]
    places = at_most(options.asks, range(len(known)), families, 0)
    planned = [p for p in places if known.items[p].query.calls]
    model = model.to(placement.device).eval()

    def ask(examples: Examples, chosen: Sequence[int],
            change: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> dict[str, list[int]]:
        collate = collate_examples(examples, chosen, processor, seed=0, is_jittered=False)
        return _answered(model, placement, collate, [families[p] for p in chosen], change)

    return {"seen": ask(known, places), "blind": ask(known, places, _blind), "shuffled": ask(known, places, _shuffled),
            "planned": ask(known, planned), "renamed": ask(other, planned)}


def _renamed_examples() -> type:
    """`Examples` whose instructions are `renamed`."""
    from embodied.data.examples import Examples

    class Renamed(Examples):
        def _word(self, item: Any, image: Any) -> Any:
            query = replace(item.query, instruction=renamed(item.query.instruction))
            return super()._word(replace(item, query=query), image)

    return Renamed


def _answered(model: Any, placement: Any, collate: Any, families: Sequence[str], change: Any) -> dict[str, list[int]]:
    import numpy as np
    import torch

    from embodied.training.objectives.sft import right_answers

    counts: dict[str, list[int]] = {}
    for start in range(0, len(families), 50):
        rows = np.arange(start, min(start + 50, len(families)))
        inputs = placement.put(change(dict(collate(rows, 0)[1])))
        with torch.inference_mode():
            logits = model(**inputs, is_packed=True).graded_logits
        for family, is_right in zip(families[start:], right_answers(logits, inputs["labels"]).tolist(), strict=False):
            count = counts.setdefault(family, [0, 0])
            count[0], count[1] = count[0] + is_right, count[1] + 1
    return counts


def _blind(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**inputs, "pixel_values": inputs["pixel_values"] * 0, "geometry": inputs["geometry"] * 0}


def _shuffled(inputs: dict[str, Any]) -> dict[str, Any]:
    """Every picture, and where it is, is another of the same batch."""
    import torch

    order = torch.randperm(len(inputs["pixel_values"]), generator=torch.Generator().manual_seed(0))
    return {**inputs, "pixel_values": inputs["pixel_values"][order], "geometry": inputs["geometry"][order]}


def renamed(instruction: str) -> str:
    """The instruction with every content word replaced, its capitals kept."""
    return re.sub(r"[A-Za-z]+", lambda match: _spelled_as(match[0]), instruction)


def _spelled_as(word: str) -> str:
    singular = {plural: single for single, plural in FAMILY_WORDS.items()}
    low = word.lower()
    new = f"{RENAMED[singular[low]]}s" if low in singular else RENAMED.get(low, low)
    return word if new == low else new.capitalize() if word[0].isupper() else new


def table(folder: Path) -> str:
    """The Markdown page: all cells, those without a result as "not run", and what minds make of all their seeds."""
    return HEAD + "\n".join([*_lines(folder), "", *_together(folder)]) + "\n"


def _lines(folder: Path) -> Iterator[str]:
    yield ("| mind | asks learned from | seed | exact, seen words | plans alone | renamed | blind | shuffled "
           "| steps (best) |")
    yield "|---|---|---|---|---|---|---|---|---|"
    for cell in cells():
        path = _result(folder, cell)
        head = f"| {cell.mind} | {cell.amount if cell.amount != '320' else '320 a family'} | {cell.seed} |"
        if not path.exists():
            yield f"{head} not run | | | | | |"
            continue
        result = json.loads(path.read_text())
        shares = " | ".join(map(partial(_share, result), ("seen", "planned", "renamed", "blind", "shuffled")))
        yield f"{head} {shares} | {result['steps']} ({result['best_step']}) |"


def _together(folder: Path) -> Iterator[str]:
    """A line for each mind and amount that more than one seed has a result of."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for cell in cells():
        if _result(folder, cell).exists():
            groups.setdefault((cell.mind, cell.amount), []).append(json.loads(_result(folder, cell).read_text()))
    yield "| mind | seeds | exact, seen words: mean (least, most) | renamed | perplexity of held texts | items kept |"
    yield "|---|---|---|---|---|---|"
    for (mind, amount), results in groups.items():
        if len(results) > 1:
            kept = [result["retention"] for result in results if "retention" in result]
            rise = "" if not kept else f"{min(k['perplexity_rise'] for k in kept):+.0%} to " \
                                       f"{max(k['perplexity_rise'] for k in kept):+.0%}"
            items = f"{min(k['items_kept'] for k in kept):.0%} at least" if kept else ""
            yield (f"| {mind}, {amount} a family | {len(results)} | {_spread(results, 'seen')} "
                   f"| {_spread(results, 'renamed')} | {rise} | {items} |")


def _spread(results: Sequence[Mapping[str, Any]], condition: str) -> str:
    shares = [right / asks for right, asks in (_counted(result, condition) for result in results)]
    return f"{sum(shares) / len(shares):.1%} ({min(shares):.1%}, {max(shares):.1%})"


def _counted(result: Mapping[str, Any], condition: str) -> tuple[int, int]:
    right, asks = (sum(count[i] for count in result[condition].values()) for i in (0, 1))
    return right, asks


def _share(result: Mapping[str, Any], condition: str) -> str:
    from embodied.evaluation.success import wilson

    right, asks = _counted(result, condition)
    low, high = wilson(right, asks)
    return f"{right / asks:.1%} ({low:.1%}-{high:.1%})"


if __name__ == "__main__":
    sys.exit(main())
