"""The plan language: what is written can be read back, and nothing else can."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.planning.language import (
    MAX_BYTES,
    Plan,
    PlanError,
    clause,
    ground,
    location_of,
    locations_of,
    object_names,
    parse,
    write,
)
from embodied.planning.perception import Perception
from embodied.prompt import MAX_OBJECTS
from envs.interface import Referent, SkillCall
from envs.skills.signatures import SIGNATURES
from tests.embodied.planning.scenes import observation, slot

words = st.one_of(st.sampled_from(object_names(MAX_OBJECTS)),
                  st.builds(location_of, st.integers(0, 63), st.integers(0, 63)))


@st.composite
def calls(draw) -> SkillCall:
    signature = draw(st.sampled_from(list(SIGNATURES.values())))
    return SkillCall(signature.name, tuple(Referent(draw(words)) for _ in signature.parameters))


reasons = st.from_regex(r"[A-Za-z0-9 ,'-]{1,80}", fullmatch=True)
plans = st.one_of(st.builds(Plan, st.lists(calls(), max_size=8).map(tuple)),
                  st.builds(lambda reason: Plan((), refusal=reason), reasons))


@settings(max_examples=50)
@given(plans)
def test_what_is_written_is_read_back(plan: Plan):
    assert parse(write(plan), objects=MAX_OBJECTS, locations=64) == plan


@given(st.text(max_size=300))
def test_any_other_text_is_a_plan_error_and_nothing_else(text: str):
    try:
        plan = parse(text, objects=3)
    except PlanError:
        return
    assert parse(write(plan), objects=3) == plan


@pytest.mark.parametrize(("text", "complaint"), [
    ("pick(obj_1)", "closed by done"),
    ("pick(obj_1); ", "closed by done"),
    ("", "closed by done"),
    ("Sure! pick(obj_1); done()", "stopped at 'Sure!"),
    ("pick(obj_1); done() and then rest", "nothing may follow done"),
    ("done(); pick(obj_1); done()", "nothing may follow done"),
    ("pik(obj_1); done()", "did you mean 'pick'"),
    ("fly(obj_1); done()", "the names are pick, place_in"),
    ("pick(); done()", "pick takes 1 argument, got 0"),
    ("pick(obj_1, obj_2); done()", "pick takes 1 argument, got 2"),
    ("home(obj_1); done()", "home takes 0 arguments, got 1"),
    ("pick(obj_4); done()", "there is no object 'obj_4', the names are obj_1, obj_2, obj_3"),
    ("pick(obj_01); done()", "there is no object"),
    ("pick(<loc_1><loc_2>); done()", "there is no object"),
    ("\ufeffdone()", "U\\+FEFF"),
    ("pick(obj_\ud800); done()", "U\\+D800"),
    ("pick(obj_\uff11); done()", "plain ASCII"),
    ("refuse()", "a refusal is"),
    ("refuse(no!)", "a refusal is"),
    ("refuse(no); done()", "a refusal is"),
    ("done(); " * 1, "nothing may follow"),
    ("x" * (MAX_BYTES + 1), "at most"),
    ("home(); " * 65 + "done()", "at most 64 calls"),
])
def test_malformed_plans_are_refused_with_a_clause(text: str, complaint: str):
    with pytest.raises(PlanError, match=complaint):
        parse(text, objects=3)


def test_locations_beyond_the_bins_are_refused():
    assert parse("pick(<loc_7><loc_0>); done()", objects=0, locations=8).calls[0].arguments[0].words == "<loc_7><loc_0>"
    with pytest.raises(PlanError, match="no object"):
        parse("pick(<loc_8><loc_0>); done()", objects=0, locations=8)


def test_done_alone_means_that_nothing_is_left():
    assert parse(" done()", objects=0).is_done
    assert not parse("refuse(I see no purple block)", objects=0).is_done


def test_grounding_gives_each_object_its_slot_and_each_location_its_pixel():
    perception = Perception.of([slot(0.6, 0.0, top_m=0.1), slot(0.4, 0.1)], observation())
    plan = ground(parse("pick(obj_1); place_on(obj_2); done()", objects=2), perception)
    assert [call.arguments[0].box for call in plan.calls] == [slot(0.4, 0.1).box, slot(0.6, 0.0, top_m=0.1).box]
    pointed = ground(parse("pick(<loc_63><loc_0>); done()", objects=0, locations=64), perception).calls[0].arguments[0]
    assert (pointed.camera, pointed.pixel, pointed.box) == ("front", (7, 0), None)


@given(st.integers(0, 191), st.integers(0, 191))
def test_a_location_names_the_bin_of_its_pixel(column: int, row: int):
    assert locations_of((column, row), 192, 192) == location_of(column // 3, row // 3)


@given(st.text(max_size=200))
def test_any_text_becomes_a_clause_that_a_refusal_carries(text: str):
    plan = Plan((), refusal=clause(text))
    assert parse(write(plan), objects=0) == plan


def test_a_refusal_that_the_language_cannot_spell_is_not_written():
    with pytest.raises(PlanError, match="clause"):
        write(Plan((), refusal="why?"))
