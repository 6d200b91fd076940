"""Baselines: random plans are valid ones, and veiled models see what they are meant to see."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.baselines import (
    NOWHERE,
    BlindBackend,
    LentCropsBackend,
    MajorityPlanner,
    RandomPlanner,
    ShuffledBackend,
)
from embodied.agents.language_agent import LanguageAgent
from embodied.agents.oracle import OraclePlanner
from embodied.planning.language import parse
from embodied.planning.memory import Look
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import Entity, Image
from envs.interface import Referent, SkillCall
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import FULL_HAND_M, ToyEnv, observation, slot, transition

HERE, THERE = (slot(0.4, 0.2), slot(0.6, -0.2)), (slot(0.5, 0.1, area_px=7),)
PLAN = " pick(obj_1); place_in(obj_2); done()"


def perceive(seen):
    return THERE if seen.time_s else HERE


def pictures(backend: ReplayBackend) -> list:
    return [s.slot for s in backend.asked[-1][0].segments if isinstance(s, Entity)]


@pytest.mark.parametrize("seed", range(8))
def test_random_plans_are_valid_and_grounded(seed: int):
    planner = RandomPlanner(ReplayBackend([], lambda _: HERE), np.random.default_rng(seed))
    plan = planner.plan("anything", observation())
    assert [c.skill for c in parse(plan.text, TABLETOP, objects=2).calls] == [c.skill for c in plan.calls]
    assert plan.calls[0].skill == "pick" and len(plan.calls) == 2
    assert {c.arguments[0].box for c in plan.calls} == {s.box for s in HERE}


def test_random_plans_release_what_is_held_and_stop_where_nothing_is():
    picked = [transition("pick", HERE[0], width_m=FULL_HAND_M)]
    planner = RandomPlanner(ReplayBackend([], lambda _: HERE), np.random.default_rng(0))
    assert [c.skill == "pick" for c in planner.plan("x", observation(FULL_HAND_M), picked).calls] == [False]
    assert RandomPlanner(ReplayBackend([], lambda _: THERE), np.random.default_rng(0)).plan("x", observation()).is_done


def test_random_planners_of_one_seed_agree():
    plans = [RandomPlanner(ReplayBackend([], lambda _: HERE), np.random.default_rng(5)).plan("x", observation())
             for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.parametrize("geometry", [True, False])
def test_the_blind_see_black_but_act_in_the_true_scene(geometry: bool):
    backend = ReplayBackend([PLAN], perceive)
    plan = LanguageAgent(BlindBackend(backend, geometry=geometry), unclear=None).plan("x", observation())
    assert all(not picture.crop.any() for picture in pictures(backend))
    assert {p.box for p in pictures(backend)} == ({s.box for s in HERE} if geometry else {NOWHERE})
    assert plan.calls[0].arguments[0].box == HERE[0].box


def test_the_shuffled_see_another_scene_but_act_in_the_true_one():
    backend = ReplayBackend([PLAN], perceive)
    plan = LanguageAgent(ShuffledBackend(backend, [observation(time_s=1.0)]), unclear=None).plan("x", observation())
    assert pictures(backend) == [THERE[0], THERE[0]]
    assert [c.arguments[0].box for c in plan.calls] == [s.box for s in HERE]


def test_who_drives_about_is_shown_other_things_at_its_own_places():
    backend = ReplayBackend([PLAN], perceive)
    looks = [Look("table", THERE, None, (0.0, 1.0)), Look("bin", None, None, (0.0, 1.0))]
    plan = LanguageAgent(LentCropsBackend(backend, looks), unclear=None).plan("go", observation())
    assert [s.box for s in pictures(backend)] == [s.box for s in HERE] and plan.calls
    assert all((s.crop == THERE[0].crop).all() for s in pictures(backend))
    with pytest.raises(ValueError, match="got none; look at other scenes"):
        LentCropsBackend(backend, looks[1:])


def test_the_majority_is_the_plan_that_is_begun_with_most_often():
    home, wait = SkillCall("home"), SkillCall("say", ("hm",))
    planner = MajorityPlanner([[home], [wait, home], [wait, home], [], [], []])
    plans = [planner.plan(text, observation()) for text in ("sort", "stack")]
    assert [p.calls for p in plans] == [(wait, home)] * 2 and "say" in plans[0].text
    with pytest.raises(ValueError, match="words alone"):
        MajorityPlanner([[SkillCall("pick", (Referent("red block", box=HERE[0].box),))]])
    with pytest.raises(ValueError, match="something to do"):
        MajorityPlanner([[]])


def test_image_models_can_be_veiled_too():
    bright = observation(time_s=1.0)
    for image in bright.rgb.values():
        image[:] = 255
    for veil, level in ((BlindBackend, 0), (lambda b: ShuffledBackend(b, [bright]), 255)):
        backend = ReplayBackend([" done()"], lambda _: [], scene=WHOLE_IMAGE)
        LanguageAgent(veil(backend), unclear=None).plan("x", observation())
        assert all((s.pixels == level).all() for s in backend.asked[-1][0].segments if isinstance(s, Image))


def test_there_must_be_another_scene_to_show():
    with pytest.raises(ValueError, match="got none in 1"):
        ShuffledBackend(ReplayBackend([], lambda _: []), [observation()])


def test_the_oracle_says_what_the_expert_knows():
    plan = OraclePlanner(ToyEnv()).plan("anything", observation())
    assert plan.text == "pick(red block); place_in(blue bowl); done()"
    assert OraclePlanner.label == "ORACLE"
