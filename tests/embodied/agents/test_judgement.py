"""How likely "yes" is held to be, and of whom nobody can tell."""

from __future__ import annotations

import pytest

from embodied.agents.backends.replay import ReplayBackend
from embodied.agents.judgement import chance_of_yes
from embodied.agents.language_agent import LanguageAgent
from envs.skills.signatures import TABLETOP, TAMP
from tests.embodied.planning.scenes import observation, slot

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
