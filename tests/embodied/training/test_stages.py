"""A run as a list of stages: what may stand in it, what a stage needs of others, `align`, and old run folders."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from embodied.data.batches import OnDemand
from embodied.data.queries import Query, TextAnswer
from embodied.models.checkpoint_checks import read_json
from embodied.models.loading import load
from embodied.models.segmenter_files import load_segmenter
from embodied.training import old_runs, planner_stage, stages
from embodied.training.job import OutOfBatchesError, make_job
from embodied.training.placement import alone
from embodied.training.planner_stage import let_learn, vocabulary_of
from embodied.training.recipe import train_all
from embodied.training.run_folder import RunFolder
from embodied.training.settings import plain, read_settings
from embodied.training.stage import StageSettings
from embodied.typed import SettingError
from tests.embodied.training import ranks
from tests.embodied.training.conftest import STAGE, tiny
from tests.embodied.training.test_placement import CASES

TWO_STEPS = STAGE | {"steps": 2, "jitter": {}}
ALIGN = TWO_STEPS | {"learns": ["vision", "projector"]}


def settings_with(dataset, listed, **model):
    values = tiny(dataset)
    values["model"] |= model
    return read_settings(values | {"stages": listed})


def image_settings(dataset, listed):
    return settings_with(dataset, listed, scene_encoder="image", sizes={"soft_tokens": 4})


def test_the_known_stages_are_the_files_of_one_folder():
    assert stages.names() == ("align", "pretrain", "reward", "rl", "segmenter", "sft", "understand")
    for name in stages.names():
        assert stages.stage_class(name).__module__ == f"embodied.training.stages.{name}"


@pytest.mark.parametrize(("name", "said"), [("sftt", "did you mean 'sft'"), ("planner", "it is called 'sft' now"),
                                            ("os", "one of .*align.*segmenter.*sft"), ("../sft", "expected one of")])
def test_an_unknown_stage_is_refused_with_the_nearest_and_nothing_is_imported(name, said):
    before = set(sys.modules)
    with pytest.raises(SettingError, match=said):
        read_settings(tiny("x") | {"stages": {name: STAGE}})
    assert set(sys.modules) == before


def test_no_stage_loads_torch_before_it_has_work():
    code = ("import sys; from embodied.training import settings, stages, run_folder; "
            "[stages.stage_class(n) for n in stages.names()]; print('torch' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("listed", [{"sft": TWO_STEPS}, {"sft": TWO_STEPS, "segmenter": STAGE}, {"align": ALIGN}])
def test_a_list_that_lacks_what_a_stage_needs_is_refused(listed):
    name = next(iter(listed))
    with pytest.raises(SettingError, match=rf"stage {name}: .* gives a segmenter.* put segmenter before it"):
        read_settings(tiny("x") | {"stages": listed}).check_needs()


def test_weights_of_a_stage_that_goes_on_from_another_are_refused():
    listed = {"align": ALIGN, "sft": TWO_STEPS | {"weights": "shipped"}}
    with pytest.raises(SettingError, match=r"stage.sft.weights=shipped: expected null.*stage.align.weights=shipped"):
        image_settings("x", listed).check_needs()
    image_settings("x", {"align": ALIGN | {"weights": "shipped"}, "sft": TWO_STEPS}).check_needs()


@pytest.mark.parametrize(("encoder", "learns", "instead"), [
    ("state", ["vision", "projector"], "[projector]"), ("slots", [], "[projector]"),
    ("image", ["pointer"], "[projector]"), ("image", ["vision", "pointer"], "[vision]")])
def test_parts_that_the_model_will_lack_are_refused_before_any_stage(encoder, learns, instead):
    listed = {"segmenter": STAGE, "align": ALIGN | {"learns": learns}}
    with pytest.raises(SettingError, match=re.escape(f"stage.align.learns=[{','.join(learns)}]: ") + ".*"
                       + re.escape(f"; stage.align.learns={instead}")):
        settings_with("x", listed, scene_encoder=encoder).check_needs()
    settings_with("x", listed | {"align": ALIGN | {"learns": ["projector"]}}, scene_encoder=encoder).check_needs()


def test_a_stage_whose_result_nobody_needs_is_passed_over(dataset, tmp_path, capsys):
    assert image_settings("x", {"segmenter": STAGE, "sft": TWO_STEPS}).worked() == ("sft",)
    assert read_settings(tiny("x")).worked() == ("segmenter", "sft")
    only = settings_with(dataset, {"segmenter": STAGE | {"steps": 1}})
    assert only.worked() == ("segmenter",), "the last one is what the run is for"
    assert train_all(only, tmp_path) is None and (tmp_path / "segmenter" / "segmenter.json").exists()


def test_a_planner_goes_from_stage_to_stage():
    run = RunFolder(Path("run"), image_settings("x", {"align": ALIGN, "sft": TWO_STEPS}))
    assert run.planner_before("align") == run.start and run.planner_after("align") == run.of("align") / "model"
    assert run.planner_before("sft") == run.planner_after("align") and run.planner_after("sft") == run.model
    alone = RunFolder(Path("run"), image_settings("x", {"sft": TWO_STEPS}))
    assert alone.planner_before("sft") == alone.start and alone.planner_after("sft") == alone.model


def test_alignment_moves_pictures_alone_and_sft_goes_on_from_it(dataset, tmp_path):
    settings = image_settings(dataset, {"align": ALIGN, "sft": TWO_STEPS})
    model = train_all(settings, tmp_path)
    start, aligned, trained = (load_file(folder / "model.safetensors")
                               for folder in (tmp_path / "start", tmp_path / "align" / "model", model))
    moved = {name for name in start if not torch.equal(start[name], aligned[name])}
    assert {name.split(".")[0] for name in moved} == {"vision", "projector"}
    after = {name.split(".")[0] for name in start if not torch.equal(aligned[name], trained[name])}
    assert after == {"vision", "projector", "language"}
    assert [p for p in load(tmp_path / "align" / "model")[0].parameters() if not p.requires_grad] == [], "not for ever"
    log = (tmp_path / "align" / "log.jsonl").read_text()
    assert '"validation/loss"' in log


def test_parts_that_a_model_lacks_cannot_learn():
    model, _ = ranks.a_planner()
    let_learn(model, ["projector"])
    assert {name.split(".")[0] for name, p in model.named_parameters() if p.requires_grad} == {"projector"}
    with pytest.raises(ValueError, match="got nose"):
        let_learn(model, ["nose"])


def old_form(settings) -> dict:
    """The recipe of a run as it was written before a run was a list of stages."""
    recipe = plain(settings, only_inward=True)
    listed = recipe.pop("stages")
    recipe.pop("precision")
    recipe["model"]["seeing"] = recipe["model"].pop("scene_encoder")
    return {**recipe, "segmenter": listed["segmenter"], "jitter": listed["sft"].pop("jitter"), "planner": listed["sft"]}


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    train_all(read_settings(tiny(dataset)), folder)
    return folder


def make_old(folder, settings):
    """Give a run folder the names of before."""
    (folder / "sft").rename(folder / "planner")
    (folder / "recipe.json").write_text(json.dumps(old_form(settings)))
    (folder / "workers.json").write_text(json.dumps({s: {"threads": 1, "world_size": 1}
                                                     for s in ("segmenter", "planner")}))


def test_a_run_that_began_with_the_old_names_goes_on(finished, dataset, tmp_path):
    settings = read_settings(tiny(dataset))
    run = shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(run / "model")
    shutil.rmtree(run / "sft" / "checkpoints" / "step_00000004")
    make_old(run, settings)
    for trainer in run.glob("planner/checkpoints/*/trainer.json"):
        assert json.loads(trainer.read_text())["step"] == 2
    train_all(settings, run)
    assert not (run / "planner").exists()
    assert set(json.loads((run / "workers.json").read_text())) == {"segmenter", "sft"}
    assert json.loads((run / "recipe.json").read_text()) == json.loads((finished / "recipe.json").read_text())
    lines = [json.loads(line) for line in (run / "sft" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line.get("event") == "start"] == [0, 2], "it went on from step 2"
    both = [load_file(folder / "model" / "model.safetensors") for folder in (run, finished)]
    assert all(torch.equal(both[0][name], both[1][name]) for name in both[1])


def test_a_run_of_stages_that_began_with_the_old_names_goes_on(finished, dataset, tmp_path):
    """As the first runs that were lists of stages: no weights, no mixture, and the model's keys of before."""
    run, began = shutil.copytree(finished, tmp_path / "run"), json.loads((finished / "recipe.json").read_text())
    model = dict(began["model"])
    old = {"seeing": model.pop("scene_encoder"), "is_lexicon_open": model.pop("is_vocabulary_open")}
    listed = {name: {k: v for k, v in stage.items() if k != "weights"} for name, stage in began["stages"].items()}
    recipe = {k: v for k, v in began.items() if k != "mixture"} | {"model": {**model, **old}, "stages": listed}
    (run / "recipe.json").write_text(json.dumps(recipe))
    assert old_runs.old_parts(recipe) == ["model.seeing", "model.is_lexicon_open"] and not old_runs.old_parts(began)
    train_all(read_settings(tiny(dataset)), run)
    assert json.loads((run / "recipe.json").read_text()) == began


