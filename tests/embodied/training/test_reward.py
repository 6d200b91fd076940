"""The stage `reward`: a planner with a head learns a rule of preference, and is read back to the same scores."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from embodied.agents.shipped import weights_folder
from embodied.data.preferences import PROMPTS, Choice, Pair, Preference, write_preferences
from embodied.data.prompts import write_prompts
from embodied.models.folder import CheckpointError
from embodied.models.loading import load
from embodied.models.reward import HEAD, RewardModel, load_reward, save_reward, score_plans
from embodied.prompt import Prompt, Text
from embodied.training.recipe import train_all
from embodied.training.settings import read_settings
from embodied.typed import SettingError
from tests.embodied.training.conftest import STAGE, tiny

WEIGHTS = "tabletop-few"
LONG, SHORT = " pick(obj_1); place_in(obj_2); done()", " pick(obj_1); done()"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Choices of somebody who wants the longer plan, of one moment without pictures."""
    write_prompts(tmp_path / PROMPTS, {"0.0": Prompt((Text("put the red block in the blue bowl"),))})
    cases: list[tuple[tuple[str, str], Choice]] = [
        ((LONG, SHORT), "first"), ((SHORT, LONG), "second"), ((LONG, LONG), "tie"), ((SHORT, LONG), "unsure")]
    write_preferences(tmp_path / "said.jsonl", [
        Preference(Pair(f"{n}", "", 0, (), "0.0", plans), choice, "anna", "2026-01-31T12:00:00+00:00")
        for n, (plans, choice) in enumerate(cases * 2)])
    return tmp_path


def settings_for(files: list[str], **changes: object):
    stage = STAGE | {"weights": WEIGHTS, "train": files, "validation": files, "loss": "bradley_terry", "learns": "all",
                     "steps": 6, "batch_size": 2, "lr": 1e-3, "validate_every": 6, "save_every": 6}
    return read_settings(tiny("x") | {"stages": {"reward": stage | changes}})


@pytest.mark.parametrize(("loss", "learns"), [
    pytest.param("bradley_terry", "all", marks=pytest.mark.slow), pytest.param("davidson", "all"),
    pytest.param("bradley_terry", "head", marks=pytest.mark.slow)])
def test_a_rule_of_preference_is_learned(folder: Path, tmp_path: Path, loss: str, learns: str):
    settings = settings_for([str(folder / "*.jsonl")], loss=loss, learns=learns)
    run = tmp_path / "run"
    train_all(settings, run)
    model, processor = load_reward(run / "reward" / "model")
    prompt = Prompt((Text("put the red block in the blue bowl"),))
    longer, shorter = score_plans(model, processor, prompt, [LONG, SHORT])
    assert longer > shorter
    is_same = all(torch.equal(a, b) for a, b in zip(
        model.planner.state_dict().values(), load(weights_folder(WEIGHTS))[0].state_dict().values(), strict=True))
    assert is_same == (learns == "head")
    assert (model.log_tie.item() != 0.0) == (loss == "davidson")


@pytest.mark.slow
def test_a_reward_model_is_read_back_to_the_same_scores_or_refused(tmp_path: Path):
    planner, processor = load(weights_folder(WEIGHTS))
    model = RewardModel(planner).eval()
    torch.nn.init.normal_(model.head.weight)
    prompt = Prompt((Text("put the red block in the blue bowl"),))
    together = score_plans(model, processor, prompt, [LONG, SHORT])
    alone = [score_plans(model, processor, prompt, [plan])[0] for plan in (LONG, SHORT)]
    assert together == pytest.approx(alone, abs=1e-4), "padding changes no score"
    saved = save_reward(model, processor, tmp_path / "reward")
    again, _ = load_reward(saved)
    assert score_plans(again, processor, prompt, [LONG, SHORT]) == together
    (saved / HEAD).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=HEAD):
        load_reward(saved)
    with pytest.raises(CheckpointError, match=r"expected head\.safetensors"):
        load_reward(tmp_path)


def test_what_cannot_be_learned_from_is_refused_before_any_work(folder: Path, tmp_path: Path):
    with pytest.raises(SettingError, match=r"stage.reward.train: expected a file of preferences"):
        settings_for([]).check_needs()
    with pytest.raises(SettingError, match="accumulate=2: expected 1"):
        settings_for([str(folder / "said.jsonl")], accumulate=2)
    (folder / PROMPTS).unlink()
    with pytest.raises(ValueError, match=re.escape(f"{folder / 'said.jsonl'}: expected {PROMPTS} beside it")):
        train_all(settings_for([str(folder / "said.jsonl")]), tmp_path / "run")
