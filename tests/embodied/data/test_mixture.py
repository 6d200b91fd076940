"""Datasets mixed by weights: shares that hold, pure functions of the step, and each example in its own words."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from embodied.data.batches import Sampler
from embodied.data.collect import CollectSpec, collect
from embodied.data.dataset import Dataset
from embodied.data.detections import detect_dataset
from embodied.data.examples import Examples
from embodied.data.mixture import ROUND, MixedSampler, Mixture, shares, world_names
from envs.skills.signatures import BOARD, KITCHEN, TABLETOP, TAMP, PlanLanguage
from tests.embodied.data.test_examples import make_detector


def sampler(count: int) -> Sampler:
    return Sampler(np.arange(count) % 7, batch_size=4, seed=3)


def test_one_dataset_gives_the_batches_that_it_gives_alone():
    mixed = MixedSampler([sampler(50)], [2.0])
    for step in (0, 1, 13, ROUND - 1, ROUND, 5 * ROUND + 17):
        assert np.array_equal(mixed.batch_at(step), sampler(50).batch_at(step))


def test_datasets_are_dealt_by_their_weights_and_go_through_every_example():
    mixed = MixedSampler([sampler(40), sampler(12)], [3, 1])
    batches = [mixed.batch_at(step) for step in range(ROUND)]
    of = Counter("first" if (batch < 40).all() else "second" if (batch >= 40).all() else "both" for batch in batches)
    assert of == {"first": 750, "second": 250}
    second = [batch for batch in batches if (batch >= 40).all()]
    assert np.array_equal(second[0] - 40, sampler(12).batch_at(0))
    assert set(np.concatenate(second[:3])) == set(range(40, 52))


def test_a_step_is_a_function_of_its_number_alone():
    one, other = (MixedSampler([sampler(40), sampler(12), sampler(30)], [1, 5, 2]) for _ in range(2))
    steps = [2 * ROUND + 3, 5, ROUND, ROUND - 1, 0]
    expected = {step: one.batch_at(step) for step in sorted(steps)}
    assert all(np.array_equal(other.batch_at(step), expected[step]) for step in steps)
    turns = [one.dealt(step) for step in range(ROUND - 40, ROUND + 40)]
    for dataset in range(3):
        had = [turn for found, turn in turns if found == dataset]
        assert had == list(range(had[0], had[0] + len(had))), "no batch is skipped where a round ends"


@pytest.mark.parametrize("weights", [[1.0], [1, 1], [1e-9, 1], [3, 2, 1], [0.1] * 10])
def test_every_dataset_has_a_share(weights):
    assert sum(shares(weights)) == ROUND and min(shares(weights)) >= 1


@pytest.mark.parametrize("weights", [[], [0, 1], [-1, 2], [float("nan")], [float("inf"), 1]])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ValueError, match="a weight above 0"):
        shares(weights)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """What perfect eyes see of the worlds "Tabletop", "TampBelow" and "Kitchen"."""
    def part(world: str) -> Examples:
        folder = tmp_path_factory.mktemp(world)
        spec = CollectSpec(env_id=f"envs:embodied/{world}-v0", env_kwargs={"image_size": 48}, labels=4)
        collect(spec, folder, episodes=3, executed_fraction=0.0, workers=0)
        dataset = Dataset(folder)
        return Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0))

    return {world: part(world) for world in ("Tabletop", "TampBelow", "BoardSeparate")}


def test_examples_of_two_worlds_stand_side_by_side(parts):
    first, second = parts["Tabletop"], parts["TampBelow"]
    mixture = Mixture([first, second])
    assert mixture.language == TAMP and len(mixture) == len(first) + len(second) == len(mixture.items)
    assert mixture[0] == first[0] and mixture[len(first)].answer == second[0].answer
    assert mixture[len(first)].answer.startswith(' answer("A: ')
    there, here = (of.worded(place, of.sight(place, rng), rng) for of, place, rng in
                   ((mixture, len(first) + 1, np.random.default_rng(5)), (second, 1, np.random.default_rng(5))))
    assert there.answer == here.answer
    assert mixture.view_of(0) == (0, *first.view_of(0)) != mixture.view_of(len(first)) == (1, *second.view_of(0))
    assert mixture.card["kept"] == len(mixture)
    learned = mixture.places([{0}, {1, 2}])
    assert [mixture.items[place].file for place in learned[0]] == [0] * len(learned[0])
    assert learned[1] and min(learned[1]) >= len(first)
    assert {mixture.items[place].file for place in learned[1]} <= {1, 2}


def test_worlds_that_no_language_spans_keep_their_own(parts):
    mixture = Mixture([parts["BoardSeparate"], parts["Tabletop"], parts["TampBelow"], parts["BoardSeparate"]])
    assert {name: world.language for name, world in mixture.worlds.items()} == {
        "board": BOARD, "tabletop": TABLETOP, "tamp": TAMP}
    assert [len(world.parts) for world in mixture.worlds.values()] == [2, 1, 1] and mixture.language == BOARD
    assert not Mixture([parts["Tabletop"], parts["TampBelow"]]).worlds


def test_what_has_no_language_in_common_and_no_name_is_not_mixed():
    with pytest.raises(ValueError, match=r"one's plan language has the skills of all others.*train a planner for each"):
        world_names([BOARD, PlanLanguage(tuple(KITCHEN.signatures[:2]), KITCHEN.cameras)])
