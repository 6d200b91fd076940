"""What the C library keeps of memory that was let go; where there is another one than GNU's, it keeps what it likes."""

from __future__ import annotations

import contextlib
import ctypes
from functools import cache

_M_ARENA_MAX = -8  # of glibc's malloc.h


def share_pools() -> None:
    """Threads share two pools of memory. The C library gives each thread one of its own, of which each keeps what its
    thread once held: under mixed load the server grew by them, and never shrank."""
    with contextlib.suppress(OSError, AttributeError):
        _library().mallopt(_M_ARENA_MAX, 2)


def give_back() -> None:
    """What is free goes back to the system, from between what is used, too. The C library does so at a pool's end only:
    one small thing that stays keeps all the pictures below it. Takes some milliseconds, other threads go on."""
    with contextlib.suppress(OSError, AttributeError):
        _library().malloc_trim(0)


@cache
def _library() -> ctypes.CDLL:
    """The C library; each handle of it would be a class of its own, in a cycle."""
    return ctypes.CDLL(None)
