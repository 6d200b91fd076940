"""What is told of a plan while it forms, and what it cost: answers that were turned down are marked, and count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.language_agent import LanguageAgent
from embodied.prompt import Completion, Prompt
from embodied.serving.brain import Voice
from embodied.serving.running import Run, ToldPlanner
from tests.embodied.planning.scenes import bowl, colored, observation, slot

RED, BLUE = (replace(one, box=replace(one.box, center=(*one.box.center[:2], 0.3))) for one in (
    colored(slot(0.4, 0.2), (220, 20, 20)), colored(bowl(slot(0.6, -0.2)), (20, 40, 210))))
"""In front of the toy camera, which stands in the table."""
WRONG, RIGHT = " pick(obj_2); put_down_beside(obj_1); done()", " pick(obj_2); place_in(obj_1); done()"


class Brain(ReplayBackend):
    """Says each answer in one piece to whoever listens."""

    def complete(self, prompt: Prompt, grammar: str | None, *, heard: Any, **settings: Any) -> Completion:
        answer = super().complete(prompt, grammar, **settings)
        heard(answer.text, 1.0)
        return replace(answer, token_ids=(1, 2), log_probs=(-0.1, 0.0), prompt_tokens=10)


def test_answers_that_were_turned_down_are_marked_and_count():
    run, heard, told = Run("put the red block in the blue bowl", "tests"), [], []

    def hear(text: str, probability: float) -> bool:
        heard.append((run.attempt, text))
        return True

    voice = Voice(Brain([WRONG, RIGHT, RIGHT], lambda _: (RED, BLUE)), hear, run.begin_attempt)
    planner = ToldPlanner(LanguageAgent(voice), run, lambda type, **content: told.append((type, content)),
                          lambda *_: None)
    for _ in range(2):
        planner.plan(run.instruction, observation(), ())
    assert heard == [(1, WRONG), (2, RIGHT), (1, RIGHT)]
    assert [content["text"] for type, content in told if type == "plan"] == [RIGHT.strip()] * 2
    assert (run.prompt_tokens, run.completion_tokens) == (30, 3)