def test_a_run_that_began_with_the_old_names_and_another_recipe_is_refused_as_it_is(finished, dataset, tmp_path):
    run = shutil.copytree(finished, tmp_path / "run")
    make_old(run, read_settings(tiny(dataset)))
    other = tiny(dataset)
    other["stages"]["sft"] = other["stages"]["sft"] | {"lr": 1e-4}
    with pytest.raises(ValueError, match="another stages; choose a new run folder or restore those settings"):
        train_all(read_settings(other), run)
    assert (run / "planner").exists() and "planner" in json.loads((run / "recipe.json").read_text())


def test_a_stage_whose_batches_end_first_is_not_called_finished(dataset, tmp_path, monkeypatch):
    class Few(planner_stage.Batches):
        def __iter__(self):
            return itertools.islice(super().__iter__(), 1)

    monkeypatch.setattr(planner_stage, "Batches", Few)
    with pytest.raises(OutOfBatchesError, match=r"for 2 steps, they ended after 1; .* steps=1 in a new run folder"):
        train_all(image_settings(dataset, {"sft": TWO_STEPS}), tmp_path)
    assert not (tmp_path / "model").exists() and (tmp_path / "sft" / "checkpoints" / "step_00000001").exists()


def test_another_order_of_stages_is_another_recipe(dataset, tmp_path):
    listed = {"align": ALIGN, "sft": TWO_STEPS}
    settings = image_settings(dataset, listed)
    (tmp_path / "recipe.json").write_text(json.dumps(plain(settings, only_inward=True)))
    turned = image_settings(dataset, dict(reversed(listed.items())))
    with pytest.raises(ValueError, match="another order of stages"):
        train_all(turned, tmp_path)


