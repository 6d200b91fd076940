"""The wording of the prompt, and what the history of an episode says about the hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.planning.instruction import InstructionError, clean_instruction
from embodied.planning.looks import kind_of
from embodied.planning.perception import (
    Perception,
    held_since,
    last_failure,
    nearest_slot,
    order_largest,
    order_slots,
    supports,
)
from embodied.planning.scene import WHOLE_IMAGE, write_prompt
from embodied.prompt import Entity, Image, Prompt, Slot, Text
from envs.interface import Box, Outcome, SkillCall, Transition
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import FULL_HAND_M, observation, slot, transition


def spelled(prompt: Prompt) -> str:
    """The sentence with placeholders spelled out."""
    return "".join(s.text if isinstance(s, Text) else f"<obj_{s.index}>" if isinstance(s, Entity) else "<image>"
                   for s in prompt.segments)


def held(history: list[Transition]) -> Transition | None:
    return held_since(history, TABLETOP)


def seen(*slots) -> Perception:
    return Perception.of(slots, observation(), TABLETOP)


def test_the_sentence_introduces_each_object_once():
    prompt = write_prompt("put  it\naway", seen(slot(), slot(0.6)))
    assert spelled(prompt) == "Instruction: put it away\nIn sight: <obj_1><obj_2>.\nPlan:"


def test_planners_are_not_told_of_distractors():
    slots = [slot(0.4, area_px=9), replace(slot(0.5, area_px=90), is_distractor=True), slot(0.6, area_px=5)]
    assert seen(*slots).slots == (slots[0], slots[2])
    told = Perception.of(slots, observation(), TABLETOP, limit=2, with_distractors=True)
    assert told.slots == (slots[0], slots[2]), "what is known comes first"
    assert order_largest(slots)[-1] is slots[1] and kind_of(slots[1]) == "thing" and kind_of(slots[0]) == "block"


def test_what_is_held_and_what_failed_come_after_the_scene():
    failure = SkillCall("place_in"), Outcome("timeout", "the arm\ndid not " + "x" * 80, 3.0)
    prompt = write_prompt("tidy", seen(slot()), held=slot(0.7), last_failure=failure)
    assert spelled(prompt) == ("Instruction: tidy\nIn sight: <obj_1>. In hand: <obj_2>. "
                               f"Last: place_in failed: {('the arm did not ' + 'x' * 80)[:60]}.\nPlan:")


def test_a_full_hand_is_told_even_when_its_picture_is_lost():
    assert "The hand is full.\nPlan:" in spelled(write_prompt("tidy", seen(slot()), is_holding=True))


def test_image_prompts_show_the_image_and_no_slots():
    prompt = write_prompt("tidy", seen(slot()), held=slot(), scene=WHOLE_IMAGE)
    assert spelled(prompt) == "Instruction: tidy\nGiven <image>. The hand is full.\nPlan:"
    assert [s.camera for s in prompt.segments if isinstance(s, Image)] == ["front"]


@given(st.text(max_size=300))
def test_cleaned_instructions_are_one_printable_line_without_placeholders(text: str):
    try:
        cleaned = clean_instruction(text)
    except InstructionError:
        return
    assert cleaned == clean_instruction(cleaned)
    assert not set("<>\n\t\r\x00\ufeff") & set(cleaned)


@pytest.mark.parametrize(("text", "complaint"), [
    ("", "empty"), (" \n\t\u200b", "empty"), ("a" * 1001, "1001 characters")])
def test_instructions_that_no_prompt_can_carry_are_refused(text: str, complaint: str):
    with pytest.raises(InstructionError, match=complaint):
        clean_instruction(text)


def test_bowls_come_first_then_blocks_from_the_table_up_each_row_from_the_left():
    right, left, upper = slot(0.5, -0.1, 0.041), slot(0.5, 0.1, 0.039), slot(0.5, 0.1, 0.08)
    bowl = replace(slot(), box=Box((0.3, -0.3, 0.03), (0.13, 0.13, 0.05)))
    inside = slot(0.3, -0.3, 0.03)
    assert order_slots([upper, inside, right, left, bowl]) == (bowl, left, right, upper, inside)


def test_a_perception_keeps_the_largest_slots():
    slots = [slot(0.4, area_px=5), slot(0.5, area_px=500), slot(0.6, area_px=50)]
    perception = Perception.of(slots, observation(), TABLETOP, limit=2)
    assert {s.box.center[0] for s in perception.slots} == {0.5, 0.6}


def test_the_hand_is_full_from_a_pick_to_a_release():
    pick = transition("pick", slot(), width_m=FULL_HAND_M)
    failed = transition("place_in", slot(), status="failed", width_m=FULL_HAND_M)
    assert held([]) is None
    assert held([pick]) is pick
    assert held([pick, failed, transition("home", width_m=FULL_HAND_M)]) is pick
    assert held([pick, transition("place_in", slot())]) is None


def test_the_fingers_know_better_than_the_history():
    pick = transition("pick", slot(), width_m=FULL_HAND_M)
    assert held([pick, transition("place_in", slot(), status="failed", width_m=0.0)]) is None
    assert held([pick, transition("place_in", slot(), status="failed", width_m=FULL_HAND_M + 0.02)]) is None
    assert held([transition("pick", slot(), status="failed", width_m=FULL_HAND_M)]) is None


def test_only_the_latest_outcome_counts_as_a_failure():
    failed = transition("pick", slot(), status="failed", reason="it slipped")
    assert last_failure([failed, transition("home")]) is None
    assert last_failure([failed]) == (failed.call, failed.outcome)


def test_the_nearest_slot_is_found():
    slots = [slot(0.4), slot(0.6)]
    assert nearest_slot(slots, slot(0.57).box) is slots[1]
    assert nearest_slot([], slot().box) is None


def block(x: float, z: float, width: float = 0.04) -> Slot:
    return replace(slot(), box=Box((x, 0.0, z), (width, width, 0.04)))


def test_what_rests_on_something_says_so():
    tower = [block(0.5, 0.02), block(0.6, 0.02), block(0.505, 0.06), block(0.5, 0.1)]
    assert supports(tower) == [None, None, 0, 2]
    assert order_slots(reversed(tower)) == tuple(tower)
    assert "<obj_1><obj_2><obj_3> on obj_1 <obj_4> on obj_3 ." in spelled(write_prompt("go", Perception(tuple(tower))))


def test_a_block_inside_a_bowl_rests_on_it_and_not_the_other_way_round():
    assert supports([block(0.51, 0.026), block(0.5, 0.02, width=0.13)]) == [1, None]
    assert supports([block(0.6, 0.02), block(0.5, 0.02, width=0.13)]) == [None, None]
