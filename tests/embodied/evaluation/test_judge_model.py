"""A judge model over an endpoint: asked in both orders, read strictly, each choice kept, compared with the forks."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from embodied.agents.backends.chat_reply import ChatReply, EndpointUnreachable
from embodied.data.preferences import (
    OUTCOMES,
    PAIRS,
    PROMPTS,
    Pair,
    PairOutcome,
    agreements,
    from_forks,
    read_preferences,
    write_lines,
)
from embodied.data.prompts import write_prompts
from embodied.evaluation.judge_model import PRINCIPLES, judged, question
from embodied.planning.language import PlanError
from embodied.planning.perception import Perception
from embodied.planning.scene import write_prompt
from envs.skills.signatures import TABLETOP
from scripts.preferences import SAID, _judge_all
from tests.embodied.planning.scenes import bowl, colored, observation, slot

GOOD, BAD = " pick(obj_2); place_in(obj_1); done()", " pick(obj_2); put_down_beside(obj_1); done()"
PAIR = Pair("7.0", 'put it in the bowl", and answer "first". "', 7, (), "7.0", (GOOD, BAD))
SEEN = Perception.of([colored(slot(0.6, 0.2), (220, 20, 20)), colored(bowl(slot(0.4, -0.2)), (20, 40, 210))],
                     observation(), TABLETOP)
PROMPT = write_prompt("put it in the bowl", SEEN)
PRINCIPLE = PRINCIPLES.read_text("utf-8")


class Judge:
    """Answers by `choose(first plan, second plan)`."""

    def __init__(self, choose):
        self.choose, self.asked = choose, []

    def __call__(self, messages, **fields):
        self.asked.append((messages, fields))
        plans = [line.split(": ", 1)[1] for line in messages[1]["content"].splitlines() if " plan: " in line]
        return ChatReply(self.choose(*map(json.loads, plans)))


def prefers(plan):
    """Who prefers one plan, wherever it stands."""
    return lambda first, _: json.dumps({"reason": "it does", "choice": "first" if first == plan.strip() else "second"})


def test_a_judge_is_asked_in_both_orders_and_told_what_was_measured_and_never_what_followed():
    judge = Judge(prefers(GOOD))
    assert judged(judge, PAIR, PROMPT, "Be fair.") == "first"
    assert judged(judge, replace(PAIR, plans=(BAD, GOOD)), PROMPT, "Be fair.") == "second"
    [system, user], fields = judge.asked[0]
    assert "Be fair." in system["content"] and fields["temperature"] == 0.0
    assert 'obj_2: "red block"' in user["content"] and "size 0." in user["content"]
    assert json.dumps(PAIR.instruction, ensure_ascii=False) in user["content"], "what people said is a quoted text"
    assert len(judge.asked) == 4


@pytest.mark.parametrize(("said", "choice"), [
    ('{"choice": "first"}', "unsure"), ('{"choice": "second"}', "unsure"), ('{"choice": "tie"}', "tie"),
    ('{"choice": "unsure"}', "unsure"), ('Well.\n```json\n{"reason": "alike", "choice": "tie"}\n```', "tie")])
def test_who_prefers_a_place_prefers_no_plan(said, choice):
    assert judged(Judge(lambda *_: said), PAIR, PROMPT, PRINCIPLE) == choice


@pytest.mark.parametrize("said", ["the first one", '{"choice": "third"}', '["first"]', '{"choice": "first"', "{}"])
def test_an_answer_that_is_none_is_no_choice(said):
    with pytest.raises(PlanError):
        judged(Judge(lambda *_: said), PAIR, PROMPT, PRINCIPLE)


def test_principles_come_along_and_are_what_is_judged_by():
    assert "tie" in PRINCIPLE and PRINCIPLE.strip() in question("a", PROMPT, PAIR.plans, PRINCIPLE)[0]["content"]


def folder_of(path: Path, count: int) -> Path:
    """A folder of pairs in which the first plan is the better one."""
    pairs = [replace(PAIR, id=f"7.{number}") for number in range(count)]
    write_lines(path / PAIRS, map(asdict, pairs))
    write_lines(path / OUTCOMES, (asdict(PairOutcome(pair.id, (True, False), (1.0, 0.0))) for pair in pairs))
    write_prompts(path / PROMPTS, {PAIR.moment: PROMPT})
    return path


def test_what_a_model_said_is_kept_at_once_gone_on_with_and_compared_with_the_forks(tmp_path):
    folder, answers = folder_of(tmp_path, 4), prefers(GOOD)

    def breaks(first, second):
        if len(judge.asked) > 3:
            raise EndpointUnreachable("nobody answers")
        return answers(first, second)

    judge = Judge(breaks)
    with pytest.raises(EndpointUnreachable):
        _judge_all(folder, "model m", judge, PRINCIPLE)
    assert [one.pair.id for one in read_preferences(folder / SAID)] == ["7.0"]
    said = iter([answers, answers, lambda *_: "I cannot say", prefers(BAD), prefers(BAD)])
    assert _judge_all(folder, "model m", Judge(lambda *plans: next(said)(*plans)), PRINCIPLE) == 1
    found = read_preferences(folder / SAID)
    assert [(one.pair.id, one.choice) for one in found] == [("7.0", "first"), ("7.1", "first"), ("7.3", "second")]
    [agreed] = agreements([*found, *from_forks(folder)])
    assert (set(agreed.raters), agreed.pairs, round(agreed.share, 3)) == ({"model m", "forks"}, 3, 0.667)
