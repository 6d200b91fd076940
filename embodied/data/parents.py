"""Children end with their parent, however it ends.

Nobody waits for them then, and they would write where others may have begun.
"""

from __future__ import annotations

import os
import threading
import time

_LOOK_S = 0.1


def end_with(parent: int) -> None:
    """Let this process end, in the middle of whatever it does, when its parent is gone.

    parent: its process id, of the parent's own knowledge: one that is gone already ends this process at once.
    """
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
