"""A server of its own for a benchmark, and the robots in it: what the benchmarks of serving share."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx
import numpy as np

START_S = 120.0


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    token: str
    pid: int

    def client(self, timeout_s: float = 120.0) -> httpx.Client:
        """A connection of its own."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=timeout_s)


@contextlib.contextmanager
def serving(*overrides: str) -> Iterator[Served]:
    """`embodied serve` in a process of its own, ended afterwards."""
    token = secrets.token_urlsafe(18)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "embodied.cli.main", "serve", "port=0", f"hydra.run.dir={folder}", *overrides]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                                  env={**os.environ, "EMBODIED_TOKEN": token, "OMP_NUM_THREADS": "1"})
        try:
            address = _address(server)
            threading.Thread(target=deque, args=(server.stdout, 0), daemon=True).start()  # a pipe is to be read
            yield Served(address, token, server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)


def _address(server: subprocess.Popen) -> str:
    """What it prints, once it can plan."""
    deadline_s, address = time.monotonic() + START_S, ""
    for line in server.stdout:
        if line.startswith("console: "):
            address = line.split()[1].rstrip("/")
        if line.startswith("ready: "):
            return address
        if time.monotonic() > deadline_s:
            break
    raise RuntimeError("expected a server that starts, it ended or said nothing; run `embodied serve` to see why")


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile, 99th and greatest."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {"median": round(float(p50), 3), "p95": round(float(p95), 3), "p99": round(float(p99), 3),
            "max": round(float(max(values)), 3)}
