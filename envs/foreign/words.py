"""What a benchmark's goal asks for, in words: centimetres of the world frame, or what lies on what; and what words
ask of a robot that takes its orders in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import product

import numpy as np

from envs.actions import FAR_M
from envs.foreign.description import TOOL, Reading
from envs.interface import Box
from envs.names import cut, unknown

_MOVES = ("move the {name} to {spot}", "put the {name} at {spot}", "bring the {name} to {spot}",
          "the {name} belongs at {spot}", "move the {name} {shift}")
_PUSHES = ("push the {name} to {spot}", "slide the {name} to {spot}", "push the {name} over the table to {spot}",
           "the {name} belongs at {spot}, without lifting it", "push the {name} {shift}")
_LIFTS = ("hold the {name} {height} above the table at {spot}", "lift the {name} {height} above the table, at {spot}",
          "bring the {name} to {spot}, {height} up in the air", "keep the {name} {height} over the table at {spot}")
_STACKS = ("put the {name} on the {base}", "stack the {name} on top of the {base}", "set the {name} down on the {base}")
_REACHES = ("move the tool to {spot}, {tall} above the table", "bring the tool to {spot}, {tall} high",
            "the tool belongs at {spot}, {tall} above the table")
_JOINTS = (", then ", " and ")
_ALIGNED_M = 0.01
_BESIDE_M = 0.01  # left between two things that are brought together
_SHIFT = r"\d{1,3} cm (?:away|nearer|to the left|to the right)"
_SHOWN = 80  # characters of an order that a refusal repeats
_VERB = "(?:push|slide|move|bring|put)"
_STRANGER = re.compile(rf"{_VERB} the (?P<name>\w+(?: \w+){{0,2}}?) (?:over the table )?(?:to|at|\d+ cm) .*")
_WAYS = {"away": (1, 0), "nearer": (-1, 0), "to the left": (0, 1), "to the right": (0, -1)}


def instruction(reading: Reading, lifts: bool, rng: np.random.Generator) -> str:
    """The benchmark's own sentence, or where it has none one of the wordings of `instructions`."""
    if reading.sentence is not None:
        return reading.sentence
    found = instructions(reading, lifts)
    return found[int(rng.integers(len(found)))]


def instructions(reading: Reading, lifts: bool) -> list[str]:
    """Every wording of the goal in `reading`, things in the order in which they are built up. lifts: whether the robot
    can."""
    parts = [_clauses(reading, name, lifts) for name in bottom_up(reading)]
    joints = _JOINTS if len(parts) > 1 else _JOINTS[:1]
    return [joint.join(chosen) for joint in joints for chosen in product(*parts)]


def asks_for(text: str, reading: Reading, lifts: bool) -> bool:
    """Whether a text is the benchmark's own sentence or one of the wordings of the goal, capitals and the stop at its
    end aside."""
    own = [] if reading.sentence is None else [reading.sentence]
    return _plain(text) in map(_plain, [*own, *instructions(reading, lifts)])


def ordered(text: str, reading: Reading) -> tuple[str, Box]:
    """What is to be moved, an object or `TOOL`, and where to, by words such as "push the green cube to x 10 cm, y -4
    cm", ".. 5 cm away and 12 cm to the left" or ".. to the blue cube".

    Raises ValueError for other words, for things that are not there (the message names those that are), for places that
    are further than `FAR_M`, and for orders to move a thing nowhere.
    """
    names = {_plain(name): name for name in (*reading.objects, TOOL)}
    match = _order(names).fullmatch(_plain(text))
    if match is None:
        if (stranger := _STRANGER.fullmatch(_plain(text))) is not None and stranger["name"] not in names:
            raise ValueError(unknown(stranger["name"], list(names.values()), what="thing"))
        raise ValueError(f"expected words such as 'push the cube to x 10 cm, y -4 cm', '.. 5 cm away' or '.. to the "
                         f"ball', got {cut(repr(text), _SHOWN)}")
    if match["other"] is not None and match["other"] not in names:
        raise ValueError(unknown(match["other"], list(names.values()), what="thing"))
    name, other = names[match["name"]], match["other"] and names[match["other"]]
    place = _ordered_place(match, reading, name, other)
    if max(map(abs, place.center)) > FAR_M:
        raise ValueError(f"expected a place within {FAR_M:g} m, got {cut(repr(text), _SHOWN)}")
    if other == name or place.center[:2] == reading.where(name).center[:2]:
        raise ValueError(f"expected another place than its own, got {cut(repr(text), _SHOWN)}")
    return name, place


