"""Episodes that go on from a moment of another one: the same plans lead to the same bits, others elsewhere, and what a
moment is worth is what its forks come to."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from embodied.agents.oracle import OraclePlanner
from embodied.agents.rollouts import Rollouts, state_key
from embodied.planning.closed_loop import Moment, run
from embodied.planning.language import Plan


@pytest.fixture(scope="module")
def world():
    env = gymnasium.make("envs:embodied/Tower-v0").unwrapped
    yield env
    env.close()


class Stepwise:
    """The expert, who is asked anew after each pick and its placing, and notes the second moment that it is asked at.
    With a seed that is odd it gives up then."""

    def __init__(self, world):
        self.world, self.oracle, self.noted = world, OraclePlanner(world), None

    def plan(self, instruction, observation, history, *, seed=0):
        if history and self.noted is None:
            self.noted = Moment(instruction, observation, tuple(history), {}, plans=1), self.world.snapshot()
        if history and seed % 2:
            return Plan((), refusal="I give up")
        plan = self.oracle.plan(instruction, observation, history)
        return Plan(plan.calls[:2])


def test_an_episode_goes_on_from_a_moment_to_the_same_bits(world):
    planner = Stepwise(world)
    whole = list(run(world, planner, seed=3))
    moment, snapshot = planner.noted
    rest = whole[len(moment.history):]
    assert whole[-1].is_success and 2 <= len(rest) < len(whole)
    for _ in range(2):
        world.restore(snapshot)
        again = list(run(world, planner, seed=3, moment=moment))
        assert [step.end for step in again] == [step.end for step in rest]
        for one, other in zip(again, rest, strict=True):
            assert one.transition.reward == other.transition.reward
            np.testing.assert_array_equal(one.transition.after.joint_pos, other.transition.after.joint_pos)
            np.testing.assert_array_equal(one.transition.after.rgb["front"], other.transition.after.rgb["front"])


def test_a_moment_is_worth_what_its_forks_come_to(world):
    """Some of the forks give up, with a part of the tower still to be built; the expert counts what is left."""
    found = Rollouts(Stepwise(world), world, forks=4, counts_calls=True)(ticket=3)
    values = [decision.fork_value for decision in found.decisions]
    assert 0.0 < values[0] < 1.0 and all(0.0 <= value <= 1.0 for value in values)
    costs = [decision.cost_to_go for decision in found.decisions]
    assert costs[0] - costs[1] == 2.0


def test_moments_are_told_apart_by_what_was_done(world):
    encode = world.encode
    first, again, other = (Rollouts(Stepwise(world), world, group=8)(ticket) for ticket in (8, 8, 16))
    assert [d.state for d in first.decisions] == [d.state for d in again.decisions]
    assert len({d.state for d in first.decisions}) == len(first.decisions)
    assert first.decisions[0].state != other.decisions[0].state == state_key(2, (), encode)
    assert first.end_kind in ("success", "refused")
