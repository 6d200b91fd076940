"""Calls and plans as people are told them: the same words for the same call, wherever it is told."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.cli.reporter import Reporter
from embodied.data.timeline import captions_of
from embodied.evaluation import videos
from embodied.evaluation.rollout_video import RolloutVideo
from embodied.planning.closed_loop import Step
from embodied.planning.language import Plan, ground, parse, words_of
from embodied.planning.perception import Perception
from embodied.planning.spoken import describe, looks_by_name, looks_in, say_call, spoken
from embodied.prompt import Slot
from envs.interface import Box, Outcome, Referent, SkillCall, Transition
from envs.skills.signatures import TABLETOP
from tests.embodied.planning.scenes import observation

RED, BLUE = (230, 30, 30), (30, 60, 230)


def slot(color: tuple[int, int, int], size: tuple[float, float, float]) -> Slot:
    return Slot(np.full((8, 8, 3), color, np.uint8), Box((0.4, 0.1, 0.02), size))


SLOTS = (slot(BLUE, (0.13, 0.13, 0.04)), slot(RED, (0.04, 0.04, 0.04)))
PLAN = ground(parse("home(); pick(obj_2); place_in(obj_1); done()", TABLETOP, objects=2), Perception(SLOTS))
SAID = ["home", "pick red block", "place in blue bowl"]


def steps() -> list[Step]:
    outcome = Outcome("failed", "it slipped", 1.0)
    return [Step(0, PLAN, False, Transition(observation(), call, outcome, observation(), 0.0, False, False), {})
            for call in PLAN.calls]


@pytest.fixture
def captions(monkeypatch) -> list[str]:
    """Every caption that a video is given."""
    told: list[str] = []
    monkeypatch.setattr(RolloutVideo, "caption", lambda self, step, status="": told.append(step))
    return told


def test_a_call_is_spoken_by_what_it_points_at():
    assert [say_call(call, PLAN) for call in PLAN.calls] == SAID
    assert spoken("move", [0.1, "obj_1", True], {"obj_1": "red block"}) == "move 0.1 red block true"
    assert looks_by_name(SLOTS) == {"obj_1": "blue bowl", "obj_2": "red block"} and looks_in(Plan(())) == {}


def test_films_of_rollouts_say_what_is_pointed_at(captions):
    for step in steps():
        videos._narrate(RolloutVideo(), step)
    assert captions == [f"{said}: failed it slipped" for said in SAID]


def test_the_demo_says_what_is_pointed_at_on_the_terminal_and_in_its_film(captions, capsys):
    narrator = Reporter("put the red block in the blue bowl", fps=2)
    narrator.decided(PLAN, observation())
    for step in steps():
        narrator.tell(step)
    assert captions == [words for said in SAID for words in (f"{said} ...", f"{said}: failed: it slipped")]
    shown = capsys.readouterr().out
    assert all(f"{said} failed: it slipped" in shown for said in SAID) and "2. pick red block (obj_2 at x" in shown


def test_a_recording_says_the_same_as_a_rollout():
    objects = [{"name": name, "looks": looks} for name, looks in looks_in(PLAN).items()]
    events = [{"type": "plan", "unix_s": 0.0, "objects": objects},
              *({"type": "step", "unix_s": 1.0, "skill": c.skill, "arguments": words_of(c)} for c in PLAN.calls)]
    assert [caption.step for caption in captions_of(events)] == SAID


def test_plans_are_described_for_people():
    assert describe(PLAN) == ("1. home\n2. pick red block (obj_2 at x 0.40 m, y +0.10 m)\n"
                              "3. place in blue bowl (obj_1 at x 0.40 m, y +0.10 m)")
    pointed = Plan((SkillCall("pick", (Referent("red block", box=SLOTS[1].box),)),
                    SkillCall("pick", (Referent("<loc_1><loc_2>"),))))
    assert describe(pointed) == "1. pick red block (at x 0.40 m, y +0.10 m)\n2. pick <loc_1><loc_2>"
    assert describe(Plan(())) == "Nothing left to do."
    assert describe(Plan((), refusal="I see no objects", hint="Look again.")) == "No: I see no objects. Look again."
