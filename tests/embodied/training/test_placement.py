"""A batch shared out between ranks is learned from as the whole batch is: losses, gradients and metrics."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from embodied.training.loop import TrainState, _take_step
from embodied.training.objectives.losses import naming_loss, segmenter_loss
from embodied.training.objectives.segment import segment
from embodied.training.objectives.sft import sft
from embodied.training.placement import one_of_many
from tests.embodied.training import ranks

PLACES = list(range(8))
ROUNDING = 1e-6  # of a gradient's length, in float32: sums in another order


def planner_case():
    made = ranks.a_planner()
    return made[0].train(), sft, lambda places: ranks.planner_batch(made, places)


def segmenter_case():
    return ranks.a_segmenter(), segment, ranks.segmenter_batch


CASES = {"planner": planner_case, "segmenter": segmenter_case}


@pytest.mark.parametrize("name", CASES)
def test_the_mean_of_two_ranks_is_the_whole_batch(name, tmp_path):
    """Real processes and DDP; one share holds four times the tokens, words of names and weights of the other."""
    model, objective, batch_of = CASES[name]()
    whole = ranks.gradients(model, objective, batch_of(PLACES))
    state = TrainState(model, torch.optim.SGD(model.parameters(), lr=0.0), steps=1, clip_norm=1e9)
    _take_step(state, batch_of(PLACES), objective)

    def work(rank: int) -> None:
        placement = one_of_many(torch.device("cpu"), rank, 2)
        mine = batch_of(PLACES[rank::2])
        shared = TrainState(placement.wrap(model), torch.optim.SGD(model.parameters(), lr=0.0), steps=1,
                            placement=placement, clip_norm=1e9)
        _take_step(shared, mine, objective)
        found = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
        said = {"loss": shared.loss, **shared.metrics}
        save_file(found | {f"said/{k}": torch.tensor(v) for k, v in said.items()}, tmp_path / f"{rank}.safetensors")

    ranks.on_two_ranks(work, tmp_path)
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        said = {k.removeprefix("said/"): float(found.pop(k)) for k in list(found) if k.startswith("said/")}
        assert ranks.relative_difference(whole, found) < ROUNDING
        assert said == pytest.approx({"loss": state.loss, **state.metrics}, rel=1e-5)


def test_halves_of_a_batch_are_far_from_alike():
    """The test above would pass for nothing if each half's own mean were as good as the whole."""
    for case in CASES.values():
        model, objective, batch_of = case()
        whole = ranks.gradients(model, objective, batch_of(PLACES))
        halves = [ranks.gradients(model, objective, batch_of(PLACES[rank::2])) for rank in range(2)]
        assert ranks.relative_difference(whole, {k: (halves[0][k] + halves[1][k]) / 2 for k in whole}) > 0.01


def test_a_naming_loss_of_parts_adds_up():
    generator = torch.Generator().manual_seed(0)
    soft, words = torch.randn(4, 1, 6, generator=generator), torch.randn(9, 6, generator=generator)
    ids = torch.tensor([[3, 4, 5], [6, -100, -100], [7, -100, -100], [-100, -100, -100]])
    whole = naming_loss(soft, words, ids)
    parts = [naming_loss(soft[a:b], words, ids[a:b], count=5) for a, b in ((0, 1), (1, 4))]
    torch.testing.assert_close(sum(parts), whole)


def test_a_vote_loss_of_parts_adds_up():
    model, batch = ranks.a_segmenter(), ranks.segmenter_batch([0, 1])
    targets = {k: v for k, v in batch.inputs.items() if k != "images"}
    total = targets["weights"].sum()
    with torch.no_grad():
        out = model(batch.inputs["images"])
        whole = segmenter_loss(out.logits, out.votes, targets)[1]["vote_loss"]
        parts = [segmenter_loss(out.logits[i:i + 1], out.votes[i:i + 1], {k: v[i:i + 1] for k, v in targets.items()},
                                total)[1]["vote_loss"] for i in range(2)]
    torch.testing.assert_close(sum(parts), whole)
