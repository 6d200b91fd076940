"""How likely "yes" is held to be, and of whom nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.judgement import SUCCESSFUL, chance_of_success, chance_of_yes
from embodied.agents.language_agent import LanguageAgent
from envs.experts import judgements
from envs.interface import Referent, SkillCall
from envs.skills.signatures import TABLETOP, TAMP
from tests.embodied.planning.scenes import colored, observation, slot, transition

QUESTION = "Was pick up the red object successful?"


class Sure(ReplayBackend):
    """Holds an answer that begins with yes to be three times as likely as one that begins with no."""

    def log_probabilities(self, prompt, answers):
        self.asked.append((prompt, None))
        assert answers == [' answer("A: Yes', ' answer("A: No']
        return [-1.0, -2.0986122886681096]


def agent(kind=Sure, language=TAMP, **settings) -> LanguageAgent:
    return LanguageAgent(kind([], lambda _: (slot(0.4, 0.2),), language=language, **settings))


def test_it_is_the_share_of_yes_among_yes_and_no():
    assert chance_of_yes(agent(), QUESTION, observation()) == pytest.approx(0.75)


@pytest.mark.parametrize("asked", [agent(language=TABLETOP), agent(ReplayBackend), agent(vocabulary=["grasp"])])
def test_who_cannot_be_asked_says_nothing(asked: LanguageAgent):
    assert chance_of_yes(asked, QUESTION, observation()) is None and not asked.backend.asked


RED = colored(slot(0.4, 0.2), (200, 20, 20))
PICKED = transition("pick", RED)


class Doubtful(Sure):
    """Holds "no" to be likelier."""

    def log_probabilities(self, prompt, answers):
        self.asked.append((prompt, None))
        return [-3.0, -1.0]


def judging(kind, **settings) -> LanguageAgent:
    return LanguageAgent(kind([], lambda _: (RED,), language=TAMP), **settings)


@pytest.mark.parametrize(("kind", "doubts"), [(Sure, False), (Doubtful, True)])
def test_a_planner_judges_its_last_call_by_what_it_sees_after_it(kind, doubts: bool):
    asked = judging(kind)
    assert asked.doubts([PICKED]) is doubts
    assert "Was pick up the red object successful?" in asked.backend.asked[0][0].segments[0].text


SAID = replace(PICKED, call=SkillCall("answer", ("A: The red object is in the center of the table.",)))
FAILED = transition("pick", RED, status="failed", reason="the gripper closed on nothing")


UNMEASURED = replace(PICKED, call=SkillCall("pick", (Referent("obj_1"),)))
GONE = transition("pick", slot(0.7, -0.3))


@pytest.mark.parametrize("history", [[], [SAID], [PICKED, FAILED], [UNMEASURED], [GONE]])
def test_what_is_no_call_or_known_to_have_failed_is_not_asked_about(history):
    asked = judging(Doubtful)
    assert chance_of_success(asked, history) is None and not asked.doubts(history) and not asked.backend.asked


def test_who_cannot_judge_has_no_doubts():
    for asked in (judging(ReplayBackend), judging(Doubtful, unclear=None), agent(language=TABLETOP)):
        assert not asked.doubts([PICKED])


def test_the_question_is_the_one_that_is_taught():
    assert judgements.SUCCESSFUL[0] == SUCCESSFUL
