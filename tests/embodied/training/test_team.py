"""Threads that share out a batch learn from it what one does, and an error of one of them is everyone's."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from embodied.data.batches import Batches, Sampler, Shares
from embodied.training.objectives.sft import sft
from embodied.training.optim import adamw
from embodied.training.placement import Replicated, alone, share
from embodied.training.team import Team
from tests.embodied.training import ranks


def learned(placement, batch, made):
    """(lesson, gradients by name) of a new planner."""
    model = made[0]
    model.zero_grad(set_to_none=True)
    lesson = placement.learn(sft, model, batch, list(model.parameters()))
    return lesson, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def test_two_threads_learn_what_one_does():
    made = ranks.a_planner()
    whole = ranks.planner_batch(made, list(range(8)))
    parts = Shares((ranks.planner_batch(made, [0, 2, 4]), ranks.planner_batch(made, [1, 3, 5, 6, 7])))
    alone_lesson, alone_gradients = learned(Replicated(), whole, made)
    lesson, gradients = learned(alone("cpu", threads=2), parts, made)
    again, same = learned(alone("cpu", threads=2), parts, made)
    assert ranks.relative_difference(alone_gradients, gradients) < 1e-5
    assert float(lesson.loss) == pytest.approx(float(alone_lesson.loss), rel=1e-5)
    assert lesson.metrics.keys() == alone_lesson.metrics.keys()
    assert torch.equal(lesson.loss, again.loss) and all(torch.equal(gradients[n], same[n]) for n in gradients)


def test_a_step_of_two_threads_is_that_of_one():
    made = ranks.a_planner()
    start = {name: value.clone() for name, value in made[0].state_dict().items()}
    places = list(range(8))
    whole = ranks.planner_batch(made, places)
    parts = Shares((ranks.planner_batch(made, places[:4]), ranks.planner_batch(made, places[4:])))
    found = []
    for placement, batch in ((Replicated(), whole), (alone("cpu", threads=2), parts)):
        made[0].load_state_dict(start)
        optimizer = adamw(made[0], lr=1.0e-3)
        for _ in range(2):
            learned(placement, batch, made)
            assert all(p.grad.stride() == p.stride() for p in made[0].parameters() if p.grad is not None)
            optimizer.step()
        found.append({name: value - start[name] for name, value in made[0].state_dict().items()})
    apart = {name: float((found[1][name] - moved).norm() / moved.norm()) for name, moved in found[0].items()
             if float(moved.norm())}
    assert apart and max(apart.values()) < 0.3, sorted(apart.items(), key=lambda item: -item[1])[:3]


def test_an_error_of_one_thread_is_raised_and_the_team_goes_on():
    team = Team(2)

    def work(place):
        if place == 1:
            raise ValueError("the second share")
        return float(share(torch.tensor(1.0))[0])

    with pytest.raises(ValueError, match="the second share"):
        team.run(work, (0, 1))
    assert team.run(lambda place: float(share(torch.tensor(float(place)))[0]), (0, 1)) == [0.5, 0.5]


def test_layers_that_drop_out_are_not_shared_and_odd_batches_neither():
    placement = alone("cpu", threads=2)
    assert placement.shares(torch.nn.Linear(2, 2), 8) == 2
    assert placement.shares(torch.nn.Linear(2, 2), 7) == 1
    assert placement.shares(torch.nn.Dropout(0.1), 8) == 1
    assert Replicated().shares(torch.nn.Linear(2, 2), 8) == 1


def test_shares_are_the_batch_and_its_place_knows_nothing_of_them():
    sampler = partial(Sampler, [3, 1, 2, 5, 4, 9, 7, 8], batch_size=4, seed=0)
    collate = lambda places, step: ([str(place) for place in places], {})  # noqa: E731
    one, two = Batches(sampler(), collate), Batches(sampler(), collate, shares=2)
    assert sorted(one.batch_at(0).ids) == sorted(two.batch_at(0).ids)
    assert [len(part.ids) for part in two.batch_at(0).parts] == [2, 2]
    assert one.state_dict() == two.state_dict()
