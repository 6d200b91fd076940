"""Ends what a dead process has left: Ray's agents outlive a driver that was killed, for a minute or for ever.

`watch_over` marks what is started while it is being set up and starts a guard, this file run by itself: it waits until
its owner is gone, however it went, and kills every process that bears the mark. On Linux alone, where /proc tells.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "EMBODIED_CLUSTER"
"""Environment variable of everything that a cluster consists of."""
_ROUNDS, _PAUSE_S = 5, 0.3  # some are just being started


@contextmanager
def watch_over() -> Iterator[str]:
    """The mark of what is started inside; all of it ends when this process does."""
    mark = uuid.uuid4().hex
    os.environ[MARK] = mark
    try:
        yield mark
    finally:
        del os.environ[MARK]
    _start_guard(mark)


def _start_guard(mark: str) -> None:
    """The guard's standard input ends with this process: nobody else has the other end of it."""
    theirs, _ours = os.pipe()
    files = [(os.POSIX_SPAWN_DUP2, theirs, 0), *((os.POSIX_SPAWN_OPEN, place, os.devnull, os.O_WRONLY, 0)
                                                 for place in (1, 2))]
    os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", __file__, mark], dict(os.environ), file_actions=files,
                   setsid=True)  # Ctrl-C is not for it
    os.close(theirs)


def marked(mark: str) -> list[int]:
    """Ids of the processes that bear a mark."""
    found, wanted = [], f"{MARK}={mark}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:  # gone, or another's
            continue
    return found


def main(mark: str) -> None:
    """Wait for the end of standard input, then ends everything that bears the mark."""
    while os.read(0, 1):
        pass
    for _ in range(_ROUNDS):
        for process in marked(mark):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main(sys.argv[1])
