"""What a training says of its products' share, and that it learns the same where it counts them."""

from __future__ import annotations

import json

import pytest
import torch

from embodied.data.batches import Batch, Shares
from embodied.training import roofline
from embodied.training.hooks import JsonlLog
from embodied.training.loop import train
from embodied.training.objectives.sft import sft
from embodied.training.optim import adamw
from embodied.training.placement import alone
from tests.embodied.training import ranks

STEPS = roofline.Roofline.COUNTED + 3


def trained(threads, watch, hooks=()):
    """(weights, batches) of a planner after STEPS steps; each batch is longer than the one before."""
    made = ranks.a_planner()
    parts = [[ranks.planner_batch(made, list(range(step + 2)))] * threads for step in range(STEPS)]
    batches = [Shares(tuple(each)) if threads > 1 else each[0] for each in parts]
    train(made[0], batches, sft, adamw(made[0], lr=1e-3), steps=STEPS, hooks=[watch, *hooks],
          placement=alone("cpu", threads=threads), within=watch.learning)
    return made[0].state_dict(), batches


class Blind(roofline.Roofline):
    """Counts nothing."""

    COUNTED = -1


@pytest.mark.parametrize("threads", [1, 2])
def test_a_step_that_is_counted_learns_the_same_and_later_rows_have_the_share(threads, tmp_path, monkeypatch):
    monkeypatch.setattr(roofline, "products_s", lambda counter, rounds: 1.0)
    torch.manual_seed(7)
    expected, _ = trained(threads, Blind(threads))
    drawn = torch.get_rng_state()
    torch.manual_seed(7)
    path = tmp_path / "log.jsonl"
    watch = roofline.Roofline(threads, shares_batches=threads > 1)
    found, batches = trained(threads, watch, [JsonlLog(path, every=1)])
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert torch.equal(torch.get_rng_state(), drawn) and watch.counter.flops > 0
    rows = [row for row in map(json.loads, path.read_text().splitlines()) if "loss" in row]
    assert [row["step"] for row in rows if "products_share" in row] == [STEPS - 1, STEPS]
    counted = batches[roofline.Roofline.COUNTED].tokens / threads
    for row in rows[-2:]:
        assert row["products_share"] == pytest.approx(
            batches[row["step"] - 1].tokens / counted / (row["step_s"] * threads))


def test_what_products_take_is_measured_and_torchs_random_numbers_stay():
    torch.manual_seed(0)
    counter = roofline.products_of(lambda: [torch.ones(64, 64) @ torch.ones(64, 64) for _ in range(10)])
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    ten = roofline.products_s(counter, rounds=1)
    [kind] = counter.found
    counter.found[kind] = 1000
    assert 0 < ten < roofline.products_s(counter, rounds=1)
    assert torch.equal(torch.get_rng_state(), before) and torch.get_num_threads() == threads


def test_other_numbers_are_not_counted_and_batches_without_tokens_say_nothing(tmp_path):
    halves = torch.ones(4, 4, dtype=torch.bfloat16)
    assert not roofline.products_of(lambda: halves @ halves).found
    watch, model = roofline.Roofline(1), torch.nn.Linear(4, 4)
    batches = [Batch(step, (str(step),), {}) for step in range(STEPS)]
    state = train(model, batches, lambda model, batch: (model(torch.ones(1, 4)).sum(), {}), adamw(model, lr=1e-3),
                  steps=STEPS, hooks=[watch], within=watch.learning)
    assert state.products_share is None and watch.counter.found
