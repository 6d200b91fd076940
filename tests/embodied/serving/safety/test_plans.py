"""The check of plans: sound ones pass whole, everything else is turned down with a reason."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import envs  # noqa: F401  registers the ids
from embodied.planning.language import Plan, ground, parse
from embodied.planning.perception import Perception
from embodied.prompt import Image
from embodied.serving.safety import CheckedPlanner, fault
from envs.interface import Box, Referent, SkillCall
from envs.skills.signatures import BOARD, TABLETOP
from tests.embodied.planning.scenes import observation, slot, transition
from tests.embodied.serving.safety.motors import envelope_of

SKILLS = TABLETOP.skills
SLOTS = tuple(slot(0.4 + 0.1 * i, 0.1) for i in range(3))
PERCEPTION = Perception(SLOTS, image=Image("front", np.zeros((8, 8, 3), np.uint8)))
WORKSPACE = envelope_of("panda").workspace


def planned(text: str) -> Plan:
    return ground(parse(text, TABLETOP, objects=len(SLOTS), locations=64), PERCEPTION)


def with_box(**changes) -> Plan:
    """A plan whose one object has another box than any that was seen."""
    return Plan((SkillCall("pick", (Referent("the block", box=replace(SLOTS[0].box, **changes)),)),))


@pytest.mark.parametrize("text", [
    "done()", "refuse(I see no purple block)", "pick(obj_1); place_on(obj_2); done()", "home(); done()",
    "pick(obj_1); place_in(obj_3); pick(obj_2); place_in(obj_3); done()", "pick(<loc_3><loc_60>); done()"])
def test_sound_plans_pass(text: str):
    assert fault(planned(text), SKILLS, WORKSPACE) is None


@pytest.mark.parametrize(("plan", "reason"), [
    (Plan((SkillCall("self_destruct"),)), "no skill of this robot"),
    (Plan((SkillCall("push", ("the red star left",)),)), "no skill of this robot"),
    (Plan((SkillCall("pick"),)), "has 0 arguments, it takes 1"),
    (Plan((SkillCall("home", (Referent("x"),)),)), "has 1 arguments, it takes 0"),
    (Plan((SkillCall("pick", (Referent("the bomb"),)),)), "not measured anywhere"),
    (Plan((SkillCall("pick", ("obj_1",)),)), "nothing that was seen"),
    (Plan((SkillCall("pick", (None,)),)), "nothing that was seen"),
    (Plan((SkillCall("pick", (Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04)),)),)), "nothing that was seen"),
    (Plan((SkillCall("pick", (Referent("obj_9", box=SLOTS[0].box),)),), perception=PERCEPTION), "no obj_9 in sight"),
    (Plan((SkillCall("pick", (Referent("obj_1", box=SLOTS[1].box),)),), perception=PERCEPTION),
     "not where it was seen"),
    (Plan((SkillCall("pick", (Referent("it", camera="front", pixel=(9, 0)),)),), perception=PERCEPTION),
     "outside the image"),
    (with_box(center=(np.nan, 0.0, 0.0)), "no finite place"),
    (with_box(center=(0.5, 0.0, np.inf)), "no finite place"),
    (with_box(center=(1.5, 0.0, 0.02)), "outside the workspace"),
    (with_box(center=(0.5, 0.0, 2.0)), "outside the workspace"),
    (with_box(center=(0.5, 0.0, -1.0)), "outside the workspace"),
    (with_box(size=(0.04, 0.04, 0.0)), "no plausible size"),
    (with_box(size=(3.0, 0.04, 0.04)), "no plausible size"),
    (planned("pick(obj_1); " * 3 + "done()"), "round in circles"),
    (planned("pick(obj_1); place_on(obj_2); " * 3 + "done()"), "round in circles"),
    (planned("home(); pick(obj_2); " + "pick(obj_1); place_on(obj_2); home(); " * 3 + "done()"), "round in circles"),
    (planned("; ".join(["home()"] * 33) + "; done()"), "33 calls, the most is 32")])
def test_bad_plans_are_turned_down(plan: Plan, reason: str):
    assert reason in fault(plan, SKILLS, WORKSPACE)


@pytest.mark.parametrize(("words", "is_good"), [
    ("push the red star to the left", True), ("", False), ("x" * 201, False), ("left\nrm -rf", False),
    (Referent("left"), False)])
def test_words_are_a_short_line(words, is_good: bool):
    assert (fault(Plan((SkillCall("push", (words,)),)), BOARD.skills) is None) is is_good


def test_the_same_over_and_over_is_noticed_across_looks():
    again = planned("pick(obj_1); done()")
    block = SLOTS[0]
    done = [transition("pick", block, status="failed") for _ in range(3)]
    assert fault(again, SKILLS, WORKSPACE, done) is None
    done.append(transition("pick", block, status="failed"))
    assert fault(again, SKILLS, WORKSPACE, done) == "the same has been tried over and over"
    elsewhere = [transition("pick", slot(0.4 + 0.02 * i, 0.1), status="failed") for i in range(9)]
    assert fault(again, SKILLS, WORKSPACE, elsewhere) is None, "names change, places tell"


class Stubborn:
    """Always the same plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def plan(self, instruction, observation, history) -> Plan:
        return self._plan


