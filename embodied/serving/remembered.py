"""What a robot that drives about remembers, as clients get it: a map of the furniture with what it saw where."""

from __future__ import annotations

from typing import Any

import numpy as np

from embodied.planning.looks import MASKED, color_of
from embodied.planning.memory import Memory
from embodied.planning.scene import DRAWER
from embodied.prompt import Slot
from embodied.serving.pictures import png_url
from envs.interface import Observation
from envs.world.floorplan import HIDING, PLACES, ROOM_HALF_M, Place


def remembered(memory: Memory, seen: Observation) -> dict[str, Any]:
    """Where it stands, what it holds and what it saw, seen from above in the frame of the room: m, rad.

    {"room": [width, height], "robot": [x, y, yaw], "here": the place it serves, or None on the way, "held": the word
    that it picked by, or None, "places": [{"name", "outline": [[x, y] x 4], "state": see `_state`, "things": [{"at":
    [x, y], "size_m", "color", "picture": a PNG's data URL}]}]}. The room's middle is its origin.
    """
    return {"room": [2 * half for half in ROOM_HALF_M], "robot": _rounded(seen.joint_pos[-3:]), "here": memory.here,
            "held": memory.held, "places": [_place(place, memory) for place in PLACES.values()]}


def _place(place: Place, memory: Memory) -> dict[str, Any]:
    half, depth = place.width_m / 2, place.depth_m
    corners = [place.to_world(x, y) for x, y in ((0, -half), (0, half), (-depth, half), (-depth, -half))]
    return {"name": place.name, "outline": [_rounded(corner) for corner in corners], "state": _state(place, memory),
            "things": [_thing(slot, place) for slot in memory.things if slot.place == place.name]}


def _state(place: Place, memory: Memory) -> str:
    """Of the drawer "open" or "shut", once it was looked at; "hidden" of what nobody sees into; of the others "seen"
    once what lies there was. Before that, "unseen"."""
    if place.name == DRAWER and memory.is_open is not None:
        return "open" if memory.is_open else "shut"
    if place.name in HIDING:
        return "hidden"
    return "seen" if place.name in memory.looked else "unseen"


def _thing(slot: Slot, place: Place) -> dict[str, Any]:
    return {"at": _rounded(place.to_world(*slot.box.center[:2])), "size_m": round(float(max(slot.box.size[:2])), 3),
            "color": color_of(slot.crop), "picture": _picture(slot.crop)}


def _picture(crop: np.ndarray) -> str:
    """A data URL: the crop uint8[S, S, 3] as a PNG, see-through where its mask left it black."""
    is_shown = crop.max(axis=-1, keepdims=True) > MASKED
    return png_url(np.concatenate([crop, np.where(is_shown, 255, 0).astype(np.uint8)], axis=-1))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]
