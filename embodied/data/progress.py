"""How far long work has come: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def progress(title: str, total: int, stream: TextIO | None = None) -> Iterator[Callable[[], None]]:
    """A function to call after each of `total` pieces: a bar on a terminal, ten plain lines elsewhere. stream: standard
    output where none is given."""
    from rich.console import Console
    from rich.progress import Progress

    done, stream = 0, stream or sys.stdout

    def advance() -> None:
        nonlocal done
        done += 1
        bar.advance(task)
        if not is_terminal and (done % -(-total // 10) == 0 or done == total):
            print(f"{title} {done}/{total}", file=stream, flush=True)

    is_terminal = stream.isatty()
    with Progress(console=Console(file=stream), disable=not is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield advance
