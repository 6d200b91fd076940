"""How examples are changed a little each time that they are learned from; a setting of the stages that teach them."""

from __future__ import annotations

from dataclasses import dataclass

from embodied.typed import between


@dataclass(frozen=True, slots=True)
class Jitter:
    """Light, seeded changes to what was seen; zeros change nothing."""

    place_m: float = between(0, 1, default=0.002)  # standard deviation of centres and sizes
    light: float = between(0, 1, default=0.1)  # largest relative change of brightness and of each color channel
    numbers: float = between(0, 1, default=0.0)  # chance that things are named by other numbers, in the same order
    crowd: int = between(0, 12, default=0)  # things of a scene, up to so many: others come from other scenes; 0: none
    recolor: float = between(0, 1, default=0.0)  # chance that things look like others of drawn colors, and words follow
    drop: float = between(0, 1, default=0.1)  # chance that one slot that the answer does not need goes unseen


USUAL = Jitter()
