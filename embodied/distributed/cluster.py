"""A Ray cluster on this machine: loopback only, no dashboard, no token file in the home folder, quiet."""

from __future__ import annotations

import os
import signal
import sys
import threading

from embodied.distributed.guard import watch_over

QUIET = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_ENABLE_STATE_TRACKING": "0",
         "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "1", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
         "RAY_TRAIN_ENABLE_PRINT_PATCH": "0", "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
         "RAY_DEDUP_LOGS_SKIP_REGEX": "Failed to query Ray Train Controller actor state"}
"""Defaults that a person's own environment overrides. Set RAY_AUTH_MODE=token where others have accounts here.

RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER is what makes Ray listen on 127.0.0.1 alone, on Linux too: given
`_node_ip_address="127.0.0.1"` it looks up the machine's outward address and listens there. It is read when Ray is
imported. The last three silence what Ray says twice, or every second for want of a dashboard."""

OBJECT_STORE_BYTES = 256 * 2**20


class ClusterError(RuntimeError):
    """A cluster that does not start, or that others could reach; the message says what to do."""


def connect(workers: int) -> None:
    """Start or join a Ray cluster with a processor for each of `workers`.

    Raises ValueError, at once, where there are fewer (Ray would wait for them forever) or another cluster is named.
    ClusterError when the new cluster does not start, or could be reached from other machines.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not is_connected():
        refuse_impossible(workers)
    import ray

    if not ray.is_initialized():
        _start()
        refuse_open_door(ray.util.get_node_ip_address())
    refuse_shortage(workers, int(ray.cluster_resources().get("CPU", 0)))


def _start() -> None:
    """Start a cluster of this process alone, which ends with it."""
    import ray

    in_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        with watch_over():
            ray.init(address="local", include_dashboard=False, configure_logging=False, log_to_driver=True,
                     object_store_memory=OBJECT_STORE_BYTES, runtime_env={"env_vars": worker_environment()})
    except Exception as error:  # a start-up that takes too long is a plain Exception of Ray's
        disconnect()
        raise ClusterError(f"ray: expected a cluster to start on this machine, got: {error}; try again when it is less "
                           "busy, or use distributed=local") from error
    if in_main:  # Ray takes SIGTERM to itself, and ends the process where it stands
        signal.signal(signal.SIGTERM, before)


def refuse_impossible(workers: int) -> None:
    """Raise ValueError, without Ray's being loaded, for what `connect` could never do."""
    address = os.environ.get("RAY_ADDRESS", "local")
    if address not in ("", "local"):
        raise ValueError(f"RAY_ADDRESS={address}: expected it unset, for no other cluster is joined: one of this "
                         "machine's own is started; unset it")
    refuse_shortage(workers, os.cpu_count() or 1)


def is_connected() -> bool:
    """Whether this process is part of a cluster; Ray is not loaded to find out."""
    ray = sys.modules.get("ray")
    return ray is not None and ray.is_initialized()


def refuse_shortage(workers: int, processors: int) -> None:
    """Raise ValueError when there are fewer processors than workers, or no worker."""
    if workers < 1:
        raise ValueError(f"num_workers: expected at least 1, got {workers}")
    if workers > processors:
        raise ValueError(f"num_workers: expected at most the {processors} processors of this cluster, got {workers}; "
                         "Ray would wait for the missing ones forever")


def has_gpus(device: str, workers: int) -> bool:
    """Whether each worker gets a GPU of this cluster. device: "auto" where there are enough of them, "cpu" or "cuda".

    ValueError for "cuda" where there are fewer than workers.
    """
    import ray

    gpus = int(ray.cluster_resources().get("GPU", 0))
    if device == "cuda" and gpus < workers:
        raise ValueError(f"device=cuda: expected a GPU for each of {workers} workers, got {gpus}; use fewer workers, "
                         "or device=cpu")
    return device != "cpu" and gpus >= workers


def refuse_odd_split(batch_size: int, num_workers: int) -> None:
    """Raise ValueError unless every worker gets the same share of a batch."""
    if batch_size % num_workers:
        raise ValueError(f"batch_size: expected a multiple of the {num_workers} workers, got {batch_size}")


def refuse_open_door(address: str) -> None:
    """End the cluster, with a ClusterError, unless it listens on the loopback address only."""
    if address != "127.0.0.1" and os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0":
        disconnect()
        raise ClusterError(f"ray: expected to listen on 127.0.0.1, got {address}; connect before anything else imports "
                           "ray, or set RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=1 to allow it")


def worker_environment() -> dict[str, str]:
    """One thread a worker: several processes with all cores each only fight."""
    return {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def disconnect() -> None:
    """End the cluster that `connect` started, with every process of it."""
    if is_connected():
        import ray

        ray.shutdown()

