"""The minds that come with the package: what they lack is said, and the one without a base understands people here."""

from __future__ import annotations

import json
import shutil

import pytest

from embodied.agents import minds
from embodied.agents.confidence import read_calibration
from embodied.agents.mind_card import card
from embodied.agents.shipped import weights_path
from embodied.bases.cache import MANIFEST, place_of
from embodied.cli.main import main
from embodied.cli.weights import check_usable, checked

pytestmark = pytest.mark.weights
SMALL = ("video.width=160", "video.height=120", "video.fps=2", "hydra.run.dir=here")


@pytest.fixture(autouse=True)
def no_base(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_both_are_shipped_whole():
    assert [card(weights_path(name)).get("base") for name in minds.SHIPPED] == ["small", None]
    assert all(read_calibration(weights_path(name)).longest_tokens > 50 for name in minds.SHIPPED)


def test_without_a_base_it_is_the_one_that_needs_none_and_with_one_the_other():
    assert minds.mind_folder("mind").name == "mind-tiny" and minds.notice("mind") == minds.BASE_MISSING
    assert checked("mind") == checked("mind-tiny") and minds.notice("mind-tiny") is None
    with pytest.raises(ValueError, match="embodied bases fetch small"):
        check_usable("mind-small")
    place_of("small").mkdir(parents=True)
    (place_of("small") / MANIFEST).write_text("{}")
    assert minds.mind_folder("mind").name == "mind-small" and minds.notice("mind") is None


def test_demo_and_rollout_are_minds_by_default_and_say_once_what_they_lack(capsys):
    assert main(["demo", "put the red block in the blue bowl", *SMALL]) == 0
    told = capsys.readouterr().out
    assert "understood: put the red block in the blue bowl" in told and told.count("93 MB") == 1
    shutil.rmtree("here")
    assert main(["rollout", "task=put_in_bowl", "episodes=1", "worlds=0", "hydra.run.dir=here"]) == 0
    assert capsys.readouterr().out.count("93 MB") == 1


def test_who_plans_at_random_sees_by_its_eyes(capsys):
    assert main(["demo", "policy=random", "max_calls=1", *SMALL]) == 0
    assert "1. pick " in capsys.readouterr().out


def test_an_evaluation_says_what_a_mind_leaves_out_and_whose_weights_were_judged(capsys, tmp_path):
    assert main(["evaluate", "episodes=1", "workers=0", "suite.policies=[model,unconstrained]", "task=put_in_bowl",
                 "suite.success_videos=0", "suite.failure_videos=0", "hydra.run.dir=here"]) == 0
    told = capsys.readouterr().out
    assert "left out: unconstrained" in told and told.count("93 MB") == 1
    assert json.loads((tmp_path / "here" / "eval.json").read_text())["weights"]["name"] == "mind-tiny"
