"""What is wrong with a table as it was perceived: fault by fault, beside the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from envs.goals.language import TABLE
from envs.goals.table import Table, Thing

KINDS = ("missed", "extra", "kind", "color", "size", "carrier", "held")
"""Of faults."""
SIZE_M = 0.004
"""The side of a block is right up to this."""
_FOUND_M = 0.06
_OTHER_KIND_M, _HEIGHT = 0.3, 0.5
"""What another kind, and a metre of height, count for in metres along the table when things are paired."""


@dataclass(frozen=True, slots=True)
class Fault:
    """kind: of `KINDS`. thing: its true name, or of what is not there the perceived one."""

    kind: str
    thing: str
    true: str = ""
    seen: str = ""


def faults(true: Table, seen: Table) -> list[Fault]:
    """All faults of a perceived table. What is held is asked for by its looks alone: it is out of sight."""
    names = _paired(true, seen)
    back = {name: own for own, name in names.items()}
    found = [Fault("extra", name) for name in seen.things if name not in back]
    for name, thing in true.things.items():
        if name not in names:
            found.append(Fault("missed", name))
            continue
        found += _looks(thing, seen.things[names[name]])
        if thing.kind == "block" and name != true.held:
            carriers = true.under.get(name, TABLE), seen.under.get(names[name], TABLE)
            carrier = back.get(carriers[1], carriers[1])
            found += [Fault("carrier", name, carriers[0], carrier)] if carrier != carriers[0] else []
    held = back.get(seen.held) if seen.held is not None else None
    return found + ([Fault("held", str(true.held), str(true.held), str(held))] if held != true.held else [])


def _looks(true: Thing, seen: Thing) -> list[Fault]:
    pairs = [("kind", true.kind, seen.kind), ("color", true.color, seen.color)]
    found = [Fault(kind, true.name, was, came) for kind, was, came in pairs if was != came]
    if true.kind == "block" and abs(true.side_m - seen.side_m) > SIZE_M:
        found.append(Fault("size", true.name, f"{true.side_m:.3f}", f"{seen.side_m:.3f}"))
    return found


def _paired(true: Table, seen: Table) -> dict[str, str]:
    """True name -> the perceived one of what stands nearest; what both hold is the same thing."""
    one, other = ([t for name, t in table.things.items() if name != table.held] for table in (true, seen))
    costs = np.array([[_apart_m(a, b) for b in other] for a in one])
    rows, columns = linear_sum_assignment(costs) if costs.size else ((), ())
    pairs = {one[r].name: other[c].name for r, c in zip(rows, columns, strict=True) if costs[r, c] < _FOUND_M}
    return pairs | ({true.held: seen.held} if true.held and seen.held else {})


def _apart_m(true: Thing, seen: Thing) -> float:
    return float(np.hypot(true.x - seen.x, true.y - seen.y) + _HEIGHT * abs(true.z - seen.z)
                 + _OTHER_KIND_M * (true.kind != seen.kind))
