"""The judge: contradictions of words that it knows are vetoed, and what is refused is refused in true words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.planning.grammar import Without
from embodied.planning.language import Plan, ground, parse
from embodied.planning.looks import Scene
from embodied.planning.perception import Perception
from embodied.planning.reasons import ONLY_WHERE
from embodied.planning.understanding import (
    ALREADY,
    HALF,
    NO_PLAN,
    NOT_SEEN_DONE,
    judge,
    refuse,
    refused,
    trust,
    turned_down,
)
from embodied.planning.wording import read
from embodied.prompt import Slot
from envs.interface import Box
from envs.skills.signatures import TABLETOP
from envs.tasks.scene import COLORS

SIZES = {"block": (0.04, 0.04, 0.04), "bowl": (0.13, 0.13, 0.04)}


def thing(name: str, x: float, z: float = 0.02) -> Slot:
    color, kind = name.split(" ")
    return Slot(np.full((8, 8, 3), [int(255 * c) for c in COLORS[color]], np.uint8), Box((x, 0.0, z), SIZES[kind]))


SLOTS = [thing("blue bowl", 0.3), thing("red bowl", 0.45), thing("red block", 0.6), thing("green block", 0.7),
         thing("white block", 0.7, 0.06), thing("blue block", 0.8)]  # obj_1 .. obj_6; white stands on green
SCENE = Scene.of(SLOTS)
RED_IN_BLUE, GREEN_IN_BLUE = "pick(obj_3); place_in(obj_1); ", "pick(obj_4); place_in(obj_1); "
ASIDE = "pick(obj_5); put_down_beside(obj_1); "


def veto(instruction: str, text: str, scene: Scene = SCENE, **how) -> str | None:
    """What is said against a plan, None where nothing is."""
    found = judge(plan_of(text), read(instruction), scene, TABLETOP, **how)
    return None if found is None else found.reason


def plan_of(text: str) -> Plan:
    return ground(parse(text, TABLETOP, objects=len(SLOTS)), Perception(tuple(SLOTS)))


@pytest.mark.parametrize(("instruction", "text"), [
    ("put the red block in the blue bowl", RED_IN_BLUE + "done()"),
    ("the blue dish is where I want it: put the red cube in the blue dish", RED_IN_BLUE + "done()"),
    ("put the green block in the blue bowl", ASIDE + GREEN_IN_BLUE + "done()"),
    ("put the red block on the green block", ASIDE + "pick(obj_3); place_on(obj_4); done()"),
    ("on the blue block I would like the red block", "pick(obj_3); place_on(obj_6); done()"),
    ("put the red block and the green block in the blue bowl", RED_IN_BLUE + ASIDE + GREEN_IN_BLUE + "done()"),
    ("sort the blocks by color into the bowls", "pick(obj_3); place_in(obj_2); pick(obj_6); place_in(obj_1); done()"),
    ("put every block in the blue bowl", "pick(obj_5); place_in(obj_1); " + RED_IN_BLUE + GREEN_IN_BLUE
     + "pick(obj_6); place_in(obj_1); done()"),
    ("put a block in the blue bowl", "pick(obj_6); place_in(obj_1); done()"),
    ("move the red block to the blue bowl", RED_IN_BLUE + "done()"),
    ("put the white block on the green block", "done()"),
    ("build a tower with the green block at the bottom, the white block in the middle and the red block on top",
     "pick(obj_3); place_on(obj_5); done()")])
def test_plans_that_do_what_the_words_say_pass(instruction: str, text: str):
    assert veto(instruction, text) is None


@pytest.mark.parametrize(("instruction", "text", "reason"), [
    ("put the red block in the blue bowl", "pick(obj_6); place_in(obj_1); done()", "move the blue block"),
    ("put the red block in the blue bowl", "pick(obj_3); place_in(obj_2); done()", "the red block in the red bowl"),
    ("put the red block into the blue cube", RED_IN_BLUE + "done()", "in the blue bowl"),
    ("put the red block into the blue cube", "pick(obj_3); place_on(obj_6); done()", "on the blue block"),
    ("put the red block into the blue cube", "pick(obj_3); place_in(obj_6); done()", "in the blue block"),
    ("stack the red block on the blue block", RED_IN_BLUE + "done()", "in the blue bowl"),
    ("on the red block I would like the blue block", "pick(obj_3); place_on(obj_6); done()", "move the red block"),
    ("put the red block and the green block in the blue bowl", RED_IN_BLUE + "done()", HALF),
    ("put every block in the blue bowl", "pick(obj_3); place_in(obj_2); done()", "in the red bowl"),
    ("put every block in the blue bowl", RED_IN_BLUE + "done()", HALF),
    ("put two blocks in the blue bowl", RED_IN_BLUE + "done()", HALF),
    ("put one block in the blue bowl", RED_IN_BLUE + "pick(obj_6); place_in(obj_1); done()", HALF),
    ("sort the blocks by color into the bowls", "pick(obj_3); place_in(obj_1); done()", "in the blue bowl"),
    ("put the red block in the blue bowl, then stack the white block on the blue block", RED_IN_BLUE + "done()", HALF),
    ("put the red block on the green block", "pick(obj_3); put_down_beside(obj_1); done()", "move the red block about"),
    ("put the red block in the blue bowl", "done()", NO_PLAN),
    ("stack the red block on the red block", "pick(obj_3); place_on(obj_6); done()", NO_PLAN),
    ("put the white block on the green block", ASIDE + "pick(obj_5); place_on(obj_4); done()", ALREADY),
    ("put the red block in the blue bowl, not the white one", ASIDE + RED_IN_BLUE + "done()", "move the white block")])
def test_contradictions_are_vetoed(instruction: str, text: str, reason: str):
    assert reason in veto(instruction, text)


@pytest.mark.parametrize(("instruction", "text", "passes"), [
    ("kindly plonk the red block into the blue bowl", RED_IN_BLUE + "done()", True),
    ("plonk the red block into the blue bowl", "pick(obj_6); place_in(obj_1); done()", False),
    ("plonk the red block into the blue bowl", "pick(obj_3); place_in(obj_2); done()", False),
    ("plonk the red block onto the blue block, would you mind", "pick(obj_6); place_on(obj_3); done()", False),
    ("do not touch the red block, clear the rest away", RED_IN_BLUE + "done()", False),
    ("do not touch the red block, clear the rest away", "pick(obj_6); place_in(obj_1); done()", True),
    ("plonk the red block into the blue bowl; no, not the red block", RED_IN_BLUE + "done()", False),
    ("do not touch the red block, plonk the red block into the blue bowl", RED_IN_BLUE + "done()", True),
    ("clear the crimson brick away into the blue bowl", RED_IN_BLUE + "done()", True),
    ("clear the table", RED_IN_BLUE + "done()", True)])
def test_of_instructions_that_are_not_read_whole_only_contradictions_are_vetoed(instruction: str, text: str,
                                                                                passes: bool):
    assert turned_down(read(instruction), SCENE, trust) is None
    assert (veto(instruction, text) is None) == passes


@pytest.mark.parametrize(("instruction", "refusal"), [
    ("plonk the red block into the blue bowl", "I did not understand what to do with the red block"),
    ("tidy up", "I did not understand what to do"),
    ("put the block in the blue bowl", "I do not know which block you mean"),
    ("put the purple block by the blue bowl", "I see no purple block"),
    ("put the red block into the blue cube", ONLY_WHERE), ("put the red block on the blue bowl", ONLY_WHERE),
    ("do not put the red block in the blue bowl", "I did not understand what to do with the red block")])
def test_what_was_not_understood_is_refused_before_anybody_plans(instruction: str, refusal: str):
    plan = turned_down(read(instruction), SCENE, refuse)
    assert plan.refusal == refusal and plan.text == f"refuse({refusal})" and not plan.calls


@pytest.mark.parametrize(("instruction", "said", "told"), [
    ("put the red block in the purple bowl", "I see no purple bowl", "I see no purple bowl"),
    ("put the red block in the red bowl", "I see no red bowl", NO_PLAN),
    ("put the red block in the purple bowl", "I see no red block", "I see no purple bowl"),
    ("put the red block in the red bowl", "I see no cyan bowl", NO_PLAN),
    ("put the red block in the red bowl", "I do not know the word goldenta", NO_PLAN),
    ("put the red block in the red bowl", "I do not know the word block", NO_PLAN),
    ("put the golden block in the red bowl", "I do not know the word golden", "I do not know the word golden"),
    ("put the blue bowl in the red bowl", "I can only move blocks", "I can only move blocks"),
    ("put the red block in the red bowl", "I can only move blocks", NO_PLAN),
    ("sort the blocks by color into the bowls", "no block has a bowl of its color", NO_PLAN),
    ("put the red block in the red bowl", "the red block is glued to the table", "the red block is glued to the table"),
    ("put the blue block on the white block", "there is no blue block here", NO_PLAN),
    ("put the red block in the blue bowl", "I see no bowl", NO_PLAN),
    ("put the red block in the blue bowl", "I see no blocks here", NO_PLAN),
    ("put the red block in the blue bowl", "no block has a bowl of its color", NO_PLAN),
    ("put the red block in the blue bowl", "I see no gren bowll", NO_PLAN),
    ("put the red block in the blue bowl", "I see no clue", NO_PLAN)])
def test_refusals_are_told_in_true_words(instruction: str, said: str, told: str):
    plan, parsed = Plan((), refusal=said), read(instruction)
    found = judge(plan, parsed, SCENE, TABLETOP)
    assert (plan if found is None else refused(plan, found, parsed, SCENE)).refusal == told
    assert found is None or found.without.refusal


def test_what_is_in_its_place_stays_there():
    """Asked after each placing, a planner that does it again would do so for ever."""
    half_done = Scene.of([*SLOTS[:2], thing("red block", 0.3, 0.03), *SLOTS[3:]])
    instruction = "put the red block and the green block in the blue bowl"
    assert veto(instruction, RED_IN_BLUE + ASIDE + GREEN_IN_BLUE + "done()", half_done) == NO_PLAN
    assert veto(instruction, ASIDE + GREEN_IN_BLUE + "done()", half_done) is None


def test_nothing_done_is_not_done():
    begun = replace(SCENE, is_begun=True)
    assert veto("put the red block in the blue bowl", "done()", begun) == NOT_SEEN_DONE
    assert veto("put the red block in the blue bowl", "pick(obj_3); done()", is_whole=False) is None


def test_what_the_hand_holds_already_is_judged_by_how_it_looked():
    holding = Scene.of(SLOTS[:2], SLOTS[2], is_holding=True)
    assert veto("put the red block in the blue bowl", "place_in(obj_1); done()", holding) is None
    assert "red bowl" in veto("put the red block in the blue bowl", "place_in(obj_2); done()", holding)
    unknown = Scene.of(SLOTS[:2], is_holding=True)
    assert veto("put the red block in the blue bowl", "place_in(obj_1); done()", unknown) is None


@pytest.mark.parametrize(("instruction", "text", "without"), [
    ("put the red block in the blue bowl", "pick(obj_6); place_in(obj_1); done()",
     Without(moves=frozenset((f"obj_{other}", None) for other in (1, 2, 4, 5, 6)))),
    ("put the red block in the blue bowl", "pick(obj_3); place_in(obj_2); done()",
     Without(moves=frozenset(("obj_3", f"obj_{other}") for other in (2, 3, 4, 5, 6)),
             skills=frozenset({("obj_3", "place_on")}))),
    ("put the red block in the blue bowl", "pick(obj_3); place_on(obj_1); done()",
     Without(moves=frozenset(("obj_3", f"obj_{other}") for other in (2, 3, 4, 5, 6)),
             skills=frozenset({("obj_3", "place_on")}))),
    ("put the green block in the blue bowl", "pick(obj_5); place_on(obj_3); done()",
     Without(skills=frozenset({("obj_5", "place_on"), ("obj_5", "place_in")}))),
    ("put the green block in the blue bowl", "pick(obj_5); place_on(obj_4); done()",
     Without(skills=frozenset({("obj_5", "place_on"), ("obj_5", "place_in")}))),
    ("put the red block and the blue block in the blue bowl", RED_IN_BLUE + "done()", Without(steps=2)),
    ("put the red block in the blue bowl", "pick(obj_3); put_down_beside(obj_2); done()",
     Without(skills=frozenset({("obj_3", "put_down_beside")})))])
def test_a_veto_says_what_to_ask_again_without(instruction: str, text: str, without: Without):
    assert judge(plan_of(text), read(instruction), SCENE, TABLETOP).without == without


def test_nothing_is_put_back_where_it_was_taken_from():
    words = "put the white block on the green block, then put the red block on the white block"
    assert veto(words, "pick(obj_5); place_on(obj_4); pick(obj_3); place_on(obj_5); done()") == (
        "I would only put the white block back")
    assert veto(words, "pick(obj_3); place_on(obj_5); done()") is None


@pytest.mark.parametrize(("text", "stood"), [
    ("done()", 0), ("refuse(I see no bowl)", 0), (GREEN_IN_BLUE + "done()", 0), (RED_IN_BLUE + ASIDE + "done()", 2),
    ("pick(obj_3); place_in(obj_2); " + RED_IN_BLUE + "done()", 1), ("pick(obj_3); done()", 1)])
def test_a_veto_says_how_many_calls_stood_before_it(text: str, stood: int):
    assert judge(plan_of(text), read("put the red block in the blue bowl"), SCENE, TABLETOP).stood == stood


@settings(max_examples=60)
@given(st.permutations([*COLORS]), st.sampled_from(["in", "on"]))
def test_no_plan_passes_that_moves_another_thing_or_to_another_place(colors: list[str], role: str):
    """Whatever the words: of all moves between things of all colours, exactly the one that was asked for."""
    kind = "bowl" if role == "in" else "block"
    slots = [thing(f"{colors[0]} block", 0.3), thing(f"{colors[1]} {kind}", 0.45), thing(f"{colors[2]} block", 0.6),
             thing(f"{colors[3]} {kind}", 0.8)]
    parsed = read(f"put the {colors[0]} block {role} the {colors[1]} {kind}")
    for moved in range(4):
        for place in range(4):
            if moved != place:
                text = f"pick(obj_{moved + 1}); place_{role}(obj_{place + 1}); done()"
                plan = ground(parse(text, TABLETOP, objects=4), Perception(tuple(slots)))
                assert (judge(plan, parsed, Scene.of(slots), TABLETOP) is None) == ((moved, place) == (0, 1))
