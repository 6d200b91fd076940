"""Who commands a robot: one lease at a time, kept alive by heartbeats, its commands numbered."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from embodied.serving.errors import ApiError


@dataclass(slots=True)
class _Holding:
    lease: str
    holder: str
    until_ns: int
    sequence: int = -1


class Leases:
    """The lease of one robot. Times are `time.monotonic_ns`."""

    def __init__(self, ttl_s: float) -> None:
        """ttl_s: how long a lease lives after the last sign of life of its holder."""
        self.ttl_s = ttl_s
        self._holding: _Holding | None = None
        self.stale = 0  # commands that came late or twice
        self.lost = 0  # leases that ran out

    @property
    def until_ns(self) -> int:
        """When the lease runs out; 0 while nobody holds it."""
        return self._holding.until_ns if self._holding else 0

    @property
    def holder(self) -> str:
        """Name of whoever holds it, "" for nobody."""
        return self._holding.holder if self.is_held else ""

    @property
    def is_held(self) -> bool:
        return self._holding is not None and time.monotonic_ns() < self._holding.until_ns

    @property
    def expires_in_s(self) -> float:
        return max(0.0, (self.until_ns - time.monotonic_ns()) / 1e9)

    def acquire(self, holder: str) -> str:
        """A new lease. Raises ApiError 409 while another one lives."""
        if self.is_held:
            raise ApiError(409, "leased", f"expected a free robot, {self.holder!r} commands it for at least "
                                          f"{self.expires_in_s:.0f} s more; watch, or ask for a release")
        self._note_loss()
        self._holding = _Holding(secrets.token_urlsafe(18), holder, time.monotonic_ns() + self._ttl_ns)
        return self._holding.lease

    def check(self, lease: str | None) -> None:
        """Keep the lease alive. Raises ApiError: 403 without a lease, 409 with one that does not command
        now."""
        if not lease:
            raise ApiError(403, "no_lease", "expected the header X-Lease, got none; POST .../lease gives one")
        holding = self._holding
        if holding is None or not secrets.compare_digest(holding.lease.encode(), lease.encode("utf-8", "replace")):
            raise ApiError(409, "leased", "expected the lease that commands this robot, got another; POST .../lease "
                                          "gives one when the robot is free")
        if not self.is_held:
            self._note_loss()
            raise ApiError(409, "lease_lost", "expected a lease that is alive, its heartbeat was lost; POST .../lease "
                                              "gives a new one")
        holding.until_ns = time.monotonic_ns() + self._ttl_ns

    def count(self, sequence: int | None) -> None:
        """Raise ApiError 409 for a command that came before, or too late for its place."""
        if sequence is None or self._holding is None:
            return
        if sequence <= self._holding.sequence:
            self.stale += 1
            raise ApiError(409, "stale", f"expected a sequence number above {self._holding.sequence}, got {sequence}; "
                                         f"the command was dropped")
        self._holding.sequence = sequence

    def release(self) -> None:
        """Nobody holds it any more."""
        self._holding = None

    def _note_loss(self) -> None:
        if self._holding is not None:
            self.lost += 1
            self._holding = None

    @property
    def _ttl_ns(self) -> int:
        return int(self.ttl_s * 1e9)