def _order(names: Iterable[str]) -> re.Pattern[str]:
    """What orders about these things match."""
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return re.compile(rf"{_VERB} the (?P<name>{known}) (?:over the table )?(?:(?:to|at) x (?P<x>-?\d{{1,3}}) cm, y "
                      rf"(?P<y>-?\d{{1,3}}) cm|to the (?P<other>.+)|(?P<shift>{_SHIFT}(?: and {_SHIFT})?))")


def _ordered_place(match: re.Match[str], reading: Reading, name: str, other: str | None) -> Box:
    box = reading.where(name)
    if other is not None:
        return _beside(box, reading.where(other))
    if match["x"] is not None:
        xy = np.array([int(match["x"]), int(match["y"])]) / 100
    else:
        ways = re.findall(r"(\d+) cm (away|nearer|to the left|to the right)", match["shift"])
        xy = np.array(box.center[:2]) + sum(int(cm) / 100 * np.array(_WAYS[way]) for cm, way in ways)
    return Box((*xy.tolist(), box.center[2]), box.size)


def _beside(box: Box, other: Box) -> Box:
    """Where a thing stands next to another, on the side that it comes from."""
    way = np.subtract(box.center, other.center)[:2]
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    apart_m = (max(box.size[:2]) + max(other.size[:2])) / 2 + _BESIDE_M
    return Box((*(np.array(other.center[:2]) + apart_m * way).tolist(), box.center[2]), box.size)


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(".!")


def bottom_up(reading: Reading) -> list[str]:
    """Names of the things that have a goal, the lowest first; the tool, which moves them, after all."""
    return sorted(reading.goals, key=lambda name: (name == TOOL, reading.goals[name].center[2]))


def base_of(reading: Reading, name: str) -> str | None:
    """The thing whose goal lies right under that of `name`."""
    goal = reading.goals[name]
    under = (other for other, place in reading.goals.items() if other not in (name, TOOL)
             and abs(place.top_z_m - goal.bottom_z_m) < _ALIGNED_M
             and np.linalg.norm(np.subtract(place.center, goal.center)[:2]) < min(place.size[:2]) / 2)
    return next(under, None)


def _clauses(reading: Reading, name: str, lifts: bool) -> list[str]:
    goal, base = reading.goals[name], base_of(reading, name)
    if name == TOOL:
        return [text.format(spot=spot(goal), tall=f"{goal.center[2] * 100:.0f} cm") for text in _REACHES]
    if base is not None and lifts:
        return [text.format(name=name, base=base) for text in _STACKS]
    shift = _shift(reading.objects[name], goal)
    in_air = goal.bottom_z_m > _ALIGNED_M
    texts = _PUSHES if not lifts else _LIFTS if in_air else _MOVES  # who cannot lift is never told to
    known = {"name": name, "spot": spot(goal), "height": f"{goal.bottom_z_m * 100:.0f} cm", "shift": shift}
    return [text.format(**known) for text in texts if shift or "{shift}" not in text]


def spot(box: Box) -> str:
    """"x 10 cm, y -4 cm": where the middle of a box is."""
    x, y = (round(v * 100) for v in box.center[:2])
    return f"x {x} cm, y {y} cm"


def _shift(box: Box, goal: Box) -> str:
    """"3 cm away and 12 cm to the left", as the robot sees it; "" for no way at all."""
    away, left = (round(v * 100) for v in np.subtract(goal.center, box.center)[:2])
    parts = [f"{abs(away)} cm {'away' if away > 0 else 'nearer'}"] if away else []
    parts += [f"{abs(left)} cm to the {'left' if left > 0 else 'right'}"] if left else []
    return " and ".join(parts)
