"""Whether a server that is used for long grows: memory, descriptors, threads and shared memory under mixed load.

    python -m scripts.bench.soak [--minutes 60] [--every 10] [--warmup 10]

Robots that work, stop, are reset and closed; watchers that come and go; plans that are asked for; requests that are
refused; recordings that are made. One JSON line a sample as it goes, then one a measure: its slope by least squares
after the warm-up, with the 95 % interval of a slope whose errors may hang together (batch means), and the mean of the
first and of the last third. `is_flat`: the interval holds zero, or what the slope adds in a day is less than the
measure's `slack`. `turns` are what robots were asked for and answered; a server that answers nobody for so long as
IDLE_MIN is no server in use, and the soak fails.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from scripts.bench.serve import scene
from scripts.bench.served import Served, serving

MEASURES = {"memory_mib": 100.0, "private_mib": 100.0, "descriptors": 20.0, "threads": 10.0, "shared_mib": 10.0,
            "processes": 2.0}
"""What is measured of the server and all its children -> what it may grow by in a day and still count as flat."""
IDLE_MIN = 5.0
_BATCHES = 10
_T_8 = 2.306  # Student's t for 95 %, and eight degrees of freedom
_DAY_H = 24.0


def sample(pid: int) -> dict[str, float]:
    """What the server holds now; memory is of its own process, the rest of its children too."""
    family = [pid, *children(pid)]
    smaps = _rollup(pid)
    return {"memory_mib": smaps["Rss"], "private_mib": smaps["Private_Dirty"],
            "descriptors": sum(_count(p, "fd") for p in family), "threads": sum(_count(p, "task") for p in family),
            "shared_mib": sum(_rollup(p).get("Pss_Shmem", 0.0) for p in family) + _shm_mib(),
            "processes": len(family)}


def children(pid: int) -> list[int]:
    """All that descend from a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *children(child)]
    return found


def _rollup(pid: int) -> dict[str, float]:
    """MiB by kind."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}


def _count(pid: int, what: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{what}"))
    except OSError:
        return 0


def _shm_mib() -> float:
    with contextlib.suppress(OSError):
        return sum(f.stat().st_size for f in Path("/dev/shm").iterdir() if f.is_file()) / (1 << 20)
    return 0.0


# Who uses it ---------------------------------------------------------------------------------------------------------


TURNS: list[float] = []
"""When a robot had done a turn, by the clock of `time.monotonic`."""


def work(served: Served, is_over: threading.Event) -> None:
    """Sessions one after the other: instructions, a stop in the middle, an emergency stop and its reset, a new
    scene."""
    seed = 1_000_000 + threading.get_ident() % 1000
    while not is_over.is_set():
        with served.client() as client, contextlib.suppress(httpx.HTTPError):
            seed += 1
            opened = client.post("/v1/sessions", json={"task": "put_in_bowl", "seed": seed, "planner": "oracle",
                                                       "speed": 4.0, "client": "soak"})
            if opened.status_code == 201:
                _use(client, opened.json(), seed)
            else:
                is_over.wait(0.5)


def _use(client: httpx.Client, opened: dict[str, Any], seed: int) -> None:
    """Four turns with a robot, which is left in order whatever happens."""
    at, mine = f"/v1/sessions/{opened['session']['session_id']}", {"X-Lease": opened["lease"]}
    try:
        for turn in range(4):
            _one_turn(client, at, mine, turn, seed)
    finally:
        until_s = time.monotonic() + 60  # a lease that was lost is taken again
        while client.delete(at, headers=mine).status_code not in (204, 404) and time.monotonic() < until_s:
            mine = {"X-Lease": client.post(f"{at}/lease", json={"client": "soak"}).json().get("lease", "")}
            time.sleep(0.2)


def _one_turn(client: httpx.Client, at: str, mine: dict[str, str], turn: int, seed: int) -> None:
    instruction = client.get(at).json().get("instruction", "")
    waits = "true" if turn % 2 else "false"
    client.post(f"{at}/instructions?wait={waits}", headers=mine, json={"instruction": instruction or "go"})
    if turn == 2:
        time.sleep(0.3)
        client.post(f"{at}/estop")
        client.post(f"{at}/estop/reset", json={"confirm": "the robot is clear"})
    client.post(f"{at}/stop")
    client.get(f"{at}/observation")
    client.get(f"{at}/cameras/front")
    for _ in range(50):
        answer = client.post(f"{at}/reset", headers=mine, json={"seed": seed + 100 * turn})
        if answer.status_code == 200 or answer.json()["error"]["code"] != "busy":
            TURNS.append(time.monotonic())
            return
        time.sleep(0.05)


def watch(served: Served, is_over: threading.Event) -> None:
    """Streams of events that are read for a second and left, of whichever robot there is."""
    while not is_over.is_set():
        with served.client(timeout_s=1.0) as client, contextlib.suppress(httpx.HTTPError, IndexError, KeyError):
            session = client.get("/v1/sessions").json()["sessions"][0]["session_id"]
            with client.stream("GET", f"/v1/sessions/{session}/events") as stream:
                until_s = time.monotonic() + 1.0
                for _ in stream.iter_lines():
                    if time.monotonic() > until_s:
                        break
        is_over.wait(0.1)


def plan(served: Served, is_over: threading.Event) -> None:
    """Plans for one moment."""
    _, _, body = scene()
    with served.client() as client:
        while not is_over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                client.post("/v1/plan", content=body)
            is_over.wait(0.3)


def offend(served: Served, is_over: threading.Event) -> None:
    """What is refused: wrong tokens, no message, too much, nothing there."""
    large = b'{"model": "' + b"a" * (4 << 20) + b'"}'
    with served.client() as client:
        while not is_over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                client.get("/v1/worlds", headers={"Authorization": "Bearer wrong"})
                client.post("/v1/sessions", content=b"{")
                client.post("/v1/chat/completions", content=large, headers={"content-type": "application/json"})
                client.get("/v1/sessions/s_000000000000")
            is_over.wait(0.5)


def browse(served: Served, is_over: threading.Event) -> None:
    """Recordings that are listed and downloaded."""
    with served.client() as client:
        while not is_over.is_set():
            with contextlib.suppress(httpx.HTTPError, IndexError, KeyError):
                newest = client.get("/v1/recordings").json()["recordings"][0]["recording_id"]
                for what in ("events", "telemetry", "video.mp4", "dataset.zip"):
                    client.get(f"/v1/recordings/{newest}/{what}")
            is_over.wait(2.0)


USERS: tuple[Callable[[Served, threading.Event], None], ...] = (work, work, watch, watch, plan, offend, browse)


@contextlib.contextmanager
def used(served: Served) -> Iterator[None]:
    """With it, everybody is at it."""
    is_over = threading.Event()
    threads = [threading.Thread(target=user, args=(served, is_over), daemon=True) for user in USERS]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join(timeout=30)


# What it shows -------------------------------------------------------------------------------------------------------


def slope(hours: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Growth an hour, and half of its 95 % interval, from the means of ten batches: samples that follow one another are
    alike, batches hardly."""
    x, y = (np.array([part.mean() for part in np.array_split(np.asarray(v, float), _BATCHES)]) for v in (hours, values))
    spread = x - x.mean()
    rate = float((spread * y).sum() / (spread**2).sum())
    errors = y - y.mean() - rate * spread
    deviation = float(np.sqrt((errors**2).sum() / (_BATCHES - 2) / (spread**2).sum()))
    return rate, _T_8 * deviation


