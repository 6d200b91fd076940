"""The whole recipe on painted scenes: stages, resumption, and what is refused."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from embodied.data.dataset import Dataset
from embodied.data.files import sha256_of
from embodied.models.loading import load
from embodied.planning.declaration import declaration
from embodied.training.dataset import split
from embodied.training.placement import alone
from embodied.training.recipe import StoppedError, finish_stage, run_stage, start_stage, train_all
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from embodied.typed import SettingError
from envs.skills.signatures import TABLETOP
from tests.embodied.training.conftest import tiny


def settings_of(dataset, **changes):
    return read_settings(tiny(dataset, **changes))


@pytest.fixture(scope="module")
def run_dir(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    train_all(settings_of(dataset), folder)
    return folder


def test_the_result_loads_with_its_eyes_and_facts(run_dir):
    model, processor = load(run_dir / "model")
    assert model.segmenter is not None and processor.plan_language == declaration(TABLETOP)
    assert not processor.unknown_words("put the pink block away") and processor.unknown_words("fetch my slippers")
    trained, _ = load(run_dir / "start")
    assert not torch.equal(model.get_input_embeddings().weight, trained.get_input_embeddings().weight)
    segmenters = zip(model.segmenter.parameters(), trained.segmenter.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in segmenters)


def test_the_run_says_what_the_queries_of_the_dataset_became(run_dir, dataset, tmp_path, capsys):
    card = json.loads((run_dir / "examples.json").read_text())
    assert card["kept"] + sum(card["left_out"].values()) == card["queries"]
    assert card["queries"] == sum(len(view.queries) for episode in Dataset(dataset) for view in episode.views)
    shutil.copytree(run_dir, tmp_path / "run")
    (tmp_path / "run/model/manifest.json").unlink()
    train_all(settings_of(dataset), tmp_path / "run")
    assert f"{card['kept']} of {card['queries']} queries were taught" in capsys.readouterr().out


def test_the_logs_say_what_happened(run_dir):
    for stage in ("segmenter", "sft"):
        lines = [json.loads(text) for text in (run_dir / stage / "log.jsonl").read_text().splitlines()]
        assert lines[0]["threads"] == 1 and [e["step"] for e in lines if "loss" in e] == [1, 2, 3, 4]
        assert ("products_share" in lines[-2]) == (stage == "sft")
        assert "validation/loss" in lines[-2] and list((run_dir / stage / "tensorboard").iterdir())


def test_training_again_does_nothing_more(run_dir, dataset):
    before = (run_dir / "model" / "model.safetensors").stat().st_mtime_ns
    assert train_all(settings_of(dataset), run_dir) == run_dir / "model"
    assert (run_dir / "model" / "model.safetensors").stat().st_mtime_ns == before


def test_another_recipe_is_refused_in_the_same_folder(run_dir, dataset):
    with pytest.raises(ValueError, match=r"another seed; choose a new run folder"):
        train_all(settings_of(dataset, seed=1), run_dir)
    assert train_all(settings_of(dataset, threads=None, workers=1), run_dir)


def test_a_dataset_of_another_plan_language_is_refused(dataset, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(dataset, other)
    facts = json.loads((other / "dataset.json").read_text())
    (other / "dataset.json").write_text(json.dumps(facts | {"grammar": "0123456789abcdef"}))
    said = r"other: expected the declaration of a plan language, got the sha256 0123456789ab of .* convert PATH"
    with pytest.raises(ValueError, match=said):
        train_all(settings_of(other), tmp_path / "run")
    assert not (tmp_path / "run" / "segmenter").exists()


@pytest.mark.parametrize("stage", ["segmenter", "sft"])
def test_stopped_after_two_steps_and_resumed_equals_four(run_dir, dataset, tmp_path, stage):
    for part in ("segmenter", "start") if stage == "sft" else ():
        (tmp_path / part).symlink_to(run_dir / part)

    class Stop:
        def step(self, state):
            state.stop = "the test" if state.step == 2 else None

        def end(self, state):
            pass

    with pytest.raises(StoppedError, match="step 2 of 4"):
        run_stage(settings_of(dataset), stage, tmp_path, hooks=[Stop()])
    saved = run_stage(settings_of(dataset), stage, tmp_path)
    names = ("model.safetensors", "optimizer.safetensors")
    whole = run_dir / stage / "checkpoints" / "step_00000004"
    assert all(sha256_of(saved / n) == sha256_of(whole / n) for n in names)


def test_threads_that_change_at_the_border_of_two_stages_are_said(run_dir, dataset, tmp_path):
    for part in ("segmenter", "start", "recipe.json", "workers.json"):
        (tmp_path / part).symlink_to(run_dir / part)
    before = torch.get_num_threads()
    try:
        with pytest.warns(UserWarning, match="sft begins with threads 1 -> 2 since segmenter: not bit-exact"):
            train_all(settings_of(dataset, threads=2), tmp_path)
    finally:
        torch.set_num_threads(before)


def test_a_last_checkpoint_that_was_damaged_is_not_called_saved(run_dir, dataset, tmp_path):
    class Spoil:
        def step(self, state):
            state.stop = "the test" if state.step == 2 else None

        def end(self, state):
            (tmp_path / "segmenter" / "checkpoints" / "step_00000002" / "trainer.json").write_text("{}")

    hooks = [Spoil()]
    with pytest.raises(OSError, match=r"damaged, after 2 of 4 steps; no other is whole"), pytest.warns(UserWarning):
        run_stage(settings_of(dataset), "segmenter", tmp_path, hooks=hooks)


def test_held_out_episodes_are_learned_from_by_neither_stage(dataset):
    settings = read_settings(tiny(dataset, validation_fraction=0.25))
    learned, held_out = split(len(Dataset(dataset)), settings)
    assert len(held_out) == 6 and not set(learned) & set(held_out) and len(learned) + len(held_out) == 24
    job = settings.stage("segmenter").prepare(RunFolder(dataset, settings), alone("cpu"))
    [sampler] = job.batches.sampler.samplers
    seeds = {int(i.split("/")[0]) for s in range(sampler.per_epoch) for i in job.batches.batch_at(s).ids}
    assert not seeds & set(held_out.tolist())


def test_unknown_settings_suggest_the_nearest(dataset):
    values = tiny(dataset)
    with pytest.raises(SettingError, match=r"unknown key 'stages\.sft\.stepps'; did you mean 'stages\.sft\.steps'"):
        read_settings(values | {"stages": {"sft": {"stepps": 3}}})
    with pytest.raises(SettingError, match=r"unknown key 'sed'; did you mean 'seed'"):
        read_settings(values | {"sed": 3})
    with pytest.raises(SettingError, match=r"stages.sft.steps=0: expected at least 1"):
        read_settings(values | {"stages": {"sft": values["stages"]["sft"] | {"steps": 0}}})


def test_an_image_seeing_planner_trains_too(dataset, tmp_path):
    values = tiny(dataset)
    values["model"] |= {"scene_encoder": "image", "sizes": {"soft_tokens": 4}}
    settings = read_settings(values)
    run = RunFolder(tmp_path, settings)
    start_stage(run, "sft")
    finish_stage(run, "sft", run_stage(settings, "sft", tmp_path))
    model, processor = load(tmp_path / "model")
    assert model.segmenter is None and processor.scene_encoder == "image"