def test_a_checked_planner_refuses_in_words_that_the_language_has():
    told = []
    bad = Plan((SkillCall("pick", (Referent("obj_9", box=SLOTS[0].box),)),), text="pick(obj_9)", perception=PERCEPTION)
    plan = CheckedPlanner(Stubborn(bad), SKILLS, WORKSPACE, told.append).plan("pick it", observation(), ())
    assert plan.calls == () and plan.refusal == "call 1, pick, there is no obj 9 in sight"
    assert told == ["call 1, pick, there is no obj_9 in sight"] and plan.text == "pick(obj_9)"
    good = planned("pick(obj_1); done()")
    assert CheckedPlanner(Stubborn(good), SKILLS, WORKSPACE, told.append).plan("", observation(), ()) is good


floats = st.floats(width=32)
boxes = st.builds(Box, st.tuples(floats, floats, floats), st.tuples(floats, floats, floats), floats)
referents = st.builds(Referent, st.sampled_from(["obj_1", "obj_4", "it"]), st.none() | boxes,
                      st.none() | st.just("front"), st.none() | st.tuples(st.integers(), st.integers()))
calls = st.builds(SkillCall, st.sampled_from([*SKILLS, "push", "fly"]),
                  st.lists(referents | st.text(max_size=5) | floats, max_size=2).map(tuple))


@settings(max_examples=400, database=None)
@given(st.lists(calls, max_size=5).map(tuple), st.sampled_from([None, PERCEPTION]))
def test_what_passes_is_plausible(calls: tuple, perception: Perception | None):
    plan = Plan(calls, perception=perception)
    if fault(plan, SKILLS, WORKSPACE) is not None:
        return
    for call in plan.calls:
        assert len(call.arguments) == len(SKILLS[call.skill].parameters)
        for referent in call.arguments:
            assert referent.box is not None or referent.pixel is not None
            if referent.box is not None:
                x, y, _ = referent.box.center
                assert WORKSPACE.low[0] <= x <= WORKSPACE.high[0] and WORKSPACE.low[1] <= y <= WORKSPACE.high[1]
                assert 0 < min(referent.box.size) <= max(referent.box.size) <= 0.6


@pytest.mark.parametrize("env_id", ["embodied/Tabletop-v0", "embodied/Tamp-v0", "embodied/Board-v0",
                                    "embodied/Kitchen-v0"])
def test_an_experts_plans_are_never_turned_down(env_id: str):
    env = gymnasium.make(env_id, cameras=())
    signatures, lengths = env.unwrapped.domain.language.skills, []
    for seed in range(2_000_000, 2_000_030):
        env.reset(seed=seed)
        plan = Plan(tuple(env.unwrapped.expert_plan()))
        workspace = WORKSPACE if "T" in env_id else None
        assert fault(plan, signatures, workspace) is None, seed
        lengths.append(len(plan.calls))
    assert max(lengths) > 0
    env.close()