def trained_in(precision, case):
    """The weights and the last loss of four steps."""
    model, objective, batch_of = case()
    job = make_job(StageSettings(**STAGE), model, OnDemand(lambda step: batch_of([4 * step + i for i in range(4)])),
                   objective, alone("cpu", precision))
    loss = job.train([]).loss
    return model.state_dict(), loss


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_bfloat16_is_of_the_arithmetic_alone(case):
    (low, low_loss), (high, high_loss) = (trained_in(precision, case) for precision in ("bfloat16", "float32"))
    assert {w.dtype for w in low.values()} == {torch.float32}
    apart = [float((low[name] - high[name]).abs().max()) for name in low]
    assert 0 < max(apart) < 0.05 and low_loss != high_loss and low_loss == pytest.approx(high_loss, rel=0.02)


def test_a_number_by_name_that_is_none_is_refused_by_its_name():
    with pytest.raises(SettingError, match=r"stages\.segmenter\.lr_scale\.vision=low: expected a number, got str"):
        read_settings(tiny("x") | {"stages": {"segmenter": STAGE | {"lr_scale": {"vision": "low"}}}})
    with pytest.raises(SettingError, match=r"mixture\.a=True: expected a number, got bool"):
        read_settings(tiny("x") | {"mixture": {"a": True}})
    assert read_settings(tiny("x") | {"mixture": {"a": 1}}).mixture == {"a": 1.0}


def test_unknown_and_impossible_jitter_is_refused_before_anything_is_loaded():
    for jitter, said in (({"dropp": 0.1}, "did you mean 'stages.sft.jitter.drop'"), ({"drop": 2.0}, "between 0 and 1")):
        with pytest.raises(SettingError, match=said):
            read_settings(tiny("x") | {"stages": {"sft": TWO_STEPS | {"jitter": jitter}}})


def test_eyes_are_taken_from_a_checkpoint_and_two_datasets_are_mixed(dataset, tmp_path):
    train_all(read_settings(tiny(dataset)), tmp_path / "first")
    taken = {"segmenter": STAGE | {"weights": str(tmp_path / "first" / "model")}, "sft": TWO_STEPS}
    mixture = {str(dataset): 3.0, str(shutil.copytree(dataset, tmp_path / "other")): 1.0}
    second = settings_with(dataset, taken)
    train_all(dataclasses.replace(second, mixture=mixture), tmp_path / "second")
    detector = [(tmp_path / run / "segmenter" / "segmenter.safetensors").read_bytes() for run in ("first", "second")]
    assert detector[0] == detector[1] and not (tmp_path / "second" / "segmenter" / "checkpoints").exists()
    cards = [json.loads((tmp_path / run / "examples.json").read_text()) for run in ("first", "second")]
    assert cards[1]["kept"] == 2 * cards[0]["kept"]


