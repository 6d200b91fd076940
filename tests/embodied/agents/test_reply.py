"""The strict reader of replies: for every text a whole plan or a PlanError, never another exception, never a part."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.agents.backends.chat_reply import ChatReply, ToolCall
from embodied.agents.prompting.reply import MOST_CALLS, Rules, load_strictly, read_reply, read_text
from embodied.planning.language import Plan, PlanError
from envs.skills.signatures import KITCHEN, TABLETOP
from tests.embodied.agents.recorded import PICK_AND_PLACE, calls
from tests.embodied.planning.languages import MANY_SHAPES

RULES = Rules(TABLETOP, ("obj_1", "obj_2", "obj_3"))


def said(plan: Plan) -> list[tuple]:
    return [(c.skill, *(getattr(a, "words", a) for a in c.arguments)) for c in plan.calls]


@pytest.mark.parametrize("text", [
    PICK_AND_PLACE, f"  {PICK_AND_PLACE}\n", f"```json\n{PICK_AND_PLACE}\n```", f"```\n{PICK_AND_PLACE}\n```",
    f"<think>The red one {{ I guess.</think>\n{PICK_AND_PLACE}"])
def test_a_plan_is_read(text: str):
    plan = read_text(text, RULES)
    assert said(plan) == [("pick", "obj_1"), ("place_in", "obj_2")] and plan.text == text


def test_nothing_left_to_do_a_refusal_and_a_question():
    assert read_text('{"thought": "all is so", "calls": []}', RULES).is_done
    refused = read_text(calls(("refuse", {"reason": "I see no <b>purple</b> one!"})), RULES)
    assert refused.refusal == "I see no b purple b one" and not refused.is_done
    asked = read_text(calls(("ask", {"question": "which\nred block?"})), RULES)
    assert asked.question == "which red block?" and not asked.calls and not asked.is_done


@pytest.mark.parametrize(("text", "complaint"), [
    ("", "not one JSON object"),
    ("Sure! I will pick it.", "not one JSON object"),
    (PICK_AND_PLACE[:-4], "not one JSON object"),
    (PICK_AND_PLACE + " That is my plan.", "Extra data"),
    ("\ufeff" + PICK_AND_PLACE, "not one JSON object"),
    ("[]", "got a list"),
    ("null", "got null"),
    ('{"thought": "x"}', '"calls" is a list, got none'),
    ('{"calls": {}}', '"calls" is a list, got an object'),
    ('{"calls": [], "thought": 3}', '"thought" is a string'),
    ('{"calls": [], "speed": NaN}', "JSON has no NaN"),
    ('{"calls": [], "speed": -Infinity}', "JSON has no -Infinity"),
    ('{"calls": [], "speed": 1e999}', "no finite number"),
    ('{"calls": [], "speed": ' + "9" * 5000 + "}", "a number is too long"),
    ('{"calls": [], "calls": []}', "'calls' stands there twice"),
    ('{"calls": [], "thought": "\\ud800"}', "lone surrogate"),
    ('{"calls": [], "thought": "\ud800"}', "lone surrogate"),
    ('{"calls": ' + "[" * 9 + "]" * 9 + "}", "at most 8 levels"),
    ("[" * 100_000, "at most 16384 bytes"),
    ('{"calls": [], "thought": "' + "x" * 17_000 + '"}', "at most 16384 bytes"),
    ('{"calls": [], "limits": "off"}', "only the keys thought, calls, got 'limits'"),
    ('{"calls": ["pick(obj_1)"]}', "got a string"),
    ('{"calls": [{"skill": "pick", "arguments": {"object": "obj_1"}, "force_n": 900}]}', "only the keys skill"),
    (calls(("fly", {})), "there is no function 'fly'"),
    (calls(("pck", {"object": "obj_1"})), "did you mean 'pick'"),
    (calls(("pick", {"object": "obj_9"})), "the names are obj_1, obj_2, obj_3"),
    (calls(("pick", {})), "pick takes {object}"),
    (calls(("pick", {"object": "obj_1", "force": "obj_2"})), "pick takes {object}"),
    (calls(("home", {"object": "obj_1"})), "home takes {}"),
    ('{"calls": [{"skill": "pick", "arguments": ["obj_1"]}]}', "is an object, got a list"),
    ('{"calls": [{"skill": "pick", "arguments": {"object": 1}}]}', "is a string, got a number"),
    (calls(*[("home", {})] * (MOST_CALLS + 1)), "at most 20 calls"),
    (calls(("pick", {"object": "obj_1"}), ("pick", {"object": "obj_2"})), "needs an empty hand"),
    (calls(("place_on", {"base": "obj_1"})), "needs a full hand"),
    (calls(("pick", {"object": "obj_1"}), ("place_on", {"base": "obj_1"})), "onto itself"),
    (calls(("refuse", {"reason": "no"}), ("home", {})), "refuse is the only call"),
    (calls(("ask", {"question": "  "})), "question of ask is 1 to"),
])
def test_what_is_no_plan_is_named(text: str, complaint: str):
    with pytest.raises(PlanError) as error:
        read_text(text, RULES)
    assert complaint in str(error.value) and len(str(error.value)) < 500


def test_an_answer_that_was_cut_off_is_no_plan():
    with pytest.raises(PlanError, match="cut off"):
        read_reply(ChatReply(PICK_AND_PLACE, finish_reason="length"), RULES)


def test_a_full_hand_may_release():
    rules = Rules(TABLETOP, ("obj_1",), is_holding=True)
    assert said(read_text(calls(("place_on", {"base": "obj_1"})), rules)) == [("place_on", "obj_1")]


def test_tool_calls_are_a_plan_in_their_order():
    called = (ToolCall("pick", '{"object": "obj_1"}'), ToolCall("place_in", '{"container": "obj_2"}'))
    assert said(read_reply(ChatReply("ok", called), RULES)) == [("pick", "obj_1"), ("place_in", "obj_2")]
    assert read_reply(ChatReply("", (ToolCall("done", ""),)), RULES).is_done
    assert read_reply(ChatReply("", (ToolCall("ask", '{"question": "which?"}'),)), RULES).question == "which?"
    for odd in ((ToolCall("done", "{}"), *called), (ToolCall("pick", "{"),), (ToolCall("pick", "[]"),)):
        with pytest.raises(PlanError):
            read_reply(ChatReply("", odd), RULES)


def test_words_go_to_skills_that_take_words():
    rules = Rules(KITCHEN, ())
    plan = read_text(calls(("go_to", {"place": "the table"}), ("pick", {"object": "apple"})), rules)
    assert said(plan) == [("go_to", "the table"), ("pick", "apple")]
    with pytest.raises(PlanError, match="printable"):
        read_text(calls(("go_to", {"place": "a\x00b"})), rules)


def test_numbers_go_to_skills_that_take_numbers_between_their_bounds():
    rules = Rules(MANY_SHAPES, ("obj_1", "obj_2"))
    plan = read_text(calls(("grab_from", {"thing": "obj_1", "place": "obj_2", "turn_rad": -0.12345})), rules)
    assert said(plan) == [("grab_from", "obj_1", "obj_2", -0.123)]
    for odd in (1.6, "1", True, None):
        with pytest.raises(PlanError, match=r"turn_rad of grab_from is a number from -1\.57 to 1\.57, got"):
            read_text(calls(("grab_from", {"thing": "obj_1", "place": "obj_2", "turn_rad": odd})), rules)


def test_no_object_is_released_onto_itself_whichever_argument_names_it():
    between = ("put_between", {"left": "obj_2", "right": "obj_1"})
    with pytest.raises(PlanError, match="onto itself"):
        read_text(calls(("grab", {"thing": "obj_1"}), between), Rules(MANY_SHAPES, ("obj_1", "obj_2")))


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(
    inner, max_size=4) | st.dictionaries(st.sampled_from(["calls", "skill", "arguments", "thought", "object", "x"]),
                                         inner, max_size=4), max_leaves=20)
ARGUMENTS = st.dictionaries(st.sampled_from(["object", "container", "base", "neighbour", "reason", "question"]),
                            st.sampled_from(["obj_1", "obj_2", "obj_4", ""]), max_size=2)
CALL = st.fixed_dictionaries({"skill": st.sampled_from([*TABLETOP.skills, "ask", "refuse", "fly"]),
                              "arguments": ARGUMENTS})


def read_or_refuse(text: str, rules: Rules = RULES) -> None:
    try:
        plan = read_text(text, rules)
    except PlanError:
        return
    assert len(plan.calls) <= rules.most_calls and not (plan.calls and (plan.refusal or plan.question))
    for call in plan.calls:
        assert call.skill in rules.language.skills and all(a.words in rules.names for a in call.arguments)
        assert len(call.arguments) == len(rules.language.skills[call.skill].parameters)


@given(st.text())
def test_any_text_is_a_plan_or_a_plan_error(text: str):
    read_or_refuse(text)


@given(JSON)
def test_any_json_is_a_plan_or_a_plan_error(value):
    read_or_refuse(json.dumps(value))


@given(st.lists(CALL, max_size=6), st.booleans())
def test_any_calls_are_a_plan_or_a_plan_error(listed, is_holding: bool):
    read_or_refuse(json.dumps({"calls": listed}), Rules(TABLETOP, RULES.names, is_holding))


@given(st.integers(0, len(PICK_AND_PLACE) - 1), st.text(max_size=3))
def test_a_plan_with_a_wound_is_whole_or_refused(place: int, wound: str):
    read_or_refuse(PICK_AND_PLACE[:place] + wound + PICK_AND_PLACE[place + 1:])


@given(st.text(), st.text())
def test_any_tool_call_is_a_plan_or_a_plan_error(name: str, arguments: str):
    try:
        plan = read_reply(ChatReply("", (ToolCall(name, arguments),)), RULES)
    except PlanError:
        return
    assert plan.is_done or plan.calls[0].skill in TABLETOP.skills


@given(JSON)
def test_strict_json_is_json(value):
    text = json.dumps(value)
    try:
        loaded = load_strictly(text)
    except PlanError:
        return
    assert loaded == json.loads(text)
