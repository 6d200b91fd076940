"""What a robot that drives about remembers of its looks and steps, and how the sentence tells it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodied.planning.memory import Look, Memory
from embodied.planning.perception import Perception
from embodied.planning.scene import FURNITURE, write_prompt
from embodied.prompt import Entity, Slot, Text
from envs.interface import Box

CROP = np.zeros((4, 4, 3), np.uint8)


def thing(place: str, y_m: float) -> Slot:
    return Slot(CROP, Box((-0.2, y_m, 0.05), (0.05, 0.05, 0.1), 0.0), place=place)


def told(memory: Memory, instruction: str = "bring the apple to the table") -> str:
    prompt = write_prompt(instruction, Perception(memory.things, memory=memory), scene=FURNITURE)
    return "".join(s.text if isinstance(s, Text) else f"<{s.index}>" if isinstance(s, Entity) else "?"
                   for s in prompt.segments)


def test_a_second_look_replaces_what_it_could_see_and_keeps_the_rest():
    left, right = thing("table", -0.4), thing("table", 0.3)
    memory = Memory().see(Look("table", (left, right), span_m=(-0.5, 0.5))).see(Look("near counter", ()))
    again = thing("table", 0.31)
    memory = memory.see(Look("table", (again,), span_m=(0.0, 0.5)))
    assert memory.things == (left, again) and memory.looked == ("table", "near counter") and memory.here == "table"
    assert memory.see(Look("table", (), span_m=(-0.5, 0.5))).things == ()


def test_a_thing_that_the_edge_of_the_picture_cuts_is_remembered_once():
    whole, part, other = thing("table", 0.39), thing("table", 0.37), thing("table", 0.46)
    memory = Memory().see(Look("table", (whole, other), span_m=(-0.5, 0.5)))
    assert memory.see(Look("table", (part,), span_m=(-0.5, 0.38))).things == (other, part)


def test_a_shut_drawer_hides_what_is_in_it_and_does_not_make_it_forgotten():
    inside = thing("drawer", 0.1)
    memory = Memory().see(Look("drawer", None, is_open=False))
    assert memory.looked == () and memory.is_open is False
    memory = memory.see(Look("drawer", (inside,), is_open=True, span_m=(-0.2, 0.2)))
    memory = memory.see(Look("drawer", None, is_open=False)).see(Look(None))
    assert memory.things == (inside,) and memory.is_open is False and memory.here is None


def test_the_sentence_tells_places_hand_and_steps():
    assert told(Memory()) == "Instruction: bring the apple to the table\n\nPlan:"
    assert "\ndrawer: shut. Here: drawer.\n" in told(Memory().see(Look("drawer", None, is_open=False)))
    memory = Memory().see(Look("table", (), span_m=(-0.5, 0.5)))
    memory = memory.see(Look("near counter", (thing("near counter", -0.2), thing("near counter", 0.2)),
                             span_m=(-0.5, 0.5)))
    memory = memory.act("pick", ["apple"], is_done=False, held=None).act("pick", ["apple"], is_done=True, held="apple")
    assert told(memory) == ("Instruction: bring the apple to the table\ntable: nothing. near counter: <1><2>. "
                            "Here: near counter. In hand: apple. Steps: pick apple failed, pick apple.\nPlan:")


def test_only_the_latest_steps_are_told():
    memory = Memory()
    for number in range(30):
        memory = memory.act("go_to", [str(number)], is_done=True, held=None)
    assert memory.steps[0] == "go_to 6" and len(memory.steps) == 24


def test_a_look_on_the_way_moves_nothing():
    memory = Memory().see(Look("table", (thing("table", 0.0),), span_m=(-0.5, 0.5)))
    assert memory.see(Look(None)) == replace(memory, here=None)
