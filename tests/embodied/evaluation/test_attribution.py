"""Whose fault: one case of each kind, told from made-up truths."""

from __future__ import annotations

import pytest

from embodied.evaluation.attribution import Decision, Fault, Truth, attribute_failure, failure_split, fault_of
from envs.interface import Box, Outcome, Referent, SkillCall

RED, BLUE, BOWL = (Box((0.5, y, 0.02), (0.04, 0.04, 0.04)) for y in (-0.2, 0.0, 0.2))
BOXES = {"red block": RED, "blue block": BLUE, "red bowl": BOWL}
PICK, PLACE = ("pick", "red block"), ("place_in", "red bowl")
DONE, FAILED = Outcome("done", "", 1.0), Outcome("failed", "the gripper closed on nothing", 1.0)


def call(skill: str, box: Box) -> SkillCall:
    return SkillCall(skill, (Referent("obj_1", box=box),))


def decision(made: SkillCall | None, outcome: Outcome | None = DONE, *, wanted=(PICK, PLACE), held=None,
             seen=(RED, BLUE, BOWL), any_order=False) -> Decision:
    return Decision(Truth(BOXES, held, tuple(wanted), any_order), made, outcome, seen)


def test_a_right_call_that_went_well_is_no_fault():
    after = Truth(BOXES, "red block", (PLACE,))
    assert fault_of(decision(call("pick", RED)), after) is None


@pytest.mark.parametrize(("made", "component"), [
    (decision(call("pick", Box((0.6, 0.3, 0.02), (0.04, 0.04, 0.04)))), "perception"),  # aimed where nothing is
    (decision(call("pick", BLUE)), "planning"),
    (decision(call("pick", BLUE), seen=(BLUE, BOWL)), "perception"),  # the wanted block was overlooked
    (decision(call("pick", RED), FAILED), "skill"),
    (decision(call("pick", BLUE), FAILED), "planning"),  # the choice was wrong before the hand was
    (decision(None, None), "planning"),  # stopped with work left
    (decision(None, None, seen=(BLUE, BOWL)), "perception"),
    (decision(call("place_on", BLUE), wanted=(PLACE,), held="red block"), "planning"),
])
def test_the_culprit_of_one_decision(made, component):
    assert fault_of(made).component == component


def test_a_bowl_taken_for_the_block_inside_it_is_a_fault_of_sight():
    rim = Box(BOWL.center, (0.13, 0.13, 0.04))
    truth = Truth({"red block": Box(BOWL.center, (0.04, 0.04, 0.04)), "blue bowl": rim}, None, (PICK, PLACE))
    made = Decision(truth, call("pick", rim), FAILED, seen=(rim,))
    assert (fault_of(made).component, fault_of(made).reason) == ("perception", "the red block was not seen")


def test_stopping_with_nothing_left_is_right():
    assert fault_of(decision(None, None, wanted=())) is None


def test_a_skill_that_claims_success_without_progress_is_at_fault():
    assert fault_of(decision(call("pick", RED)), Truth(BOXES, None, (PICK, PLACE))).component == "skill"


def test_in_any_order_another_wanted_pick_is_as_good():
    wanted = (PICK, PLACE, ("pick", "blue block"), PLACE)
    assert fault_of(decision(call("pick", BLUE), wanted=wanted, any_order=True)) is None
    assert fault_of(decision(call("pick", BLUE), wanted=wanted)).component == "planning"


def test_a_fault_that_was_made_good_is_not_blamed():
    missed = decision(call("pick", RED), FAILED)
    picked = decision(call("pick", RED))
    dropped = decision(call("place_in", BLUE), wanted=(PLACE,), held="red block")
    assert attribute_failure([missed, picked, dropped]).component == "planning"
    assert attribute_failure([missed]).component == "skill"
    assert attribute_failure([]).component == "other"


def test_the_split_counts_failures_only():
    lost = {"success": False, "attribution": {"component": "skill", "reason": "pick: slipped"}}
    assert failure_split([lost, {"success": True, "attribution": None}]) == {
        "count": 1, "perception": 0, "planning": 0, "skill": 1, "other": 0, "reasons": {"skill: pick: slipped": 1}}


def roaming(made: SkillCall | None, wanted, outcome=DONE) -> Decision:
    """A decision in the kitchen, where all goes by words and an expert has to look about first."""
    return Decision(Truth({}, None, wanted, is_partial=True), made, outcome, None)


def test_words_are_held_against_words():
    fetch = (("find", "apple"), ("pick", "apple"), ("go_to", "table"), ("put_down", "table"))
    assert fault_of(roaming(SkillCall("find", ("apple",)), fetch)) is None
    assert fault_of(roaming(SkillCall("find", ("mug",)), fetch)) == Fault(
        "planning", "chose find mug where find apple was due")
    assert fault_of(roaming(SkillCall("open_drawer"), (("open_drawer", ""),))) is None
    failed = fault_of(roaming(SkillCall("find", ("apple",)), fetch, Outcome("failed", "I saw no apple", 9.0)))
    assert failed == Fault("skill", "find: I saw no apple")


def test_a_look_about_that_shows_what_is_left_is_no_fault():
    """Going to a place may make the plan longer: what is left was not known before."""
    look, fetch = (("go_to", "table"),), (("find", "apple"), ("pick", "apple"))
    decisions = [roaming(SkillCall("go_to", ("table",)), look), roaming(SkillCall("find", ("apple",)), fetch),
                 roaming(None, fetch[1:])]
    assert attribute_failure(decisions) == Fault("planning", "chose to stop where pick apple was due")


def test_what_was_made_good_is_no_fault_where_what_is_left_is_not_known():
    pick, put = (("pick", "apple"), ("put_down", "table")), (("put_down", "table"),)
    slipped = Outcome("failed", "the object slipped from the gripper", 3.0)
    decisions = [roaming(SkillCall("pick", ("apple",)), pick, slipped), roaming(SkillCall("pick", ("apple",)), pick),
                 roaming(SkillCall("find", ("mug",)), put), roaming(None, put)]
    assert attribute_failure(decisions) == Fault("planning", "chose find mug where put_down table was due")
    assert attribute_failure(decisions[:2]) == Fault("skill", "pick: the object slipped from the gripper")
