"""How fast the data engine makes scenes and questions about them: a JSON line for each number of processes.

    python scripts/bench/data.py                  # data=tamp, 400 scenes, on 1 and 2 processes: about a minute
    python scripts/bench/data.py --data tabletop --scenes 200 --workers 4

Wall time of `embodied collect` after its start, so that what counts is what the next thousand scenes cost; bytes are
those of the parquet files. `load` is the machine's one-minute load before the line was measured: above 0.5, beware.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import data` would find this script."""

WARM_UP = 20  # scenes of each process that are not counted


def main() -> None:
    """Print a line for each number of processes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="tamp", help="of configs/data")
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    for workers in asked.workers:
        load = round(os.getloadavg()[0], 2)
        found = measure(asked.data, asked.scenes, workers)
        print(json.dumps({"what": f"data={asked.data}", "workers": workers, **found, "load": load}), flush=True)


def measure(data: str, scenes: int, workers: int) -> dict[str, Any]:
    """Scenes and queries a second, and bytes a scene."""
    from embodied.data.collect import facts_of, make_recorder
    from embodied.data.facts import declare
    from embodied.data.packing import Packing
    from embodied.data.pool import map_seeds

    spec, executed = settings_of(data)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        declare(out, facts_of(spec, executed))
        warm = WARM_UP * workers
        job = {"spec": asdict(spec), "out": str(out), "executed_fraction": executed}
        packing, queries, start = Packing(out, scenes, range(scenes), range(scenes)), 0, 0.0
        seeds = [*range(scenes, scenes + warm), *range(scenes)]
        for done, result in enumerate(map_seeds(make_recorder, job, seeds, workers=workers), start=1):
            if result.error is not None:
                raise RuntimeError(result.error)
            packing.add(result.seed)
            queries += result.value["tally"].reasons.total() if done > warm else 0
            start = time.perf_counter() if done == warm else start
        wall_s = time.perf_counter() - start
        size = sum(path.stat().st_size for path in (out / "episodes").glob("*.parquet"))
    return {"scenes_per_s": round(scenes / wall_s, 1), "queries_per_s": round(queries / wall_s, 1),
            "bytes_per_scene": round(size / scenes)}


def settings_of(data: str) -> tuple[Any, float]:
    """What `embodied collect data=NAME` records, and the share of its episodes that are acted out."""
    from embodied.cli import overrides
    from embodied.cli.collect import Settings, spec_of
    from embodied.cli.configs import config_dir
    from embodied.typed import read

    [values, *_] = overrides.check(config_dir(), "collect", [f"data={data}"], is_multirun=False)
    settings = read(Settings, values)
    return spec_of(settings.data, settings.env), settings.data.executed_fraction


if __name__ == "__main__":
    main()
