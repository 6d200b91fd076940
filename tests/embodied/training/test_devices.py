"""Where a training runs is the placement's affair alone: devices, wrappers and ranks behind one object."""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import embodied
from embodied.data.batches import Batches, Sampler
from embodied.models.weights import put_weights, stored_names
from embodied.training import checkpoint, placement
from embodied.training.job import make_job, validate
from embodied.training.objectives.segment import counts, segment
from embodied.training.placement import Replicated, State, alone, choose, one_of_many
from embodied.training.recipe import run_stage
from embodied.training.settings import read_settings
from embodied.training.stage import StageSettings
from tests.embodied.training import ranks
from tests.embodied.training.conftest import STAGE, tiny

META = Replicated(torch.device("meta"))
ROOM = Path(embodied.__file__).parent
OF_PLACEMENT_ALONE = {"cuda", "device", "get_world_size", "get_rank", "all_reduce", "init_process_group",
                      "DistributedDataParallel", "FullyShardedDataParallel", "autocast", "set_num_threads",
                      "get_num_threads", "prepare_model", "is_available", "bfloat16"}
"""Last names of what only the placement may call."""


def calls_of(path: Path) -> set[str]:
    """Last names of all that a file calls."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in calls}


def test_nobody_but_the_placement_knows_devices_wrappers_and_groups():
    paths = [p for room in ("training", "distributed") for p in (ROOM / room).rglob("*.py")]
    assert len(paths) > 15
    trespassers = {p.name: found for p in paths if (found := calls_of(p) & OF_PLACEMENT_ALONE)}
    assert set(trespassers.pop("placement.py")) > {"device", "get_world_size", "DistributedDataParallel"}
    # What looks at the dataset is no training: workers of its own, one thread each. Ray says which worker one is.
    # A team is the placement's, and so are gradients that ranks average, and `parallel`: the placement of a divided
    # model; its estimate computes shapes on the meta device.
    placements = {p.name for p in paths if p.parent.name == "parallel"} | {"gradients.py"}
    assert {name: found for name, found in trespassers.items() if name not in placements} == {
        "perception.py": {"set_num_threads"}, "launch.py": {"get_world_size"}, "team.py": {"set_num_threads"}}
    assert placements & trespassers.keys() == {"divided.py", "estimate.py", "gradients.py", "sharded.py", "whole.py"}
    assert not [p.name for p in paths if p.name != "placement.py" and '"module"' in p.read_text()]


def segmenter_job(where: Replicated):
    model = ranks.a_segmenter()
    settings = StageSettings(**STAGE)

    def collate(places, step):
        batch = ranks.segmenter_batch(places.tolist())
        return batch.ids, batch.inputs

    batches = Batches(Sampler(np.zeros(8), batch_size=4, seed=0), collate, rank=where.data_rank,
                      world_size=where.data_size)
    return make_job(settings, model, batches, segment, where, lambda m: validate(m, segment, collate, 6, 4, where,
                                                                               counts))


def test_on_another_device_every_tensor_is_moved():
    """`meta` computes shapes, and no operation takes a tensor of it together with one of the CPU."""
    job = segmenter_job(META)
    assert {p.device.type for p in [*job.model.parameters(), *job.model.buffers()]} == {"meta"}
    batch = next(iter(job.batches))
    with pytest.raises(RuntimeError):
        segment(job.model, batch)[0].backward()
    loss, metrics = segment(job.model, META.put(batch))
    loss.backward()
    assert loss.shape == () and loss.device.type == "meta" and set(metrics) == {"foreground_loss", "vote_loss"}
    assert all(p.grad.shape == p.shape and p.grad.device.type == "meta" for p in job.model.parameters())
    assert batch.inputs["images"].device.type == "cpu", "the batch itself is as it was"


def test_what_is_put_keeps_its_form():
    @dataclass(frozen=True, slots=True)
    class Rollouts:
        prompts: list[dict[str, Any]]
        rewards: tuple[torch.Tensor, ...]
        note: str = "as it was"
        count: int = field(default=3)

    made = Rollouts([{"input_ids": torch.ones(2, 3), "names": None}], (torch.zeros(2), torch.ones(1)))
    there = META.put(made)
    assert isinstance(there, Rollouts) and (there.note, there.count) == ("as it was", 3)
    assert there.prompts[0]["input_ids"].device.type == "meta" and there.prompts[0]["names"] is None
    assert [r.device.type for r in there.rewards] == ["meta", "meta"] and isinstance(there.rewards, tuple)
    assert Replicated().put(made) is made


class Spy(Replicated):
    """Says what it was asked."""

    asked: list[str] = []  # noqa: RUF012 - shared on purpose: the dataclass is frozen

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "asked":
            type(self).asked.append(name)
        return super().__getattribute__(name)


def test_loop_checkpoint_and_validation_ask_the_placement_for_everything(tmp_path):
    Spy.asked.clear()
    spy = Spy()
    job = segmenter_job(spy)
    saver = checkpoint.Checkpointing(tmp_path, job.batches, every=4)
    job.train([*job.listeners(), saver])
    again = segmenter_job(spy)
    checkpoint.load(tmp_path / "step_00000004", model=again.model, optimizer=again.optimizer, batches=again.batches,
                    placement=spy)
    assert set(Spy.asked) >= {"wrap", "unwrap", "put", "arithmetic", "mean", "state", "restore", "facts", "data_rank",
                              "data_size"}
    assert Spy.asked.count("arithmetic") == Spy.asked.count("put") == 4 + 2 and Spy.asked.count("state") == 1


@pytest.mark.filterwarnings("ignore:.*a meta parameter in the current model, which is a no-op")
def test_a_checkpoint_of_one_device_is_read_on_another(tmp_path):
    """Saved whole on the CPU: a placement of another device puts it there, and says that it is another."""
    job = segmenter_job(Replicated())
    job.train([checkpoint.Checkpointing(tmp_path, job.batches, every=4)])
    there = segmenter_job(META)
    with pytest.warns(UserWarning, match="device cpu -> meta: not bit-exact"):
        assert checkpoint.load(tmp_path / "step_00000004", model=there.model, optimizer=there.optimizer,
                               batches=there.batches, placement=META) == 4
    moments = [m for slots in there.optimizer.state_dict()["state"].values() for m in slots.values() if m.ndim]
    assert moments and {m.device.type for m in moments} == {"meta"}


def test_tied_weights_are_saved_once_and_missing_ones_are_named():
    model = nn.ModuleDict({"words": nn.Embedding(4, 2), "head": nn.Linear(2, 4, bias=False), "own": nn.Linear(1, 1)})
    model["head"].weight = model["words"].weight
    assert stored_names(model.state_dict()) == ["head.weight", "own.bias", "own.weight"]
    state = alone("cpu").state(model, torch.optim.SGD(model.parameters(), lr=0.1))
    other = nn.ModuleDict({"words": nn.Embedding(4, 2), "head": nn.Linear(2, 4, bias=False), "own": nn.Linear(1, 1)})
    other["head"].weight = other["words"].weight
    put_weights(other, state.weights)
    assert torch.equal(other["words"].weight, model["words"].weight)
    with pytest.raises(ValueError, match=r"missing: own\.bias; unexpected: nose"):
        put_weights(other, {k: v for k, v in state.weights.items() if k != "own.bias"} | {"nose": torch.zeros(1)})


def test_a_cpu_that_cannot_round_computes_in_float32_and_says_so(monkeypatch):
    monkeypatch.setattr(placement, "can_round", lambda: False)
    with pytest.warns(UserWarning, match="precision=rounded: this CPU multiplies no bfloat16"):
        assert not alone("cpu", "rounded").is_rounded
    monkeypatch.setattr(placement, "can_round", lambda: True)
    assert alone("cpu", "rounded").is_rounded


def test_a_gpu_that_is_not_there_is_refused_and_auto_does_without(monkeypatch, tmp_path):
    monkeypatch.setattr(placement.torch.cuda, "is_available", lambda: False)
    assert choose("auto").type == choose("cpu").type == "cpu"
    with pytest.raises(ValueError, match=r"device=cuda: expected a GPU that torch can use, got none; use device=cpu"):
        run_stage(read_settings(tiny("x", device="cuda")), "segmenter", tmp_path)
    monkeypatch.setattr(placement.torch.cuda, "is_available", lambda: True)
    assert choose("auto").type == choose("cuda").type == "cuda" and choose("cpu").type == "cpu"


def test_shares_of_a_batch_follow_the_rank():
    shares = [next(iter(segmenter_job(one_of_many_alone(rank)).batches)).ids for rank in range(2)]
    whole = next(iter(segmenter_job(Replicated()).batches)).ids
    assert sorted(itertools.chain(*shares)) == sorted(whole) and not set(shares[0]) & set(shares[1])


def one_of_many_alone(rank: int) -> Replicated:
    """A rank's placement whose model is not wrapped: no process group is needed to see what it reads."""
    @dataclass(frozen=True)
    class Unwrapped(Replicated):
        def wrap(self, model: nn.Module) -> nn.Module:
            return model

    real = one_of_many(torch.device("cpu"), rank, 2)
    return Unwrapped(real.device, real.data_rank, real.data_size, real.precision)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_stage_trains_on_a_gpu_and_goes_on_on_the_cpu(dataset, tmp_path):
    values = tiny(dataset, device="cuda")
    values["stages"] = {"segmenter": STAGE | {"steps": 2}}
    run_stage(read_settings(values), "segmenter", tmp_path)
    values["stages"] = {"segmenter": STAGE}
    with pytest.warns(UserWarning, match="device cuda -> cpu"):
        run_stage(read_settings(values | {"device": "cpu"}), "segmenter", tmp_path)


def test_a_state_is_whole_and_on_the_cpu():
    job = segmenter_job(Replicated())
    state = job.placement.state(job.model, job.optimizer)
    assert isinstance(state, State) and {w.device.type for w in state.weights.values()} == {"cpu"}
    assert set(state.weights) == set(job.model.state_dict()) and state.device_random is None
    assert replace(state, weights={}).optimizer is state.optimizer
