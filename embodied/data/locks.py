"""Advisory locks (flock) that a process holds until it lets go or ends, however it ends.

Whoever finds one free knows that its owner is gone. On a file system without locks owners go on unlocked, and nothing
is ever found free there: what may be alive is left alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from pathlib import Path

_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems without locks answer; NFS answers EBADF for folders."""


class HeldError(OSError):
    """A live process holds what was wanted, or may hold it."""


class Hold:
    """A lock on a file or folder; made by `own` or `take`, given back by `release`, in a `with` or with the object."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.release = weakref.finalize(self, os.close, handle)
        """Gives the lock back; harmless when repeated."""

    @classmethod
    def own(cls, path: Path, *, is_shared: bool = False, is_made: bool = False) -> Hold:
        """The lock of whoever works at `path`. is_shared: several owners may hold it at once. is_made: make the file
        where there is none. Raises HeldError, OSError."""
        flags = os.O_RDWR | os.O_CREAT if is_made else os.O_RDONLY
        hold = cls(os.open(path, flags, 0o600))
        try:
            hold._lock(path, fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return hold
            hold.release()
            raise
        return hold

    @classmethod
    def take(cls, path: Path, *, is_made: bool = False) -> Hold:
        """The lock of what nobody works at any more. Raises HeldError where somebody does, or where nobody can tell;
        FileNotFoundError where it is gone."""
        hold = cls(os.open(path, os.O_RDWR | os.O_CREAT if is_made else os.O_RDONLY, 0o600))
        try:
            hold._lock(path, fcntl.LOCK_EX)
        except OSError as error:
            hold.release()
            if error.errno in _NO_LOCKS:
                raise HeldError(error.errno, "no locks here: what may be alive is left alone", str(path)) from error
            raise
        return hold

    def _lock(self, path: Path, kind: int) -> None:
        try:
            fcntl.flock(self._handle, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HeldError(error.errno, "held by a live process", str(path)) from error
        if not self._is_at(path):  # somebody took it away between opening and locking
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _is_at(self, path: Path) -> bool:
        try:
            return os.path.samestat(os.stat(path), os.fstat(self._handle))
        except FileNotFoundError:
            return False

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
