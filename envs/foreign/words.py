"""What a benchmark's goal asks for, in words: centimetres of the world frame, or what lies on what."""

from __future__ import annotations

from itertools import product

import numpy as np

from envs.foreign.description import Reading
from envs.interface import Box

_MOVES = ("move the {name} to {spot}", "put the {name} at {spot}", "bring the {name} to {spot}",
          "the {name} belongs at {spot}", "move the {name} {shift}")
_PUSHES = ("push the {name} to {spot}", "slide the {name} to {spot}", "push the {name} over the table to {spot}",
           "the {name} belongs at {spot}, without lifting it", "push the {name} {shift}")
_LIFTS = ("hold the {name} {height} above the table at {spot}", "lift the {name} {height} above the table, at {spot}",
          "bring the {name} to {spot}, {height} up in the air", "keep the {name} {height} over the table at {spot}")
_STACKS = ("put the {name} on the {base}", "stack the {name} on top of the {base}", "set the {name} down on the {base}")
_JOINTS = (", then ", " and ")
_ALIGNED_M = 0.01


def instruction(reading: Reading, lifts: bool, rng: np.random.Generator) -> str:
    """One of the wordings of `instructions`."""
    found = instructions(reading, lifts)
    return found[int(rng.integers(len(found)))]


def instructions(reading: Reading, lifts: bool) -> list[str]:
    """Every wording of the goal in `reading`, things in the order in which they are built up. lifts: whether the robot
    can."""
    parts = [_clauses(reading, name, lifts) for name in bottom_up(reading)]
    joints = _JOINTS if len(parts) > 1 else _JOINTS[:1]
    return [joint.join(chosen) for joint in joints for chosen in product(*parts)]


def asks_for(text: str, reading: Reading, lifts: bool) -> bool:
    """Whether a text is one of the wordings of the goal, capitals and the stop at its end aside."""
    return _plain(text) in map(_plain, instructions(reading, lifts))


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")


def bottom_up(reading: Reading) -> list[str]:
    """Names of the things that have a goal, the lowest first."""
    return sorted(reading.goals, key=lambda name: reading.goals[name].center[2])


def base_of(reading: Reading, name: str) -> str | None:
    """The thing whose goal lies right under that of `name`."""
    goal = reading.goals[name]
    under = (other for other, place in reading.goals.items() if other != name
             and abs(place.top_z_m - goal.bottom_z_m) < _ALIGNED_M
             and np.linalg.norm(np.subtract(place.center, goal.center)[:2]) < min(place.size[:2]) / 2)
    return next(under, None)


def _clauses(reading: Reading, name: str, lifts: bool) -> list[str]:
    goal, base = reading.goals[name], base_of(reading, name)
    if base is not None:
        return [text.format(name=name, base=base) for text in _STACKS]
    shift = _shift(reading.objects[name], goal)
    in_air = goal.bottom_z_m > _ALIGNED_M
    texts = _LIFTS if in_air else _MOVES if lifts else _PUSHES
    known = {"name": name, "spot": _spot(goal), "height": f"{goal.bottom_z_m * 100:.0f} cm", "shift": shift}
    return [text.format(**known) for text in texts if shift or "{shift}" not in text]


def _spot(box: Box) -> str:
    x, y = (round(v * 100) for v in box.center[:2])
    return f"x {x} cm, y {y} cm"


def _shift(box: Box, goal: Box) -> str:
    """"3 cm away and 12 cm to the left", as the robot sees it; "" for no way at all."""
    away, left = (round(v * 100) for v in np.subtract(goal.center, box.center)[:2])
    parts = [f"{abs(away)} cm {'away' if away > 0 else 'nearer'}"] if away else []
    parts += [f"{abs(left)} cm to the {'left' if left > 0 else 'right'}"] if left else []
    return " and ".join(parts)
