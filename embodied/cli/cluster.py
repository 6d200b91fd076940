"""Whether the Ray cluster that was asked for can be, said before anything is loaded, collected or waited for."""

from __future__ import annotations

from embodied.cli.settings import Backend
from embodied.distributed.cluster import refuse_impossible


def check_cluster(backend: Backend, workers: int) -> None:
    """Raise ValueError for a cluster that this machine cannot be; 0 workers are one."""
    if backend == "ray":
        refuse_impossible(max(workers, 1))
