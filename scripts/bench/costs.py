"""What a step of training costs as work grows: time and memory over parameters, context, batch and workers.

    python -m scripts.bench.costs --out outputs/costs.jsonl            # half an hour of one core; --quick: two minutes
    python -m scripts.bench.costs --fit outputs/costs.jsonl            # nothing is measured

Decoders of Llama's kind, random weights and words, float32, one thread a process; several workers share out each batch
over gloo (`scripts/bench/layouts.py` trains). Each cell of the grid has processes of its own: some that time steps, the
first of which warms up, and others that take two with an allocator that gives large blocks back, whose most memory over
the bare process is what `embodied.training.parallel.estimate` says. Cells that need more memory or time than is given
are left out; those that --out holds already stand. `cpu_s` is CPU time of all workers, which programs beside them
disturb less than `step_s`; `others` says how many cores those had. --fit: what a device does a second of each kind of
work (`embodied.training.parallel.costs`), by least squares of relative errors; the same of all but the largest models,
which it is then asked about; and memory beside what was said of it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import nnls

from embodied.data.files import write_whole
from embodied.training.parallel.costs import Rates, effort_of, sent_of
from embodied.training.parallel.estimate import Shape, Work, need, shape_of
from embodied.training.parallel.layout import Layout
from scripts.bench import layouts

SIZES = {2: (128, 8, 2, 2, 4096), 8: (256, 8, 4, 4, 8192), 30: (384, 13, 6, 6, 16384), 135: (576, 30, 9, 3, 49152)}
"""Millions of parameters -> width, layers, heads, heads of keys, words; 135 is SmolLM2's."""
LENGTHS, BATCHES = (128, 512, 2048), (1, 4, 16)
SHARED = [(8, 512, 4), (30, 512, 4), (135, 128, 4)]
"""Size, length and batch of cells that two workers share out, too."""
GUESSED_FLOPS = 7e10
"""Of a core a second, to know which cells take too long, and how many steps are enough."""
ENOUGH_S, MOST_STEPS = 6.0, 8
LARGE_MB, FEWEST = 400, 4
_MMAP_THRESHOLD, _GIVEN_BACK = -3, 262144


@dataclass(frozen=True, slots=True)
class Cell:
    """A training of so many million parameters, of `batch` rows of `length` tokens among all workers."""

    size: int
    length: int
    batch: int
    workers: int = 1

    @property
    def name(self) -> str:
        return f"{self.size}m_{self.length}x{self.batch}_{self.workers}w"

    @property
    def layout(self) -> Layout:
        return Layout(data=self.workers)

    @property
    def work(self) -> Work:
        mine = self.batch // self.workers
        return Work(mine, self.length, mine * self.length)

    @property
    def asked(self) -> argparse.Namespace:
        """As `layouts` takes it; it has one more token, for the last one's answer."""
        names = ("width", "layers", "heads", "key_heads", "words")
        return argparse.Namespace(**dict(zip(names, SIZES[self.size], strict=True)), batch=self.batch,
                                  length=self.length + 1, steps=2)

    @property
    def shape(self) -> Shape:
        return _shape(self.size)

    def guess_s(self) -> float:
        """Seconds of a step, roughly."""
        effort = effort_of(self.shape, self.layout, self.work)
        return (effort.products + effort.attention / 2) / GUESSED_FLOPS  # a token looks at half of its row

    def said_mb(self) -> float:
        """What is said beforehand of its memory, of each worker."""
        return need(self.shape, self.layout, self.work).peak / 1e6


@cache
def _shape(size: int) -> Shape:
    return shape_of(layouts.config_of(Cell(size, LENGTHS[0], 1).asked))


def grid(sizes: Sequence[int], lengths: Sequence[int], batches: Sequence[int]) -> list[Cell]:
    """All cells, the cheapest first."""
    alone = [Cell(*one) for one in product(sizes, lengths, batches)]
    shared = [Cell(*one, workers=2) for one in SHARED
              if one[0] in sizes and one[1] in lengths and one[2] in batches]
    return sorted([*alone, *shared], key=Cell.guess_s)


