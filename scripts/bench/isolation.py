"""What a step costs more in a process of its own, in wall milliseconds: one JSON line for each size of the images.

    python scripts/bench/isolation.py

The same joint targets are taken by an environment in this process and by an isolated one, alternately; the figures are
medians, and `over` is the median of the differences. `moved` is how much an observation weighs.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find another script."""

TASK = "envs:embodied/SortJoint-v0"
SIZES_PX = (0, 64, 192, 512)  # 0: without images
STEPS = 100


def main() -> None:
    """Print a line for every size."""
    for size_px in SIZES_PX:
        print(json.dumps({"image_px": size_px, **measure(size_px), "load": round(os.getloadavg()[0], 2)}), flush=True)


def measure(size_px: int) -> dict[str, Any]:
    """Milliseconds of a step here, there, and what there takes more."""
    kwargs = {"image_size": size_px} if size_px else {"cameras": ()}
    here, there = gymnasium.make(TASK, **kwargs), gymnasium.make(TASK, isolated=True, **kwargs)
    observation, _ = here.reset(seed=0)
    there.reset(seed=0)
    target = observation["joint_pos"].astype("float32")
    pairs = [(wall_s(here, target), wall_s(there, target)) for _ in range(STEPS)]
    moved = sum(array.nbytes for part in ("rgb", "depth") for array in observation.get(part, {}).values())
    here.close()
    there.close()
    columns = zip(*((a, b, b - a) for a, b in pairs), strict=True)
    names = ("here_ms", "there_ms", "over_ms")
    medians = {name: round(statistics.median(column) * 1e3, 3) for name, column in zip(names, columns, strict=True)}
    return {**medians, "moved_kb": moved // 1024}


def wall_s(env: gymnasium.Env, target: Any) -> float:
    """Seconds that one step took."""
    start = time.perf_counter()
    env.step(target)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
