"""How wordings are read by a mind, without a picture and without physics: each is held against the table as its scene
tells it.

    python -m scripts.readings embodied/weights/mind-small [--wordings development] [--after 2]

One JSON line: how many likeliest readings come to what is right (`greedy`), how many of those that are the likeliest
once the table is known (`on_the_table`), how many wordings have a right one among all that were written (`one_of_them`)
and, of those sure enough to be heeded, how many are right (`heeded`, `heeded_right`). With --after N each that needs
no earlier turns is said after the N wordings before it, which have nothing to do with it. Not for the sets that judge.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from embodied.agents.mind_agent import LEAST_SURE
from embodied.agents.rescoring import are_same, rescored
from embodied.agents.understanding import Understander, load_with_second
from embodied.data.progress import progress
from embodied.evaluation.episode import one_thread
from embodied.evaluation.understanding.items import Item, load_items, path_to_show
from embodied.planning.dialogue import Reading, Turn, read_turn
from envs.goals.outcome import outcome_of
from envs.goals.scene_spec import read_scene, table_of
from envs.goals.spelling import write
from envs.goals.table import Table


def main() -> None:
    """Read the command line, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="a mind's folder")
    parser.add_argument("--wordings", default="development", help="a development set, or FILE.jsonl")
    parser.add_argument("--after", type=int, default=0, metavar="N", help="turns of other wordings before each")
    asked = parser.parse_args()
    try:
        items = load_items(path_to_show(asked.wordings))
    except ValueError as error:
        parser.error(str(error))
    one_thread()
    understander, start_s = load_with_second(asked.weights), time.perf_counter()
    found: Counter[str] = Counter()
    with progress("wordings", len(items), sys.stderr) as advance:
        for item, before in zip(items, turns_before(items, asked.after), strict=True):
            found.update(read(understander, item, before))
            advance()
    print(json.dumps({"wordings": len(items), **{key: found[key] for key in KEYS},
                      "seconds_each": round((time.perf_counter() - start_s) / len(items), 2)}))


KEYS = ("greedy", "on_the_table", "one_of_them", "heeded", "heeded_right")


def turns_before(items: Sequence[Item], after: int) -> list[list[Turn]]:
    """What is said before each: its own earlier turns, or the wordings before it with their goals, the last ones of the
    list before the first. Ambiguous ones have none: an "it" in them would mean what was spoken of."""
    told = [Turn("person", item.text, write(item.goal)) for item in items if not item.before and item.goal is not None]
    found, at = [], 0
    for item in items:
        own = [read_turn(turn) for turn in item.before]
        is_alone = bool(own) or item.kind == "ambiguous"
        found.append(own if is_alone else [told[(at - n) % len(told)] for n in range(after, 0, -1)])
        at += not own and item.goal is not None
    return found


def read(understander: Understander, item: Item, before: Sequence[Turn]) -> list[str]:
    """Those of `KEYS` that hold of one wording."""
    table = table_of(read_scene(list(item.scene)))
    first = understander.understand(item.text, before)
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