def measured(cell: Cell) -> dict[str, Any]:
    """What its processes say of a cell."""
    began_s, before = time.perf_counter(), _busy_s()
    steps = 1 + int(min(max(ENOUGH_S / cell.guess_s(), 2), MOST_STEPS))
    told = _learned(cell, steps, is_lean=False)
    lean = _learned(cell, 2, is_lean=True)
    walls = [max(ranks) for ranks in zip(*(one["steps_s"][1:] for one in told), strict=True)]
    cpus = [sum(ranks) for ranks in zip(*(one["cpus_s"][1:] for one in told), strict=True)]
    wall_s, shape = statistics.median(walls), cell.shape
    others = (_busy_s() - before) / (time.perf_counter() - began_s)
    return {"cell": cell.name, **asdict(cell), "parameters": shape.layers * shape.numbers + shape.rest,
            "step_s": round(wall_s, 4), "cpu_s": round(statistics.median(cpus), 4), "steps": len(walls),
            "examples_per_s": round(cell.batch / wall_s, 3),
            "tokens_per_s": round(cell.batch * cell.length / wall_s, 1),
            "peak_mb": round(max(one["peak_mb"] for one in lean), 1),
            "usual_mb": round(max(one["peak_mb"] for one in told), 1), "said_mb": round(cell.said_mb(), 1),
            "others": round(others, 2)}


def _learned(cell: Cell, steps: int, *, is_lean: bool) -> Sequence[dict[str, Any]]:
    """What each process of a cell measures. is_lean: with an allocator that gives large blocks back."""
    asked = argparse.Namespace(**{**vars(cell.asked), "steps": steps})

    def work(rank: int) -> dict[str, Any]:
        if is_lean:
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _GIVEN_BACK)
        return layouts.learn(asked, cell.layout, 1, rank, cell.workers, is_checkpointed=False)

    return layouts.on_ranks(cell.workers, work)


def _busy_s() -> float:
    """Seconds that the processors have been busy with other things than this process and its children, as programs in
    this system see it."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    idle, waiting = fields[3:5]
    busy_s = (sum(map(int, fields[:8])) - int(idle) - int(waiting)) / os.sysconf("SC_CLK_TCK")
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy_s - sum(one.ru_utime + one.ru_stime for one in own)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows measured before, none where there is no file. ValueError for a file of other rows."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    if not all({"cell", "cpu_s", "peak_mb"} <= row.keys() for row in rows):
        raise ValueError(f"{path}: expected rows of this script, got others; choose another file")
    return rows


def measure(cells: Sequence[Cell], path: Path) -> None:
    """Measure the cells that a file does not hold, and add them to it, one by one."""
    rows = read_rows(path)
    todo = [cell for cell in cells if cell.name not in {row["cell"] for row in rows}]
    for number, cell in enumerate(todo, 1):
        print(f"{number}/{len(todo)} {cell.name}: about {cell.guess_s():.1f} s a step", file=sys.stderr, flush=True)
        rows.append(measured(cell))
        write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
        print(json.dumps(rows[-1]), flush=True)


def rates_from(rows: Sequence[dict[str, Any]]) -> Rates:
    """What one core does of each kind of work a second, by cells of one worker: no rate is negative, and the sum of
    squares of relative errors is least. ValueError for less than four cells."""
    if len(rows) < FEWEST:
        raise ValueError(f"--fit: expected at least {FEWEST} cells of one worker, got {len(rows)}; measure more")
    efforts = np.array([_columns(_cell(row)) for row in rows])
    costs, _ = nnls(efforts / np.array([[row["cpu_s"]] for row in rows]), np.ones(len(rows)))
    products, attention, moved = (1 / cost if cost else float("inf") for cost in costs[:3])
    return Rates(products, attention, moved, costs[3])


def _cell(row: dict[str, Any]) -> Cell:
    return Cell(row["size"], row["length"], row["batch"], row["workers"])


def _columns(cell: Cell) -> tuple[float, float, float, float]:
    """What one process of a cell does in a step."""
    effort = effort_of(cell.shape, cell.layout, cell.work)
    return effort.products, effort.attention, effort.moved, effort.layers


def said_s(cell: Cell, rates: Rates, link: float = float("inf")) -> float:
    """CPU seconds of a step, of all workers. link: bytes a second that it takes a worker's time to send."""
    effort, sent = effort_of(cell.shape, cell.layout, cell.work), sent_of(cell.shape, cell.layout, cell.work)
    return cell.workers * (rates.seconds(effort) + sent.total / link)


def link_from(rows: Sequence[dict[str, Any]], rates: Rates) -> float:
    """Bytes a second that a worker sends, by cells of several workers; the relative errors are least."""
    sent = np.array([_cell(row).workers * sent_of(_cell(row).shape, _cell(row).layout, _cell(row).work).total
                     / row["cpu_s"] for row in rows])
    left = np.array([1 - said_s(_cell(row), rates) / row["cpu_s"] for row in rows])
    return float((sent @ sent) / max(sent @ left, 1e-30))


