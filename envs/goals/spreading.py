"""Room between neighbours of a told scene: cells of the grid are narrower than two bowls side by side.

Things are pushed apart along the row or column that they share, so that what is in one row stays as near, and what is
in one column as far to the left: words that single a thing out mean the same thing as on the grid.
"""

from __future__ import annotations

from collections.abc import Mapping

_GAP_M = 0.03
"""Between the outlines of neighbours, where the table has the room: a finger fits in, and eyes tell them
apart."""
_LOW_M, _HIGH_M = (0.40, -0.28), (0.685, 0.28)
"""Where the middle of a thing may be: it is reached and seen there, x and y, m."""
_ROUNDS = 200
_SAME_M = 0.02  # of one row or column

Spot = tuple[float, float]


def spread(spots: Mapping[str, Spot], radii_m: Mapping[str, float]) -> dict[str, Spot]:
    """Where things stand once they have room: name -> x, y in m. radii_m: of their outlines."""
    at, names = {name: list(spot) for name, spot in spots.items()}, list(spots)
    pairs = [(a, b, axis) for i, a in enumerate(names) for b in names[i + 1:]
             if (axis := _shared(spots[a], spots[b])) is not None]
    for _ in range(_ROUNDS):
        is_done = True
        for one, other, axis in pairs:
            is_done &= not _push(at[one], at[other], axis, radii_m[one] + radii_m[other] + _GAP_M)
        if is_done:
            break
    return {name: (round(x, 6), round(y, 6)) for name, (x, y) in at.items()}


def _shared(one: Spot, other: Spot) -> int | None:
    """The axis along which two neighbours of one row or column are pushed: 0 for x, 1 for y."""
    apart = [abs(one[axis] - other[axis]) for axis in (0, 1)]
    return next((axis for axis in (0, 1) if apart[1 - axis] < _SAME_M <= apart[axis] < 0.2), None)


def _push(one: list[float], other: list[float], axis: int, least_m: float) -> bool:
    """Pushes two things apart along an axis, inside the table; whether anything moved."""
    gap = other[axis] - one[axis]
    lack = least_m - abs(gap)
    if lack < 1e-4:
        return False
    sign, before = (1 if gap > 0 else -1), (one[axis], other[axis])
    one[axis] = _inside(one[axis] - sign * lack / 2, axis)
    other[axis] = _inside(other[axis] + sign * lack / 2, axis)
    return abs(one[axis] - before[0]) + abs(other[axis] - before[1]) > 1e-4


def _inside(value: float, axis: int) -> float:
    return min(max(value, _LOW_M[axis]), _HIGH_M[axis])
