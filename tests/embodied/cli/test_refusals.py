"""What cannot be is refused at once: in one line, before torch, Ray or a simulator is loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from embodied.agents.mind_card import write_card
from embodied.agents.shipped import weights_path
from embodied.cli import collect
from embodied.cli.main import main
from embodied.cli.settings import TABLES
from embodied.training.run_folder import owned
from tests.embodied.serving.served import ROOT

MOST_S = 2.5
"""Of the processor, which is what it takes on an idle machine: a busy one is no reason to fail."""
HEAVY = ("torch", "ray", "transformers", "pybullet", "scipy")


def refused(folder, *words: str, **environment: str) -> str:
    """The one line of a request that was not begun, in the time that nothing heavy leaves for."""
    before_s = os.times().children_user + os.times().children_system
    ended = subprocess.run([sys.executable, "-X", "importtime", "-m", "embodied.cli.main", *words,
                            f"hydra.run.dir={folder}"], cwd=ROOT, capture_output=True, text=True, timeout=120,
                           env={**os.environ, **environment}, check=False)
    taken_s = os.times().children_user + os.times().children_system - before_s
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("import time:")]
    loaded = {line.rsplit("|", 1)[1].strip() for line in ended.stderr.splitlines() if line.startswith("import time:")}
    assert ended.returncode in (1, 2), ended.stderr[-2000:]
    assert not loaded & set(HEAVY)
    assert taken_s < MOST_S
    assert len(lines) == 1, lines
    return lines[0]


@pytest.mark.parametrize("verb", ["demo", "rollout", "evaluate", "serve"])
def test_a_folder_that_is_none(tmp_path, verb):
    assert "no such folder; give one that `embodied train` wrote" in refused(tmp_path, verb, f"weights={tmp_path}/none")


@pytest.mark.parametrize("folder", ["/usr", "/proc"])
def test_a_folder_of_something_else_is_refused_by_what_it_lacks(tmp_path, folder):
    """Great, or changing while it is looked at: nothing below it is opened."""
    said = refused(tmp_path, "rollout", f"weights={folder}")
    assert f"checkpoint {folder}: config.json, processor_config.json, tokenizer.json missing" in said


@pytest.mark.weights
@pytest.mark.parametrize(("spoil", "reason"), [
    (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors missing"),
    (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 100), "truncated or altered"),
    (lambda folder: (folder / "extra.pt").write_bytes(b""), "may run code when loaded"),
    (lambda folder: (folder / "manifest.json").write_text(json.dumps({"files": []})), "manifest.json: cannot be read"),
    (lambda folder: (folder / "config.json").write_text((folder / "config.json").read_text().replace(
        '"vocab_size": 640', '"vocab_size": null')), "text_config.vocab_size: expected a whole number, got null"),
    (lambda folder: (folder / "adapter_config.json").write_text("{}"), "adapter_config.json: expected the files of a"),
], ids=["no weights", "other bytes", "a pickle", "no manifest", "a value of another kind", "an adapter"])
def test_a_folder_that_is_spoilt(tmp_path, spoil, reason):
    folder = shutil.copytree(weights_path("tabletop-tiny"), tmp_path / "model")
    spoil(folder)
    assert reason in refused(tmp_path / "run", "rollout", f"weights={folder}")


@pytest.mark.weights
@pytest.mark.parametrize(("words", "reason"), [
    (("rollout", "policy=saycan"), "policy=saycan: expected a planner's weights"),
    (("rollout", "batch=8"), "batch=8: expected a planner's weights"),
    (("rollout", "policy=unconstrained"), "choose weights=shipped, or policy= one of model, blind, shuffled"),
    (("rollout", "task=kitchen"), "expected oracle for"), (("evaluate", "task=tamp"), "expected oracle for"),
    (("serve", "backend=ray", "replicas=1"), "minds run in the server itself"),
], ids=lambda value: "-".join(value) if isinstance(value, tuple) else "")
def test_what_a_mind_cannot_do(tmp_path, words, reason):
    folder = shutil.copytree(weights_path("tabletop-tiny"), tmp_path / "model")
    (folder / "mind.json").write_text(write_card(None))
    assert reason in refused(tmp_path / "run", *words, f"weights={folder}")


@pytest.mark.parametrize("words", [
    ("train", "experiment=smoke", "distributed=ray", "distributed.num_workers=256"),
    ("collect", "backend=ray", "workers=256"), ("rollout", "backend=ray", "worlds=256"),
    ("evaluate", "backend=ray", "workers=256"), ("serve", "backend=ray", "replicas=64")], ids=lambda words: words[0])
def test_more_workers_than_processors(tmp_path, words, monkeypatch):
    if os.cpu_count() >= 64:
        pytest.skip("this machine has that many")
    assert "Ray would wait for the missing ones forever" in refused(tmp_path, *words)


def test_a_cluster_elsewhere_that_a_server_would_not_join(tmp_path):
    said = refused(tmp_path, "serve", "backend=ray", "replicas=1", RAY_ADDRESS="192.0.2.1:6379")
    assert "RAY_ADDRESS=192.0.2.1:6379: expected it unset" in said


def test_an_address_without_ray_is_refused(tmp_path):
    words = ("train", "experiment=smoke", "distributed.address=192.0.2.1:6379")
    assert "expected distributed=ray, got local" in refused(tmp_path, *words)


@pytest.mark.parametrize(("words", "said"), [
    (("parallel.tensor=2",), "expected distributed=ray, whose workers share out a model"),
    (("distributed=ray", "parallel.tensor=3"), "expected a multiple of 3 processes"),
    (("distributed=ray", "parallel.sequence=true"), "expected tensor of at least 2"),
    (("distributed=ray", "parallel.pipeline=2", "stage.sft.ema_decay=0.9"), "ema_decay=0.9: expected 0 under the"),
    (("distributed=ray", "distributed.sharded_checkpoints=true"), "expected parallel.zero, tensor or pipeline"),
    (("distributed.min_workers=1",), "distributed.min_workers=1: expected distributed=ray, got local"),
    (("distributed=ray", "distributed.storage=s4://a/b"), "expected a protocol of fsspec"),
    (("stage.sft.accumulate=3",), "accumulate=3: expected a divisor of batch_size"),
    (("stage.segmenter.accumulate=2",), "accumulate=2: expected 1"),
    (("parallel.tensor=0",), "parallel.tensor=0: expected at least 1")])
def test_layouts_that_cannot_be_are_refused_before_anything_is_collected(tmp_path, words, said):
    if os.cpu_count() < 2:
        pytest.skip("needs two processors")
    assert said in refused(tmp_path, "train", "experiment=smoke", *words)


def test_a_batch_that_workers_cannot_share_is_refused_before_anything_is_collected(tmp_path):
    if os.cpu_count() < 2:
        pytest.skip("needs two processors")
    words = ["distributed=ray", "distributed.num_workers=2", "stage.sft.batch_size=7"]
    assert "a multiple of the 2 workers" in refused(tmp_path, "train", "experiment=smoke", *words)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def trained(tmp_path):
    """A run folder with what a training of another seed left."""
    with owned(tmp_path):
        pass
    (tmp_path / ".hydra").mkdir()
    for name in ("config.yaml", "train.log", ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"):
        (tmp_path / name).write_text("of the first\n")
    (tmp_path / "recipe.json").write_text(json.dumps({"seed": 1}))
    return tmp_path


SECOND = ("train", "experiment=smoke", "seed=77")


def test_a_run_folder_in_which_another_trains_is_refused_before_anything_is_written(trained):
    with owned(trained):
        before = contents(trained)
        said = refused(trained, *SECOND, f"data.folder={trained}/data")
    assert f"in which process {os.getpid()} of " in said and contents(trained) == before


def test_another_recipe_is_refused_before_anything_is_written(trained):
    before = contents(trained)
    said = refused(trained, *SECOND, f"data.folder={trained}/data")
    assert "expected the recipe this folder began with, got another" in said and "seed" in said
    assert contents(trained) == before


def test_a_training_that_workers_cannot_do_is_refused_before_anything_is_written(trained):
    before = contents(trained)
    words = ("distributed=ray", "distributed.num_workers=1", "parallel.tensor=2")
    assert "expected a multiple of 2 processes" in refused(trained, *SECOND, *words)
    assert contents(trained) == before


def test_the_run_folder_is_held_while_episodes_are_collected(tmp_path, monkeypatch, capsys):
    def gather(*_, **__):
        with owned(tmp_path / "run"):
            raise AssertionError("another training may begin while this one collects")

    monkeypatch.setattr(collect, "gather", gather)
    monkeypatch.chdir(tmp_path)
    assert main([*SECOND, "hydra.run.dir=run"]) == 1
    assert f"in which process {os.getpid()} of " in capsys.readouterr().err


@pytest.mark.parametrize(("words", "reason"), [
    ("stage=[sft]", "stage sft: expected an earlier stage that gives a segmenter, got none; put segmenter before it"),
    ("stage=[sft,segmenter]", "put segmenter before it: stage=[segmenter,sft]"),
    ("stage=[align_smoke]", "stage has no option 'align_smoke'"),
])
def test_a_list_of_stages_that_cannot_be_gone_through_is_refused_before_anything_is_collected(
        tmp_path, monkeypatch, capsys, words, reason):
    monkeypatch.setattr(collect, "gather", lambda *_, **__: pytest.fail("episodes are collected"))
    monkeypatch.chdir(tmp_path)
    assert main(["train", "experiment=smoke", words, "hydra.run.dir=run"]) in (1, 2)
    assert reason in capsys.readouterr().err


def test_an_address_that_is_taken_is_said_before_the_planner_is_loaded(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port}" in refused(tmp_path, "serve", f"port={port}", "recordings=null")


def test_a_planner_of_true_masks_plays_no_episodes(tmp_path):
    said = refused(tmp_path / "run", "train", "experiment=smoke", "model=true_state")
    assert "validation_episodes=1: expected 0 with model=true_state" in said


@pytest.mark.parametrize("chosen", ["appearance=varied", "robot=iiwa"])
@pytest.mark.parametrize("verb", ["rollout", "evaluate"])
def test_worlds_that_are_no_table_look_as_they_do(tmp_path, verb, chosen):
    said = refused(tmp_path / "run", verb, "task=kitchen", chosen)
    assert f"{chosen.split('=')[0]}: expected none for kitchen_primitive, got one" in said


def test_tables_are_the_worlds_that_say_so():
    from envs.domains import find_domain
    from envs.interface import DOMAINS

    assert {name for name in DOMAINS if find_domain(name).is_table} == {*TABLES}
    assert all(bool(find_domain(name).robots) == (name in TABLES) for name in DOMAINS)


def test_a_mixture_of_what_was_not_collected_is_refused_before_anything_is(tmp_path):
    said = refused(tmp_path / "run", "train", f"data.folder={tmp_path}/own",
                   f"+data.mixture={{{tmp_path}/own: 1, {tmp_path}/none: 2}}")
    assert f"data.mixture: expected datasets that were collected, got none in {tmp_path}/none" in said
    assert not (tmp_path / "own").exists()
