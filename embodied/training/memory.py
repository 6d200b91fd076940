"""What to do where memory does not suffice, said by whoever trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from embodied.training.stage import StageSettings

_SAID = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
"""How torch and what it is built on say so."""


class MemoryShortError(ValueError):
    """A step needs more memory than there is; the message names what to turn down."""


@contextmanager
def remedied(stage: str, settings: StageSettings) -> Iterator[None]:
    """Turns the error of memory that does not suffice into a MemoryShortError with the settings that need less."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(s in first.lower() for s in _SAID):
            raise
        raise MemoryShortError(
            f"{stage}: a step needs more memory than there is ({first}); lower stage.{stage}.batch_size "
            f"(now {settings.batch_size}) first, share it out over workers (distributed=ray), choose "
            "precision=bfloat16 on a GPU, or a smaller size. What was saved stays, and the same command with a batch "
            "of another size needs a new run folder") from error
