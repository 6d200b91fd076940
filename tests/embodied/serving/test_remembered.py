"""What a robot remembers, on its map."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embodied.planning.language import Plan
from embodied.planning.memory import Look, Memory
from embodied.planning.perception import Perception
from embodied.prompt import Slot
from embodied.serving.remembered import remembered
from embodied.serving.running import Run, ToldPlanner
from envs.interface import Box
from envs.world.floorplan import PLACES, ROOM_HALF_M
from tests.embodied.planning.scenes import observation

CROP = np.zeros((4, 4, 3), np.uint8)
CROP[1:3, 1:3] = (220, 20, 20)
CAN = Slot(CROP, Box((-0.2, 0.1, 0.06), (0.06, 0.05, 0.12)), place="table")
SEEN = replace(observation(), joint_pos=np.array([0.0, 0.0, 0.0, -0.8, 0.1, 3.1]))


def told(memory: Memory) -> dict[str, Any]:
    found = remembered(memory, SEEN)
    return {**found, "places": {place["name"]: place for place in found["places"]}}


def test_what_was_seen_stands_where_it_was_seen():
    found = told(Memory().see(Look("table", (CAN,), None, (-0.5, 0.5))))
    thing, = found["places"]["table"]["things"]
    assert thing["at"] == pytest.approx(PLACES["table"].to_world(-0.2, 0.1), abs=1e-3)
    assert (thing["color"], thing["size_m"]) == ("red", 0.06)
    assert (found["here"], found["held"], found["robot"]) == ("table", None, [-0.8, 0.1, 3.1])
    assert found["room"] == [2 * half for half in ROOM_HALF_M]


def test_its_picture_is_see_through_where_the_mask_left_nothing():
    thing, = told(Memory().see(Look("table", (CAN,), None, (-0.5, 0.5))))["places"]["table"]["things"]
    head, data = thing["picture"].split(",")
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data))))
    assert head == "data:image/png;base64"
    assert (pixels[..., 3] == np.where(CROP.any(axis=-1), 255, 0)).all()
    assert (pixels[1:3, 1:3, :3] == (220, 20, 20)).all()


@pytest.mark.parametrize(("looks", "states"), [
    ([], {"table": "unseen", "drawer": "unseen", "bin": "hidden"}),
    ([Look("table", (), None, (-0.5, 0.5)), Look("bin")], {"table": "seen", "far counter": "unseen", "bin": "hidden"}),
    ([Look("drawer", None, False)], {"drawer": "shut"}),
    ([Look("drawer", (), True, (-0.2, 0.2))], {"drawer": "open"})])
def test_what_is_known_of_a_place_is_said(looks: list[Look], states: dict[str, str]):
    memory = Memory()
    for look in looks:
        memory = memory.see(look)
    assert {name: told(memory)["places"][name]["state"] for name in states} == states


@pytest.mark.parametrize("roams", [True, False])
def test_who_drives_about_tells_its_memory_and_who_stands_still_what_is_in_sight(roams: bool):
    in_sight = replace(CAN, box=Box((0.4, 0.2, 0.3), (0.04, 0.04, 0.04)))  # the toy camera stands lower
    memory = Memory().see(Look("table", (in_sight if not roams else CAN,), None, (-0.5, 0.5)))
    events: list[dict[str, Any]] = []

    class Rememberer:
        def plan(self, *_: Any) -> Plan:
            return Plan((), perception=Perception(memory.things, 0.0, memory=memory))

    planner = ToldPlanner(Rememberer(), Run("do it", "tests"), lambda type, **told: events.append(told),
                          lambda *_: None, roams=roams)
    planner.plan("do it", SEEN, ())
    assert (events[-1]["memory"] is not None, len(events[-1]["objects"])) == ((True, 0) if roams else (False, 1))
