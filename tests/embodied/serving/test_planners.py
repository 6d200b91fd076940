"""Nothing privileged plans unless it was asked for by its name, and it is shown as what it is."""

from __future__ import annotations

import pytest

from embodied.serving.errors import ApiError
from embodied.serving.planners import KINDS, PRIVILEGED, chosen, kinds_of, usual
from embodied.serving.routes.worlds import EXAMPLES
from embodied.serving.session_manager import DOMAIN_OF
from envs.interface import DOMAINS
from envs.skills.signatures import TABLETOP, TAMP
from envs.tasks import board_words
from envs.tasks.kitchen import phrasings
from envs.tasks.phrasings import understand
from tests.embodied.serving.served import Served


@pytest.mark.parametrize("has_chat", [False, True])
@pytest.mark.parametrize("domain", list(DOMAINS))
def test_nobody_privileged_is_chosen_unasked(domain, has_chat):
    kinds = kinds_of(domain, TABLETOP, has_chat=has_chat)
    assert usual(kinds) not in PRIVILEGED
    assert chosen("oracle", domain, kinds) == "oracle" == chosen(None, domain, kinds, preferred="oracle")
    if any(not kind.is_privileged for kind in kinds):
        assert chosen(None, domain, kinds) not in PRIVILEGED
        return
    with pytest.raises(ApiError, match='"planner": "oracle" is the scripted expert, which reads') as refusal:
        chosen(None, domain, kinds)
    assert (refusal.value.status, refusal.value.code) == (422, "planner_needed")


def test_a_preference_of_the_server_counts_where_it_can_plan():
    assert chosen(None, "tabletop", kinds_of("tabletop", TABLETOP, has_chat=True), preferred="chat") == "chat"
    with pytest.raises(ApiError, match="by name"):
        chosen(None, "kitchen", kinds_of("kitchen", TABLETOP, has_chat=True), preferred="model")
    with pytest.raises(ApiError, match="expected one of"):
        chosen("chat", "tabletop", kinds_of("tabletop", TABLETOP, has_chat=False))


def test_weights_plan_where_their_language_is_spoken():
    def names(domain, language):
        return [kind.name for kind in kinds_of(domain, language, has_chat=False)]

    assert names("tamp", TAMP) == ["model", "oracle"] == names("tabletop", TABLETOP)
    assert names("tamp", TABLETOP) == ["oracle"], "it could not answer the questions that are asked there"
    assert names("tabletop", TAMP) == ["oracle"], "nobody there understands an answer"


def test_the_oracle_alone_is_privileged():
    from embodied.agents.oracle import OraclePlanner

    assert {kind.name for kind in KINDS if kind.is_privileged} == {OraclePlanner.label.lower()}


def test_worlds_say_who_is_privileged(lean: Served):
    for world in lean.client.get("/v1/worlds").json()["worlds"]:
        flags = {planner["name"]: planner["privileged"] for planner in world["planners"]}
        assert flags["oracle"] is True and not any(flags[name] for name in flags if name != "oracle")
        assert world["default_planner"] == ("model" if world["domain"] == "tabletop" else None)


@pytest.mark.parametrize("task", ["where", "push_side", "kitchen_noun"])
def test_a_world_that_only_the_oracle_can_plan_in_asks_for_its_name(lean: Served, task):
    answer = lean.client.post("/v1/sessions", json={"task": task})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "planner_needed") and '"oracle"' in error["message"]


def test_a_session_says_by_what_it_is_planned(lean: Served):
    for instruction, privileged in (({"task": "grasp", "planner": "oracle"}, True), ({"planner": None}, False)):
        robot = lean.open(**instruction)
        listed = {s["session_id"]: s for s in lean.client.get("/v1/sessions").json()["sessions"]}
        assert robot.opened["privileged"] is listed[robot.id]["privileged"] is privileged
        assert (robot.opened["planner"] in PRIVILEGED) is privileged
        models = {model["id"]: model for model in lean.client.get("/v1/models").json()["data"]}
        assert models[f"robot:{robot.id}"]["privileged"] is privileged
        assert robot.post("/stop").status_code == 200
        lean.client.delete(robot.path, headers=robot.headers)


def test_examples_are_instructions_that_their_world_can_judge():
    readers = {"tabletop": understand, "board": board_words.understand, "kitchen": phrasings.understand}
    for task, examples in EXAMPLES.items():
        assert all(readers[DOMAIN_OF[task]](text) for text in examples), task
