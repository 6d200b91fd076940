"""How fast robots stop: from the request to the last command that moves, with many robots at work at once.

    python -m scripts.bench.stop [--sessions 20] [--trials 200] [--recordings FOLDER]
    python -m scripts.bench.stop --floods [--seconds 10] [--only FLOOD ...]

The second form measures stops while others flood the server, see `scripts/bench/floods.py`.

One JSON line each: stops (`stop` and `estop` in turn, over HTTP, at robots picked while they move) to the last command
that moves, to the latch, to the world's confirmation and to the answer; motions later than a confirmation (must be 0);
what moved after an emergency stop before it was reset (must be nothing), and lost heartbeats (from the moment the lease
ran out, in simulated time; robots here move at the speed of life). A robot that had already come to rest when the
request was sent is no trial.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np

from scripts.bench.flooding import FLOODS
from scripts.bench.floods import flood
from scripts.bench.served import Served, serving, spread

_MOVED_S = 0.12  # a robot whose last command is older is not in motion
_WAIT_S = 0.4  # after a stop, for whatever might still move
_LEASE_S = 1.0


@dataclass
class Worker:
    """A robot that works until told otherwise, in a thread of its own."""

    served: Served
    seed: int
    is_over: bool = False
    is_held: bool = False
    """While a trial looks at it: it sends nothing new."""
    session_id: str = ""
    lease: str = ""

    def open(self) -> None:
        self._client = self.served.client()
        opened = self._client.post("/v1/sessions", json={"task": "put_in_bowl", "seed": self.seed, "speed": 1.0,
                                                         "planner": "oracle", "client": "bench"}).json()
        self.session_id, self.lease = opened["session"]["session_id"], opened["lease"]
        self.instruction = opened["session"]["instruction"]

    def run(self) -> None:
        """Instruction after instruction, a new scene when one is fulfilled."""
        headers, at = {"X-Lease": self.lease}, f"/v1/sessions/{self.session_id}"
        while not self.is_over:
            if self.is_held:
                time.sleep(0.02)
                self._client.put(f"{at}/lease", headers=headers)
                continue
            answer = self._client.post(f"{at}/instructions?wait=true", headers=headers,
                                       json={"instruction": self.instruction})
            end = answer.json().get("end") if answer.status_code == 200 else "stopped"
            if end != "stopped" and not self.is_over:
                self.seed += 100
                self.instruction = self._client.post(f"{at}/reset", headers=headers, json={"seed": self.seed}).json()[
                    "instruction"]


def state(client: httpx.Client, worker: Worker) -> dict[str, Any]:
    return client.get(f"/v1/sessions/{worker.session_id}").json()


@dataclass(frozen=True, slots=True)
class Trial:
    """One stop, in ms from its request."""

    moved_ms: float  # the last command that moves
    latched_ms: float
    confirmed_ms: float
    answered_ms: float
    is_confirmed: bool  # in the answer, not only later
    is_moved_later: bool  # than the confirmation
    held: bool  # nothing moved while the emergency stop was latched


def stop_trial(client: httpx.Client, worker: Worker, verb: str) -> Trial | None:
    """What came of a stop; None: no motion."""
    if time.monotonic() - state(client, worker)["last_motion_s"] > _MOVED_S:
        return None
    worker.is_held = True
    asked_s = time.monotonic()
    told = client.post(f"/v1/sessions/{worker.session_id}/{verb}").json()["stop"]
    answered_s = time.monotonic()
    stop = confirmed(client, worker)
    time.sleep(_WAIT_S)
    last_s, held = state(client, worker)["last_motion_s"], True
    if verb == "estop":
        refused = client.post(f"/v1/sessions/{worker.session_id}/targets", headers={"X-Lease": worker.lease},
                              json={"tool_position_m": [0.5, 0.0, 0.3]})
        held = refused.status_code == 409 and state(client, worker)["last_motion_s"] == last_s
        client.post(f"/v1/sessions/{worker.session_id}/estop/reset", json={"confirm": "the robot is clear"})
    worker.is_held = False
    moved_s = max(asked_s, last_s)
    return Trial(*((at_s - asked_s) * 1e3 for at_s in (moved_s, stop["latched_s"], stop["confirmed_s"], answered_s)),
                 told["confirmed_s"] is not None, last_s > stop["confirmed_s"], held)


def confirmed(client: httpx.Client, worker: Worker) -> dict[str, Any]:
    """The robot's last stop, once its world has confirmed it."""
    while (stop := state(client, worker)["stop"])["confirmed_s"] is None:
        time.sleep(0.02)
    return stop


