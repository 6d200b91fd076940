"""What is known of weights before any is loaded: which encoders are privileged, and which remember."""

from __future__ import annotations

import json

import pytest

from embodied.cli.settings import REWORDED
from embodied.cli.weights import check_policies, is_privileged, language_of
from embodied.models.scene_encoders import PRIVILEGED, REMEMBERING, ROAMING, encoder_names, find_encoder
from embodied.planning.declaration import declaration
from envs.domains import find_domain
from envs.interface import DOMAINS
from envs.skills.signatures import KITCHEN, TABLETOP


def test_what_is_known_of_encoders_without_torch_is_so():
    assert {name for name in encoder_names() if find_encoder(name).is_privileged} == PRIVILEGED
    assert {name for name in encoder_names() if find_encoder(name).scene.remembers} == REMEMBERING
    assert {name for name in encoder_names() if find_encoder(name).scene.roams} == ROAMING


@pytest.mark.parametrize(("encoder", "policies", "refused"), [
    ("furniture", ["model", "blind", "oracle"], None), ("furniture", ["shuffled"], None),
    ("furniture", ["random"], "random"), ("pieces", ["model", "shuffled"], None), ("pieces", ["saycan"], "saycan"),
    ("slots", ["model", "shuffled", "random"], None)])
def test_who_points_at_nothing_is_given_no_policy_that_points(tmp_path, encoder, policies, refused):
    for name in ("config.json", "processor_config.json"):
        (tmp_path / name).write_text(json.dumps({"scene_encoder": encoder}))
    assert not is_privileged(tmp_path)
    if refused is None:
        check_policies(tmp_path, policies)
        return
    with pytest.raises(ValueError, match=rf"policy={refused}: expected one of model, .*oracle"):
        check_policies(tmp_path, policies)


def test_a_planner_of_several_worlds_is_judged_by_the_one_it_plays(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"scene_encoder": "slots"}))
    worlds = {"tabletop": {"scene_encoder": "slots"}, "kitchen": {"scene_encoder": "furniture",
                                                                  "plan_language": declaration(KITCHEN)}}
    (tmp_path / "processor_config.json").write_text(json.dumps({"scene_encoder": "slots", "worlds": worlds}))
    check_policies(tmp_path, ["random"], "tabletop")
    check_policies(tmp_path, ["majority"], "kitchen")
    with pytest.raises(ValueError, match=r"policy=majority: expected a world whose plans are words alone.*pick points"):
        check_policies(tmp_path, ["majority"], "tabletop")
    with pytest.raises(ValueError, match="policy=random"):
        check_policies(tmp_path, ["random"], "kitchen")
    assert (language_of(tmp_path, "kitchen"), language_of(tmp_path)) == (KITCHEN, TABLETOP)


def test_the_worlds_whose_words_can_be_put_otherwise():
    assert {name for name in DOMAINS if find_domain(name).rewordings} == set(REWORDED)
