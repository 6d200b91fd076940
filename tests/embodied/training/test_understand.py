"""The stage `understand`, from lines of JSON to a model that writes goals, and what is read with it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from embodied.agents.confidence import (
    CALIBRATION,
    Calibration,
    CalibrationError,
    numbers_of,
    read_calibration,
    write_calibration,
)
from embodied.agents.mind_card import card
from embodied.agents.shipped import weights_path
from embodied.agents.understanding import load_understander, same_goal
from embodied.data.sayings import SayingError, files_of, read_sayings
from embodied.models.loading import load, put_beside
from embodied.planning.dialogue import Turn
from embodied.training.mind_stage import drawn, freeze_layers, learned_from
from embodied.training.recipe import train_all
from embodied.training.run_folder import RunFolder
from embodied.training.settings import read_settings
from embodied.typed import SettingError
from envs.goals.spelling import read
from tests.embodied.training.conftest import STAGE, tiny

COLORS = ("red", "blue", "green", "white")


def lines():
    for one in COLORS:
        for other in COLORS:
            yield {"text": f"Put the {one} cube in the {other} dish", "kind": "plain",
                   "goal": f"in(the {one} block, the {other} bowl)"}
        yield {"text": "the other one", "kind": "pronoun", "goal": f"held(the {one} block)",
               "before": [{"person": "lift it", "goal": "held(the block)"}, {"robot": f"the {one} one?"}]}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sayings")
    for name in ("train-a", "train-b", "validation"):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines()))
    return folder


def recipe(files, **changes):
    stage = STAGE | {"train": [f"{files}/train-*.jsonl"], "validation": [f"{files}/validation.jsonl"], "steps": 120,
                     "batch_size": 8, "lr": 1e-2, "save_every": 60, "validate_every": 60} | changes
    values = tiny(files / "no-dataset", stages={"understand": stage}, log_every=20)
    values["model"] |= {"scene_encoder": "state", "segmenter": {}, "sizes": {"projector_width": 1}}
    return read_settings(values)


@pytest.fixture(scope="module")
def run(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert train_all(recipe(files), folder) is None
    return folder / "understand"


def test_it_learns_from_lines_alone_and_is_measured_by_kind(run):
    last = [row for row in map(json.loads, (run / "log.jsonl").read_text().splitlines())
            if "validation/exact" in row][-1]
    assert last["step"] == 120 and last["validation/exact"] > 0.9 and last["validation/loss"] < 0.3
    assert {"validation/exact/plain", "validation/exact/pronoun"} <= set(last)


def test_what_validation_calls_exact_is_what_is_written(run, files):
    understander = load_understander(run / "model")
    sayings = read_sayings(files_of([f"{files}/validation.jsonl"]))
    read_out = [understander.understand(s.text, s.before) for s in sayings]
    share = np.mean([reading.text == saying.goal for reading, saying in zip(read_out, sayings, strict=True)])
    assert share > 0.9 and all(0 < reading.confidence <= 1 for reading in read_out)
    assert all(reading.goal == read(reading.text) for reading in read_out)


def test_other_goals_are_others_and_the_likeliest_first(run):
    reading = load_understander(run / "model", certain=1.1).understand("PUT the red cube, in the BLUE dish!")
    texts = [other.text for other in reading.alternatives]
    assert texts and reading.text not in texts and len(set(texts)) == len(texts)
    assert sorted((o.confidence for o in reading.alternatives), reverse=True) == [
        o.confidence for o in reading.alternatives]
    assert reading.confidence + sum(o.confidence for o in reading.alternatives) <= 1
    assert load_understander(run / "model", certain=0).understand("PUT the red cube").alternatives == ()


@pytest.mark.parametrize("text", ["", "put " * 250, "\u653e\u65b9\u5757" * 300])
def test_what_cannot_be_read_whole_is_refused_and_nothing_is_cut(run, text):
    reading = load_understander(run / "model").understand(text, (Turn("robot", "yes?"),))
    assert reading.goal is None and reading.confidence == 0 and reading.why_not


def test_old_turns_make_room_for_what_is_said_now(run):
    understander, turn = load_understander(run / "model"), Turn("person", "lift it", "held(the block)")
    alone, text = understander.understand("the other one", (turn,)), "the other one"
    assert understander.understand(text, [Turn("robot", "what? " * 500)] * 5 + [turn]) == alone
    assert understander.understand(text, [Turn("robot", "what? " * 50)]) == understander.understand(text)


def test_a_model_that_writes_no_goals_is_refused(run, tmp_path):
    with pytest.raises(CalibrationError, match=r"train one: embodied train"):
        load_understander("shipped")
    for text in ("{}", '{"longest_tokens": 9, "coefficients": [1], "measured": 1}', "nonsense"):
        (tmp_path / CALIBRATION).write_text(text)
        with pytest.raises(CalibrationError, match=r"calibration\.json: expected"):
            read_calibration(tmp_path)


def test_a_calibration_is_put_beside_whole_weights(run, tmp_path):
    model, processor = load(run / "model")
    from embodied.models.loading import save

    save(model, processor, tmp_path / "model", beside={CALIBRATION: "{}"})
    put_beside(tmp_path / "model", {CALIBRATION: (run / "model" / CALIBRATION).read_text()})
    assert load_understander(tmp_path / "model").calibration == read_calibration(run / "model")


def test_what_is_published_is_a_mind_and_plans_by_the_shipped_eyes(run):
    from embodied.agents.mind_agent import MindAgent
    from embodied.agents.minds import load_mind

    assert card(run / "model") == {"eyes": "eyes"}
    assert isinstance(load_mind(str(run / "model")), MindAgent)


def test_how_sure_it_is_follows_how_often_it_is_right():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 1, 4000)
    numbers = np.array([numbers_of([np.log(p)] * 3, [np.log(p) / 2] * 3) for p in truth])
    is_right = rng.uniform(size=4000) < truth
    fitted = Calibration(9).fitted(numbers, is_right)
    chances = np.array([fitted.of_numbers(one) for one in numbers])
    for low in (0.1, 0.4, 0.7):
        among = (chances > low) & (chances < low + 0.2)
        assert abs(is_right[among].mean() - chances[among].mean()) < 0.06


def test_clauses_of_a_step_stand_in_any_order():
    assert same_goal("held(a block); keep(the bowl)", "keep(the bowl); held(a block)")
    assert not same_goal("held(a block) then keep(the bowl)", "keep(the bowl) then held(a block)")
    assert not same_goal("held(", "held(")


@pytest.mark.parametrize(("line", "why"), [
    ('{"text": "a"}', "goal"), ('{"text": "a", "goal": "in(a block)"}', "expected"), ("[1]", "expected"),
    ('{"text": 3, "goal": "nothing"}', "expected"), ('{"text": " ", "goal": "nothing"}', "nothing was said")])
def test_a_line_that_cannot_be_learned_from_is_named(tmp_path, line, why):
    (tmp_path / "a.jsonl").write_text('{"text": "a", "goal": "nothing"}\n' + line + "\n")
    with pytest.raises(SayingError, match=rf"a\.jsonl, line 2.*{why}"):
        read_sayings([tmp_path / "a.jsonl"])


def test_files_that_are_not_there_and_lists_without_any_are_refused(files, tmp_path):
    with pytest.raises(SayingError, match=r"not-there.*which is not there"):
        train_all(recipe(files, validation=[f"{files}/not-there.jsonl"]), tmp_path / "a")
    with pytest.raises(SettingError, match=r"stage.understand.train: expected a file"):
        train_all(recipe(files, train=[]), tmp_path / "b")
    with pytest.raises(SettingError, match=r"replay.share=1.0: expected a published language model"):
        train_all(recipe(files, replay={"share": 1.0}), tmp_path / "c")


def test_of_each_kind_the_share_that_is_wanted_is_learned_from(files, tmp_path):
    def kinds(**shares):
        values = recipe(files, shares=shares)
        return Counter(one.kind for one in learned_from(RunFolder(tmp_path, values), values.stages["understand"]))

    whole = kinds()
    assert whole == {"plain": 32, "pronoun": 8} and kinds(pronoun=0.0) == {"plain": 32}
    assert kinds(plain=0.5)["pronoun"] == 8 and 8 < kinds(plain=0.5)["plain"] < 24
    assert kinds(plain=0.5) == kinds(plain=0.5)
    with pytest.raises(SettingError, match=r"shares\.plain: expected 0 \.\. 1, got 2"):
        train_all(recipe(files, shares={"plain": 2.0}), tmp_path / "a")


def test_what_goes_on_from_a_mind_keeps_the_longest_sentence_that_this_had_learned(run, files, tmp_path):
    before, calibration = tmp_path / "before", read_calibration(run / "model")
    shutil.copytree(run / "model", before)
    longer = replace(calibration, longest_tokens=calibration.longest_tokens + 50)
    put_beside(before, {CALIBRATION: write_calibration(longer)})
    changes = {"weights": str(before), "steps": 1, "save_every": 1, "validate_every": 1}
    assert train_all(recipe(files, **changes), tmp_path / "after") is None
    assert read_calibration(tmp_path / "after/understand/model").longest_tokens == longer.longest_tokens


def test_layers_that_are_frozen_learn_no_more():
    model, _ = load(weights_path("mind-tiny"))
    depth = model.language.config.num_hidden_layers
    freeze_layers(model, depth - 2)
    learning = {name.split("layers.")[1][0] for name, weight in model.language.named_parameters()
                if "layers." in name and weight.requires_grad}
    assert learning == {str(depth - 2), str(depth - 1)}
    with pytest.raises(ValueError, match=f"frozen_layers: expected fewer than the {depth} layers"):
        freeze_layers(model, depth)


def test_what_a_validation_asks_is_drawn_once(files):
    sayings = read_sayings(files_of([f"{files}/validation.jsonl"]))
    assert drawn(sayings, 5, 0) == drawn(sayings, 5, 0) and len(drawn(sayings, 5, 0)) == 5
    assert len(drawn(sayings, 500, 0)) == len(sayings)
