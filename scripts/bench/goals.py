"""How quickly goals are drawn, what they come to, and what the split holds out.

    python -m scripts.bench.goals [--draws 4000] [--seed 0]

One JSON line each. "train" and "test" draw a scene, a goal and what it comes to; milliseconds are of one draw, of the
processor.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter

import numpy as np

from envs.goals.combinations import combinations_of, fits_split, held_out
from envs.goals.sampling import Drawn, draw


def drawn(count: int, seed: int, split: str | None) -> tuple[list[Drawn], float]:
    """Draws of a split, and milliseconds of one."""
    rng, start_s = np.random.default_rng(seed), time.process_time()
    found = [draw(rng, split=split) for _ in range(count)]
    return found, (time.process_time() - start_s) * 1000 / count


def main() -> None:
    """Prints the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args()
    for split in ("train", "test"):
        found, each_ms = drawn(told.draws // (4 if split == "test" else 1), told.seed, split)
        print(json.dumps({"split": split, "draws": len(found), "ms": round(each_ms, 2),
                          "goals of their own": len({d.goal for d in found})}))
    found, _ = drawn(told.draws, told.seed, None)
    counts = Counter(c for d in found for c in combinations_of(d.goal))
    outcomes = Counter(type(d.outcome).__name__ for d in found)
    print(json.dumps({"combinations": len(counts), "held out": sum(map(held_out, counts)), "goals of any draw in train":
                      round(sum(fits_split(d.goal, "train") for d in found) / len(found), 3), "outcomes": outcomes}))


if __name__ == "__main__":
    main()
