"""The end of a server's process has a deadline, whatever hangs in it: a library, a thread that waits for an answer."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

END_S = 4.0
_POLL_S = 0.05


def end_in_time(is_told: Callable[[], bool], patience_s: float = END_S) -> None:
    """From now on this process ends so long after it was told to, at the latest. Robots stop at once when it is told
    to; worlds and publications end with the process that they belong to."""
    def watch() -> None:
        while not is_told():
            time.sleep(_POLL_S)
        signal.setitimer(signal.ITIMER_REAL, patience_s + 3 * _POLL_S)  # the kernel's: threads may stand still by then
        time.sleep(patience_s)
        log.error("the end of the server took more than %.1f s; what hung was left behind", patience_s)
        time.sleep(_POLL_S)  # for whoever writes the log
        os._exit(1)

    threading.Thread(target=watch, name="end", daemon=True).start()
