"""How wordings are read by a mind, without a picture and without physics: each is held against the table as its scene
tells it.

    python -m scripts.readings embodied/weights/mind-small [--wordings development]

One JSON line: how many likeliest readings come to what is right (`greedy`), how many of those that are the likeliest
once the table is known (`on_the_table`), how many wordings have a right one among all that were written (`one_of_them`)
and, of those sure enough to be heeded, how many are right (`heeded`, `heeded_right`). Not for the sets that judge.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from embodied.agents.mind_agent import LEAST_SURE
from embodied.agents.rescoring import are_same, rescored
from embodied.agents.understanding import Understander, load_with_second
from embodied.data.collect import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.understanding.items import Item, load_items, path_to_show
from embodied.planning.dialogue import Reading, read_turn
from envs.goals.outcome import outcome_of
from envs.goals.scene_spec import read_scene, table_of
from envs.goals.table import Table


def main() -> None:
    """Read the command line, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="a mind's folder")
    parser.add_argument("--wordings", default="development", help="a development set, or FILE.jsonl")
    asked = parser.parse_args()
    try:
        items = load_items(path_to_show(asked.wordings))
    except ValueError as error:
        parser.error(str(error))
    one_thread()
    understander, start_s = load_with_second(asked.weights), time.perf_counter()
    found: Counter[str] = Counter()
    with progress("wordings", len(items), sys.stderr) as advance:
        for item in items:
            found.update(read(understander, item))
            advance()
    print(json.dumps({"wordings": len(items), **{key: found[key] for key in KEYS},
                      "seconds_each": round((time.perf_counter() - start_s) / len(items), 2)}))


KEYS = ("greedy", "on_the_table", "one_of_them", "heeded", "heeded_right")


def read(understander: Understander, item: Item) -> list[str]:
    """Those of `KEYS` that hold of one wording."""
    table = table_of(read_scene(list(item.scene)))
    first = understander.understand(item.text, [read_turn(turn) for turn in item.before])
    if first.goal is None:
        return []
    best = rescored(first, table)
    is_heeded, is_right = best.confidence >= LEAST_SURE, _is_right(best, item, table)
    held = (_is_right(first, item, table), is_right,
            any(_is_right(one, item, table) for one in (first, *first.alternatives)), is_heeded, is_heeded and is_right)
    return [key for key, holds in zip(KEYS, held, strict=True) if holds]


def _is_right(reading: Reading, item: Item, table: Table) -> bool:
    return are_same(outcome_of(reading.goal, table), item.outcome, table)


if __name__ == "__main__":
    main()
