"""How much of what a base said before is kept in mind while it learns something new; a setting of the stages."""

from __future__ import annotations

from dataclasses import dataclass

from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Replay:
    """Texts that the base wrote itself, among the examples of each batch."""

    share: float = between(0, 4, default=0.0)  # texts for each example of a batch; 0: none
    weight: float = between(0, 1000, default=4.0)  # of the divergence from what the base says, nats a token
    texts: int = between(1, 100_000, default=512)  # that the base writes before the stage begins
    tokens: int = between(8, 4096, default=64)  # most of a text


NO_REPLAY = Replay()
