"""How long things take to start, as ratios to what nobody can do without: importing `transformers.modeling_utils`.

    python scripts/bench/start.py [--rounds 5] [--without demo]
    python scripts/bench/start.py --minds [--rounds 1]

One JSON line each, with its ceiling; exit status 1 when one is above it. Every round starts each thing once in a fresh
interpreter, in turn with the reference, so that a machine that is slower for a while is so for all of them. A ratio is
that of the medians. "ready" is when a server says that it can plan; its memory is read then. --minds: what the mind
on a base costs more than the one without, instead: memory of a server after its first run, which is when it is most,
seconds from the demo's launch to its first plan, and memory of what must not load it.
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

MINDS = ("mind-tiny", "mind-small")
MIB_OF = {"server": 1.2e9 / 2**20, "doctor": 100, "help": 50}
"""Most that the second of `MINDS` may take above the first."""
MOST_LAUNCH_S = 12.0
TOKEN = "a-token-of-the-benchmark"

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
def _server(folder: str, *settings: str) -> Iterator[subprocess.Popen]:
    server = subprocess.Popen([*CLI, "serve", "port=0", "recordings=null", *settings], cwd=folder,
                              stdout=subprocess.PIPE, text=True, env=_environment())
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


def serving_mib(weights: str, folder: str) -> float:
    """Of a server that has planned for a robot and seen it act."""
    from embodied.serving.client import Client

    with _server(folder, f"weights={weights}", f"token={TOKEN}") as server:
        place = next(line for line in server.stdout if line.startswith("console: ")).split()[1]
        next(line for line in server.stdout if line.startswith("ready: "))
        with Client(place.rstrip("/"), TOKEN) as client, client.open("put_in_bowl", seed=7, speed=0.0) as robot:
            robot.instruct(robot.state()["instruction"])
            return _memory_mib(server.pid)


def launch_s(weights: str, folder: str) -> tuple[float, float]:
    """From the demo's launch to its first plan; of the processor, which a busy machine lengthens less."""
    start_s = time.perf_counter()
    with subprocess.Popen([*CLI, "demo", f"weights={weights}"], cwd=folder, stdout=subprocess.PIPE, text=True,
                          env=_environment()) as demo:
        next(line for line in demo.stdout if line.startswith("plan ("))
        taken_s, spent = time.perf_counter() - start_s, Path(f"/proc/{demo.pid}/stat").read_text().split()
        demo.stdout.read()
    return taken_s, (int(spent[13]) + int(spent[14])) / os.sysconf("SC_CLK_TCK")


def peak_mib(*words: str, folder: str) -> float:
    """The most memory that a command takes."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    ended = subprocess.run([sys.executable, "-c", code, *CLI, *words], cwd=folder, env=_environment(), check=True,
                           capture_output=True, text=True)
    return float(ended.stdout)


def mind_lines(rounds: int) -> list[dict[str, Any]]:
    """A line for each of `MIB_OF`, and one for each mind's launch."""
    said = []
    with tempfile.TemporaryDirectory() as folder:
        measures = {"server": lambda mind: serving_mib(mind, folder),
                    "doctor": lambda mind: peak_mib("doctor", f"weights={mind}", folder=folder),
                    "help": lambda mind: peak_mib("serve", "--help", f"weights={mind}", folder=folder)}
        for what, of in measures.items():
            first, second = (median(of(mind) for _ in range(rounds)) for mind in MINDS)
            said.append(_mind_line(f"{what}: {MINDS[1]} above {MINDS[0]}", "MiB", second - first, MIB_OF[what])
                        | dict(zip(MINDS, (round(first), round(second)), strict=True)))
        for mind in MINDS:
            taken_s, processor_s = map(median, zip(*(launch_s(mind, folder) for _ in range(rounds)), strict=True))
            said.append(_mind_line(f"launch to first plan: {mind}", "s", taken_s, MOST_LAUNCH_S)
                        | {"processor_s": round(processor_s, 1)})
    return said


def _mind_line(what: str, unit: str, value: float, ceiling: float) -> dict[str, Any]:
    return {"what": what, "unit": unit, "value": round(value, 1), "ceiling": round(ceiling, 1),
            "is_within": value <= ceiling}


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
        os.environ["EMBODIED_CACHE"] = folder  # without a base: whichever machine, the same weights
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
    parser.add_argument("--minds", action="store_true")
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(set(THINGS) - {REFERENCE}))
    options = parser.parse_args()
    said = mind_lines(options.rounds) if options.minds else lines(measure(options.rounds, options.without))
    for line in said:
        print(json.dumps({**line, "rounds": options.rounds, "cores": os.cpu_count(),
                          "load": round(os.getloadavg()[0], 1)}), flush=True)
    return 0 if all(line.get("is_within", True) for line in said) else 1


if __name__ == "__main__":
    sys.exit(main())
