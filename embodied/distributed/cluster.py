"""A Ray cluster: one of this machine's own (loopback only, behind a token, no dashboard, quiet), or one that stands,
named by RAY_ADDRESS."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from embodied.distributed.guard import watch_over
from embodied.training.parallel.layout import Layout
from embodied.training.stage import SEGMENTER, StageSettings
from embodied.training.stages import stage_class

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TRAIN_ENABLE_STATE_TRACKING": "0",
         "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_DEDUP_LOGS": "1",
         "RAY_TRAIN_ENABLE_PRINT_PATCH": "0", "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
         "RAY_DEDUP_LOGS_SKIP_REGEX": "Failed to query Ray Train Controller actor state"}
"""Defaults that a person's own environment overrides. The last three silence what Ray says twice, or every second for
want of a dashboard."""

OWN = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
"""The same of a cluster of this machine's own, which others with an account here cannot use: its token is in the
environment of its processes and in no file.

RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER is what makes Ray listen on 127.0.0.1 alone, on Linux too: given
`_node_ip_address="127.0.0.1"` it looks up the machine's outward address and listens there. It is read when Ray is
imported."""

OBJECT_STORE_BYTES = 256 * 2**20
TRIES = 3
"""Times that a cluster of this machine's own is started: a busy machine may not start one in Ray's half minute."""
WAIT_S = 300.0
"""How long a cluster that was joined may take to have as many processors as are asked for."""
_TOLD_S = 10.0


class ClusterError(RuntimeError):
    """A cluster that does not start, or that others could reach; the message says what to do."""


def connect(workers: int) -> None:
    """Start a Ray cluster of this machine's own, or join the one that RAY_ADDRESS names, and wait there, for WAIT_S at
    most, until it has a processor for each of `workers`.

    Raises ValueError, at once, where this machine has fewer (Ray would wait for them forever). ClusterError when a
    cluster does not start, does not answer, could be reached from other machines, or has too few processors.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if not is_connected():
        refuse_impossible(workers)
        if (address := named_address()) is None:
            _start_own()
        else:
            _join(address)
    if named_address() is None:
        refuse_shortage(workers, _processors())
    else:
        wait_for_processors(workers)


def named_address() -> str | None:
    """Where the cluster is that a person wants to be joined; None for one of this machine's own."""
    address = os.environ.get("RAY_ADDRESS", "")
    return None if address in ("", "local") else address


def _start_own() -> None:
    """Start a cluster of this process alone, which ends with it."""
    for name, value in OWN.items():
        _set(name, value)
    if os.environ["RAY_AUTH_MODE"] == "token" and "RAY_AUTH_TOKEN_PATH" not in os.environ:
        _set("RAY_AUTH_TOKEN", _token())
    import ray

    with _signals_kept():
        for attempt in range(1, TRIES + 1):
            try:
                with watch_over(), _told("starting a cluster on this machine"):
                    ray.init(address="local", include_dashboard=False, configure_logging=False, log_to_driver=True,
                             object_store_memory=OBJECT_STORE_BYTES, runtime_env={"env_vars": worker_environment()})
                break
            except Exception as error:  # a start-up that takes too long is a plain Exception of Ray's
                ray.shutdown()  # and what was half started
                if attempt == TRIES:
                    _unset()
                    raise ClusterError(f"ray: expected a cluster to start on this machine, got: {error}; try again "
                                       "when it is less busy, or use distributed=local") from error
                _say(f"the cluster did not start ({error}); trying again, {attempt + 1} of {TRIES}")
    refuse_open_door(ray.util.get_node_ip_address())


@cache
def _token() -> str:
    """Of all clusters that this process starts, one after the other: Ray reads it once."""
    return secrets.token_hex(32)


