"""People talk to a mind behind the server: questions with candidates, answers, corrections, turns, and what it says of
what it did.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from embodied.planning.language import Plan
from embodied.serving.bridges.chat_answer import of_plan
from embodied.serving.bridges.lerobot import subtask
from embodied.serving.client import Choice, Client, Question
from embodied.serving.pictures import write
from envs.skills.signatures import TABLETOP
from tests.embodied.serving.served import TOKEN, Robot, Served

pytestmark = pytest.mark.weights

DROP, OUT, OTHER = "could you drop a block into the dish?", "now take it out again", "no, the green one"
WHERE, RED = "where is the red block?", "in(the red block, the blue bowl)"
MEANINGS = {DROP: "in(the block, the blue bowl)", f"... {OUT}": "on(the red block, table)",
            WHERE: "tell where(the red block)", "put the red one in": RED, "wash the bowl": 'cannot "wash"',
            f"... {OTHER}": "in(the green block, the blue bowl)"}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def minded() -> Iterator[Served]:
    loaded = {"weights_name": "mind-tiny", "notice": "It needs its base."}
    with Served(meanings=MEANINGS, limits={"sessions": 2}, loaded=loaded) as server:
        yield server


SCENE = {"seed": 2_000_001, "require": ["red block", "green block", "blue bowl"]}


@pytest.fixture
def robot(minded: Served) -> Iterator[Robot]:
    opened = minded.open(planner="model", **SCENE)
    yield opened
    minded.client.delete(opened.path, headers=opened.headers)


@pytest.fixture
def slow_robot(minded: Served) -> Iterator[Robot]:
    """Its calls take a second or more of everybody's time, so that words come while they run."""
    opened = minded.open(planner="model", speed=6.0, **SCENE)
    yield opened
    minded.client.delete(opened.path, headers=opened.headers)


CONFLICT = 409


class TooLateError(Exception):
    """The run was over before what was said while it ran arrived: nothing waits for a slow machine."""


def said(robot: Robot, text: str, heard: Callable[[Event], str | None] = lambda event: None) -> list[Event]:
    """The events of an instruction's run. heard: what to say when an event comes, None: nothing."""
    with robot.served.client.stream("GET", f"{robot.path}/events") as events:
        run_id = robot.post("/instructions", {"instruction": text}).json()["run_id"]
        seen: list[Event] = []
        for line in events.iter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            if event.get("run_id") != run_id:
                continue
            seen.append(event)
            if (reply := heard(event)) is not None:
                status = robot.post("/corrections", {"text": reply}).status_code
                if status == CONFLICT:
                    raise TooLateError
                assert status == 202
            if event["type"] == "end":
                return seen
    raise AssertionError(f"expected an end, got {[event['type'] for event in seen]}")


def plans(events: list[Event]) -> list[Event]:
    return [event for event in events if event["type"] == "plan"]


def test_a_question_offers_its_candidates_and_the_next_turn_knows_the_answer(robot: Robot):
    events = said(robot, DROP, lambda event: "the red one" if event["type"] == "question" else None)
    asked, first = next(e for e in events if e["type"] == "question"), plans(events)[0]
    assert asked["choices"] == first["choices"] and first["question"] == asked["text"]
    assert {"the red one", "the green one"} <= {choice["reply"] for choice in asked["choices"]}
    seen = {thing["name"]: thing for thing in first["objects"]}
    for choice in asked["choices"]:
        assert seen[choice["object"]]["box"] == choice["box"] and choice["reply"] == f"the {_color(seen, choice)} one"
    assert first["understood"] == {"goal": MEANINGS[DROP], "words": "put the block in the blue bowl"}
    assert plans(events)[1]["understood"]["goal"] == RED and plans(events)[1]["calls"]
    assert events[-1]["self_report"] == {"holds": True, "words": "Done: I see the red block in the blue bowl."}
    again = said(robot, OUT)
    assert again[-1]["self_report"]["words"] == "Done: I see the red block on the table."
    [run] = [run for run in robot.get("/history").json()["runs"] if run["instruction"] == OUT]
    assert run["self_report"] == again[-1]["self_report"] and run["understood"]["goal"] == "on(the red block, table)"


def _color(seen: dict[str, Any], choice: dict[str, Any]) -> str:
    return seen[choice["object"]]["looks"].split()[0]


