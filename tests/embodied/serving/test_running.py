"""What is told of a plan while it forms, and what it cost: answers that were turned down are marked, and count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.language_agent import LanguageAgent
from embodied.planning import closed_loop
from embodied.planning.closed_loop import Step
from embodied.planning.language import Plan
from embodied.prompt import Prompt, Sample
from embodied.serving.inference_server import BusyError, InferenceClient
from embodied.serving.running import Conduct, Run, ToldPlanner, carry_out
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import bowl, colored, observation, slot

RED, BLUE = (replace(one, box=replace(one.box, center=(*one.box.center[:2], 0.3))) for one in (
    colored(slot(0.4, 0.2), (220, 20, 20)), colored(bowl(slot(0.6, -0.2)), (20, 40, 210))))
"""In front of the toy camera, which stands in the table."""
WRONG, RIGHT = " pick(obj_2); put_down_beside(obj_1); done()", " pick(obj_2); place_in(obj_1); done()"


class InferenceServer(ReplayBackend):
    """Says each answer in one piece to whoever listens."""

    def complete(self, prompt: Prompt, grammar: str | None, *, on_piece: Any, **settings: Any) -> Sample:
        answer = super().complete(prompt, grammar, **settings)
        on_piece(answer.text, 1.0)
        return replace(answer, token_ids=(1, 2), masked_log_probs=(-0.1, 0.0), prompt_tokens=10)


def test_answers_that_were_turned_down_are_marked_and_count():
    run, pieces, told = Run("put the red block in the blue bowl", "tests"), [], []

    def on_piece(text: str, probability: float) -> bool:
        pieces.append((run.attempt, text))
        return True

    voice = InferenceClient(InferenceServer([WRONG, RIGHT, RIGHT], lambda _: (RED, BLUE)), on_piece, run.begin_attempt)
    planner = ToldPlanner(LanguageAgent(voice), run, lambda type, **content: told.append((type, content)),
                          lambda *_: None)
    for _ in range(2):
        planner.plan(run.instruction, observation(), ())
    assert pieces == [(1, WRONG), (2, RIGHT), (1, RIGHT)]
    assert [content["text"] for type, content in told if type == "plan"] == [RIGHT.strip()] * 2
    assert (run.prompt_tokens, run.completion_tokens) == (30, 3)


class Silent:
    """A planner to whom people do not talk; the loop below asks nobody."""


class Talker(Silent):
    def __init__(self) -> None:
        self.on_piece: list[str] = []

    def correct(self, text: str) -> None:
        self.on_piece.append(text)


def carried_out(monkeypatch, planner: Any, said: list[list[str]], end: Any = "done") -> tuple[Run, list[str]]:
    """A run whose every instruction ends at once, while people say what is said, and the instructions that were
    followed."""
    run, wishes, remarks = Run("the first instruction", "tests"), [], iter(said)

    def loop(env: Any, planner: Any, *, options: Any, **how: Any) -> Iterator[Step]:
        wishes.append(options["instruction"])
        assert all([run.corrections.put(text) for text in next(remarks, ())])
        if isinstance(end, Exception):
            raise end
        yield Step(0, Plan(()), True, None, {}, end=end)

    monkeypatch.setattr(closed_loop, "run", loop)
    carry_out(run, Conduct(None, TABLETOP, planner, lambda *_, **__: None, lambda *_: None, lambda: None), [])
    assert run.end is not None and not run.corrections.put("too late"), "what is taken in is heard, else it is refused"
    return run, wishes


@pytest.mark.parametrize("end", ["done", "refused: I see no red block", BusyError(1.0)], ids=str)
def test_what_is_said_as_a_run_ends_is_the_next_instruction(monkeypatch, end):
    run, wishes = carried_out(monkeypatch, Silent(), [["no", "the second instruction"], ["the third instruction"]], end)
    assert wishes == ["the first instruction", "the second instruction", "the third instruction"] and run.end


def test_what_is_said_to_a_planner_that_talks_as_a_run_ends_is_heard_by_it(monkeypatch):
    planner = Talker()
    _, wishes = carried_out(monkeypatch, planner, [["not that one", "the blue one"]])
    assert wishes == ["the first instruction"] * 2 and planner.on_piece == ["not that one", "the blue one"]


def test_each_word_is_heard_or_refused_whenever_it_is_said(monkeypatch):
    """Words of another thread, said all the time until one is refused."""
    run, on_piece, taken = Run("go", "tests"), [], []

    def talk() -> None:
        while run.corrections.put(str(len(taken))):
            taken.append(str(len(taken)))

    speaker = threading.Thread(target=talk)
    speaker.start()
    for _ in range(100):
        on_piece += run.corrections.take()
    run.corrections.close()
    speaker.join()
    assert on_piece + run.corrections.take(is_last=True) == taken and not run.corrections.take(is_last=True)
