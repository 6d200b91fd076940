"""What earlier versions left is brought into the present form, whole, or stays as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from embodied.agents.shipped import weights_folder
from embodied.cli import main
from embodied.conversion import converting
from embodied.conversion.converting import convert, find
from embodied.data.dataset import Dataset, episode_files, episode_path
from embodied.data.episodes import read_episode
from embodied.data.files import aside_of, sha256_of
from embodied.models.folder import CheckpointError
from embodied.models.loading import load
from embodied.planning.declaration import LanguageError, declaration
from embodied.training.recipe import train_all
from embodied.training.run_folder import OccupiedError, owned
from embodied.training.settings import read_settings
from envs.skills.signatures import TABLETOP, TAMP
from tests.embodied.conversion.old import old_checkpoint, old_dataset, old_run
from tests.embodied.models.test_planner import make
from tests.embodied.training.conftest import dataset, tiny  # noqa: F401 - a fixture

UNKNOWN = "ab" * 32


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """A copy of the shipped weights, which an earlier version wrote."""
    return shutil.copytree(weights_folder("shipped"), tmp_path / "weights")


@pytest.fixture
def old_data(dataset, tmp_path) -> Path:  # noqa: F811
    return old_dataset(shutil.copytree(dataset, tmp_path / "data"))


def texts(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of every file in a folder."""
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in folder.rglob("*") if path.is_file()}


def test_a_checkpoint_has_the_same_weights_and_declares_its_language(checkpoint, capsys):
    before, (model, _) = texts(checkpoint), load(checkpoint)
    assert main.main(["convert", str(checkpoint)]) == 0
    said = capsys.readouterr().out
    assert "a checkpoint of an earlier form (config.json: geometry_size, seeing; processor_config.json: " in said
    assert "the old one stays as weights.old" in said and f"wrote {checkpoint}" in said
    again, processor = load(checkpoint)
    assert processor.plan_language == declaration(TABLETOP) and again.config.scene_encoder == "slots"
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    assert texts(checkpoint.with_name("weights.old")) == before
    changed = {name for name, digest in texts(checkpoint).items() if before[name] != digest}
    assert changed == {"config.json", "processor_config.json", "manifest.json"}


def test_what_has_the_present_form_stays_as_it_is(checkpoint, capsys):
    convert(find(checkpoint))
    before = texts(checkpoint)
    assert main.main(["convert", str(checkpoint)]) == 0
    assert "in the present form; nothing to do" in capsys.readouterr().out
    assert texts(checkpoint) == before


def test_a_dataset_has_the_same_episodes_and_images(old_data):
    before = {path.name: read_episode(path) for path in episode_files(old_data)}
    finding = find(old_data)
    assert finding.old_parts[0] == "dataset.json: format 2" and finding.old_parts[1].startswith("episodes: ")
    convert(finding)
    facts = json.loads((old_data / "dataset.json").read_text())
    assert facts["format"] == 3 and facts["grammar"]["skills"] == declaration(TABLETOP)["skills"]
    for again in Dataset(old_data):
        episode = before[episode_path(old_data, again.seed).name]
        assert again.acts == episode.acts
        for a, b in zip(again.views, episode.views, strict=True):
            assert a.queries == b.queries
            assert all(np.array_equal(a.observation.rgb[c], b.observation.rgb[c]) for c in a.observation.rgb)
            assert all(np.array_equal(a.masks[c], b.masks[c]) for c in a.masks)
    assert find(old_data).old_parts == []


def test_a_dataset_of_format_1_keeps_its_number_for_it_tells_no_more_than_before(dataset, tmp_path):  # noqa: F811
    folder = old_dataset(shutil.copytree(dataset, tmp_path / "data"), format=1, robot=None)
    convert(find(folder))
    facts = json.loads((folder / "dataset.json").read_text())
    assert facts["format"] == 1 and "robot" not in facts and find(folder).old_parts == []


def test_episodes_of_format_2_that_later_ones_joined_are_found(old_data):
    first = next(path for path in episode_files(old_data) if read_episode(path, pixels=()).acts)
    content = first.read_bytes()
    convert(find(old_data), is_old_kept=False)
    first.write_bytes(content)
    assert find(old_data).old_parts == ["episodes: 1"]


