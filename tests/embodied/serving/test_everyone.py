"""Whoever speaks one of the protocols makes the arm put a block in a bowl: curl, the Python client, the openai package.
(The browser does so in `console/`, openpi's protocol in `test_openpi.py`.) Success is the simulator's word."""

from __future__ import annotations

import json
import shutil
import subprocess

import httpx
import openai
import pytest

from embodied.serving.client import Client
from embodied.serving.pictures import write
from tests.embodied.serving.served import TOKEN, Served

COLORS = ("red", "green", "blue", "yellow", "orange", "purple", "cyan", "white")
WISH = "put the red block in the blue bowl"
SCENE = {"task": "put_in_bowl", "seed": 2_000_001, "planner": "model", "speed": 0.0,
         "require": ["red block", "blue bowl"]}


def curl(served: Served, path: str, body: dict, *headers: str) -> dict:
    """What curl prints, as a person types it."""
    words = ["curl", "-s", "-H", f"Authorization: Bearer {TOKEN}", "-H", "content-type: application/json",
             *(word for header in headers for word in ("-H", header)), "-d", json.dumps(body), f"{served.url}{path}"]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.mark.weights
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(served: Served):
    opened = curl(served, "/v1/sessions", SCENE)
    at, lease = f"/v1/sessions/{opened['session']['session_id']}", f"X-Lease: {opened['lease']}"
    run = curl(served, f"{at}/instructions?wait=true", {"instruction": WISH}, lease)
    served.client.delete(at, headers={"X-Lease": opened["lease"]})
    assert (run["end"], run["is_success"]) == ("success", True), run


@pytest.mark.weights
def test_the_python_client(served: Served):
    with Client(served.url, TOKEN) as client, client.open(SCENE["task"], seed=SCENE["seed"], planner="model", speed=0.0,
                                                          require=SCENE["require"]) as robot:
        run = robot.instruct(WISH)
    assert run.is_success, run


@pytest.mark.weights
@pytest.mark.parametrize("stream", [False, True])
def test_the_openai_package(served: Served, stream: bool):
    opened = served.client.post("/v1/sessions", json=SCENE).json()
    session, lease = opened["session"]["session_id"], {"X-Lease": opened["lease"]}
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0) as client:
        assert f"robot:{session}" in [model.id for model in client.models.list()]
        answer = client.chat.completions.create(model=f"robot:{session}", stream=stream, extra_headers=lease,
                                                messages=[{"role": "user", "content": WISH}])
        pieces = [c.choices[0].delta.content or "" for c in answer] if stream else [answer.choices[0].message.content]
    [run] = served.client.get(f"/v1/sessions/{session}/history").json()["runs"]
    served.client.delete(f"/v1/sessions/{session}", headers=lease)
    assert run["is_success"], run
    text = "".join(pieces)
    assert "plan: pick(" in text and text.rstrip().endswith("end: success")


@pytest.mark.weights
def test_openai_asks_the_planner_about_pictures(served: Served, views):
    instruction, seen = views
    content = [{"type": "text", "text": instruction},
               *({"type": "image_url", "image_url": {"url": url}} for url in write(seen))]
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0) as client:
        answer = client.chat.completions.create(model="tabletop-tiny", messages=[{"role": "user", "content": content}])
        assert answer.choices[0].message.content.startswith("pick(obj_")
        with pytest.raises(openai.UnprocessableEntityError, match="depth"):
            client.chat.completions.create(model="tabletop-tiny", messages=[{"role": "user", "content": instruction}])
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="robot:s_000000000000", messages=[{"role": "user", "content": "hi"}])


@pytest.mark.weights
def test_lerobot_asks_for_the_next_subtask(served: Served, views):
    instruction, seen = views
    answer = served.client.post("/v1/lerobot/generate_text", json={"task": instruction, "images": write(seen)})
    [color] = [word for word in instruction.lower().split() if word in COLORS][:1]
    assert answer.json()["text"] == f"pick up the {color} block", answer.text


def test_a_second_client_watches_but_does_not_command(served: Served):
    opened = served.client.post("/v1/sessions", json={**SCENE, "planner": "oracle", "client": "first"}).json()
    at = f"/v1/sessions/{opened['session']['session_id']}"
    refused = [served.client.post(f"{at}/instructions", json={"instruction": WISH}),
               served.client.post(f"{at}/instructions", json={"instruction": WISH}, headers={"X-Lease": "made-up"}),
               served.client.post(f"{at}/lease", json={"client": "second"})]
    assert [answer.status_code for answer in refused] == [403, 409, 409]
    assert "first" in refused[2].json()["error"]["message"]
    assert served.client.get(at).json()["counters"]["admitted"] == 0
    served.client.delete(at, headers={"X-Lease": opened["lease"]})


def test_a_wrong_token_learns_nothing(served: Served):
    for token in (None, "-", "wrong", TOKEN[:-1]):
        with served.new_client(token) as stranger:
            answer: httpx.Response = stranger.get("/v1/sessions")
            assert answer.status_code == 401 and set(answer.json()) == {"error"}
            assert "Traceback" not in answer.text
