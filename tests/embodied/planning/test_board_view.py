"""What is told in words of pieces on a board, and the sentence it stands in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.planning.board_view import BY_M, NEAR_M, in_order, is_open, said_of
from embodied.planning.memory import Look, Memory
from embodied.planning.perception import Perception
from embodied.planning.scene import BOARD, write_prompt
from embodied.prompt import Entity, Slot, Text
from envs.interface import Box
from envs.tasks.board_goals import APART_M, CLUSTER_M
from envs.world.board import place_m


def slot(x, y):
    return Slot(np.zeros((2, 2, 3), np.uint8), Box((float(x), float(y), 0.018), (0.04, 0.04, 0.036)), place="board")


CORNER, BESIDE = slot(*place_m((1, 1))), slot(*(place_m((1, 1)) - (0.0, 0.065)))
FAR, LOW = slot(0.45, -0.05), slot(*place_m((-1, -1)))


def test_pieces_stand_quarter_by_quarter_from_the_corner_on():
    assert in_order([LOW, FAR, BESIDE, CORNER]) == (CORNER, BESIDE, FAR, LOW)


@pytest.mark.parametrize(("place", "words"), [
    (0, "left corner by obj_2"), (1, "left corner by obj_1"), (2, "right"), (3, "right corner")])
def test_what_is_measured_is_said(place, words):
    assert said_of(place, (CORNER, BESIDE, FAR, LOW), (1, 2, 3, 4)) == words


def test_what_is_not_apart_is_near():
    assert said_of(0, (FAR, slot(0.45, 0.09)), (3, 5)) == "right near obj_5"
    assert said_of(0, (FAR, slot(0.45, 0.11)), (3, 5)) == "right"


def said(memory, text="sort the blocks"):
    prompt = write_prompt(text, Perception(memory.things, memory=memory), scene=BOARD)
    return "".join(f"<{s.index}>" if isinstance(s, Entity) else s.text for s in prompt.segments if
                   isinstance(s, Entity | Text))


def test_the_sentence_tells_quarters_and_steps():
    memory = Memory().see(Look("board", in_order([CORNER, BESIDE, LOW]), None, (-1.0, 1.0)))
    assert said(memory) == ("Instruction: sort the blocks\ntop left: <1> left corner by obj_2 <2> left corner by "
                            "obj_1 . "
                            "top right: nothing. bottom left: nothing. bottom right: <3> right corner .\nPlan:")
    acted = memory.act("push", ["push the red star up"], is_done=False, held=None)
    assert "Steps: push push the red star up failed.\nPlan:" in said(acted)
    assert said(acted.without_steps()) == said(memory)


def test_a_look_at_the_board_replaces_all_that_was_there():
    memory = Memory().see(Look("board", (CORNER, LOW), None, (-1.0, 1.0)))
    assert memory.see(Look("board", (FAR,), None, (-1.0, 1.0))).things == (FAR,)


def test_without_a_memory_there_is_no_sentence():
    with pytest.raises(ValueError, match=r"needs perception\.memory"):
        write_prompt("sort the blocks", Perception((CORNER,)), scene=BOARD)


def colored(color, x, y):
    return replace(slot(x, y), crop=np.full((2, 2, 3), color, np.uint8))


RED, BLUE = (220, 20, 20), (20, 50, 220)
TOP_LEFT, TOP_RIGHT = place_m((1, 1)), place_m((1, -1))


@pytest.mark.parametrize(("text", "pieces", "expected"), [
    ("sort the blocks by colour into the corners", [(RED, *TOP_LEFT), (BLUE, *TOP_RIGHT)], False),
    ("sort the blocks by colour into the corners", [(RED, *TOP_LEFT), (BLUE, *TOP_LEFT)], True),
    ("give every color its own corner of the board", [(RED, *TOP_LEFT), (RED, *TOP_RIGHT)], True),
    ("sort the blocks", [(RED, *TOP_LEFT), (BLUE, 0.4, 0.0)], True),
    ("push the block closest to the top left corner to the block of the same color", [(RED, 0.4, 0.0)], None),
    ("push all the blocks on the left side together", [(RED, 0.4, 0.1), (BLUE, 0.47, 0.1), (RED, 0.4, -0.2)], False),
    ("push all the blocks on the left side together", [(RED, 0.4, 0.1), (BLUE, 0.52, 0.1)], True),
    ("group the blocks of the right half, without any block of the left half",
     [(RED, 0.4, -0.1), (BLUE, 0.47, -0.1), (RED, 0.54, -0.1), (BLUE, 0.61, -0.1), (RED, 0.4, 0.1)], False),
    ("gather the blocks on the right side", [(RED, 0.4, -0.1), (BLUE, 0.47, -0.1), (RED, 0.6, -0.1)], True),
    ("separate the red star from the blue cube", [(RED, 0.4, 0.1), (BLUE, 0.47, 0.1)], True),
    ("separate the red star from the blue cube", [(RED, 0.4, 0.1), (BLUE, 0.4, -0.1)], False),
    ("push the red star close to the blue cube", [(RED, 0.4, 0.1), (BLUE, 0.47, 0.1)], None),
    ("bring the red star and the blue cube together on the left side", [(RED, 0.4, 0.1), (BLUE, 0.6, 0.1)], None),
    ("push the red star up", [(RED, 0.4, 0.1)], None)])
def test_what_is_measured_denies_that_it_is_done(text, pieces, expected):
    slots = [colored(*piece) for piece in pieces]
    assert is_open(text, slots) is expected
    assert is_open(text, slots, is_begun=True) is (None if "separate" in text else expected)


def test_what_is_told_is_measured_as_groups_and_partings_are_judged():
    assert (BY_M, NEAR_M) == (CLUSTER_M, APART_M)


@pytest.mark.parametrize("text", ["Sort the blocks, please!", "please sort the blocks", "sort the BLOCKS."])
def test_manners_and_capitals_change_no_word_of_the_sentence(text):
    memory = Memory().see(Look("board", (CORNER,), None, (-1.0, 1.0)))
    assert said(memory, text) == said(memory)


def test_what_is_no_word_stays_in_the_sentence():
    memory = Memory().see(Look("board", (CORNER,), None, (-1.0, 1.0)))
    assert said(memory, "sort the blocks & go").startswith("Instruction: sort the blocks & go\n")