def verdict(name: str, hours: list[float], values: list[float]) -> dict[str, Any]:
    """The line of a measure."""
    rate, half = slope(hours, values)
    third = len(values) // 3
    return {"what": "slope", "measure": name, "unit": "1/h", "value": round(rate, 3),
            "interval": [round(rate - half, 3), round(rate + half, 3)], "samples": len(values),
            "first_third": round(float(np.mean(values[:third])), 2),
            "last_third": round(float(np.mean(values[-third:])), 2),
            "is_flat": bool(abs(rate) <= half or rate * _DAY_H < MEASURES[name])}


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def check_in_use(begin_s: float) -> None:
    """Raise SystemExit where no robot has done a turn for long: what does not change then is no plateau."""
    idle_min = (time.monotonic() - max([begin_s, *TURNS[-1:]])) / 60
    if idle_min > IDLE_MIN:
        raise SystemExit(f"expected a server in use, no robot has done a turn for {idle_min:.1f} minutes; its log, and "
                         f"where its threads stand, say why")


def soak(minutes: float, every_s: float, warmup_min: float) -> bool:
    """Whether all was flat; prints samples as it goes."""
    with tempfile.TemporaryDirectory() as folder, serving(f"recordings={folder}", "max_sessions=8") as served, \
            used(served):
        begin_s, samples = time.monotonic(), []
        while (now_min := (time.monotonic() - begin_s) / 60) < minutes:
            samples.append((now_min / 60, sample(served.pid)))
            say(what="sample", minutes=round(now_min, 2), **{k: round(v, 1) for k, v in samples[-1][1].items()},
                turns=len(TURNS), load=round(os.getloadavg()[0], 1))
            check_in_use(begin_s)
            time.sleep(every_s)
    late = [(hour, each) for hour, each in samples if hour * 60 >= warmup_min]
    if len(late) < 2 * _BATCHES:
        raise SystemExit(f"expected at least {2 * _BATCHES} samples after the warm-up, got {len(late)}; soak longer")
    lines = [verdict(name, [hour for hour, _ in late], [each[name] for _, each in late]) for name in MEASURES]
    for line in lines:
        say(**line)
    return all(line["is_flat"] for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=10.0, metavar="SECONDS", help="between samples")
    parser.add_argument("--warmup", type=float, default=10.0, metavar="MINUTES", help="that do not count")
    options = parser.parse_args()
    sys.exit(0 if soak(options.minutes, options.every, options.warmup) else 1)


if __name__ == "__main__":
    main()
