"""Batches: every example once an epoch, like lengths together, shares of workers that add up, exact positions."""

from __future__ import annotations

import os
import signal
import time
from itertools import islice

import numpy as np
import pytest
import torch

from embodied.data import ahead
from embodied.data.batches import BUCKET, FEWEST_VIEWS, Batches, FirstBatch, Sampler

LENGTHS = np.random.default_rng(0).integers(10, 100, 1037)


def collate(places, step):
    return [f"{step}:{p}" for p in places], {"places": np.array(places)}


def take(batches, count):
    stream = iter(batches)
    return [next(stream) for _ in range(count)]


def test_an_epoch_shows_each_example_once_and_the_next_in_another_order():
    sampler = Sampler(LENGTHS, batch_size=8, seed=0)
    epochs = [np.concatenate([sampler.batch_at(e * sampler.per_epoch + s) for s in range(sampler.per_epoch)])
              for e in range(2)]
    assert all(len(set(e.tolist())) == len(e) == 1037 // 8 * 8 for e in epochs)
    assert not np.array_equal(*epochs)


def test_batches_hold_like_lengths():
    sampler = Sampler(LENGTHS, batch_size=8, seed=0)
    batches = [LENGTHS[sampler.batch_at(s)] for s in range(sampler.per_epoch)]
    fill = sum(b.sum() for b in batches) / sum(b.max() * len(b) for b in batches)
    assert fill > 0.93 and BUCKET > 1


def test_examples_of_one_view_stay_together_by_twos_in_random_pairs():
    views, size = np.repeat(np.arange(1037 // 8 + 1), 8)[:1037], 2 * FEWEST_VIEWS
    sampler = Sampler(LENGTHS, batch_size=size, seed=0, views=views)
    epochs = [[sampler.batch_at(e * sampler.per_epoch + s) for s in range(sampler.per_epoch)] for e in range(2)]
    for batches in epochs:
        assert len(set(np.concatenate(batches).tolist())) == 1037 // size * size
        assert max(np.unique(views[b], return_counts=True)[1].max() for b in batches) >= 2
        assert np.mean([len(np.unique(views[b])) for b in batches]) < 0.6 * size
    pairs = [{frozenset(pair) for b in batches for pair in zip(b.tolist(), b.tolist()[1:], strict=False)
              if views[pair[0]] == views[pair[1]]} for batches in epochs]
    assert 0 < len(pairs[0] & pairs[1]) < 0.9 * len(pairs[0])


def test_a_position_from_before_views_stayed_together_is_gone_on_from_and_said():
    batches = Batches(Sampler(LENGTHS, batch_size=8, seed=5, views=np.arange(1037)), collate)
    old = {key: value for key, value in batches.state_dict().items() if key != "together"} | {"step": 3}
    with pytest.warns(UserWarning, match="not bit-exact"):
        batches.load_state_dict(old)
    assert batches.step == 3


def test_shares_of_workers_add_up_to_the_batch_of_one():
    sampler = Sampler(LENGTHS, batch_size=8, seed=5)
    alone = take(Batches(sampler, collate), 5)
    shares = [take(Batches(sampler, collate, rank=r, world_size=2), 5) for r in range(2)]
    for one, *parts in zip(alone, *shares, strict=True):
        assert sorted(one.ids) == sorted(i for part in parts for i in part.ids)
    with pytest.raises(ValueError, match="divisible by the 3 workers"):
        Batches(sampler, collate, world_size=3)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more processes than this machine has cores
@pytest.mark.parametrize("loaders", [0, 1, 3])
def test_a_position_is_exact_whoever_makes_batches_ahead(loaders):
    sampler = Sampler(LENGTHS, batch_size=8, seed=5)
    whole = [b.ids for b in take(Batches(sampler, collate), 6)]
    first = Batches(sampler, collate, loaders=loaders)
    take(first, 2)
    second = Batches(sampler, collate, loaders=loaders)
    second.load_state_dict(first.state_dict())
    chance = torch.get_rng_state()
    assert [b.ids for b in take(second, 4)] == whole[2:]
    assert torch.equal(torch.get_rng_state(), chance)  # which a training goes on from, whoever makes its batches


@pytest.mark.parametrize("loaders", [0, 1])
def test_an_error_in_a_batch_reaches_the_loop(loaders):
    def broken(places, step):
        raise ValueError("episode 7 is damaged")

    with pytest.raises(ValueError, match="episode 7"):
        take(Batches(Sampler(LENGTHS, batch_size=8, seed=0), broken, loaders=loaders), 1)


@pytest.fixture
def quick(monkeypatch):
    """It is looked five times a second whether a process died."""
    monkeypatch.setattr(ahead, "_LOOK_S", 0.2)
    monkeypatch.setattr("torch.utils.data._utils.MP_STATUS_CHECK_INTERVAL", 0.2)


def test_processes_that_make_batches_and_die_are_started_again_and_a_place_where_they_die_twice_is_named(tmp_path,
                                                                                                         quick):
    """Row 15."""
    def make(number: int) -> int:
        if number == 9 or (number == 4 and not (tmp_path / "was").exists()):
            (tmp_path / "was").touch()
            time.sleep(1.0)  # until what it made before has come
            os.kill(os.getpid(), signal.SIGKILL)
        return number * 10

    before, values = signal.getsignal(signal.SIGCHLD), ahead.made_ahead(make, range(20), processes=1)
    with pytest.warns(UserWarning, match="or one after it, died or hung"):
        assert list(islice(values, 9)) == [number * 10 for number in range(9)]
        with pytest.raises(RuntimeError, match="value of 9, got processes that died or hung"):
            next(values)
    assert signal.getsignal(signal.SIGCHLD) is before, "no error amid a step"


def test_processes_that_make_batches_and_hang_are_not_waited_for_without_end(quick, monkeypatch):
    """Row 15."""
    monkeypatch.setattr(ahead, "WAIT_S", 0.1)
    values = ahead.made_ahead(lambda number: time.sleep(1000), range(20), processes=1)
    with pytest.warns(UserWarning, match="value of 0"), pytest.raises(RuntimeError, match="hung there twice"):
        next(values)


def test_fewer_examples_than_a_batch_are_refused():
    with pytest.raises(ValueError, match="at least 8 examples"):
        Sampler(LENGTHS[:5], batch_size=8, seed=0)


def test_the_first_batch_again_and_again():
    batches = FirstBatch(Batches(Sampler(LENGTHS, batch_size=8, seed=0), collate))
    first, *others = take(batches, 4)
    assert all(other is first for other in others)
    resumed = FirstBatch(Batches(Sampler(LENGTHS, batch_size=8, seed=0), collate))
    resumed.load_state_dict(batches.state_dict())
    assert take(resumed, 1)[0].ids == first.ids
