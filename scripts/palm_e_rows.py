"""Rows of PaLM-E's tables for docs: what several evaluations of suite=palm_e say, those of one row taken together.

    python -m scripts.palm_e_rows slots=outputs/evaluate/a,outputs/evaluate/b masks=outputs/evaluate/c [--objects 3-5]

Each cell: the share of right answers with its 95 % interval (Wilson); of several seeds, which are asked about the same
scenes, their mean with the interval that one of that mean would have, and the lowest and the highest. Affordance is F1.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embodied.evaluation.success import wilson

TASKS = ("q1", "q2", "q3", "q4", "p1", "p2", "affordance")

Cells = Mapping[str, Any]


def main() -> int:
    """0; the table is printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", metavar="NAME=FOLDER[,FOLDER ..]", help="folders that hold an eval.json")
    parser.add_argument("--objects", default="3-5", help="scenes of so many, as eval.json names them")
    asked = parser.parse_args()
    print("| | " + " | ".join(TASKS) + " |\n" + "|---" * (len(TASKS) + 1) + "|")
    for row in asked.rows:
        name, _, folders = row.partition("=")
        try:
            found = [cells_of(Path(folder), asked.objects) for folder in folders.split(",")]
        except (OSError, KeyError, ValueError) as error:
            parser.error(f"{row}: expected folders with an eval.json of suite=palm_e and scenes of {asked.objects} "
                         f"objects, got {error!r}")
        print(f"| {name} | " + " | ".join(told([cells[task] for cells in found if task in cells]) for task in TASKS)
              + " |")
    return 0


def cells_of(folder: Path, objects: str) -> Cells:
    """Task -> cell of one evaluation. Raises OSError, KeyError and ValueError where there is none."""
    return json.loads((folder / "eval.json").read_text("utf-8"))["objects"][objects]


def told(cells: Sequence[Cells]) -> str:
    """One cell of the table."""
    if not cells:
        return "-"
    if "f1" in cells[0]:
        rates = [cell["f1"] for cell in cells]
        return f"{sum(rates) / len(rates):.3f}" + _spread(rates, "{:.2f}")
    counts = [(round(cell["success_rate"] * cell["n"]), cell["n"]) for cell in cells]
    rates = [count / n for count, n in counts]
    mean, total = sum(rates) / len(rates), counts[0][1]  # no more scenes for more seeds
    low, high = wilson(round(mean * total), total)
    return f"{mean:.1%} ({100 * low:.1f}-{100 * high:.1f}){_spread(rates, '{:.0%}')}"


def _spread(rates: Sequence[float], form: str) -> str:
    return f" [{form.format(min(rates))} .. {form.format(max(rates))}]" if len(rates) > 1 else ""


if __name__ == "__main__":
    sys.exit(main())
