"""Half an answer is never taken for a whole one, and what an endpoint does not take is said as it takes it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from embodied.agents.backends.chat_api import ChatEndpoint
from embodied.agents.backends.chat_reply import (
    ChatReply,
    EndpointBroke,
    EndpointBusy,
    EndpointFiltered,
    EndpointNonsense,
    EndpointRefused,
    EndpointTruncated,
    EndpointUnreachable,
)
from embodied.agents.backends.retry import Retry
from embodied.agents.chat_agent import NO_ANSWER, ChatAgent
from tests.embodied.agents.recorded import PICK_AND_PLACE, RecordedEndpoint
from tests.embodied.agents.test_chat_api import ASK, KEY, completion, endpoint, ok
from tests.embodied.planning.scenes import observation, slot

SSE = {"content-type": "text/event-stream"}


def piece(content: str, finish: str | None = None, **more) -> dict:
    return {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": finish}], **more}


def stream(*events: dict | str, done: bool = False) -> httpx.Response:
    lines = [e if isinstance(e, str) else f"data: {json.dumps(e)}" for e in events] + ["data: [DONE]"] * done
    return httpx.Response(200, text="\n\n".join(lines) + "\n\n", headers=SSE)


WHOLE = stream(piece("pick"), piece("(obj_1)", "stop"), done=True)
FAILED = {"error": {"message": "the engine died", "code": 500}}
BROKEN = {
    "neither finish_reason nor [DONE]": (stream(piece("pick")), EndpointBroke),
    "nothing at all": (httpx.Response(200, text="", headers=SSE), EndpointBroke),
    "an error in the middle": (stream(piece("pick"), FAILED), EndpointBusy),
    "an error, then [DONE]": (stream(piece("pick"), FAILED, done=True), EndpointBusy),
    "an error as text": (stream(piece("pick"), {"error": "the engine died"}), EndpointBusy),
    "an error as an event": (stream(piece("pick"), 'event: error\ndata: {"error": {"type": "overloaded_error"}}'),
                             EndpointBusy),
    "an error of the older form": (stream(piece("pick"), {"object": "error", "message": "died", "code": 503}),
                                   EndpointBusy),
    "an error in a choice": (stream({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}]}),
                             EndpointBusy),
    "a whole answer that is an error": (httpx.Response(200, json=FAILED), EndpointBusy),
    "bytes that are not what their header says": (
        lambda: httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"not gzip")),
        EndpointUnreachable)}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_answer_is_asked_for_again(name: str):
    answer, error = BROKEN[name]
    on_text: list[str] = []
    once = answer if callable(answer) else lambda: answer
    made, requests, _ = endpoint(once(), WHOLE)
    assert made.complete(ASK, max_tokens=7, on_text=on_text.append).text == "pick(obj_1)" and len(requests) == 2
    assert on_text[-2:] == ["pick", "(obj_1)"]
    made, requests, _ = endpoint(once(), once(), retry=Retry(tries=2))
    with pytest.raises(error):
        made.complete(ASK, max_tokens=7, on_text=on_text.append)
    assert len(requests) == 2


@pytest.mark.parametrize("error", [{"message": "no such model", "code": 404}, {"type": "invalid_request_error"},
                                   {"message": "pay first", "code": "insufficient_quota"}])
def test_an_error_that_would_only_come_again_is_not_tried_again(error: dict):
    for answer in (stream(piece("pick"), {"error": error}), httpx.Response(200, json={"error": error})):
        made, requests, _ = endpoint(answer)
        with pytest.raises(EndpointRefused):
            made.complete(ASK, max_tokens=7, on_text=lambda _: None)
        assert len(requests) == 1


def test_an_answer_without_choices_is_nonsense_and_the_key_is_not_told_in_the_middle_of_a_stream(monkeypatch):
    for body in ({}, {"choices": None}, {"choices": []}, {"choices": [{}]}):
        made, *_ = endpoint(httpx.Response(200, json=body))
        with pytest.raises(EndpointNonsense):
            made.complete(ASK, max_tokens=7)
    monkeypatch.setenv("THE_KEY", KEY)
    made, *_ = endpoint(stream({"error": f"bad key {KEY}"}), key_variable="THE_KEY", retry=Retry(tries=1))
    with pytest.raises(EndpointBusy, match=r"\[key\]") as error:
        made.complete(ASK, max_tokens=7, on_text=lambda _: None)
    assert KEY not in str(error.value)


@pytest.mark.parametrize("finish", ["stop", "tool_calls", "eos", None])
def test_an_end_by_finish_reason_or_by_done_is_an_end(finish: str | None):
    made, *_ = endpoint(stream(piece("hi", finish), done=finish is None))
    assert made.complete(ASK, max_tokens=7, on_text=lambda _: None).text == "hi"


@pytest.mark.parametrize(("finish", "error"), [("length", EndpointTruncated), ("content_filter", EndpointFiltered)])
def test_an_answer_that_says_of_itself_that_it_is_not_whole(finish: str, error: type):
    said = {"choices": [{"message": {"content": "pick(obj"}, "finish_reason": finish}], "usage": {"total_tokens": 9}}
    streamed = stream(piece("pick(obj", finish), {"choices": [], "usage": {"total_tokens": 9}}, done=True)
    for answer, on_text in ((httpx.Response(200, json=said), None), (streamed, lambda _: None)):
        made, requests, _ = endpoint(answer)
        with pytest.raises(error) as raised:
            made.complete(ASK, max_tokens=7, on_text=on_text)
        assert raised.value.reply == ChatReply("pick(obj", (), 9, finish) and len(requests) == 1


def test_a_connection_that_is_cut_in_the_middle_is_asked_again():
    """Over a real socket: one server that promises more chunks than it sends, and one that just closes."""
    tries: list[str] = []

    class Cutting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            tries.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.close_connection = True
            if len(tries) == 1:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            text = f"data: {json.dumps(piece('pick', 'stop' if len(tries) > 2 else None))}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text) if len(tries) == 1 else text)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Cutting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made = ChatEndpoint(f"http://127.0.0.1:{server.server_port}/v1", "m", sleep=lambda _: None)
    assert made.complete(ASK, max_tokens=7, on_text=lambda _: None).text == "pick" and len(tries) == 3
    made.close()
    server.shutdown()
    server.server_close()


def test_a_truncated_answer_is_paid_for_and_asked_for_again_shorter():
    half = ChatReply('{"thought": "', (), 120, "length")
    asked = RecordedEndpoint([EndpointTruncated(half), PICK_AND_PLACE])
    agent = ChatAgent(asked, lambda _: [slot(0.4), slot(0.5)], examples=0)
    plan = agent.plan("tidy up", observation())
    assert plan.refusal is None and len(plan.calls) == 2 and agent.tokens_spent == 120 + 100
    assert "cut off" in asked.told(-1)
    held_back = RecordedEndpoint([EndpointFiltered(half)])
    plan = ChatAgent(held_back, lambda _: [slot(0.4)], examples=0).plan("go", observation())
    assert (plan.refusal, plan.calls) == (NO_ANSWER, ()) and "filter" in plan.hint


def refusal(param: str | None, message: str, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "type": "invalid_request_error", "param": param,
                                                  "code": "unsupported_parameter"}})


NO_MAX = refusal("max_tokens", "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                               "'max_completion_tokens' instead.")
NO_TEMPERATURE = refusal("temperature", "Unsupported value: 'temperature' does not support 0.0 with this model. Only "
                                        "the default (1) value is supported.")
EXTRA_SEED = httpx.Response(422, json={"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"],
                                                   "msg": "Extra inputs are not permitted"}]})


def test_an_endpoint_is_asked_as_it_wants_to_be_and_that_is_remembered():
    made, requests, waits = endpoint(NO_MAX, NO_TEMPERATURE, EXTRA_SEED, ok(), ok("again"))
    settings = {"temperature": 0.0, "seed": 3}
    assert made.complete(ASK, max_tokens=7, **settings).text == "hi"
    assert made.complete(ASK, max_tokens=8, **settings).text == "again"
    sent = [json.loads(request.content) for request in requests]
    assert sent[3] == {"model": "m", "messages": ASK, "max_completion_tokens": 7}
    assert sent[4] == {"model": "m", "messages": ASK, "max_completion_tokens": 8} and waits == []


@pytest.mark.parametrize("answer", [
    refusal("max_tokens", "max_tokens is too large: 9000"), refusal("messages", "this model takes no pictures"),
    refusal(None, "response_format is not supported"), httpx.Response(401, text="temperature not supported")])
def test_other_refusals_are_not_guessed_around(answer: httpx.Response):
    made, requests, _ = endpoint(answer)
    with pytest.raises(EndpointRefused):
        made.complete(ASK, max_tokens=7, temperature=0.0)
    assert len(requests) == 1 and made.spelled == {}


def test_what_did_not_help_is_not_remembered():
    made, requests, _ = endpoint(NO_MAX, refusal("model", "unknown model"), httpx.Response(200, json=completion(
        content="hi")))
    with pytest.raises(EndpointRefused, match="unknown model"):
        made.complete(ASK, max_tokens=7)
    assert made.complete(ASK, max_tokens=7).text == "hi" and "max_tokens" in json.loads(requests[2].content)
