"""How long things take to start, as ratios to what nobody can do without: importing `transformers.modeling_utils`.

    python scripts/bench/start.py [--rounds 5] [--without demo]

One JSON line each, with its ceiling; exit status 1 when one is above it. Every round starts each thing once in a fresh
interpreter, in turn with the reference, so that a machine that is slower for a while is so for all of them. A ratio is
that of the medians. "ready" is when a server says that it can plan; its memory is read then.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

REFERENCE = "transformers.modeling_utils"
CEILINGS = {"agent": 1.3, "serve ready": 1.8, "doctor": 1.8, "serve answers": 0.5, "help of a verb": 0.2,
            "a setting that makes no sense": 0.2, "weights that are not there": 0.3, "demo": 3.0}
"""Most of each, as a ratio to the reference, for the weights that are shipped."""
MOST_MEMORY_MIB = 600
"""Of a server that is ready and has no robots."""

CLI = (sys.executable, "-m", "embodied.cli.main")


def run(*command: str, folder: str, status: int = 0) -> float:
    """Seconds until a command has ended. Raises RuntimeError where it ends otherwise than it should."""
    start_s = time.perf_counter()
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=_environment(), check=False)
    taken_s = time.perf_counter() - start_s
    if ended.returncode != status:
        raise RuntimeError(f"{command}: expected exit status {status}, got {ended.returncode}: {ended.stderr[-500:]}")
    return taken_s


def _environment() -> dict[str, str]:
    here = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": here}


def python(code: str) -> Callable[[str], dict[str, float]]:
    return lambda folder: {"": run(sys.executable, "-c", code, folder=folder)}


def verb(*words: str, status: int = 0) -> Callable[[str], dict[str, float]]:
    return lambda folder: {"": run(*CLI, *words, folder=folder, status=status)}


@contextlib.contextmanager
def _server(folder: str) -> Iterator[subprocess.Popen]:
    server = subprocess.Popen([*CLI, "serve", "port=0", "recordings=null"], cwd=folder, stdout=subprocess.PIPE,
                              text=True, env=_environment())
    try:
        yield server
    finally:
        server.terminate()
        server.communicate(timeout=60)


def serve(folder: str) -> dict[str, float]:
    """Seconds until health answers, until the planner is ready, and the memory then."""
    start_s, found = time.perf_counter(), {}
    with _server(folder) as server:
        for line in server.stdout:
            if line.startswith("console: "):
                place = line.split()[1].split("#")[0]
                with urllib.request.urlopen(f"{place}healthz", timeout=60) as answer:
                    answer.read()
                found[" answers"] = time.perf_counter() - start_s
            if line.startswith("ready: "):
                found[" ready"] = time.perf_counter() - start_s
                found[" memory"] = _memory_mib(server.pid)
                return found
    raise RuntimeError("expected a server that gets ready, it ended; run `embodied serve` to see why")


def _memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


THINGS: dict[str, Callable[[str], dict[str, float]]] = {
    REFERENCE: python("import embodied, transformers.modeling_utils"),  # embodied: its guard, for a torchvision alone
    "agent": python("import embodied; embodied.load_agent()"),
    "serve": serve,
    "doctor": verb("doctor", "format=json"),
    "help of a verb": verb("serve", "--help"),
    "a setting that makes no sense": verb("serve", "prot=1", status=2),
    "weights that are not there": verb("rollout", "weights=/nowhere/at/all", status=1),
    "demo": verb("demo"),
}


def measure(rounds: int, without: list[str]) -> dict[str, list[float]]:
    """What was measured of each thing, a value a round."""
    found: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for name, thing in THINGS.items():
                if name not in without:
                    for part, value in thing(folder).items():
                        found[name + part].append(value)
    return found


def lines(found: dict[str, list[float]]) -> list[dict[str, Any]]:
    """A line for the reference, for each ratio, and for the memory."""
    reference_s = median(found[REFERENCE])
    said = [{"what": f"import {REFERENCE}", "unit": "s", "value": round(reference_s, 2)}]
    for name, ceiling in CEILINGS.items():
        if name in found:
            ratio = median(found[name]) / reference_s
            said.append({"what": name, "unit": "ratio", "value": round(ratio, 2), "ceiling": ceiling,
                         "is_within": ratio <= ceiling, "s": round(median(found[name]), 2)})
    if "serve memory" in found:
        memory = median(found["serve memory"])
        said.append({"what": "serve memory", "unit": "MiB", "value": round(memory), "ceiling": MOST_MEMORY_MIB,
                     "is_within": memory <= MOST_MEMORY_MIB})
    return said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(set(THINGS) - {REFERENCE}))
    options = parser.parse_args()
    said = lines(measure(options.rounds, options.without))
    for line in said:
        print(json.dumps({**line, "rounds": options.rounds, "cores": os.cpu_count(),
                          "load": round(os.getloadavg()[0], 1)}), flush=True)
    return 0 if all(line.get("is_within", True) for line in said) else 1


if __name__ == "__main__":
    sys.exit(main())
