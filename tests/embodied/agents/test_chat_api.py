"""The client of chat endpoints against a transport that plays the server: retries, time, sizes, streams, secrets."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from embodied.agents.backends.chat_api import ANSWER_LIMIT_BYTES, ChatEndpoint
from embodied.agents.backends.chat_reply import (
    ChatError,
    ChatReply,
    EndpointBusy,
    EndpointNonsense,
    EndpointRefused,
    EndpointStopped,
    EndpointTimeout,
    EndpointUnreachable,
    ToolCall,
)
from embodied.agents.backends.retry import Retry, seconds_asked_for

ASK = [{"role": "user", "content": "hello"}]
KEY = "sk-very-secret"


def completion(**message) -> dict:
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": {"total_tokens": 12}}


def endpoint(*answers: httpx.Response | Exception | Callable, **settings) -> tuple[ChatEndpoint, list, list]:
    """An endpoint that gives these answers, the requests that it got, and the waits between them."""
    requests, waits, left = [], [], iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        given = next(left)
        if isinstance(given, Exception):
            raise given
        return given

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return ChatEndpoint("http://127.0.0.1:1/v1", "m", http=http, sleep=waits.append, **settings), requests, waits


def ok(text: str = "hi") -> httpx.Response:
    return httpx.Response(200, json=completion(content=text))


def test_an_answer_is_read_and_counted():
    made, requests, _ = endpoint(ok(), extra={"top_p": 0.9})
    assert made.complete(ASK, max_tokens=7, temperature=0.0) == ChatReply("hi", (), 12, "stop")
    assert requests[0].url == "http://127.0.0.1:1/v1/chat/completions" and "authorization" not in requests[0].headers
    assert json.loads(requests[0].content) == {"model": "m", "messages": ASK, "max_tokens": 7, "temperature": 0.0,
                                               "top_p": 0.9}


def test_parameters_of_an_address_stay_behind_its_path():
    made, requests, _ = endpoint(ok())
    made.base_url = "https://host/openai/v1/?api-version=2024-10-21&region=eu"
    made.complete(ASK, max_tokens=7)
    assert requests[0].url == "https://host/openai/v1/chat/completions?api-version=2024-10-21&region=eu"


def test_tool_calls_and_parts_are_read_and_missing_counts_are_estimated():
    calls = [{"id": "1", "type": "function", "function": {"name": "pick", "arguments": "{}"}}]
    message = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "tool_calls": calls}
    made, *_ = endpoint(httpx.Response(200, json={"choices": [{"message": message}]}))
    reply = made.complete(ASK, max_tokens=7)
    assert (reply.text, reply.tool_calls) == ("ab", (ToolCall("pick", "{}"),)) and reply.tokens > 5


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_endpoint_is_asked_again(status: int):
    made, requests, waits = endpoint(httpx.Response(status), httpx.ConnectError("gone"), ok())
    assert made.complete(ASK, max_tokens=7).text == "hi" and len(requests) == 3 and len(waits) == 2


def test_it_gives_up_after_its_tries():
    made, requests, _ = endpoint(*[httpx.Response(503, json={"error": {"message": "too\nmany"}})] * 9)
    with pytest.raises(EndpointBusy, match="status 503: too many"):
        made.complete(ASK, max_tokens=7)
    assert len(requests) == Retry().tries


def test_retry_after_is_honoured_and_never_waited_for_in_vain():
    made, _, waits = endpoint(httpx.Response(429, headers={"retry-after": "7"}), ok())
    assert made.complete(ASK, max_tokens=7).text == "hi" and waits == [7.0]
    made, _, waits = endpoint(httpx.Response(429, headers={"retry-after": "600"}), ok())
    with pytest.raises(EndpointBusy):
        made.complete(ASK, max_tokens=7, deadline_s=10.0)
    assert waits == []


def test_a_retry_after_header_is_seconds_or_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < seconds_asked_for(soon) <= 30 and seconds_asked_for("12") == 12.0
    assert seconds_asked_for("soon") is seconds_asked_for(None) is seconds_asked_for("-3") is None
    assert seconds_asked_for("9" * 400) == 3600.0


def test_waits_grow_and_are_bounded():
    waits = list(Retry(tries=12, first_s=1.0, most_s=8.0).waits(random.Random(0)))
    assert len(waits) == 11 and max(waits) <= 8.0 and waits[0] <= 1.0 < waits[3]
    with pytest.raises(ValueError, match="tries >= 1"):
        Retry(tries=0)


@pytest.mark.parametrize(("answer", "error"), [
    (httpx.Response(401, text="no"), EndpointRefused), (httpx.Response(404), EndpointRefused),
    (httpx.Response(302, headers={"location": "http://elsewhere"}), EndpointRefused),
    (httpx.ReadTimeout("slow"), EndpointTimeout),
    (httpx.Response(200, text="<html>"), EndpointNonsense), (httpx.Response(200, json=[]), EndpointNonsense),
    (httpx.Response(200, json={"choices": []}), EndpointNonsense),
    (httpx.Response(200, json=completion(content=3)), EndpointNonsense),
    (httpx.Response(200, json=completion(content="", tool_calls=[{"function": {"name": 1, "arguments": {}}}])),
     EndpointNonsense),
    (httpx.Response(200, text="[" * 10_000), EndpointNonsense),
    (httpx.Response(200, content=b"x" * (ANSWER_LIMIT_BYTES + 1)), EndpointNonsense)])
def test_what_cannot_be_mended_is_not_tried_again(answer: httpx.Response, error: type[ChatError]):
    made, requests, _ = endpoint(answer)
    with pytest.raises(error):
        made.complete(ASK, max_tokens=7)
    assert len(requests) == 1


def test_nobody_at_the_address():
    made = ChatEndpoint("http://127.0.0.1:9/v1", "m", retry=Retry(tries=1))
    with pytest.raises(EndpointUnreachable, match="cannot be reached"):
        made.complete(ASK, max_tokens=7)
    made.close()


def test_no_time_left_is_a_timeout_without_a_request():
    made, requests, _ = endpoint()
    with pytest.raises(EndpointTimeout):
        made.complete(ASK, max_tokens=7, deadline_s=0.0)
    assert requests == []


def test_a_stream_is_heard_piece_by_piece():
    events = [{"choices": [{"delta": {"role": "assistant", "content": ""}}]},
              {"choices": [{"delta": {"content": "a"}}]},
              {"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}]},
              {"choices": [], "usage": {"total_tokens": 5}}]
    text = ": hello\n\n" + "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
    made, requests, _ = endpoint(httpx.Response(200, text=text, headers={"content-type": "text/event-stream"}))
    pieces = []
    assert made.complete(ASK, max_tokens=7, on_text=pieces.append) == ChatReply("ab", (), 5, "stop")
    assert pieces == ["a", "b"] and json.loads(requests[0].content)["stream"] is True


def test_whoever_listens_may_stop_an_answer():
    text = "".join(f"data: {json.dumps({'choices': [{'delta': {'content': c}}]})}\n\n" for c in "abc")
    made, *_ = endpoint(httpx.Response(200, text=text, headers={"content-type": "text/event-stream"}))
    on_text = []
    with pytest.raises(EndpointStopped):
        made.complete(ASK, max_tokens=7, on_text=lambda piece: on_text.append(piece) or len(on_text) < 2)
    assert on_text == ["a", "b"]


def test_streamed_tool_calls_are_put_together():
    deltas = [{"tool_calls": [{"index": 0, "function": {"name": "pick", "arguments": '{"obj'}}]},
              {"tool_calls": [{"index": 0, "function": {"arguments": 'ect": "obj_1"}'}}]}]
    text = "".join(f"data: {json.dumps({'choices': [{'delta': d}]})}\n\n" for d in deltas) + "data: [DONE]\n\n"
    made, *_ = endpoint(httpx.Response(200, text=text, headers={"content-type": "text/event-stream"}))
    reply = made.complete(ASK, max_tokens=7, on_text=lambda _: None)
    assert reply.tool_calls == (ToolCall("pick", '{"object": "obj_1"}'),)
    made, *_ = endpoint(httpx.Response(200, text="data: {nonsense\n\n", headers={"content-type": "text/event-stream"}))
    with pytest.raises(EndpointNonsense):
        made.complete(ASK, max_tokens=7, on_text=lambda _: None)


def test_the_key_is_sent_and_never_told(monkeypatch, caplog):
    monkeypatch.setenv("THE_KEY", KEY)
    refusal = httpx.Response(401, json={"error": {"message": f"wrong key {KEY}"}})
    made, requests, _ = endpoint(refusal, key_variable="THE_KEY")
    with pytest.raises(EndpointRefused) as error:
        made.complete(ASK, max_tokens=7)
    assert requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(error.value) + repr(made) + caplog.text and "[key]" in str(error.value)


def test_a_key_that_is_not_there_is_named(monkeypatch):
    monkeypatch.delenv("THE_KEY", raising=False)
    with pytest.raises(ValueError, match="THE_KEY"):
        endpoint(key_variable="THE_KEY")
    for url in ("ftp://host/v1", "127.0.0.1:8000/v1", "http://user:pass@host/v1"):
        with pytest.raises(ValueError, match="base_url") as error:
            ChatEndpoint(url, "m")
        assert "pass@" not in str(error.value)
