"""Minds play episodes: themselves and hindered, over their questions, and never what only a planner can."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.agents import minds
from embodied.agents.baselines import Lent, RandomPlanner, covered
from embodied.agents.mind_agent import UNANSWERED, MindAgent
from embodied.agents.mind_card import CARD, write_card
from embodied.agents.rollouts import make_rollouts
from embodied.agents.shipped import WEIGHTS, load_agent
from embodied.evaluation.episode import EpisodeRunner, EpisodeSpec
from embodied.evaluation.policies import MIND_POLICIES, NO_MIND, PolicyFactory
from tests.embodied.agents.talking import ToyTable, Words
from tests.embodied.planning.scenes import ToyEnv, observation

TABLE = ToyTable(red_block=(0.5, -0.2), red_block_2=(0.5, 0.0), blue_bowl=(0.5, 0.2))


@pytest.fixture
def folder(tmp_path, monkeypatch) -> str:
    """A folder of a mind that understands nothing of what is said, and sees a toy table."""
    (tmp_path / "mind").mkdir()
    (tmp_path / "mind" / CARD).write_text(write_card(None))
    (tmp_path / "mind" / "config.json").write_text("{}")
    understands(monkeypatch, Words({}), TABLE.perceive)
    return str(tmp_path / "mind")


def understands(monkeypatch, words, perceive) -> None:
    monkeypatch.setattr(minds, "planner_makers", lambda weights: (lambda eyes: MindAgent(words, eyes), perceive))


@pytest.mark.parametrize("policy", MIND_POLICIES)
def test_a_mind_plays_itself_blind_and_shuffled_anew_in_each_episode(folder, policy):
    factory = PolicyFactory(policy, folder, ToyEnv)
    (first, listener), (second, _) = (factory.planner(seed, None) for seed in (1, 2))
    assert isinstance(first, MindAgent) and first is not second and listener is None
    crops = [slot.crop for slot in first.perceive(observation())]
    assert all(not crop.any() for crop in crops) if policy == "blind" else any(crop.any() for crop in crops)
    assert isinstance(first.perceive, Lent) == (policy == "shuffled")


def test_the_covered_know_where_things_are_and_the_lent_see_other_moments():
    true, black = TABLE.perceive(observation()), covered(TABLE.perceive)(observation())
    assert [slot.box for slot in black] == [slot.box for slot in true] and not np.any(black[0].crop)
    others, seen = [observation(time_s=7.0), observation(time_s=8.0)], []
    lent = Lent(lambda shown: seen.append(shown.time_s) or [], others)
    for _ in range(3):
        lent(observation(time_s=1.0))
    assert seen == [8.0, 7.0, 8.0]


def test_who_plans_at_random_sees_by_the_minds_eyes(folder):
    planner, _ = PolicyFactory("random", folder, ToyEnv).planner(1, None)
    assert isinstance(planner, RandomPlanner) and len(planner.plan("x", observation()).calls) == 2


@pytest.mark.parametrize("policy", NO_MIND)
def test_what_takes_a_planners_plans_is_refused(folder, policy):
    with pytest.raises(ValueError, match="weights=shipped, or policy= one of model, blind, shuffled"):
        PolicyFactory(policy, folder, ToyEnv)


def test_rollouts_that_learn_and_agents_take_no_mind(folder):
    for take in (load_agent, lambda weights: make_rollouts(weights, "envs:embodied/PutInBowl-v0")):
        with pytest.raises(ValueError, match=r"expected a planner's, .* got a mind's, which writes goals"):
            take(folder)


@pytest.mark.weights
def test_a_question_that_nobody_answers_ends_the_episode_and_stands_in_its_record(folder, monkeypatch):
    class Unsure(Words):
        def understand(self, text, before=()):
            return super().understand("which", before)

    perceive = load_agent(WEIGHTS / "tabletop-tiny").backend.perceive
    understands(monkeypatch, Unsure({"which": "in(the block, the bowl)"}), perceive)
    record = EpisodeRunner(EpisodeSpec("model", ("put_in_bowl",), 2_000_000, folder)).run_episode(2_000_000)
    assert (record["success"], record["end"]) == (False, f"refused: {UNANSWERED}")
    assert record["understood"] == "in(the block, the bowl)" and record["calls"] == []
    assert len(record["asked"]) == 1 and record["asked"][0].startswith("Which ")
    assert record["attribution"]["component"] == "planning" and "asked a question" in record["attribution"]["reason"]
