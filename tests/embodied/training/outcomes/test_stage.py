"""The stage `rl` on a real table: stopped anywhere, it goes on to the same bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from embodied.cli.configs import config_dir
from embodied.cli.overrides import compose
from embodied.cli.train import Settings, recipe
from embodied.data.files import sha256_of
from embodied.distributed.cluster import check_layout, processors_of
from embodied.training.parallel.layout import Layout
from embodied.training.recipe import StoppedError, finish_stage, run_stage, start_stage
from embodied.training.run_folder import RunFolder
from embodied.typed import read

TINY = ["experiment=grpo_tabletop", "threads=1", "workers=0", "stage.rl.env={min_objects: 3, max_objects: 3}",
        "stage.rl.env_id=envs:embodied/PutInBowl-v0", "stage.rl.max_calls=4", "stage.rl.scenes=2", "stage.rl.group=2",
        "stage.rl.updates=2", "stage.rl.steps=4", "stage.rl.save_every=2", "stage.rl.validate_every=4",
        "stage.rl.validation_scenes=1", "stage.rl.temperature=3"]


class StopAt:
    def __init__(self, step):
        self.at = step

    def step(self, state):
        state.stop = "a test" if state.step == self.at else state.stop

    def end(self, state):
        pass


def run_of(folder: Path, *changes: str) -> RunFolder:
    return RunFolder(folder, recipe(read(Settings, compose(config_dir(), "train", [*TINY, *changes]))))


def trained(folder: Path, *stops: int, changes: tuple[str, ...] = ()) -> RunFolder:
    run = run_of(folder, *changes)
    run.check()
    start_stage(run, "rl")
    for stop in stops:
        with pytest.raises(StoppedError, match="stopped by a test"):
            run_stage(run.settings, "rl", folder, hooks=[StopAt(stop)])
    finish_stage(run, "rl", run_stage(run.settings, "rl", folder))
    return run


CRITIC = ("stage.rl.objective=ppo", "stage.rl.advantage=gae", "stage.rl.kl=0", "stage.rl.lr=1e-3")


@pytest.mark.slow
@pytest.mark.parametrize("changes", [(), CRITIC], ids=["grpo", "critic"])
def test_a_training_that_is_stopped_goes_on_to_the_same_bits(tmp_path, changes):
    """Within the first iteration, and between the first and the second."""
    whole = trained(tmp_path / "whole", changes=changes)
    parts = trained(tmp_path / "parts", 1, 2, changes=changes)
    assert sha256_of(whole.model / "model.safetensors") == sha256_of(parts.model / "model.safetensors")
    assert sha256_of(whole.model / "model.safetensors") != sha256_of(whole.start / "model.safetensors")
    told = [json.loads(line) for line in (tmp_path / "parts" / "rl" / "log.jsonl").read_text().splitlines()]
    [last] = [line for line in told if line.get("step") == 4 and "loss" in line]
    assert last["rollout/episodes"] == 8 and 0.0 <= last["validation/success"] <= 1.0


@pytest.mark.parametrize(("changes", "said"), [
    (["stage.rl.weights=null"], r"stage.rl.weights=None: expected a planner to begin with; stage.rl.weights=shipped"),
    (["stage.rl.weights=mind-tiny"], "expected a planner's, which draws plans, got a mind's"),
    (["stage.rl.reward_model=nowhere", "stage.rl.advantage=group_relative", "stage.rl.vetoes=false"],
     "reward model .*: expected head.safetens"),
    (["stage.rl.first_seed=999999"], "expected scenes of the training split, seeds below 1,000,000, got some up to")])
def test_what_it_cannot_begin_with_is_refused_before_anything_is_played(tmp_path, changes, said):
    with pytest.raises(ValueError, match=said):
        run_of(tmp_path, *changes).check()


def test_a_job_has_processors_for_those_who_play_and_whole_models():
    settings = run_of(Path("run"), "stage.rl.batch_size=64").settings.stages
    assert processors_of(["rl"], 1, 2, 3) == 8 and processors_of(["sft"], 1, 2, 3) == 1
    check_layout(Layout(data=2), 2, settings)
    with pytest.raises(ValueError, match="scenes=2: expected one for each of 4 workers"):
        check_layout(Layout(data=4), 4, settings)
    with pytest.raises(ValueError, match=r"parallel=.*: expected parallel.data alone for stage rl"):
        check_layout(Layout(tensor=2), 2, settings)
