"""The kitchen as a robot can know it: what is noted, and what is done by that alone."""

from __future__ import annotations

import gymnasium
import pytest

from envs.experts.kitchen_search import next_calls
from envs.interface import SkillCall
from envs.tasks.kitchen import predicates
from envs.tasks.kitchen.scene import DRAWER, NOTHING_KNOWN, Known

SURFACES = ("near counter", "far counter", "table")


def known(at: dict[str, str] | None = None, looked: tuple[str, ...] = (), **more) -> Known:
    return Known(tuple((at or {}).items()), frozenset(looked), **more)


@pytest.mark.parametrize(("form", "roles", "what", "robot", "expected"), [
    ("move", {"thing": "apple", "place": "table"}, NOTHING_KNOWN, None,
     [("find", "apple"), ("pick", "apple"), ("go_to", "table"), ("put_down", "table")]),
    ("any", {"kind": "drink", "place": "table"}, NOTHING_KNOWN, None, [("go_to", "near counter")]),
    ("any", {"kind": "drink", "place": "table"}, known({"apple": "table"}, SURFACES), "table", [("go_to", DRAWER)]),
    ("any", {"kind": "drink", "place": "table"}, known({}, SURFACES, is_open=False), DRAWER, [("open_drawer",)]),
    ("any", {"kind": "drink", "place": "table"}, known({}, (*SURFACES, DRAWER), is_open=True), DRAWER,
     "I see no drink here"),
    ("thirsty", {}, known({"lime soda": "near counter"}, ("near counter",)), "near counter",
     [("find", "lime soda"), ("pick", "lime soda"), ("go_to", "table"), ("put_down", "table")]),
    ("thirsty", {}, known({"lime soda": "table"}, ("table",)), "table", []),
    ("clear", {"place": "table", "place2": "near counter"}, NOTHING_KNOWN, None, [("go_to", "table")]),
    ("clear", {"place": "table", "place2": "near counter"}, known({}, ("table",)), "table", []),
    ("clear", {"place": "table", "place2": "near counter"}, known({}, ("table",), held="mug", held_from="table"),
     "table", [("go_to", "near counter"), ("put_down", "near counter")]),
    ("empty", {"place": "table"}, NOTHING_KNOWN, None, [("go_to", DRAWER)]),
    ("clear", {"place": "table", "place2": "near counter"},
     known(dict.fromkeys(("apple", "mug", "cup", "bowl"), "table"), ("table",), held="banana", held_from="table"),
     "table", [("go_to", "near counter"), ("put_down", "near counter"),
      *(call for name in ("apple", "mug", "cup", "bowl") for call in (
          ("find", name), ("pick", name), ("go_to", "near counter"), ("put_down", "near counter")))]),
    ("open", {}, known(is_open=True), DRAWER, []),
    ("open", {}, known(is_open=True), "table", [("go_to", DRAWER)]),  # somebody may have shut it
    ("take_out", {"thing": "mug", "place": "table"}, NOTHING_KNOWN, None, [("go_to", DRAWER)]),
    ("hold", {"thing": "mug"}, known({"mug": DRAWER}, (DRAWER,), is_open=None), "table", [("go_to", DRAWER)]),
    ("stow", {"thing": "apple"}, NOTHING_KNOWN, None, [("go_to", DRAWER)]),
    ("hold", {"thing": "coke can"}, known(missed=frozenset(["coke can"])), "table", [("go_to", DRAWER)]),
    ("hold", {"thing": "coke can"}, known(missed=frozenset(["coke can"]), is_open=False), "table",
     [("go_to", DRAWER), ("open_drawer",), ("find", "coke can"), ("pick", "coke can")]),
    ("hold", {"thing": "coke can"}, known({}, (*SURFACES, DRAWER), is_open=True, missed=frozenset(["coke can"])),
     DRAWER, "I see no coke can"),
    ("hold", {"thing": "mug"}, known({"mug": "table"}, ("table",), sighted="mug"), "table", [("pick", "mug")]),
])
def test_what_is_done_by_what_is_known(form, roles, what, robot, expected):
    assert next_calls(form, roles, what, robot) == expected


@pytest.fixture(scope="module")
def kitchen():
    env = gymnasium.make("envs:embodied/Kitchen-v0", labels=2)
    yield env
    env.close()


def test_nothing_is_known_of_what_was_not_looked_at(kitchen):
    """What the labels know at the start, and after one place was looked at: that place, as it is, and no other."""
    kitchen.reset(seed=3)
    unwrapped = kitchen.unwrapped
    assert unwrapped.scene.known == NOTHING_KNOWN
    kitchen.step(unwrapped.encode(SkillCall("go_to", ("table",))))
    there = {name for name in unwrapped.scene.names if predicates.where(unwrapped.world, name) == "table"}
    assert unwrapped.scene.known.looked == {"table"} and dict(unwrapped.scene.known.at) == dict.fromkeys(there, "table")


@pytest.mark.parametrize("seed", [500, 503, 512, 516])
def test_the_teacher_reaches_the_goal_by_what_can_be_known(kitchen, seed: int):
    _, info = kitchen.reset(seed=seed)
    for _ in range(30):
        if info["is_success"]:
            break
        [call, *_] = kitchen.unwrapped.taught_plan()
        *_, info = kitchen.step(kitchen.unwrapped.encode(call))
    assert info["is_success"]


def test_labels_do_not_rest_on_what_was_never_seen(kitchen):
    """At the start only what is found by its name can be asked for outright: no label tells where a drink is."""
    for seed in range(20, 30):
        _, info = kitchen.reset(seed=seed)
        for query in info["labels"]["asks"]:
            assert query["about"] == [] and (not query["calls"] or query["calls"][0][0] in ("find", "go_to"))
