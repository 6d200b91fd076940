"""Clusters for `scripts.kills`: the one that a command starts for itself, or one that stands, of several nodes."""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import signal
from pathlib import Path
from typing import Any, Protocol

from embodied.distributed.cluster import OBJECT_STORE_BYTES, OWN, QUIET

WORKER = "TrainWorker"
"""Part of the title of a process that trains."""


class Cluster(Protocol):
    """Where a command's workers are. root: process id of the command."""

    address: str | None
    environment: dict[str, str]

    def has_workers(self, root: int) -> bool: ...
    def kill_worker(self, root: int, draw: random.Random) -> None: ...
    def kill_jobs(self, root: int) -> None: ...
    def lose_node(self, draw: random.Random) -> None: ...
    def mend(self) -> None: ...


class Owned:
    """Everything of it descends from the command."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.environment: dict[str, str] = {}

    def roots(self, root: int) -> list[int]:
        return [root]

    def has_workers(self, root: int) -> bool:
        return bool(self._workers(root))

    def _workers(self, root: int) -> list[int]:
        below = descendants(self.roots(root))
        return [pid for pid in below if WORKER in title(pid)]

    def kill_worker(self, root: int, draw: random.Random) -> None:
        """End one of those that train, if there is one."""
        if workers := sorted(self._workers(root)):
            _end(draw.choice(workers))

    def kill_jobs(self, root: int) -> None:
        """End all that Ray runs for the command: workers, and who looks after them."""
        for pid in descendants(self.roots(root)):
            if title(pid).startswith("ray::"):
                _end(pid)

    def lose_node(self, draw: random.Random) -> None:
        raise ValueError("--victims node: expected --cluster nodes, a cluster that has some")

    def mend(self) -> None:
        pass


class Standing(Owned):
    """A cluster on this machine that outlives commands: one node, or a head that trains nothing and a node of one
    processor for each worker and one to spare. It listens on 127.0.0.1 alone, behind a token."""

    def __init__(self, workers: int, *, has_nodes: bool) -> None:
        super().__init__()
        self.workers, self.has_nodes = workers, has_nodes

    def __enter__(self) -> Standing:
        self.environment = {**QUIET, **OWN, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        os.environ.update(self.environment)  # read when Ray is imported
        from ray.cluster_utils import Cluster as Nodes

        self.nodes = Nodes(initialize_head=True, head_node_args=self._node(0 if self.has_nodes else self.workers))
        self.address = self.nodes.address
        self.mend()
        return self

    def _node(self, processors: int) -> dict[str, Any]:
        return {"num_cpus": processors, "include_dashboard": False, "node_ip_address": "127.0.0.1",
                "object_store_memory": OBJECT_STORE_BYTES // 2}

    def __exit__(self, *error: object) -> None:
        self.nodes.shutdown()

    def mend(self) -> None:
        """Bring back nodes that were lost."""
        while self.has_nodes and len(self.nodes.worker_nodes) <= self.workers:
            self.nodes.add_node(**self._node(1))

    def roots(self, root: int) -> list[int]:
        return [_raylet(node) for node in self.nodes.list_all_nodes()]

    def lose_node(self, draw: random.Random) -> None:
        """End a node on which somebody trains, and all that runs there, at once."""
        training = [node for node in self.nodes.worker_nodes
                    if any(WORKER in title(pid) for pid in descendants([_raylet(node)]))]
        node = draw.choice(sorted(training or self.nodes.worker_nodes, key=_raylet))
        for pid in [_raylet(node), *descendants([_raylet(node)])]:
            _end(pid)
        self.nodes.remove_node(node, allow_graceful=False)


def _raylet(node: Any) -> int:
    return node.all_processes["raylet"][0].process.pid


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def title(pid: int) -> str:
    """What a process calls itself; nothing where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def bearing(mark: str) -> list[int]:
    """Ids of the processes whose environment has a NAME=VALUE, but for those that have ended."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
    return found


def descendants(roots: list[int]) -> list[int]:
    """Ids of the processes below some, which are left out."""
    parents: dict[int, int] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, rest = [], list(roots)
    while rest:
        above = rest.pop()
        below = [pid for pid, parent in parents.items() if parent == above]
        found += below
        rest += below
    return found
