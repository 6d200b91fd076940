"""Writes goals in words, for a decoder that shall learn to read them, and the card of such data sets.

    python -m scripts.goal_wordings FILE.jsonl [--count 200000] [--split train] [--seed 0]
        [--unseen] [--all-combinations]
    python -m scripts.goal_wordings FILE.jsonl --scenes [--combinations train|test] [--kinds KIND ...] [--count 300]
    python -m scripts.goal_wordings FILE.jsonl --written [--split train|validation] [--seed 0]
    python -m scripts.goal_wordings --card docs/goal_wordings.md [--lines 20000]

A line is {"text", "before" where something was said before it, "goal", "kind"}; with --scenes it has a scene, too, in
which `embodied evaluate suite=language wordings=FILE.jsonl` plays it. The same arguments give the same file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from embodied.data.files import write_json, write_whole
from envs.goals.sampling import SHARES
from envs.tasks.wordings.card import card
from envs.tasks.wordings.lines import Line
from envs.tasks.wordings.scened import scened
from envs.tasks.wordings.writing import lines, written


def main() -> int:
    """The exit code."""
    told = _arguments()
    if told.card is not None:
        write_whole(told.card, card(told.lines, told.seed).encode())
        return 0
    if told.scenes:
        found = scened(told.count, told.split, told.seed, unseen=told.unseen, combinations=told.combinations,
                       kinds=told.kinds)
        write_whole(told.file, "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in found).encode())
        return 0
    if told.written:
        write_whole(told.file, "".join(_row(line) for line in written(told.split, told.seed)).encode())
        return 0
    start_s, counts, texts = time.perf_counter(), Counter(), []
    for line in lines(told.count, told.split, told.seed, unseen=told.unseen, all_combinations=told.all_combinations,
                      counts=counts):
        texts.append(_row(line))
        _show(len(texts), told.count)
    write_whole(told.file, "".join(texts).encode())
    took_s = time.perf_counter() - start_s
    write_json(told.file.with_suffix(".card.json"), {"split": told.split, "seed": told.seed, "unseen": told.unseen,
                                                     "all combinations": told.all_combinations, "counts": counts})
    print(json.dumps({"lines": told.count, "lines/s": round(told.count / took_s), **counts}))
    return 0


def _row(line: Line) -> str:
    return json.dumps(line.plain(), ensure_ascii=False) + "\n"


def _show(done: int, count: int) -> None:
    """How far it is, on a terminal."""
    if done % 1000 == 0 and sys.stderr.isatty():
        filled = 40 * done // count
        print(f"\r[{'#' * filled}{'.' * (40 - filled)}] {done}/{count} lines", end="", file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=200000)
    parser.add_argument("--split", choices=("train", "validation", "test"), default="train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--unseen", action="store_true", help="with words that training does not have")
    parser.add_argument("--all-combinations", action="store_true", help="also those kept out of training")
    parser.add_argument("--scenes", action="store_true", help="each with a scene in which it can be played")
    parser.add_argument("--combinations", choices=("train", "test"), help="of goals with scenes; both where left out")
    parser.add_argument("--kinds", nargs="+", choices=tuple(SHARES), default=(), metavar="KIND",
                        help="of goals with scenes, in turn: " + ", ".join(SHARES))
    parser.add_argument("--written", action="store_true", help="what a language model wrote")
    parser.add_argument("--card", type=Path, help="writes the card instead")
    parser.add_argument("--lines", type=int, default=20000, help="lines of each split that the card counts")
    told = parser.parse_args()
    if (told.file is None) == (told.card is None):
        parser.error("expected a file to write, or --card with one")
    if told.written and told.split == "test":
        parser.error("expected --split train or validation with --written: of test there are no written lines")
    return told


if __name__ == "__main__":
    sys.exit(main())