def fits(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What a file of rows says, a line each."""
    alone, shared = ([row for row in rows if (row["workers"] > 1) == is_shared] for is_shared in (False, True))
    largest = max(row["size"] for row in alone)
    rates = rates_from(alone)
    yield {"what": "rates of all", **_compared(alone, rates), **_in_words(rates)}
    if shared:
        link = link_from(shared, rates)
        yield {"what": "and of messages", **_compared(shared, rates, link), "gb_sent_per_s": round(link / 1e9, 2)}
    smaller, held = ([row for row in alone if (row["size"] == largest) == is_held] for is_held in (False, True))
    if len(smaller) >= FEWEST:
        rates = rates_from(smaller)
        yield {"what": f"rates of all but {largest} M, asked about these", **_compared(held, rates),
               **_in_words(rates)}
    yield _plain(alone)
    for name, chosen in (("memory", rows), (f"memory, of at least {LARGE_MB} MB",
                                            [row for row in rows if row["peak_mb"] >= LARGE_MB])):
        yield {"what": name, "cells": len(chosen), **_told([row["said_mb"] for row in chosen],
                                                           [row["peak_mb"] for row in chosen])}


def _compared(rows: Sequence[dict[str, Any]], rates: Rates, link: float = float("inf")) -> dict[str, Any]:
    """How well rates say what some cells take."""
    said = [said_s(_cell(row), rates, link) for row in rows]
    return {"cells": len(rows), **_told(said, [row["cpu_s"] for row in rows])}


def _in_words(rates: Rates) -> dict[str, float]:
    return {"gflops_products": round(rates.products / 1e9, 1), "gflops_attention": round(rates.attention / 1e9, 1),
            "gb_per_s": round(rates.moved / 1e9, 2), "ms_a_layer": round(1000 * rates.layer_s, 2)}


def _plain(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The least relative errors of: seconds a token = a + b * parameters + c * context * width * layers."""
    shapes = [_cell(row).shape for row in rows]
    terms = np.array([[1.0, row["parameters"], row["length"] * shape.width * shape.layers]
                      for row, shape in zip(rows, shapes, strict=True)])
    measured_s = np.array([row["cpu_s"] / (row["length"] * row["batch"]) for row in rows])
    costs, _ = nnls(terms / measured_s[:, None], np.ones(len(rows)))
    return {"what": "seconds a token = a + b * parameters + c * context * width * layers", "cells": len(rows),
            **dict(zip("abc", map(float, costs), strict=True)), **_told(terms @ costs, measured_s)}


def _told(said: Sequence[float], measured: Sequence[float]) -> dict[str, float | None]:
    """How said numbers stand to measured ones: R^2 of their logarithms, and ratios."""
    logs, ratios = np.log(measured), np.array(said) / np.array(measured)
    spread = ((logs - logs.mean()) ** 2).sum()
    return {"r2": round(float(1 - (np.log(ratios) ** 2).sum() / spread), 4) if len(logs) > 2 else None,
            "least": round(float(ratios.min()), 3), "median": round(float(np.median(ratios)), 3),
            "most": round(float(ratios.max()), 3)}


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The cells of a file as lines of a page, the smallest models first."""
    yield "| parameters | workers | context x rows | CPU s a step | examples a CPU s | tokens a CPU s | MB | said |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in sorted(rows, key=lambda row: (row["size"], row["workers"], row["length"], row["batch"])):
        yield (f"| {row['parameters'] / 1e6:.1f} M | {row['workers']} | {row['length']:,} x {row['batch']} | "
               f"{row['cpu_s']:.2f} | {row['batch'] / row['cpu_s']:.2f} | "
               f"{row['batch'] * row['length'] / row['cpu_s']:,.0f} | {row['peak_mb']:,.0f} | {row['said_mb']:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("outputs/costs.jsonl"), help="JSON lines, added to")
    parser.add_argument("--fit", type=Path, help="measure nothing, and say what such a file says")
    parser.add_argument("--table", type=Path, help="measure nothing, and print such a file for a page")
    parser.add_argument("--quick", action="store_true", help="the two smallest models, one and four rows")
    for name, usual in (("sizes", [*SIZES]), ("lengths", LENGTHS), ("batches", BATCHES)):
        parser.add_argument(f"--{name}", type=int, nargs="+", default=usual, choices=usual)
    parser.add_argument("--most_s", type=float, default=20.0, help="of a step, at most")
    parser.add_argument("--most_gb", type=float, default=8.0, help="of all workers of a cell, at most")
    asked = parser.parse_args()
    if asked.fit:
        for line in fits(read_rows(asked.fit)):
            print(json.dumps(line))
        return
    if asked.table:
        print(*table(read_rows(asked.table)), sep="\n")
        return
    if asked.quick:
        asked.sizes, asked.lengths, asked.batches = [2, 8], [128, 512], [1, 4]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    cells = grid(asked.sizes, asked.lengths, asked.batches)
    measure([cell for cell in cells if cell.guess_s() <= asked.most_s
             and cell.said_mb() * cell.workers <= 1000 * asked.most_gb], asked.out)


if __name__ == "__main__":
    main()
