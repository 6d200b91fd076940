"""A language from nothing: its tokenizer reads any text back, killed and whole trainings are one, and a planner can
stand on what it leaves."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from embodied.models.language import check_language_folder
from embodied.models.tokens import train_tokenizer
from embodied.training.objectives.language import next_token
from embodied.training.recipe import run_stage, start_stage, train_all
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from embodied.typed import SettingError
from tests.embodied.data.text.test_road import prose
from tests.embodied.training.conftest import STAGE, tiny

TEXT = {"is_filtered": True, "is_deduplicated": True, "is_scrubbed": True, "likeness": 0.8, "names": None,
        "most_characters": None, "held_out_percent": 10}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    for i in range(40):
        (folder / f"{i:02d}.md").write_text(prose(random.Random(i), 200))
    return folder


def settings_of(folder: Path, **changes):
    stage = STAGE | {"text": TEXT | {"folders": [str(folder)]}, "length": 32, "validate_every": 2} | changes
    return read_settings(tiny("none") | {"stages": {"pretrain": stage}})


def test_what_it_leaves_is_a_language_model_that_a_planner_can_stand_on(folder: Path, tmp_path: Path):
    assert train_all(settings_of(folder, steps=30, lr=1e-2), tmp_path) is None, "no planner comes of it"
    left = tmp_path / "pretrain" / "model"
    check_language_folder(left)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(left), PreTrainedTokenizerFast.from_pretrained(left)
    rows = np.load(tmp_path / "pretrain" / "tokens" / "held_out.npy")
    ids = torch.from_numpy(rows.astype(np.int64))
    with torch.no_grad():
        loss, _ = next_token(model.eval(), _Rows(ids))
    assert loss < 0.8 * np.log(len(tokenizer)), "it has learned something of texts that it never saw"
    assert tokenizer.decode(rows[0]).count("word") > 0


class _Rows:
    def __init__(self, ids: torch.Tensor) -> None:
        self.inputs = {"input_ids": ids}


class _Stop:
    def step(self, state) -> None:
        if state.step == 3:
            state.stop = "a test"

    def end(self, state) -> None:
        pass


def test_a_training_that_was_stopped_goes_on_to_the_bit(folder: Path, tmp_path: Path):
    settings = settings_of(folder, steps=6)
    found = []
    for name, hooks in (("whole", []), ("stopped", [_Stop()])):
        run = RunFolder(tmp_path / name, settings)
        start_stage(run, "pretrain")
        if hooks:
            with pytest.raises(RuntimeError, match="stopped by a test at step 3"):
                run_stage(settings, "pretrain", run.path, hooks=hooks)
        found.append(load_file(run_stage(settings, "pretrain", run.path) / "model.safetensors"))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


TOKENIZER = train_tokenizer(["the block is put into the bowl, and the other one on it. " * 20], 420)


@given(st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_its_tokenizer_reads_any_text_back(text: str):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    assert TOKENIZER.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False) == text


@pytest.mark.parametrize(("changes", "said"), [
    ({"text": TEXT | {"folders": []}}, "expected a folder of texts at least"),
    ({"length": 512}, "expected at most the decoder's 256 positions")])
def test_what_cannot_be_learned_from_is_refused(folder: Path, changes: dict, said: str):
    values = settings_of(folder, **changes)
    with pytest.raises(SettingError, match=said):
        values.stage("pretrain").check_model(values.model)


def test_texts_that_are_not_there_are_refused_before_a_folder_is_claimed(folder: Path, tmp_path: Path):
    for changes, said in (({"folders": ["/nope"]}, "which are no folders"), ({"names": "/nope"}, "a file of names")):
        wrong = settings_of(folder, text=TEXT | {"folders": [str(folder)]} | changes)
        with pytest.raises(ValueError, match=said):
            train_all(wrong, tmp_path / "run")
        assert not (tmp_path / "run" / "recipe.json").exists()


def test_a_published_language_is_no_beginning_from_nothing(folder: Path):
    values = tiny("none") | {"stages": settings_plain(folder)}
    values["model"] = values["model"] | {"language": "some/model"}
    read = read_settings(values)
    with pytest.raises(SettingError, match="expected sizes of a decoder that begins from nothing"):
        read.stage("pretrain").check_model(read.model)


def settings_plain(folder: Path) -> dict:
    return {"pretrain": STAGE | {"text": TEXT | {"folders": [str(folder)]}, "length": 32}}
