"""When a planner of the board says that it is done, and what is known says otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.language_agent import NOT_DONE, LanguageAgent
from embodied.planning.memory import Look
from embodied.planning.scene import BOARD as SCENE
from embodied.planning.understanding import refuse
from embodied.prompt import Slot
from envs.interface import Box, Outcome, SkillCall, Transition
from envs.skills.signatures import BOARD
from tests.embodied.planning.scenes import observation

NOW, AGAIN, DONE = observation(), ' push("push the red star up"); done()', " done()"
RED, BLUE = (220, 20, 20), (20, 50, 220)


def piece(color: tuple[int, int, int], x: float, y: float) -> Slot:
    return Slot(np.full((2, 2, 3), color, np.uint8), Box((x, y, 0.018), (0.04, 0.04, 0.036)), place="board")


APART = (piece(RED, 0.6, 0.3), piece(BLUE, 0.6, -0.3))
"""Each in a corner of its own."""
MIXED = (piece(RED, 0.6, 0.3), piece(BLUE, 0.6, 0.25))


def pushed(status: str, words: str = "push the red star down") -> Transition:
    moment = replace(NOW, time_s=1.0)
    return Transition(moment, SkillCall("push", (words,)), Outcome(status, "why", 4.0), moment, 0.0, False, False)


@pytest.mark.parametrize(("text", "pieces", "last", "replies", "expected"), [
    ("sort the blocks by color", APART, "done", [DONE], "done"),
    ("sort the blocks by color", APART, "timeout", [DONE], "done"),  # what is measured says so
    ("sort the blocks by color", MIXED, "done", [DONE, AGAIN], "push"),
    ("sort the blocks by color", MIXED, "done", [DONE, DONE], NOT_DONE),
    ("push the red star to the left side", APART, "done", [DONE], "done"),
    ("push the red star to the left side", APART, "timeout", [DONE, AGAIN], "push"),  # it was still on its way
    ("push the red star to the left side", APART, "failed", [DONE], "done")])
def test_done_is_denied_by_what_is_measured_and_by_a_push_that_was_on_its_way(text, pieces, last, replies, expected):
    backend = ReplayBackend(replies, lambda _: (), scene=SCENE, language=BOARD)
    agent = LanguageAgent(backend, unclear=refuse, look=lambda _: Look("board", pieces, None, (-1.0, 1.0)))
    plan = agent.plan(text, replace(NOW, time_s=1.0), [pushed(last)])
    assert (plan.refusal or ("push" if plan.calls else "done")) == expected
    assert len(backend.asked) == len(replies)
