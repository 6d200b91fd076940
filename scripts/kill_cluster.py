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

    def workers(self, root: int) -> list[int]: ...
    def jobs(self, root: int) -> list[int]: ...
    def a_node(self, draw: random.Random) -> list[int]: ...
    def mend(self) -> None: ...


class Owned:
    """Everything of it descends from the command."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.environment: dict[str, str] = {}

    def roots(self, root: int) -> list[int]:
        return [root]

    def workers(self, root: int) -> list[int]:
        """Ids of the processes that train, none where there are none yet."""
        return sorted(pid for pid in descendants(self.roots(root)) if WORKER in title(pid))

    def jobs(self, root: int) -> list[int]:
        """Of all that Ray runs for the command: workers, and who looks after them; without the agents of a node, which
        dies with them."""
        return [pid for pid in descendants(self.roots(root))
                if title(pid).startswith("ray::") and "Agent" not in title(pid)]

    def a_node(self, draw: random.Random) -> list[int]:
        raise ValueError("--victims node: expected --cluster nodes, a cluster that has some")

    def mend(self) -> None:
        pass


class Standing(Owned):
    """A cluster on this machine that outlives commands: one node, or a head that trains nothing and a node of one
    processor for each worker and one to spare. It listens on 127.0.0.1 alone, behind a token."""

    def __init__(self, workers: int, *, has_nodes: bool) -> None:
        super().__init__()
        self.wanted, self.has_nodes = workers, has_nodes

    def __enter__(self) -> Standing:
        self.environment = {**QUIET, **OWN, "RAY_AUTH_TOKEN": secrets.token_hex(32),
                            "RAY_worker_niceness": "0"}  # Ray's own 15 makes workers wait for all else on a machine
        os.environ.update(self.environment)  # read when Ray is imported
        from ray.cluster_utils import Cluster as Nodes

        self.nodes = Nodes(initialize_head=True, head_node_args=self._node(0 if self.has_nodes else self.wanted))
        self.address = self.nodes.address
        self.mend()
        return self

    def _node(self, processors: int) -> dict[str, Any]:
        return {"num_cpus": processors, "include_dashboard": False, "node_ip_address": "127.0.0.1",
                "object_store_memory": OBJECT_STORE_BYTES // 2}

    def __exit__(self, *error: object) -> None:
        self.nodes.shutdown()

    def mend(self) -> None:
        """Put others in the place of nodes that were lost."""
        for node in [node for node in self.nodes.worker_nodes if title(_raylet(node)) == ""]:
            self.nodes.remove_node(node, allow_graceful=False)
        while self.has_nodes and len(self.nodes.worker_nodes) <= self.wanted:
            self.nodes.add_node(**self._node(1))

    def roots(self, root: int) -> list[int]:
        return [_raylet(node) for node in self.nodes.list_all_nodes()]

    def a_node(self, draw: random.Random) -> list[int]:
        """All processes of a node on which somebody trains, its own first."""
        of = {_raylet(node): descendants([_raylet(node)]) for node in self.nodes.worker_nodes}
        training = [root for root, below in of.items() if any(WORKER in title(pid) for pid in below)]
        root = draw.choice(sorted(training or of))
        return [root, *of[root]]


def _raylet(node: Any) -> int:
    return node.all_processes["raylet"][0].process.pid


def end(pid: int) -> None:
    """SIGKILL, for a process that may have gone."""
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
