"""What serving costs: overhead over the planner in this process, throughput with and without batching, overload.

    python scripts/bench/serve.py [--requests 200] [--seconds 15]

One JSON line each. Requests are POST /v1/plan with the RGB-D views of a real scene (0.5 MB), on loopback; every client
is a process of its own with one connection. Overhead is server minus in-process, alternated on one scene, both with
one torch thread.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import gymnasium
import httpx
import numpy as np

sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
"""Without this script's own folder, in which `import envs` would find another script."""

import embodied  # noqa: E402
from embodied.serving.packing import pack  # noqa: E402
from envs.interface import Observation  # noqa: E402
from scripts.bench.served import Served, serving, spread  # noqa: E402

CLIENTS = (1, 8, 32)
_SEED = 1_000_700


def say(**line: Any) -> None:
    print(json.dumps({**line, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}), flush=True)


def scene() -> tuple[str, Observation, bytes]:
    """An instruction, what is seen, and both as a request's body."""
    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    raw, _ = env.reset(seed=_SEED)
    env.close()
    instruction = raw["instruction"]
    body = pack({"instruction": instruction, "observation": {k: v for k, v in raw.items() if k != "instruction"}})
    return instruction, Observation.from_dict(raw), body


def overhead(served: Served, requests: int) -> None:
    """The planner here and behind the server, in turn, on the same machine at the same time."""
    import torch

    torch.set_num_threads(1)
    agent = embodied.load_agent()
    instruction, seen, body = scene()
    here, there = [], []
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"))  # as `embodied.serving.client` does
    with contextlib.closing(connection):
        for i in range(requests + 5):
            start = time.perf_counter()
            agent.plan(instruction, seen)
            middle = time.perf_counter()
            _post(connection, served.token, body)
            if i >= 5:  # the first ones warm both up
                here.append((middle - start) * 1e3)
                there.append((time.perf_counter() - middle) * 1e3)
    apart = np.array(there) - np.array(here)
    say(what="plan in process", unit="ms", **spread(here), requests=requests)
    say(what="plan by the server", unit="ms", **spread(there), requests=requests)
    say(what="overhead", unit="ms", value=round(float(np.median(there) - np.median(here)), 2),
        median_of_pairs=round(float(np.median(apart)), 2))


def _post(connection: http.client.HTTPConnection, token: str, body: bytes) -> None:
    connection.request("POST", "/v1/plan", body, {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    json.loads(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"expected 200, got {answer.status}")


def _ask(url: str, token: str, body: bytes, seconds: float, start: Any, results: Any) -> None:
    """One client: (status, ms, Retry-After given) of each request that was answered within so many seconds of the
    moment at which all clients were ready."""
    found = []
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        client.get("/healthz")
        start.wait()
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            begin_s = time.monotonic()
            answer = client.post("/v1/plan", content=body)
            if time.monotonic() <= end_s:
                found.append((answer.status_code, (time.monotonic() - begin_s) * 1e3, "retry-after" in answer.headers))
            if answer.status_code != 200:
                time.sleep(0.05)
    results.put(found)


def load(served: Served, body: bytes, clients: int, seconds: float) -> list[tuple[int, float, bool]]:
    """What so many clients got in so many seconds."""
    context = multiprocessing.get_context("spawn")
    results, start = context.Queue(), context.Barrier(clients)
    workers = [context.Process(target=_ask, args=(served.url, served.token, body, seconds, start, results), daemon=True)
               for _ in range(clients)]
    for worker in workers:
        worker.start()
    found = [answer for _ in workers for answer in results.get(timeout=seconds + 120)]
    for worker in workers:
        worker.join()
    return found


def throughput(batch: int, seconds: float, body: bytes) -> None:
    with serving("recordings=null", f"batch={batch}", "queue=256") as served:
        for clients in CLIENTS:
            found = load(served, body, clients, seconds)
            times = [ms for status, ms, _ in found if status == 200]
            say(what="plans", batching=batch > 1, clients=clients, unit="1/s", value=round(len(times) / seconds, 1),
                ms=spread(times), refused=len(found) - len(times))


def vital(client: httpx.Client, session: str, is_over: threading.Event, times: list[float]) -> None:
    """ms that health and stop take, in turn, while others overload the server."""
    while not is_over.is_set():
        start = time.perf_counter()
        if len(times) % 2:
            client.post(f"/v1/sessions/{session}/stop").raise_for_status()
        else:
            client.get("/healthz").raise_for_status()
        times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.05)


def overload(seconds: float, body: bytes) -> None:
    """Many more clients than places: what is refused, how, and whether health and stops still answer at once."""
    with serving("recordings=null", "queue=4", "plans=8") as served, served.client() as client:
        opened = client.post("/v1/sessions", json={"task": "put_in_bowl", "seed": _SEED, "client": "bench"}).json()
        is_over, times = threading.Event(), []
        watcher = threading.Thread(target=vital, args=(client, opened["session"]["session_id"], is_over, times))
        watcher.start()
        found = load(served, body, 32, seconds)
        is_over.set()
        watcher.join()
    refused = [answer for answer in found if answer[0] != 200]
    say(what="overload", clients=32, answered=len(found) - len(refused), refused=len(refused),
        statuses=sorted({status for status, _, _ in refused}), all_say_when=all(when for _, _, when in refused))
    say(what="health and stop under overload", unit="ms", **spread(times), requests=len(times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with serving("recordings=null") as served:
        overhead(served, options.requests)
    body = scene()[2]
    for batch in (8, 1):
        throughput(batch, options.seconds, body)
    overload(options.seconds, body)


if __name__ == "__main__":
    main()
