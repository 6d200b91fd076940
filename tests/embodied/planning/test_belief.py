"""What an agent believes is on the table: names that outlast moves, found again by looks and by where calls lead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embodied.planning.belief import expect, first_look, look_again, named_call
from embodied.prompt import Slot
from envs.interface import Box, Outcome, Referent, SkillCall, Transition
from tests.embodied.planning.scenes import bowl, colored, observation, slot

RED, GREEN, BLUE = (220, 20, 20), (20, 150, 40), (20, 40, 210)


def at(plain: Slot, x: float, y: float, z: float = 0.02) -> Slot:
    return replace(plain, box=Box((x, y, z), plain.box.size))


def call(skill: str, target: Slot, status: str = "done") -> Transition:
    calls = SkillCall(skill, (Referent("obj_1", box=target.box),))
    return Transition(observation(), calls, Outcome(status, "", 1.0), observation(), 0.0, False, False)


LEFT, RIGHT = colored(slot(0.5, 0.2), RED), colored(slot(0.5, -0.2), RED)
BOWL = bowl(colored(slot(0.6, 0.0), BLUE))


def test_things_that_look_alike_are_numbered_from_the_robots_left():
    table = first_look([RIGHT, LEFT, BOWL]).table
    assert table.things["red block"].y > table.things["red block 2"].y
    assert set(table.things) == {"red block", "red block 2", "blue bowl"}


def test_what_was_moved_is_found_where_its_call_leads():
    belief = first_look([LEFT, RIGHT, BOWL])
    moved = at(RIGHT, 0.6, 0.0, 0.03)
    after = look_again(belief, [moved, LEFT, BOWL], [call("pick", RIGHT), call("place_in", BOWL)])
    assert after.table.bowl_of("red block 2") == "blue bowl"
    assert after.table.stands("red block")
    assert after.places["red block 2"] == 0


def test_a_call_that_failed_is_not_believed_to_have_moved_anything():
    belief = first_look([LEFT, RIGHT, BOWL])
    expected = expect(belief, [call("pick", RIGHT, "failed")])
    assert expected == belief.table
    assert look_again(belief, [LEFT, RIGHT, BOWL], [call("pick", RIGHT, "failed")]).table.stands("red block 2")


def test_what_is_out_of_sight_is_believed_to_be_where_it_was():
    after = look_again(first_look([LEFT, RIGHT, BOWL]), [LEFT, BOWL], [])
    assert after.unseen == {"red block 2"}
    assert after.table.things["red block 2"].y == pytest.approx(-0.2)


def test_what_a_block_in_sight_lies_upon_is_known_to_be_there():
    low, high = at(LEFT, 0.6, 0.0, 0.02), at(colored(slot(0.5, -0.2), GREEN), 0.6, 0.0, 0.06)
    belief = look_again(first_look([LEFT, high, BOWL]), [low, at(high, 0.5, -0.2), BOWL], [])
    after = look_again(belief, [high, BOWL], [])
    assert after.table.under == {"green block": "red block", "red block": "blue bowl"} and not after.unseen
    assert look_again(belief, [at(high, 0.6, 0.0, 0.02), BOWL], []).unseen == {"red block"}, "it lies as low itself"


def test_what_slipped_from_the_hand_is_found_where_it_fell():
    belief = look_again(first_look([LEFT, RIGHT, BOWL]), [LEFT, BOWL], [call("pick", RIGHT)])
    assert belief.table.held == "red block 2"
    fallen = at(RIGHT, 0.62, 0.0, 0.03)
    after = look_again(belief, [LEFT, fallen, BOWL], [call("place_in", BOWL, "failed")], is_holding=False)
    assert after.table.held is None and after.table.bowl_of("red block 2") == "blue bowl"
    assert set(after.table.things) == {"red block", "red block 2", "blue bowl"}


def test_something_new_gets_a_name_of_its_own():
    new = colored(slot(0.4, 0.1), GREEN)
    after = look_again(first_look([LEFT, BOWL]), [LEFT, BOWL, new], [])
    assert set(after.table.things) == {"red block", "blue bowl", "green block"}


def test_a_thing_that_somebody_moved_is_known_again_by_its_colour():
    green = colored(slot(0.4, 0.1), GREEN)
    before = first_look([LEFT, green, BOWL])
    after = look_again(before, [at(LEFT, 0.45, 0.05), at(green, 0.5, 0.25), BOWL], [])
    assert after.table.things["green block"].y == pytest.approx(0.25)
    assert set(after.table.things) == set(before.table.things)


def test_calls_are_named_by_what_is_nearest_to_where_they_point():
    belief = first_look([LEFT, RIGHT, BOWL])
    near = Referent("obj_9", box=Box((0.51, -0.19, 0.02), (0.04, 0.04, 0.04)))
    assert named_call(SkillCall("pick", (near,)), belief) == ("pick", "red block 2")
    assert named_call(SkillCall("put_down_at", ("left",)), belief) == ("put_down_at", "left")
    assert named_call(SkillCall("pick", (Referent("nothing"),)), belief) is None
