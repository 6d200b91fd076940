"""Plans that are asked for again: what stood is the beginning of the next one, until nothing can follow it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import llguidance
import pytest

from embodied.planning.grammar import Without, plan_grammar
from embodied.planning.language import Plan, parse
from embodied.planning.search import PlanSearch
from embodied.planning.understanding import Veto
from envs.skills.signatures import TABLETOP

COUNT = 4
ON, IN = "pick(obj_1); place_on(obj_2); ", "pick(obj_3); place_in(obj_4); "


def plan_of(text: str) -> Plan:
    return parse(f"{text}done()", TABLETOP, objects=COUNT)


def says(without: Without, text: str) -> bool:
    """Whether the grammar of what is asked for next has this answer."""
    grammar = plan_grammar(TABLETOP, COUNT, without=without)
    tokenizer = llguidance.LLTokenizer("byte")
    matcher = llguidance.LLMatcher(tokenizer, llguidance.grammar_from("lark", grammar))
    tokens = tokenizer.tokenize_str(f" {text}done()")
    return matcher.validate_tokens(tokens) == len(tokens) and matcher.consume_tokens(tokens) and matcher.is_accepting()


def barred(*moves: tuple[str, str | None]) -> Without:
    return Without(moves=frozenset(moves))


def test_half_a_plan_is_gone_on_from():
    search = PlanSearch(TABLETOP)
    assert says(search.without, ON)
    assert search.turn_down(plan_of(ON), Veto("half", Without(steps=2), stood=2))
    assert search.without.after == ON
    assert says(search.without, ON + IN)
    for other in ("", ON, IN, IN + ON, ON + "pick(obj_1); place_in(obj_4); ", ON + "pick(obj_2); place_on(obj_3); "):
        assert not says(search.without, other), other


def test_a_plan_that_moves_nothing_is_asked_for_again_with_a_move():
    search = PlanSearch(TABLETOP)
    assert search.turn_down(plan_of("home(); "), Veto("half", Without(steps=1), stood=1))
    assert says(search.without, ON) and not says(search.without, "") and search.without.after == ""


def test_what_something_was_put_down_beside_may_be_moved_next():
    search, aside = PlanSearch(TABLETOP), "pick(obj_1); put_down_beside(obj_2); "
    search.turn_down(plan_of(aside), Veto("half", Without(steps=2), stood=2))
    assert says(search.without, aside + "pick(obj_2); place_in(obj_4); ")


def test_what_followed_what_stood_is_barred_there_alone():
    search = PlanSearch(TABLETOP)
    assert search.turn_down(plan_of(ON + IN), Veto("wrong", barred(("obj_3", "obj_4")), stood=3))
    assert says(search.without, ON + "pick(obj_3); place_on(obj_1); ") and not says(search.without, ON + IN)
    assert not search.turn_down(plan_of(ON + IN), Veto("wrong", barred(("obj_3", "obj_4")), stood=3)), "nothing new"


def test_what_nothing_can_follow_is_taken_back():
    search = PlanSearch(TABLETOP)
    search.turn_down(plan_of(ON), Veto("half", Without(steps=2), stood=2))
    assert search.turn_down(plan_of(ON + IN), Veto("wrong", barred(("obj_3", None), ("obj_4", None)), stood=2))
    assert says(search.without, ON) and not says(search.without, ON + IN), "nothing is left to move"
    assert search.turn_down(plan_of(ON), Veto("half", Without(steps=2), stood=2))
    assert search.without.after == "" and says(search.without, IN) and not says(search.without, ON)


def test_what_was_put_aside_in_vain_is_put_aside_nowhere():
    search, aside = PlanSearch(TABLETOP), "pick(obj_1); put_down_beside(obj_2); "
    search.turn_down(plan_of(aside), Veto("half", Without(steps=2), stood=2))
    search.turn_down(plan_of(aside), Veto("half", Without(steps=2), stood=2))
    assert search.without.after == "" and says(search.without, ON)
    assert not says(search.without, aside) and not says(search.without, "pick(obj_1); put_down_beside(obj_3); ")


def test_a_search_finds_the_right_plan_of_two_moves_whatever_comes_first():
    """Whoever always says the first plan that the grammar has is told of one wrong move at a time."""
    things = [f"obj_{number}" for number in range(1, COUNT + 1)]
    pairs = [(one, other) for one in things for other in things if one != other]
    right = {("obj_4", "obj_3"), ("obj_2", "obj_1")}
    search = PlanSearch(TABLETOP)
    for _ in range(50):
        made = next(made for made in ((), *itertools.product(pairs), *itertools.product(pairs, pairs))
                    if says(search.without, written(made)))
        stood = next((place for place, pair in enumerate(made) if pair not in right), len(made))
        if set(made) == right:
            return
        veto = (Veto("half", Without(steps=stood + 1), 2 * stood) if stood == len(made) else
                Veto("wrong", barred(made[stood]), 2 * stood + 1))
        assert search.turn_down(plan_of(written(made)), veto), made
    pytest.fail("expected the right plan to be found")


def written(made: Iterable[tuple[str, str]]) -> str:
    return "".join(f"pick({one}); place_on({other}); " for one, other in made)


@pytest.mark.parametrize(("barred", "text", "is_said"), [
    (("place_on", "place_in"), "pick(obj_1); put_down_beside(obj_2); ", True), (("place_on", "place_in"), ON, False),
    (("place_on", "place_in"), IN, True), (("place_in",), ON, True), (("place_on",), ON, False),
    (("place_on", "place_in", "put_down_beside"), ON, False), (("place_on", "place_in", "put_down_beside"), IN, True)])
def test_some_skills_may_be_barred_from_letting_go_of_a_thing(barred: tuple[str, ...], text: str, is_said: bool):
    assert says(Without(skills=frozenset(("obj_1", skill) for skill in barred)), text) == is_said
