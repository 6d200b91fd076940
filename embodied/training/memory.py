"""What to do where memory does not suffice, said by whoever trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from embodied.training.stage import StageSettings

_SAID = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")
"""How torch and the system say so; a system that is short of memory may end the process without a word."""


class MemoryShortError(ValueError):
    """Training needs more memory than there is; the message names what to turn down."""


@contextmanager
def remedied(stage: str, settings: StageSettings) -> Iterator[None]:
    """Turns the error of memory that does not suffice into a MemoryShortError with the settings that need less."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError, OSError) as error:
        said = str(error).strip() or type(error).__name__
        lines = [line for line in said.splitlines() if any(text in line.lower() for text in _SAID)]
        if not lines and not isinstance(error, MemoryError | torch.OutOfMemoryError):
            raise
        raise MemoryShortError(
            f"{stage}: training needs more memory than there is ({(lines or said.splitlines())[0]}); lower "
            f"stage.{stage}.batch_size (now {settings.batch_size}), or learn from its parts in turn (accumulate, now "
            f"{settings.accumulate}), then choose activation_checkpointing=true, precision=bfloat16 on a GPU, or a "
            "smaller size, in a new run folder: a run keeps its recipe; plan=256 says what is needed") from error