def test_a_planner_begins_as_a_checkpoint_and_learns_what_its_datasets_say(dataset, tmp_path):
    first = train_all(read_settings(tiny(dataset)), tmp_path / "first")
    going_on = {"segmenter": STAGE | {"weights": str(first)}, "sft": TWO_STEPS | {"weights": str(first)}}
    train_all(settings_with(dataset, going_on), tmp_path / "second")
    (before, known), (start, processor) = (load(tmp_path / place) for place in ("first/model", "second/start"))
    assert all(torch.equal(weights, before.state_dict()[name]) for name, weights in start.state_dict().items())
    assert processor.vocabulary == known.vocabulary and processor.plan_language == known.plan_language
    with pytest.raises(ValueError, match="expected a planner that sees image, got one that sees slots"):
        train_all(image_settings(dataset, {"sft": TWO_STEPS | {"weights": str(first)}}), tmp_path / "third")


@pytest.mark.parametrize("segmenter", [{"min_pixels": 9}, {"crop_size": 16}, {"cluster_radius_m": 0.03},
                                       {"workspace_low_m": [0.0, 0.0, 0.0]}, {"widths": [8, 8, 8, 16]}])
def test_a_planner_with_a_segmenter_of_another_configuration_is_refused_before_any_stage(finished, dataset, tmp_path,
                                                                                         segmenter):
    listed = {"segmenter": STAGE, "sft": TWO_STEPS | {"weights": str(finished / "model")}}
    settings = settings_with(dataset, listed, segmenter={"widths": [8, 8, 8, 8], **segmenter})
    said = rf"stage.sft.weights=.*: expected a segmenter of size.segmenter=.*{next(iter(segmenter))}"
    with pytest.raises(ValueError, match=said):
        train_all(settings, tmp_path / "run")
    assert not (tmp_path / "run" / "segmenter").exists() and not (tmp_path / "run" / "recipe.json").exists()


def test_eyes_that_are_taken_over_keep_their_own_sizes(finished, dataset, tmp_path):
    taken = {"segmenter": STAGE | {"weights": str(finished / "model")}, "sft": TWO_STEPS}
    train_all(settings_with(dataset, taken, segmenter={"widths": [8, 8, 8, 16]}), tmp_path / "run")
    own, theirs = (read_json(folder / "model" / "config.json")["segmenter_config"]["widths"]
                   for folder in (tmp_path / "run", finished))
    assert own == theirs == load_segmenter(tmp_path / "run" / "segmenter").config.widths != [8, 8, 8, 16]


def test_a_planner_goes_on_behind_the_eyes_that_a_run_takes_over_if_they_are_its_own(finished, dataset, tmp_path):
    """Of which size the run's settings are does not count then."""
    own = str(finished / "model")
    listed = {"segmenter": STAGE | {"weights": own}, "sft": TWO_STEPS | {"weights": own}}
    train_all(settings_with(dataset, listed, segmenter={"widths": [8, 8, 8, 16]}), tmp_path / "run")
    listed["segmenter"] |= {"weights": "shipped"}
    with pytest.raises(ValueError, match=r"expected a segmenter like that of stage.segmenter.weights=shipped, got "):
        train_all(settings_with(dataset, listed), tmp_path / "other")


def test_weights_without_eyes_cannot_give_any(dataset, tmp_path):
    taken = {"segmenter": STAGE | {"weights": "kitchen-tiny"}, "sft": TWO_STEPS}
    with pytest.raises(ValueError, match=r"stage.segmenter.weights=kitchen-tiny: expected a planner with a segmenter"):
        train_all(settings_with(dataset, taken), tmp_path)


def test_a_planner_knows_every_number_that_a_prompt_can_have_where_things_are_numbered():
    """A scene of five things is asked about obj_5 at most; one of eight would be refused for the word "7"."""
    numbered = Query("tell me the color of the obj_2", TextAnswer("A: red."), "color", referrals=("red block",) * 2)
    plain = Query("grasp the red object", TextAnswer("A: no."), "grasp")
    for query, knows in ((numbered, True), (plain, False)):
        examples = SimpleNamespace(items=[SimpleNamespace(query=query)], rewordings=["grab the  one"])
        words = vocabulary_of(examples)
        assert {"the", "grab", "one"} <= words and ("12" in words) == ("7" in words) == knows
