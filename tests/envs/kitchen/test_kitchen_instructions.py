"""The kitchen's words and goals: what is said is understood, names only what is there, and is not done yet."""

from __future__ import annotations

import numpy as np
import pytest

from envs.domains import find_domain
from envs.experts.kitchen import State, plan
from envs.goals import judge
from envs.tasks.kitchen import families, instructions, phrasings
from envs.tasks.kitchen.families import FAMILIES, KitchenTask, goal_of_text
from envs.tasks.kitchen.instructions import Present
from envs.tasks.kitchen.rewordings import rewordings
from envs.tasks.kitchen.scene import CLASSES, SHUT, THINGS, at, is_fetch
from envs.world.goods import GOODS, PALETTE, colour_shares


def drafts(count: int, first_seed: int = 0):
    for seed in range(first_seed, first_seed + count):
        rng = np.random.default_rng(seed)
        family = FAMILIES[seed % len(FAMILIES)]
        scene, _ = families._draft(rng, family, (3, 8), ())
        yield scene, KitchenTask(family).instruction(scene, rng)


def test_a_thousand_instructions_parse_and_ask_for_what_their_scene_wants():
    said = set()
    for scene, text in drafts(1000):
        said.add(text)
        assert goal_of_text(scene, text) == scene.goal, text
    assert len(said) > 400


def test_instructions_name_only_what_is_in_the_scene():
    for scene, text in drafts(300, 5000):
        _, _, roles = phrasings.understand(text)
        assert {word for role, word in roles.items() if role.startswith("thing")} <= set(scene.names), text
        assert all({t.thing for t in r} <= set(scene.names) and r for r in filter(is_fetch, scene.goal)), text
        assert phrasings.things_named(text) <= set(scene.names), text


def test_more_than_a_hundred_wordings_in_seven_families():
    assert len({wording for wordings in phrasings.TEMPLATES.values() for wording in wordings}) >= 100
    assert {family for family, _ in phrasings.TEMPLATES} == set(FAMILIES)
    assert set(instructions._GOALS) == {form for _, form in phrasings.TEMPLATES}


def test_what_is_drawn_is_reached_in_symbols_and_the_judge_of_goals_says_so():
    for scene, text in drafts(200, 9000):
        state = State(dict(scene.starts), None, scene.is_drawer_open, None)
        assert judge.progress(scene.aim, (state,)) < 1.0, text
        assert plan(state, scene.goal) and judge.progress(scene.aim, (state,)) == 1.0, text


def test_unknown_words_are_not_understood():
    for text in ("", "sing a song", "bring me the moon", "pick up the"):
        assert phrasings.understand(text) is None


def test_goals_that_cannot_be_had_are_refused():
    present = Present({"apple": "table", "water bottle": "near counter"}, False)
    assert instructions.goal_of("stow", {"thing": "water bottle"}, present) is None  # too tall for the drawer
    assert instructions.goal_of("hold", {"thing": "mug"}, present) is None
    assert instructions.goal_of("stow", {"thing": "apple"}, present) == (at(["apple"], "drawer"), SHUT)


def test_things_fit_the_gripper_and_every_class_has_members():
    for good in GOODS.values():
        assert min(good.size[:2]) <= 0.07
    assert all(set(members) <= set(THINGS) for members in CLASSES.values())


@pytest.mark.parametrize("name", THINGS)
def test_what_is_drawn_is_as_big_as_it_is_solid(name):
    mesh, size = GOODS[name].mesh(), np.array(GOODS[name].size)
    assert np.all(np.ptp(mesh.vertices, axis=0) < size + 0.025)  # a handle, a stalk
    assert np.all(np.ptp(mesh.vertices, axis=0) > size - 0.012)
    assert set(mesh.colours) <= set(PALETTE) and abs(sum(colour_shares(name).values()) - 1) < 1e-9


def test_wrong_names_are_explained():
    with pytest.raises(ValueError, match="kitchen_noun"):
        KitchenTask("kitchen_nouns")
    with pytest.raises(ValueError, match="did you mean 'apple'"):
        families._check("kitchen_noun", 3, 8, ("aple",))
    assert find_domain("kitchen").name == "kitchen"


def test_other_words_are_understood_as_what_they_are_said_for():
    """Every rewording asks for the goal of the form that it stands for, with the roles that it was filled with."""
    roles = {"thing": "apple", "noun": "apple", "thing2": "mug", "thing3": "cup", "place": "table",
             "place2": "near counter", "kind": "drink"}
    for (_, form), wordings in phrasings.TEMPLATES.items():
        for wording in wordings:
            for other in rewordings().get(wording, ()):
                text = other.format(**roles)
                understood = phrasings.understand(text)
                assert understood is not None, text
                goals = [instructions.goal_of(f, understood[2], PRESENT) for f in (form, understood[1])]
                assert goals[0] is not None and goals[0] == goals[1], (text, form, understood)


PRESENT = Present({"apple": "far counter", "mug": "drawer", "banana": "table", "tea box": "table",
                   "cup": "far counter", "coke can": "drawer",
                   "sponge": "far counter", "pepper shaker": "far counter"}, True)
