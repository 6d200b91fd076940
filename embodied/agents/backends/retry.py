"""How often, and after how long, a busy endpoint is asked again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT_S = 3600.0
"""Longer waits that an endpoint asks for are read as this long, which is longer than any planner waits."""


@dataclass(frozen=True, slots=True)
class Retry:
    """tries: in all. first_s, most_s: the first wait and the longest; each is twice the last, less up to half of it by
    chance, so that many clients of one endpoint do not come back together."""

    tries: int = 4
    first_s: float = 0.5
    most_s: float = 20.0

    def __post_init__(self) -> None:
        if self.tries < 1 or not 0 <= self.first_s <= self.most_s:
            raise ValueError(f"Retry: expected tries >= 1 and 0 <= first_s <= most_s, got {self}")

    def waits(self, rng: random.Random) -> Iterator[float]:
        """Seconds to wait before each further try."""
        for again in range(self.tries - 1):
            yield min(self.most_s, self.first_s * 2 ** min(again, 32)) * rng.uniform(0.5, 1.0)


def seconds_asked_for(header: str | None) -> float | None:
    """How long a Retry-After header wants one to wait, None when there is none that can be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT_S)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return min(max(0.0, (when - datetime.now(UTC)).total_seconds()), LONGEST_WAIT_S)
