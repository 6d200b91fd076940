"""A planner is held to what its base says of its own texts: written once, told by the likeliest words, in batches."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from embodied.data.batches import Batch
from embodied.models.language import build_language, published_tokenizer
from embodied.models.on_base import adapters_off
from embodied.training import planner_stage
from embodied.training.objectives.losses import IGNORED, divergence
from embodied.training.objectives.sft import sft
from embodied.training.placement import alone
from embodied.training.recipe import train_all
from embodied.training.replay import OPENINGS, read_texts, with_replay, write_texts
from embodied.training.replay_settings import Replay
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from embodied.typed import SettingError
from tests.embodied.bases import made
from tests.embodied.training.conftest import tiny
from tests.embodied.training.test_on_base import settings

SETTINGS = Replay(share=0.5, texts=8, tokens=12, weight=3.0)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return made.folder(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="module")
def texts(base, tmp_path_factory):
    file = tmp_path_factory.mktemp("texts") / "replay.safetensors"
    write_texts(file, SETTINGS, build_language(str(base)).eval(), published_tokenizer(str(base)), seed=1)
    return read_texts(file)


def test_divergence_is_that_of_the_whole_distribution_where_all_words_are_told():
    logits, said = torch.randn(5, 7), torch.randn(5, 7).log_softmax(-1)
    words = said.topk(7).indices
    whole = torch.nn.functional.kl_div(logits.log_softmax(-1), said, log_target=True, reduction="batchmean")
    assert torch.allclose(divergence(logits, words, said.gather(1, words)), whole, atol=1e-5)
    assert divergence(said, words[:, :3], said.gather(1, words[:, :3])).abs() < 1e-6  # the same, told in part


def test_texts_begin_as_they_should(base, texts):
    written = texts
    words = published_tokenizer(str(base))
    assert 2 <= len(written) <= 8 and all(2 <= len(text.ids) <= 13 + len(OPENINGS[0]) for text in written)
    assert any(words.decode(text.ids).startswith(OPENINGS[0]) for text in written)
    assert all(len(text.words) == len(text.log_probs) == len(text.ids) - 1 for text in written)


def test_a_batch_has_its_examples_as_before_and_ungraded_texts_after_them(texts):
    plain = {"input_ids": torch.ones(4, 6, dtype=torch.long), "attention_mask": torch.ones(4, 6, dtype=torch.long),
             "labels": torch.full((4, 6), 5)}
    collate = with_replay(lambda chosen, step: (["a"] * 4, dict(plain)), texts, SETTINGS, 2, seed=0)
    ids, inputs = collate(np.arange(4), 3)
    replayed = inputs["replayed"]
    assert len(ids) == 4 and replayed.rows == 2 and inputs["input_ids"].shape[0] == 6
    assert torch.equal(inputs["input_ids"][:4, :6], plain["input_ids"]) and (inputs["labels"][:4, :6] == 5).all()
    assert (inputs["labels"][4:] == IGNORED).all() and not replayed.positions[:4].any()
    assert int(replayed.positions.sum()) == len(replayed.words) == len(replayed.log_probs)
    assert torch.equal(collate(np.arange(4), 3)[1]["input_ids"], inputs["input_ids"])


def run(dataset, base, folder, **changes):
    wanted = settings(dataset, base)
    stages = {**wanted.stages, "sft": dataclasses.replace(wanted.stages["sft"], **changes)}
    return RunFolder(folder, dataclasses.replace(wanted, stages=stages))


def test_what_says_what_the_base_says_is_held_to_nothing_and_what_does_not_is_drawn_back(dataset, base, tmp_path):
    it = run(dataset, base, tmp_path / "run", replay=SETTINGS, measures_retention=True)
    train_all(it.settings, it.path)
    written = it.replay("sft").read_bytes()
    planner_stage.begin(it, "sft", it.settings.stages["sft"])
    assert it.replay("sft").read_bytes() == written and not it.replay("align").exists()
    job = planner_stage.prepare(it, "sft", it.settings.stages["sft"], alone("cpu"))
    batch = next(iter(job.batches))
    assert isinstance(batch, Batch)
    with torch.no_grad(), adapters_off(job.model.language):
        kept = sft(job.model, batch)[1]["divergence"]
    assert kept < 0.01  # new words alone take a little
    with torch.no_grad():
        for name, parameter in job.model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(std=2.0)
    loss, metrics = sft(job.model, batch)
    without = sft(job.model, dataclasses.replace(batch, inputs={
        name: value if name in ("pixel_values", "geometry", "name_ids") else value[:-batch.inputs["replayed"].rows]
        for name, value in batch.inputs.items() if name != "replayed"}))
    assert metrics["divergence"] > 3 * kept  # such a base says nothing loudly
    assert torch.allclose(loss, without[0] + 3.0 * metrics["divergence"], rtol=1e-4)
    assert torch.equal(metrics["exact"], without[1]["exact"])


def test_retention_is_measured_beside_and_is_whole_before_anything_is_learned(dataset, base, tmp_path):
    it = run(dataset, base, tmp_path / "run")
    train_all(it.settings, it.path)
    before, processor = planner_stage.load_model(it.start)
    with adapters_off(before.language):
        numbers = planner_stage.retention_meter(it.start, processor)(before)
    assert set(numbers) == {"perplexity_rise", "known_perplexity_rise", "agreement", "items_kept"}
    assert numbers["agreement"] == 1.0 and abs(numbers["known_perplexity_rise"]) < 1e-6


@pytest.mark.parametrize("asked", [{"replay": {"share": 0.5}}, {"measures_retention": True}])
def test_without_a_published_language_there_is_nothing_to_keep(asked, dataset):
    values = tiny(dataset)
    values["stages"]["sft"] = values["stages"]["sft"] | asked
    with pytest.raises(SettingError, match="expected a published language model"):
        read_settings(values).check_needs()
