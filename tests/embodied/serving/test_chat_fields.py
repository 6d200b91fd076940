"""The chat API heeds a field as OpenAI means it, or refuses it by name; nothing that changes an answer is dropped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import openai
import pytest

from embodied.planning.language import Plan
from embodied.prompt import Prompt, Sample
from embodied.serving.bridges.chat_answer import End, Piece, of_plan, until
from embodied.serving.bridges.chat_fields import FIELDS, FIXED, refuse_unheeded, table
from embodied.serving.errors import ApiError
from embodied.serving.pictures import write
from tests.embodied.serving.served import ROOT, TOKEN, Robot, Served

PLANNER, WISH = "tabletop-tiny", "put the red block in the blue bowl"
SCHEMA = {"type": "json_schema", "json_schema": {"name": "p", "strict": True, "schema": {"type": "object"}}}
TOOLS = [{"type": "function", "function": {"name": "pick", "parameters": {"type": "object"}}}]
REFUSED = {"n": [2, 0, True], "temperature": [0.7, 1], "top_logprobs": [2], "response_format": [
    {"type": "json_object"}, SCHEMA], "tools": [TOOLS], "tool_choice": ["required", "auto"], "functions": [[{}]],
    "function_call": ["auto"], "presence_penalty": [0.5], "frequency_penalty": [-1], "logit_bias": [{"50": 1}],
    "modalities": [["text", "audio"]], "store": [True], "service_tier": ["flex"], "reasoning_effort": ["high"],
    "seed": ["x", 1.5], "top_p": [0, 2, "x"], "parallel_tool_calls": [1], "user": [3], "safety_identifier": [3],
    "prompt_cache_key": [3], "metadata": [[]]}
TAKEN = {"n": 1, "temperature": 0.0, "top_logprobs": 0, "response_format": {"type": "text"}, "tools": [],
         "tool_choice": "none", "functions": [], "function_call": "none", "presence_penalty": 0,
         "frequency_penalty": 0.0, "logit_bias": {}, "modalities": ["text"], "store": False, "service_tier": "auto",
         "reasoning_effort": "none", "seed": 7, "top_p": 0.9, "parallel_tool_calls": True, "user": "u",
         "safety_identifier": "s", "prompt_cache_key": "k", "metadata": {"a": "b"}}


def test_the_table_of_fields_is_whole_and_in_the_docs():
    assert table() in (ROOT / "docs" / "serving.md").read_text()
    judged = {name for name, known in FIELDS.items() if known.treatment != "heeded"}
    assert set(TAKEN) == set(REFUSED) == judged
    assert {name for name, known in FIELDS.items() if known.treatment == FIXED} <= judged


@pytest.mark.parametrize("name", REFUSED)
def test_a_field_has_the_values_that_change_nothing_or_is_refused_by_name(name: str):
    refuse_unheeded({name: TAKEN[name]}, is_robot=True)
    for value in REFUSED[name]:
        with pytest.raises(ApiError, match=f"^{name}: expected ") as refused:
            refuse_unheeded({name: value}, is_robot=False)
        assert refused.value.status == 422


def test_fields_of_nobody_are_refused_with_the_nearest_one():
    with pytest.raises(ApiError, match=r"max_tokens_to_sample.*did you mean 'max_tokens'"):
        refuse_unheeded({"max_tokens_to_sample": 3}, is_robot=False)
    with pytest.raises(ApiError, match="max_tokens: expected null with robot"):
        refuse_unheeded({"max_tokens": 3}, is_robot=True)
    refuse_unheeded({"logprobs": False}, is_robot=True)


def said(*texts: str) -> list[Piece]:
    return [Piece(text, -0.5) for text in texts]


@pytest.mark.parametrize(("stops", "text", "read"), [
    ([";"], "pick(a)", 3), (["a)"], "pick(", 2), (["k(", "pick"], "", 1), (["x"], "pick(a); done()", 4),
    (["done", "; d"], "pick(a)", 4)])
def test_an_answer_ends_before_the_first_stop(stops: list[str], text: str, read: int):
    kept, count = until(said("pick", "(a)", ";", " done()"), stops)
    assert ("".join(piece.text for piece in kept), count) == (text, read)


MADE = Sample("pick(obj_1); done()", Prompt(()), "start: plan", (1, 2, 3), masked_log_probs=(-0.1, -0.1, 0.0),
              pieces=("pick(obj_1);", " done()", ""), prompt_tokens=9)


def test_a_refusal_made_without_the_model_costs_nothing_and_one_of_a_judge_hides_the_plan():
    assert of_plan(Plan((), refusal="the instruction is empty"), []) == [Piece("refuse(the instruction is empty)"),
                                                                          End("stop", 0, 0)]
    made = replace(MADE, text=" pick(obj_1); done()", pieces=(" pick(obj_1);", " done()", ""))
    judged = Plan((), refusal="not what was asked", text=made.text, sample=made)
    assert of_plan(judged, []) == [Piece("refuse(not what was asked)"), End("stop", 9, 2)]
    worded = replace(judged, text="refuse(not what was asked)")
    assert of_plan(worded, []) == of_plan(judged, [])


def test_answers_that_were_turned_down_are_in_the_usage_and_not_in_the_answer():
    plan = Plan((), text=MADE.text, sample=MADE, turned_down=(replace(MADE, text="pick(obj_2); done()"),))
    assert of_plan(plan, [])[-1] == End("stop", 18, 4) and of_plan(plan, [";"])[-1] == End("stop", 18, 3)
    assert "".join(piece.text for piece in of_plan(plan, [])[:-1]) == MADE.text


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def parts(views) -> list[dict]:
    """An instruction and its pictures."""
    instruction, seen = views
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in write(seen)]
    return [{"type": "text", "text": instruction}, *pictures]


@pytest.fixture(scope="module")
def plain(client: openai.OpenAI, parts: list[dict]):
    return client.chat.completions.create(model=PLANNER, messages=[{"role": "user", "content": parts}])


@pytest.mark.weights
def test_usage_is_counted_and_log_probs_are_of_the_tokens(client: openai.OpenAI, parts: list[dict], plain):
    told = client.chat.completions.create(model=PLANNER, messages=[{"role": "user", "content": parts}], logprobs=True)
    tokens = told.choices[0].logprobs.content
    assert "".join(t.token for t in tokens) == told.choices[0].message.content == plain.choices[0].message.content
    assert bytes(b for t in tokens for b in t.bytes).decode() == plain.choices[0].message.content
    assert all(-20 < t.logprob <= 0 for t in tokens) and len(tokens) == told.usage.completion_tokens
    assert told.usage.prompt_tokens > 20 and told.usage.total_tokens == told.usage.prompt_tokens + len(tokens)
    assert plain.choices[0].logprobs is None and plain.choices[0].finish_reason == "stop"
    longer = [{"type": "text", "text": "please " + parts[0]["text"]}, *parts[1:]]
    more = client.chat.completions.create(model=PLANNER, messages=[{"role": "user", "content": longer}])
    assert more.usage.prompt_tokens in (told.usage.prompt_tokens + 1, 0)  # 0: the word is refused before the model


@pytest.mark.weights
@pytest.mark.parametrize("settings", [{"max_tokens": 1}, {"max_completion_tokens": 3}, {"stop": [";"]},
                                      {"stop": "place"}, {"max_tokens": 4000}], ids=str)
def test_lengths_and_stops_are_heeded_alike_whole_and_streamed(client, parts, plain, settings: dict):
    ask = {"model": PLANNER, "messages": [{"role": "user", "content": parts}], **settings}
    whole = client.chat.completions.create(**ask)
    stops = [settings["stop"]] if isinstance(settings.get("stop"), str) else settings.get("stop", ["\0"])
    stream = list(client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}))
    text, finish = whole.choices[0].message.content, whole.choices[0].finish_reason
    full, most = plain.choices[0].message.content, settings.get("max_tokens") or settings.get("max_completion_tokens")
    assert full.startswith(text) and finish == ("length" if most and most < 10 else "stop")
    if finish == "length":
        assert whole.usage.completion_tokens == most
    else:
        assert text == full.split(stops[0])[0].strip()
    assert "".join(c.choices[0].delta.content or "" for c in stream[:-1]).strip() == text
    assert stream[-1].choices == [] and stream[-1].usage == whole.usage
    assert stream[-2].choices[0].finish_reason == finish
    assert all(chunk.usage is None for chunk in stream[:-1])


@pytest.mark.weights
def test_null_is_absent_and_fields_without_effect_have_none(served: Served, parts: list[dict], plain):
    def ask(extra: dict):
        return served.client.post("/v1/chat/completions", json={
            "model": PLANNER, "messages": [{"role": "user", "content": parts}], **extra})

    nulls = {name: None for name in FIELDS if name not in ("model", "messages")}
    for extra in (nulls, TAKEN):
        assert ask(extra).json()["choices"][0]["message"]["content"] == plain.choices[0].message.content
    for extra, blamed in (({"stream_options": {"include_usage": True}}, "stream_options"), ({"n": 3}, "n:"), (
            {"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"), ({"max_tokens": 0}, "max_tokens"),
            ({"stop": ["a"] * 5}, "stop"), ({"response_format": SCHEMA}, "response_format"), (
            {"stream": True, "stream_options": {"include_obfuscation": True}}, "stream_options")):
        answer = ask(extra)
        assert answer.status_code == 422 and blamed in answer.json()["error"]["message"], answer.text


@pytest.mark.weights
def test_turns_are_read_or_refused(client: openai.OpenAI, parts: list[dict], plain):
    instruction, pictures = parts[0]["text"], parts[1:]
    you, me = "assistant", "user"
    read = [[{"role": me, "content": parts}, {"role": you, "content": "pick(obj_1)"},
             {"role": me, "content": instruction}],
            [{"role": me, "content": pictures}, {"role": me, "content": instruction}],
            [{"role": me, "content": "juggle"}, {"role": you, "content": None, "tool_calls": []},
             {"role": me, "content": parts, "name": "Ann"}]]
    for messages in read:
        told = client.chat.completions.create(model=PLANNER, messages=messages)
        assert told.choices[0].message.content == plain.choices[0].message.content
    refused = {"role: expected": [{"role": "system", "content": instruction}, {"role": me, "content": pictures}],
               "text in the user's last turn": [{"role": me, "content": pictures}],
               "user's last": [{"role": me, "content": parts}, {"role": you, "content": "done()"}],
               "image_url": [{"role": me, "content": [{"type": "input_text", "text": instruction}, *pictures]}],
               "role: expected user or assistant, got tool": [{"role": "tool", "content": "ok", "tool_call_id": "1"},
                                                              {"role": me, "content": parts}]}
    for blamed, messages in refused.items():
        with pytest.raises(openai.UnprocessableEntityError, match=blamed):
            client.chat.completions.create(model=PLANNER, messages=messages)


def test_robots_heed_or_refuse_too(lean: Served, robot: Robot):
    def ask(**extra):
        return lean.client.post("/v1/chat/completions", headers=robot.headers, json={
            "model": f"robot:{robot.id}", "messages": [{"role": "user", "content": WISH}], **extra})

    before = robot.state()["counters"]["admitted"]
    for extra in ({"max_tokens": 5}, {"stop": ["\n"]}, {"logprobs": True}, {"n": 2}, {"tools": TOOLS}):
        answer = ask(**extra)
        assert answer.status_code == 422 and next(iter(extra)) in answer.json()["error"]["message"]
    picture = [{"type": "text", "text": "go"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    assert "cameras of their own" in ask(messages=[{"role": "user", "content": picture}]).json()["error"]["message"]
    assert robot.state()["counters"]["admitted"] == before
    whole = ask(stream=None, temperature=0)
    assert whole.status_code == 200 and whole.json()["usage"] == {"prompt_tokens": 0, "completion_tokens": 0,
                                                                  "total_tokens": 0}  # the oracle reads no words
    events = [line.removeprefix("data: ") for line in ask(stream=True, stream_options={"include_usage": True}
                                                          ).text.splitlines() if line]
    assert events[-1] == "[DONE]" and json.loads(events[-2])["choices"] == []
    assert json.loads(events[-3])["choices"][0]["finish_reason"] == "stop"