def test_a_correction_in_motion_ends_the_call_that_runs_and_plans_anew(slow_robot: Robot):
    has_spoken = threading.Event()

    def heard(event: Event) -> str | None:
        if event["type"] == "step" and not has_spoken.is_set():
            has_spoken.set()
            return OTHER
        return None

    for _ in range(8):  # a busy machine may bring the correction after the first call, or after the end
        try:
            events = said(slow_robot, "put the red one in", heard)
            kinds = [event["type"] for event in events]
            if kinds.index("correction") < kinds.index("outcome"):
                break
        except TooLateError:
            pass
        has_spoken.clear()
        slow_robot.post("/reset", SCENE)
    else:
        pytest.fail("eight times the first call was over before the correction arrived")
    made = plans(events)
    assert made[0]["understood"]["goal"] == RED
    assert made[1]["understood"]["goal"] == "in(the green block, the blue bowl)"
    assert sum(kind == "outcome" for kind in kinds[:len(kinds) - 1 - kinds[::-1].index("plan")]) >= 1
    assert events[-1]["self_report"]["words"] == "Done: I see the green block in the blue bowl."


def test_answers_and_refusals_move_nothing(robot: Robot):
    answered = said(robot, WHERE)
    [plan] = plans(answered)
    assert plan["answer"].startswith("The red block stands on the table") and plan["calls"] == []
    assert answered[-1]["end"] == f"answered: {plan['answer']}" and answered[-1]["self_report"] is None
    refused = said(robot, "wash the bowl")
    assert refused[-1]["end"] == "refused: you want me to wash, and I can only pick up blocks and put them down"
    assert plans(said(robot, "blorp"))[0]["understood"] is None


def test_a_reset_forgets_what_was_said(robot: Robot):
    said(robot, "put the red one in")
    robot.post("/reset", SCENE).raise_for_status()
    assert said(robot, OUT)[-1]["end"].startswith("refused: I did not understand")


def test_the_client_answers_by_a_choice_and_reads_what_was_understood_and_seen(minded: Served):
    asked: list[Question] = []

    def reply(question: Question) -> Choice:
        asked.append(question)
        return next(choice for choice in question.choices if choice.reply == "the green one")

    with Client(minded.url, TOKEN) as client, client.open(
            "put_in_bowl", seed=2_000_001, speed=0.0, require=["red block", "green block", "blue bowl"]) as robot:
        run = robot.instruct(DROP, on_question=reply)
        assert run.understood == {"goal": "in(the green block, the blue bowl)",
                                  "words": "put the green block in the blue bowl"}
        assert run.self_report["holds"] and asked[0].text.startswith("Which block do you mean")
        assert all(len(choice.box["center"]) == 3 for choice in asked[0].choices)
        assert robot.instruct(WHERE).answer.startswith("The red block")
        refusal = robot.instruct("wash the bowl").refusal
        assert refusal == "you want me to wash, and I can only pick up blocks and put them down"


def test_the_server_says_whose_weights_these_are_and_what_they_lack(minded: Served):
    assert minded.client.get("/healthz").json()["notice"] == "It needs its base."
    assert minded.client.get("/v1/models").json()["data"][0]["id"] == "mind-tiny"


def test_a_mind_plans_over_pictures_and_nobody_counts_its_tokens(minded: Served, views):
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in write(views[1])]
    messages = [{"role": "user", "content": [{"type": "text", "text": WHERE}, *pictures]}]

    def answer(**extra: Any) -> Any:
        return minded.client.post("/v1/chat/completions", json={"model": "mind-tiny", "messages": messages, **extra})

    told = answer(logprobs=True).raise_for_status().json()
    assert (told["usage"], told["model"], told["choices"][0]["logprobs"]) == (None, "mind-tiny", None)
    assert "red block" in told["choices"][0]["message"]["content"]
    counted = {"stream": True, "stream_options": {"include_usage": True}}
    for extra, blamed in (({"model": "tabletop-tiny"}, "mind-tiny, robot:<session>"), (counted, "include_usage"),
                          ({"max_tokens": 9}, "max_tokens")):
        refused = answer(**extra)
        assert refused.status_code in (404, 422) and blamed in refused.text, refused.text


@pytest.mark.parametrize("plan", [Plan((), question="Which one?"), Plan((), answer="Two.")])
def test_bridges_pass_on_what_is_no_plan_as_words(plan: Plan):
    words = plan.question or plan.answer
    assert [piece.text for piece in of_plan(plan, ())[:-1]] == [words]
    assert subtask(plan, TABLETOP) == f"cannot: {words}"


HOSTILE = ["\u202e\u202e", "把红色的积木放进碗里" * 90, "🤖" * 500, "\x00\x01\x07", "a" * 1000, "put it. " * 40,
           "<img src=x onerror=alert(1)>", "' OR 1=1; --", "\ud83e"]


def test_whatever_a_person_types_ends_in_words_and_the_session_lives(robot: Robot):
    for text in HOSTILE:
        answer = robot.served.client.post(f"{robot.path}/instructions?wait=true", headers=robot.headers,
                                          content=json.dumps({"instruction": text}))
        assert answer.status_code in (200, 422), text
        assert answer.status_code == 422 or answer.json()["end"].startswith("refused: "), text
    assert said(robot, WHERE)[-1]["end"].startswith("answered: ")
