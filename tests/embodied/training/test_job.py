"""Validation: every number is the mean over what was graded, however the batches were cut."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from embodied.training.job import VALIDATION_BATCHES, mean_of_means, validate
from embodied.training.objectives import segment, sft
from embodied.training.placement import Replicated
from tests.embodied.training import ranks

ALONE = Replicated()


def test_a_mean_of_means_by_hand():
    assert mean_of_means([(1.0, 4), (7.0, 2)]) == pytest.approx(3.0)
    assert mean_of_means([(0.5, 0), (0.25, 0)]) == 0.0


def test_the_last_small_batch_counts_for_what_is_in_it():
    """Five numbers in batches of two: 0 1 | 2 3 | 10; the equal mean of the batches' means would be 4.33."""
    numbers = torch.tensor([0.0, 1.0, 2.0, 3.0, 10.0])

    def check(places, step):
        return [str(p) for p in places], {"x": numbers[places]}

    def objective(model, batch):
        return batch.inputs["x"].mean(), {"most": batch.inputs["x"].max()}

    said = validate(torch.nn.Identity(), objective, check, 5, 2, ALONE, lambda batch: {"loss": len(batch.ids)})
    assert said == pytest.approx({"loss": 16 / 5, "most": (2 * 1 + 2 * 3 + 10) / 5})


def case(name):
    if name == "sft":
        made = ranks.a_planner()
        return made[0].eval(), sft.sft, sft.counts, lambda places: ranks.planner_batch(made, places)
    return ranks.a_segmenter().eval(), segment.segment, segment.counts, ranks.segmenter_batch


@pytest.mark.parametrize("name", ["sft", "segment"])
def test_batches_of_any_size_say_the_same(name):
    """Numbers of examples that are far from alike: tokens, names and votes are counted, not batches."""
    model, objective, counts, batch_of = case(name)

    def check(places, step):
        batch = batch_of(places.tolist())
        return batch.ids, batch.inputs

    measure = partial(validate, model, objective, check, 7, placement=ALONE, counts=counts)
    whole, parts = measure(batch_size=7), measure(batch_size=3)
    exact = set(whole) - {"loss"}  # a sum of means over different things, counted by the greater part
    assert {k: parts[k] for k in exact} == pytest.approx({k: whole[k] for k in exact}, rel=1e-5, abs=1e-6)
    unweighted = measure(batch_size=3, counts=lambda batch: {"loss": 1.0})
    assert any(abs(unweighted[k] - whole[k]) > 1e-3 * abs(whole[k]) for k in exact), "counting batches would not do"


def test_only_the_first_batches_are_measured():
    seen = []

    def check(places, step):
        seen.extend(places.tolist())
        return [str(p) for p in places], {"x": torch.zeros(len(places))}

    validate(torch.nn.Identity(), lambda m, b: (b.inputs["x"].sum(), {}), check, 1000, 4, ALONE, lambda b: {"loss": 1})
    assert seen == list(np.arange(VALIDATION_BATCHES * 4))
    assert validate(torch.nn.Identity(), None, None, 0, 4, ALONE, None) == {}