def _join(address: str) -> None:
    """Be a driver of a cluster that stands. Whether it wants a token is its own affair: one that is set is said."""
    has_token = bool({"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()) or (
        Path("~/.ray/auth_token").expanduser().is_file())
    _set("RAY_AUTH_MODE", "token" if has_token else "disabled")
    import ray

    try:
        with _signals_kept(), _told(f"joining the cluster at {address}"):
            ray.init(address=address, configure_logging=False, log_to_driver=True,
                     runtime_env={"env_vars": worker_environment()})
    except Exception as error:
        ray.shutdown()
        _unset()
        said = " ".join(str(error).split())[:300]
        raise ClusterError(f"RAY_ADDRESS={address}: expected a cluster that answers there, got: {said}; start one with "
                           "ray start --head, or unset it for one of this machine's own") from error


def wait_for_processors(workers: int, wait_s: float = WAIT_S) -> None:
    """Wait, and say so, until the cluster has a processor for each of `workers`. ClusterError after wait_s seconds."""
    until = time.monotonic() + wait_s
    with _told(f"waiting for {workers} processors, {_processors()} were there at first"):
        while (there := _processors()) < workers:
            if time.monotonic() > until:
                raise ClusterError(f"ray: expected {workers} processors in the cluster within {wait_s:g} s, got "
                                   f"{there}; add nodes (ray start --address=..), or ask for fewer workers")
            time.sleep(0.5)


def _processors() -> int:
    import ray

    return int(ray.cluster_resources().get("CPU", 0))


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM to itself, and ends the process where it stands: it is given back."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Says every now and then what is waited for, and since when."""
    is_over, began = threading.Event(), time.monotonic()

    def tell() -> None:
        while not is_over.wait(_TOLD_S):
            _say(f"{what} ({time.monotonic() - began:.0f} s so far)")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        is_over.set()
        teller.join()


def _say(text: str) -> None:
    print(f"ray: {text}", file=sys.stderr, flush=True)


def refuse_impossible(workers: int) -> None:
    """Raise ValueError, without Ray's being loaded, for what `connect` could never do. Of a cluster that is joined,
    nothing is known before."""
    if named_address() is None:
        refuse_shortage(workers, os.cpu_count() or 1)


def refuse_joining(what: str) -> None:
    """Raise ValueError where RAY_ADDRESS names a cluster, for something that starts its own."""
    if (address := named_address()) is not None:
        raise ValueError(f"RAY_ADDRESS={address}: expected it unset, for {what} starts a cluster of this machine's "
                         "own; unset it")


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


def check_widths(layout: Layout, fewest: int, most: int, stages: Mapping[str, StageSettings]) -> None:
    """Raise ValueError where some number of workers from `fewest` to `most` cannot be laid out so, or train the stages
    so: a job that loses workers goes on with any of them."""
    if fewest > most:
        raise ValueError(f"min_workers={fewest}: expected at most num_workers={most}")
    for workers in range(fewest, most + 1):
        try:
            check_layout(layout, workers, stages)
        except ValueError as error:
            if fewest == most:
                raise
            raise ValueError(f"min_workers={fewest}: expected stages that any number of workers from {fewest} to {most}"
                             f" can train, got with {workers}: {error}; or raise min_workers") from error


def check_layout(layout: Layout, num_workers: int, stages: Mapping[str, StageSettings]) -> None:
    """Raise ValueError where so many workers cannot be laid out so, or stages cannot be trained so."""
    layout = layout.over(num_workers)
    for name, settings in stages.items():
        refuse_odd_split(settings.batch_size, layout.data)
        if SEGMENTER not in stage_class(name).gives:  # which every process holds whole
            layout.check(name, settings)
            layout.check_parts(name, settings.batch_size, settings.accumulate)
        if stage_class(name).plays and settings.scenes < layout.data:
            raise ValueError(f"stage.{name}.scenes={settings.scenes}: expected one for each of {layout.data} workers "
                             "at least; play more, or use fewer workers")
        if stage_class(name).plays and not layout.is_plain:
            raise ValueError(f"parallel={layout.name}: expected parallel.data alone for stage {name}, whose episodes "
                             "are played with the whole model; leave the others out")


def processors_of(stages: Iterable[str], fewest: int, most: int, players: int) -> int:
    """Processors that a job of `fewest` to `most` processes which train wants at the start: where a stage plays, those
    of all of them, and of the players beside each."""
    return most * (1 + players) if any(stage_class(name).plays for name in stages) else fewest


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
    """End the cluster that `connect` started, with every process of it, or leave the one that it joined."""
    if is_connected():
        import ray

        ray.shutdown()
    _unset()


_SET: set[str] = set()
"""Environment variables that are set for the cluster of this process alone: the next one may be another's."""


def _set(name: str, value: str) -> None:
    """Set a variable that a person has not."""
    if name not in os.environ:
        os.environ[name] = value
        _SET.add(name)


def _unset() -> None:
    for name in _SET:
        os.environ.pop(name, None)
    _SET.clear()

