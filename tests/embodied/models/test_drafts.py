"""Guesses of how an answer goes on: what followed the same words, objects by what they are called now."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from embodied.models.decoding.drafts import MOST_KEPT, Draft, Drafts, Scene
from embodied.planning.language import parse, shortest_plan
from envs.skills.signatures import TABLETOP, PlanLanguage

NAMES = range(100, 112)
PICK, PLACE, PUSH, DONE = 1, 2, 3, 4
ANY = range(1000)


def scene(*order: int, prompt: int = 7) -> Scene:
    """Things that look like numbers, called 100, 101, .. in this order."""
    return Scene([prompt, 8], torch.tensor(order, dtype=torch.float32)[:, None], [100 + j for j in range(len(order))])


def guessed(draft: Draft, said: list[int], most: int = 9) -> list[int]:
    """All that is guessed after some words."""
    found = list(said)
    while len(found) < most and (token := draft.next(found, ANY)) is not None:
        found.append(token)
    return found[len(said):]


def test_the_same_question_is_guessed_to_get_the_same_answer():
    drafts, answer = Drafts(NAMES), [PICK, 101, PLACE, 100, DONE]
    drafts.keep(scene(5, 6), answer)
    assert guessed(drafts.draft(scene(5, 6)), []) == answer


def test_another_look_is_guessed_to_get_the_rest_of_the_plan_by_the_new_names():
    drafts = Drafts(NAMES)
    drafts.keep(scene(5, 6, 7), [PICK, 100, PLACE, 101, PICK, 101, PLACE, 102, DONE])
    assert guessed(drafts.draft(scene(7.1, 6.1)), []) == [PICK, 101, PLACE, 100, DONE]


@pytest.mark.parametrize("numbers", [torch.bfloat16, torch.float16])
def test_looks_of_a_model_in_halves_are_compared(numbers: torch.dtype):
    before, now = (replace(look, looks=look.looks.to(numbers)) for look in (scene(5, 6), scene(6, 5)))
    drafts = Drafts(NAMES)
    drafts.keep(before, [PICK, 100, DONE])
    assert guessed(drafts.draft(now), []) == [PICK, 101, DONE]


def test_without_an_answer_the_usual_form_is_guessed_and_no_names():
    draft = Drafts(NAMES, [[PICK, 100, PLACE, 101, DONE]]).draft(scene(5, 6))
    assert guessed(draft, []) == [PICK] and guessed(draft, [PICK, 105]) == [PLACE]
    assert guessed(draft, [PICK, 105, PUSH]) == [] and guessed(draft, [PICK, 105, PLACE, 101]) == [DONE]


def test_what_was_said_is_looked_up_too_and_longer_agreement_counts():
    draft = Drafts(NAMES).draft(scene(5))
    assert guessed(draft, [PICK, 100, PUSH, 9, PLACE, 9, 8, PICK, 103, PUSH], 11) == [9]


def test_only_what_is_allowed_is_guessed():
    draft = Drafts(NAMES, [[PICK, 100, PLACE, 101, DONE]]).draft(scene(5, 6))
    assert draft.next([], [PUSH]) is None and draft.next([PICK, 101], [PUSH, DONE]) == DONE


def test_answers_to_the_instruction_come_before_others():
    drafts = Drafts(NAMES)
    drafts.keep(scene(5), [PICK, DONE])
    for other in range(5):
        drafts.keep(scene(5, prompt=20 + other), [PUSH, DONE])
    assert guessed(drafts.draft(scene(5)), []) == [PICK, DONE]


def test_memory_is_bounded():
    drafts = Drafts(NAMES)
    for _ in range(3 * MOST_KEPT):
        drafts.keep(scene(5), [PICK, DONE])
    assert len(drafts._kept) == MOST_KEPT


@pytest.mark.parametrize(("before", "now"), [((), (5, 6)), ((5, 6), ())])
def test_names_of_a_look_that_shows_nothing_are_not_guessed(before: tuple[int, ...], now: tuple[int, ...]):
    drafts = Drafts(NAMES)
    drafts.keep(scene(*before), [PICK, 100, DONE])
    assert guessed(drafts.draft(scene(*now)), []) == [PICK]


def test_the_shortest_plan_is_one():
    text = shortest_plan(TABLETOP)
    assert text == "pick(obj_1); place_in(obj_2); done()" and len(parse(text, TABLETOP, objects=2).calls) == 2
    assert shortest_plan(PlanLanguage(TABLETOP.signatures[:1], ("front",))) is None