def stops(served: Served, workers: list[Worker], trials: int) -> list[Trial]:
    """Trials at robots picked at random."""
    rng, results = np.random.default_rng(0), []
    with served.client() as client:
        while len(results) < trials:
            worker = workers[int(rng.integers(len(workers)))]
            result = stop_trial(client, worker, "estop" if len(results) % 2 else "stop")
            if result is not None:
                results.append(result)
            time.sleep(float(rng.uniform(0.0, 0.15)))
    return results


def heartbeat_trial(client: httpx.Client, seed: int) -> float:
    """Simulated s from the end of a lease to the last command that moves: the client sends an instruction and is never
    heard of again. Below 0: the robot had come to rest before."""
    opened = client.post("/v1/sessions", json={"task": "put_in_bowl", "seed": seed, "speed": 1.0, "planner": "oracle",
                                               "client": "bench"}).json()
    at = f"/v1/sessions/{opened['session']['session_id']}"
    client.post(f"{at}/instructions", headers={"X-Lease": opened["lease"]},
                json={"instruction": opened["session"]["instruction"]})
    ends_s = time.monotonic() + client.get(at).json()["lease"]["expires_in_s"]
    time.sleep(_LEASE_S + _WAIT_S)
    last_s = client.get(at).json()["last_motion_s"]
    lease = client.post(f"{at}/lease", json={"client": "bench"}).json()["lease"]
    client.delete(at, headers={"X-Lease": lease})
    return last_s - ends_s


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--heartbeats", type=int, default=40)
    parser.add_argument("--recordings", default="null")
    parser.add_argument("--floods", action="store_true", help="stops under floods instead")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each flood")
    parser.add_argument("--only", nargs="*", default=[], choices=["none", *FLOODS], metavar="FLOOD")
    options = parser.parse_args()
    if options.floods:
        sys.exit(0 if flood(options.seconds, options.only) else 1)
    measure(options)


def measure(options: argparse.Namespace) -> None:
    """Stops among robots at work, then lost heartbeats."""
    with serving(f"max_sessions={options.sessions + 2}", f"recordings={options.recordings}") as served:
        workers = [Worker(served, 1_000_000 + i) for i in range(options.sessions)]
        for worker in workers:
            worker.open()
            threading.Thread(target=worker.run, daemon=True).start()
        time.sleep(3.0)
        results = stops(served, workers, options.trials)
        for worker in workers:
            worker.is_over = True
        shared = {"sessions": options.sessions, "trials": len(results), "cores": os.cpu_count(),
                  "load": round(os.getloadavg()[0], 1), "recorded": options.recordings != "null"}
        for what, name in (("last motion", "moved_ms"), ("latch", "latched_ms"), ("confirmation", "confirmed_ms"),
                           ("answer", "answered_ms")):
            say(what=f"stop to {what}", unit="ms", **spread([getattr(t, name) for t in results]), **shared)
        say(what="stops confirmed in their answer", unit="of", value=sum(t.is_confirmed for t in results),
            of=len(results))
        say(what="motions later than the confirmation", unit="of", value=sum(t.is_moved_later for t in results),
            of=len(results))
        estops = results[1::2]
        say(what="emergency stops that held", unit="of", value=sum(t.held for t in estops), of=len(estops))
    with serving(f"lease_s={_LEASE_S}", "recordings=null") as served, served.client() as client:
        lost = [heartbeat_trial(client, 1_000_500 + i) for i in range(options.heartbeats)]
        say(what="lost heartbeat to last motion", unit="simulated s", **spread(lost), trials=len(lost),
            moving_at_the_end=sum(value > -0.06 for value in lost))


if __name__ == "__main__":
    main()
