"""A prompted planner behind the server: its plans become motion, its question reaches a person, the answer it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from scripts.scripted_mind import Handler, answer
from tests.embodied.serving.served import Served

QUESTION = "which bowl do you mean?"
WISH = "put the red block in the blue bowl"


class Unsure(Handler):
    """Asks before it plans, until a person has said something."""

    def do_POST(self) -> None:  # noqa: N802  the base class calls it so
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = answer(request)
        if "the blue one" not in json.dumps(request["messages"]):
            message = {"role": "assistant", "content": json.dumps(
                {"thought": "", "calls": [{"skill": "ask", "arguments": {"question": QUESTION}}]})}
        self._send(200, {"object": "chat.completion", "model": request["model"],
                         "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                         "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


@pytest.fixture(scope="module")
def minded() -> Iterator[Served]:
    mind = ThreadingHTTPServer(("127.0.0.1", 0), Unsure)
    threading.Thread(target=mind.serve_forever, daemon=True).start()
    with Served(chat_url=f"http://127.0.0.1:{mind.server_port}/v1", limits={"sessions": 2}) as server:
        yield server
    mind.shutdown()
    mind.server_close()


@pytest.mark.weights
def test_a_question_waits_for_a_person_and_the_answer_becomes_motion(minded: Served):
    robot = minded.open(planner="chat", seed=2_000_001, require=["red block", "blue bowl"])
    session = f"/v1/sessions/{robot.opened['session_id']}"
    headers = {"X-Lease": robot.lease}
    minded.client.post(f"{session}/instructions", headers=headers, json={"instruction": WISH}).raise_for_status()
    seen = []
    with minded.client.stream("GET", f"{session}/events") as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
                if seen[-1]["type"] == "question":
                    told = minded.client.post(f"{session}/corrections", headers=headers, json={"text": "the blue one"})
                    assert told.status_code == 202, told.text
                if seen[-1]["type"] == "end":
                    break
    assert [event["text"] for event in seen if event["type"] == "question"] == [QUESTION]
    assert not any(event["type"] == "outcome" for event in seen[:[e["type"] for e in seen].index("question")])
    assert (seen[-1]["end"], seen[-1]["is_success"]) == ("success", True)
