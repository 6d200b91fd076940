"""Pairs from forks: plans of one moment, what followed them by their own forks, and a moment that is found again."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import gymnasium
import pytest

from embodied.agents.imagining_agent import ImaginingAgent
from embodied.agents.shipped import load_agent
from embodied.evaluation.forked_pairs import forked_pairs, reach, stand_at

pytestmark = pytest.mark.slow
SEED = 1


@pytest.fixture(scope="module")
def world() -> Any:
    env = gymnasium.make("envs:embodied/Tabletop-v0")
    yield env.unwrapped
    env.close()


@pytest.fixture(scope="module")
def agent() -> ImaginingAgent:
    return ImaginingAgent(load_agent("tabletop-few", unclear=None), None, count=6, temperature=6.0)


def test_pairs_of_a_later_moment_are_made_again_and_the_moment_is_found_by_their_history(world: Any,
                                                                                         agent: ImaginingAgent):
    asked = {"seed": SEED, "depth": 1, "most": 2, "ties": 2, "has_films": False}
    found = list(forked_pairs(world, agent, **asked))
    assert found, "a seed of which plans differ"
    assert [(one.pair, one.outcome) for one in forked_pairs(world, agent, **asked)] == [
        (one.pair, one.outcome) for one in found]
    for one in found:
        assert one.pair.plans[0] != one.pair.plans[1] and len(one.pair.history) == 1 and one.films == ((), ())
    kept = json.loads(json.dumps(asdict(found[0].pair)))
    assert kept["history"] == list(found[0].pair.history), "JSON keeps it to the bit"
    reached = reach(world, agent, SEED, 1)
    assert reached is not None
    wanted = world.expert_plan()
    stand_at(world, found[0].pair)
    again = world.expert_plan()
    assert [call.named for call in again] == [call.named for call in wanted]
    for ours, theirs in zip(again, wanted, strict=True):
        assert ours.arguments[0].box.center == pytest.approx(theirs.arguments[0].box.center, abs=1e-6)
