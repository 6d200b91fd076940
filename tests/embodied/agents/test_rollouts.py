"""Rollouts that learning reads: rewards belong to the plan before them, and workers go on with new weights."""

from __future__ import annotations

import pytest
import torch

from embodied.agents.rollouts import Rollouts, decisions, make_rollouts
from embodied.agents.shipped import load_agent
from embodied.distributed.rollouts import open_workers
from embodied.models.weights import weights_to_bytes
from embodied.planning.closed_loop import run
from tests.embodied.planning.scenes import ToyEnv
from tests.embodied.planning.test_closed_loop import PLACE, Drawn

TASK = {"weights": "tabletop-tiny", "env_id": "envs:embodied/PutInBowl-v0", "temperature": 1.5, "max_calls": 2}


class Paid(ToyEnv):
    """Pays 1, 2, 4, 8 for its calls."""

    def step(self, action):
        raw, _, *rest = super().step(action)
        return raw, 2.0 ** (len(self.calls) - 1), *rest


def test_a_decision_has_the_rewards_until_the_next_one():
    found = decisions(run(Paid(goal=2), Drawn(PLACE * 2 + "done()", PLACE + "done()"), seed=0, sampling_seed=0))
    assert [d.reward for d in found] == [1.0 + 2.0, 4.0 + 8.0]
    assert [len(d.samples) for d in found] == [1, 1]


def test_a_ticket_is_a_scene_and_a_draw():
    rollouts = Rollouts(Drawn(PLACE + "done()"), ToyEnv(goal=1), group=4)
    first, again, other = (rollouts(ticket) for ticket in (9, 9, 10))
    assert (first.seed, first.draw, other.seed, other.draw) == (2, 1, 2, 2)
    assert first == again and first.is_success
    assert first.decisions[0].samples[0].seed != other.decisions[0].samples[0].seed


@pytest.mark.slow
def test_workers_sample_with_the_weights_that_they_were_given():
    """The same tickets twice: with the shipped weights, and with weights that say something else."""
    model = load_agent("tabletop-tiny").backend.model
    with torch.no_grad():
        for parameter in model.language.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    with open_workers(make_rollouts, TASK, workers=1) as workers:
        before = list(workers.run([1, 2]))
        workers.load_weights(weights_to_bytes(model), version=5)
        after = list(workers.run([1, 2]))
    assert not any(result.error for result in (*before, *after))
    for results, version in ((before, 0), (after, 5)):
        samples = [s for result in results for decision in result.value.decisions for s in decision.samples]
        assert samples and {s.version for s in samples} == {version} and all(s.token_ids for s in samples)
    assert before[0].value.decisions[0].samples[0].token_ids != after[0].value.decisions[0].samples[0].token_ids
