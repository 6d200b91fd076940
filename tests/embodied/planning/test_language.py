"""The plan language: what is written can be read back, and nothing else can."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.planning.arguments import TEXT_PATTERN
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
from envs.skills.signatures import KITCHEN, TABLETOP, TAMP, Parameter, PlanLanguage
from tests.embodied.planning.languages import ALL, MANY_SHAPES
from tests.embodied.planning.scenes import observation, slot

words = st.one_of(st.sampled_from(object_names(MAX_OBJECTS)),
                  st.builds(location_of, st.integers(0, 63), st.integers(0, 63)))
texts = st.from_regex(TEXT_PATTERN, fullmatch=True)
reasons = st.from_regex(r"[A-Za-z0-9 ,'-]{1,80}", fullmatch=True)


def arguments(parameter: Parameter) -> st.SearchStrategy:
    if parameter.kind == "number":
        return st.integers(round(parameter.low * 1000), round(parameter.high * 1000)).map(lambda number: number / 1000)
    return texts if parameter.kind == "text" else words.map(Referent)


def calls(language: PlanLanguage) -> st.SearchStrategy[SkillCall]:
    return st.one_of(*(st.builds(SkillCall, st.just(s.name), st.tuples(*map(arguments, s.parameters)))
                       for s in language.signatures))


@pytest.mark.parametrize("language", [*ALL.values()], ids=[*ALL])
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_written_is_read_back(language: PlanLanguage, data: st.DataObject):
    plan = data.draw(st.builds(Plan, st.lists(calls(language), max_size=8).map(tuple)))
    assert parse(write(plan), language, objects=MAX_OBJECTS, locations=64) == plan


@given(reasons)
def test_a_refusal_is_read_back(reason: str):
    plan = Plan((), refusal=reason)
    assert parse(write(plan), TABLETOP, objects=0) == plan


def test_an_answer_in_words_is_a_call_like_any_other():
    plan = Plan((SkillCall("answer", ("Yes, the red block is below the blue one.",)),))
    assert write(plan) == 'answer("Yes, the red block is below the blue one."); done()'
    assert parse(write(plan), TAMP, objects=3) == plan
    with pytest.raises(PlanError, match="there is no skill 'answer'"):
        parse(write(plan), TABLETOP, objects=3)


def test_where_there_are_no_refusals_none_is_read():
    with pytest.raises(PlanError, match="there is no skill 'refuse'"):
        parse("refuse(no); done()", MANY_SHAPES, objects=1)


def test_a_skill_that_is_called_done_is_told_from_the_end_of_a_plan():
    assert parse("done()", KITCHEN, objects=0).is_done
    assert [call.skill for call in parse("done(); done()", KITCHEN, objects=0).calls] == ["done"]
    with pytest.raises(PlanError, match="nothing may follow"):
        parse("done(); done()", TABLETOP, objects=0)


@given(st.text(max_size=300))
def test_any_other_text_is_a_plan_error_and_nothing_else(text: str):
    try:
        plan = parse(text, TABLETOP, objects=3)
    except PlanError:
        return
    assert parse(write(plan), TABLETOP, objects=3) == plan


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
        parse(text, TABLETOP, objects=3)


def test_locations_beyond_the_bins_are_refused():
    text = "pick(<loc_7><loc_0>); done()"
    assert parse(text, TABLETOP, objects=0, locations=8).calls[0].arguments[0].words == "<loc_7><loc_0>"
    with pytest.raises(PlanError, match="no object"):
        parse("pick(<loc_8><loc_0>); done()", TABLETOP, objects=0, locations=8)


def test_done_alone_means_that_nothing_is_left():
    assert parse(" done()", TABLETOP, objects=0).is_done
    assert not parse("refuse(I see no purple block)", TABLETOP, objects=0).is_done


def test_grounding_gives_each_object_its_slot_and_each_location_its_pixel():
    perception = Perception.of([slot(0.6, 0.0, top_m=0.1), slot(0.4, 0.1)], observation(), TABLETOP)
    plan = ground(parse("pick(obj_1); place_on(obj_2); done()", TABLETOP, objects=2), perception)
    assert [call.arguments[0].box for call in plan.calls] == [slot(0.4, 0.1).box, slot(0.6, 0.0, top_m=0.1).box]
    plan = ground(parse("pick(<loc_63><loc_0>); done()", TABLETOP, objects=0, locations=64), perception)
    pointed = plan.calls[0].arguments[0]
    assert (pointed.camera, pointed.pixel, pointed.box) == ("front", (7, 0), None)


@given(st.integers(0, 191), st.integers(0, 191))
def test_a_location_names_the_bin_of_its_pixel(column: int, row: int):
    assert locations_of((column, row), 192, 192) == location_of(column // 3, row // 3)


@given(st.text(max_size=200))
def test_any_text_becomes_a_clause_that_a_refusal_carries(text: str):
    plan = Plan((), refusal=clause(text))
    assert parse(write(plan), TABLETOP, objects=0) == plan


def test_a_refusal_that_the_language_cannot_spell_is_not_written():
    with pytest.raises(PlanError, match="clause"):
        write(Plan((), refusal="why?"))
