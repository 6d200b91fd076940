"""pip in a process that starts no other: `python -P pip_alone.py download ...`.

pip builds every archive of sources that it has fetched, to read its metadata: it runs that package's code, always in
another process. Here it stops before, having compared the archive with its hash and unpacked it (--no-clean keeps what
it unpacked, in TMPDIR). An audit hook cannot be taken off again.
"""

from __future__ import annotations

import runpy
import sys

STARTS = frozenset(("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"))


def refuse(event: str, arguments: tuple) -> None:
    """Raise PermissionError for whatever starts a process."""
    if event in STARTS:
        raise PermissionError(f"{event}: sources are read here, never built")


if __name__ == "__main__":
    sys.addaudithook(refuse)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
