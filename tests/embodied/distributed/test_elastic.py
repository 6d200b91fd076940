"""A job with a range of workers: widths that cannot train are refused, and a lost node makes it narrower, no more."""

from __future__ import annotations

import json
import threading
import time

import pytest
import torch

from embodied.data.collect import CollectSpec, collect
from embodied.distributed.cluster import check_widths, disconnect
from embodied.distributed.launch import launch
from embodied.training.parallel.layout import Layout
from embodied.training.placement import one_of_many
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from tests.embodied.data.fake_env import ID
from tests.embodied.training import ranks
from tests.embodied.training.conftest import STAGE, tiny


@pytest.fixture
def stages(tmp_path):
    return read_settings(tiny(tmp_path)).stages


@pytest.mark.parametrize(("layout", "fewest", "most", "said"), [
    (Layout(), 2, 4, r"min_workers=2: .* from 2 to 4 .* got with 3: batch_size: expected a multiple of the 3 workers"),
    (Layout(tensor=2), 1, 2, r"got with 1: parallel: expected a multiple of 2 processes"),
    (Layout(), 3, 2, "min_workers=3: expected at most num_workers=2"),
    (Layout(), 3, 3, "^batch_size: expected a multiple of the 3 workers")])
def test_widths_that_cannot_train_are_refused(stages, layout, fewest, most, said):
    with pytest.raises(ValueError, match=said):
        check_widths(layout, fewest, most, stages)


def test_widths_that_share_a_batch_evenly_are_not(stages):
    check_widths(Layout(), 1, 2, stages)
    check_widths(Layout(), 4, 4, stages)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_job_that_loses_a_node_goes_on_narrower(tmp_path, monkeypatch):
    """Two nodes on this machine, one of which ends: the job goes on from its checkpoint with one worker, says so, and
    learns what it would have learned with both."""
    import ray
    from ray.cluster_utils import Cluster

    torch.set_num_threads(1)
    collect(CollectSpec(env_id=ID), tmp_path / "data", episodes=24, executed_fraction=0.25, workers=0)
    settings = read_settings(tiny(tmp_path / "data", stages={"segmenter": STAGE | {"steps": 6}}))
    fixed, marker = _of_two_ranks(settings, tmp_path), tmp_path / "reached"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)

    def end_a_node():
        while not marker.exists():
            time.sleep(0.1)
        time.sleep(8.0)  # the job's controller hears of a checkpoint within seconds, not at once
        mine = ray.get_runtime_context().get_node_id()  # where this process is, and what leads the job
        cluster.remove_node(next(node for node in nodes if node.node_id != mine), allow_graceful=False)

    threading.Thread(target=end_a_node, daemon=True).start()
    try:
        launch(settings, "segmenter", tmp_path / "job", num_workers=2, min_workers=1,
               fault={"rank": 1, "step": 3, "marker": str(marker), "wait_s": 3600.0})
    finally:
        disconnect()
        cluster.shutdown()
    lines = [json.loads(line) for line in (tmp_path / "job" / "segmenter" / "log.jsonl").read_text().splitlines()]
    starts = [line for line in lines if line.get("event") == "start"]
    assert [(line["step"], line["world_size"]) for line in starts] == [(0, 2), (2, 1)]
    assert any("world_size 2 -> 1: not bit-exact" in text for text in starts[1]["said"])
    [*_, elastic] = [line["loss"] for line in lines if "loss" in line]
    print("last loss, fixed and elastic:", fixed, elastic)
    assert elastic == pytest.approx(fixed, rel=1e-3)


def _of_two_ranks(settings, folder):
    """The last loss of the same training with two workers throughout, without Ray."""
    def work(rank):
        two = one_of_many(torch.device("cpu"), rank, 2)
        state = settings.stage("segmenter").prepare(RunFolder(folder / "fixed", settings), two).train([])
        if rank == 0:
            (folder / "loss").write_text(repr(state.loss))

    ranks.on_two_ranks(work, folder)
    return float((folder / "loss").read_text())