def test_a_run_goes_on_to_the_same_weights(dataset, tmp_path):  # noqa: F811
    settings, whole = read_settings(tiny(dataset)), tmp_path / "whole"
    train_all(settings, whole)
    folder = shutil.copytree(whole, tmp_path / "half")
    shutil.rmtree(folder / "model")
    shutil.rmtree(folder / "sft" / "checkpoints" / "step_00000004")
    assert [part.split(":")[0] for part in find(old_run(folder)).old_parts] == ["recipe.json", "start"]
    convert(find(folder))
    assert find(folder).old_parts == [] and (tmp_path / "half.old" / "planner").is_dir()
    train_all(settings, folder)
    assert sha256_of(folder / "model" / "model.safetensors") == sha256_of(whole / "model" / "model.safetensors")


def test_a_run_in_which_somebody_trains_is_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text(json.dumps({"segmenter": {}, "planner": {}, "model": {}}))
    finding = find(tmp_path / "run")
    with owned(tmp_path / "run"), pytest.raises(OccupiedError, match="nobody trains in"):
        convert(finding)


def test_a_language_of_no_known_version_has_to_be_named(tmp_path, capsys):
    folder = tmp_path / "weights"
    for part in make():
        part.save_pretrained(folder)
    before = texts(old_checkpoint(folder, UNKNOWN))
    with pytest.raises(LanguageError, match=r"got abababababab; say which one it is: plan_language=tabletop or "):
        convert(find(folder))
    with pytest.raises(LanguageError, match=r"tabeltop.*did you mean 'tabletop'"):
        convert(find(folder), language="tabeltop")
    assert texts(folder) == before and [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert main.main(["convert", str(folder), "plan_language=tamp"]) == 0
    assert load(folder)[1].plan_language == json.loads(json.dumps(declaration(TAMP)))


def test_a_dataset_of_an_unknown_language_has_to_be_told_too(dataset, tmp_path):  # noqa: F811
    folder = old_dataset(shutil.copytree(dataset, tmp_path / "data"), UNKNOWN)
    with pytest.raises(LanguageError, match="say which one it is"):
        convert(find(folder))
    convert(find(folder), language="tabletop")
    assert find(folder).old_parts == []


@pytest.mark.parametrize("make_it", [Path.mkdir, lambda path: path.write_text("seeing: slots"), lambda path: None])
def test_what_is_no_known_folder_is_refused_with_what_was_expected(tmp_path, make_it, capsys):
    make_it(tmp_path / "thing")
    assert main.main(["convert", str(tmp_path / "thing")]) == 1
    assert "expected a folder with the recipe.json of a training" in capsys.readouterr().err


def test_a_path_is_needed(capsys):
    assert main.main(["convert"]) == 2
    assert "path: expected a folder, got none: embodied convert PATH" in capsys.readouterr().err


def test_an_altered_checkpoint_is_refused_and_stays(checkpoint):
    with (checkpoint / "model.safetensors").open("r+b") as file:
        file.seek(-100, 2)
        file.write(b"x")
    before = texts(checkpoint)
    with pytest.raises(CheckpointError, match="SHA-256"):
        find(checkpoint)
    assert texts(checkpoint) == before


def test_what_would_not_load_is_not_published(checkpoint, monkeypatch):
    def unreadable(folder):
        raise CheckpointError("no")

    finding, before = find(checkpoint), texts(checkpoint)
    monkeypatch.setattr("embodied.models.loading.load", unreadable)
    with pytest.raises(CheckpointError, match=r"^no$"):
        convert(finding)
    assert texts(checkpoint) == before and [path.name for path in checkpoint.parent.iterdir()] == ["weights"]


def test_an_earlier_old_folder_is_not_written_over(checkpoint):
    converting.kept_as(checkpoint).mkdir()
    with pytest.raises(ValueError, match=r"weights\.old: expected nothing of that name.*keep_old=false"):
        convert(find(checkpoint))
    convert(find(checkpoint), is_old_kept=False)
    assert find(checkpoint).old_parts == []


def test_a_conversion_killed_between_its_renames_goes_on(checkpoint):
    """First before the new folder came, then before the old one got its name."""
    checkpoint.rename(aside_of(checkpoint))
    convert(find(checkpoint))
    converting.kept_as(checkpoint).rename(aside_of(checkpoint))
    assert main.main(["convert", str(checkpoint)]) == 0
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == ["weights", "weights.old"]
