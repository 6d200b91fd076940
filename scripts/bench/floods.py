"""What floods do to the emergency stop: its worst answer, a stop's and a health check's, while others flood the server.
`latched_ms` is the latest that a stop came into force after it was asked for; its answer may wait for the world's
confirmation.

    python -m scripts.bench.stop --floods [--seconds 10] [--only NAME ...]

Every flood runs in a process of its own, the stops are asked for and timed in this one, on fresh connections and on one
that is kept, in turn. One JSON line a flood; `answered` says how many requests there were of each kind,
`operator_refused` how often the operator was told to come back later, `served` what the flood itself was told, by
status or by how its connection ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.bench.flooding import FLOODS, Target
from scripts.bench.served import Served, serving

LIMIT_MS = 100.0
VIEWER = "a-viewers-token-of-the-bench"
_RECORDING = "rec_0123456789ab"
_DATASET_BYTES = 64 << 20
_PAUSE_S = 0.02
_SETTLE_S = 1.0  # for the flood to be under way before, and to be over after


class Timed:
    """Requests that are timed, on a fresh connection and a kept one in turn."""

    def __init__(self, served: Served) -> None:
        self._served, self._kept = served, self._connection(served)
        self.worst_ms: dict[str, float] = {"latched": 0.0}
        """By what was asked: ms to the answer, and `latched`, to the moment that a stop came into force."""
        self.counts: Counter[str] = Counter()
        self.refused = 0
        """Answers "come back later", which no stop, no emergency stop and no health check may ever be."""

    @staticmethod
    def _connection(served: Served) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=60)

    def ask(self, name: str, method: str, path: str, body: dict | None = None) -> dict[str, Any]:
        """The answer, its time counted under a name."""
        is_fresh = self.counts[name] % 2 == 0
        begin_s = time.monotonic()
        connection = self._connection(self._served) if is_fresh else self._kept
        try:
            answer = self._answer(connection, method, path, body)
        except (http.client.HTTPException, ConnectionError):
            connection.close()  # a kept connection may end while it is idle: the same again, on a new one, timed whole
            answer = self._answer(connection, method, path, body)
        taken_ms = 1e3 * (time.monotonic() - begin_s)
        if "stop" in answer:
            latched_ms = 1e3 * (answer["stop"]["latched_s"] - begin_s)
            self.worst_ms["latched"] = max(latched_ms, self.worst_ms["latched"])
        if is_fresh:
            connection.close()
        self.counts[name] += 1
        self.worst_ms[name] = max(taken_ms, self.worst_ms.get(name, 0.0))
        return answer

    def _answer(self, connection: http.client.HTTPConnection, method: str, path: str, body: dict | None) -> dict:
        headers = {"Authorization": f"Bearer {self._served.token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = json.loads(answer.read())
        if answer.status in (429, 503):
            self.refused += 1
        elif answer.status != 200:
            raise RuntimeError(f"{method} {path}: expected 200, got {answer.status}: {content}")
        return content


def measure(served: Served, session: str, seconds: float) -> Timed:
    """Emergency stops, stops and health checks, one after the other, for so many seconds."""
    timed, until_s = Timed(served), time.monotonic() + seconds
    while time.monotonic() < until_s:
        answer = timed.ask("estop", "POST", f"/v1/sessions/{session}/estop")
        if answer.get("mode") != "estopped":
            raise RuntimeError(f"expected an emergency stop that latches, got {answer}")
        timed.ask("reset", "POST", f"/v1/sessions/{session}/estop/reset", {"confirm": "the robot is clear"})
        timed.ask("stop", "POST", f"/v1/sessions/{session}/stop")
        timed.ask("health", "GET", "/healthz")
        time.sleep(_PAUSE_S)
    return timed


@contextlib.contextmanager
def flooded(name: str, target: Target) -> Iterator[Any]:
    """A flood that is under way; gives the queue of what it was told."""
    context = multiprocessing.get_context("spawn")
    is_over, told = context.Event(), context.Queue()
    flood = context.Process(target=FLOODS[name], args=(target, is_over, told), daemon=True)
    flood.start()
    time.sleep(_SETTLE_S)
    try:
        yield told
    finally:
        is_over.set()
        flood.join(timeout=20)
        flood.kill()


def bench(served: Served, session: str, name: str, seconds: float) -> dict[str, Any]:
    """The line of a flood."""
    target = Target(served.url, served.token, VIEWER, session, _RECORDING)
    if name == "none":
        timed, told = measure(served, session, seconds), {}
    else:
        with flooded(name, target) as queue:
            timed = measure(served, session, seconds)
        told = queue.get(timeout=20)
    worst = {f"{kind}_ms": round(timed.worst_ms[kind], 1) for kind in ("latched", "estop", "stop", "health")}
    return {"what": "worst answer under a flood", "flood": name, "unit": "ms", **worst,
            "is_within": max(worst.values()) <= LIMIT_MS, "answered": timed.counts["estop"],
            "operator_refused": timed.refused, "served": dict(told),
            "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)}


def _record(folder: Path) -> None:
    """A recording with a large dataset, for those who download it and do not read."""
    dataset = folder / _RECORDING / "dataset"
    dataset.mkdir(parents=True)
    (dataset / "film.mp4").write_bytes(os.urandom(1 << 20) * (_DATASET_BYTES >> 20))
    facts = {"recording_id": _RECORDING, "task": "stack", "created_unix_s": 0.0, "duration_s": 0.0, "instructions": [],
             "runs": [], "frames": 0, "fps": 5, "has_video": False}
    (folder / _RECORDING / "recording.json").write_text(json.dumps(facts))


def flood(seconds: float, only: list[str]) -> bool:
    """Whether every answer came in time; prints a line a flood."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        _record(Path(folder))
        with serving(f"recordings={folder}", f"viewer_token={VIEWER}") as served:
            with served.client() as client:
                session = client.post("/v1/sessions", json={"task": "put_in_bowl", "planner": "oracle",
                                                            "client": "bench"}).json()["session"]["session_id"]
            for name in only or ["none", *FLOODS]:
                lines.append(bench(served, session, name, seconds))
                print(json.dumps(lines[-1]), flush=True)
                time.sleep(_SETTLE_S)
    return all(line["is_within"] for line in lines)
