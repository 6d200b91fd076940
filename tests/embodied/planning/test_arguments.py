"""Arguments of every kind: what is spelled is read, and what the grammar's patterns let through is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.planning.arguments import (
    TEXT_LIMIT,
    TEXT_PATTERN,
    PlanError,
    number_pattern,
    pieces_of,
    plain_text,
    read,
    spell,
)
from envs.interface import Referent
from envs.skills.signatures import Parameter

HOW, OBJECT = Parameter("how", "text"), Parameter("thing", "object")
thousandths = st.integers(-200_000, 200_000)


def test_each_kind_has_one_spelling():
    assert [spell(Referent("obj_3")), spell("yes, it is"), spell(0.25), spell(-2)] == [
        "obj_3", '"yes, it is"', "0.250", "-2.000"]


@given(thousandths, thousandths, thousandths)
def test_the_pattern_of_a_number_lets_its_bounds_through_and_no_more(low: int, high: int, number: int):
    parameter = Parameter("far_m", "number", min(low, high) / 1000, max(low, high) / 1000)
    pattern, is_within = re.compile(number_pattern(parameter)), min(low, high) <= number <= max(low, high)
    assert bool(pattern.fullmatch(spell(number / 1000))) == is_within
    if is_within:
        assert read(spell(number / 1000), parameter, "go", (), 0) == number / 1000


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.57, 1.57), (0.07, 0.07), (9.999, 10.001), (-3, -0.5),
                                           (0, 99)])
def test_the_pattern_of_a_number_is_right_at_every_thousandth_near_its_bounds(low: float, high: float):
    pattern = re.compile(number_pattern(Parameter("far_m", "number", low, high)))
    for bound in (low, high):
        for number in range(round(bound * 1000) - 1100, round(bound * 1000) + 1100):
            assert bool(pattern.fullmatch(spell(number / 1000))) == (low <= number / 1000 <= high), number


def test_bounds_with_no_number_between_them_are_refused():
    with pytest.raises(ValueError, match="far_m: expected bounds"):
        number_pattern(Parameter("far_m", "number", 0.0001, 0.0002))


@given(st.from_regex(TEXT_PATTERN, fullmatch=True))
def test_a_text_that_the_pattern_lets_through_is_read_back(text: str):
    assert read(spell(text), HOW, "say", (), 0) == text


@given(st.text(max_size=300))
def test_any_text_becomes_one_that_can_be_spelled(text: str):
    assert read(spell(plain_text(text)), HOW, "say", (), 0) == plain_text(text)


@pytest.mark.parametrize(("argument", "complaint"), [
    ('say "hi"', "pass it through plain_text"), ("", "1 to 200 characters"), ("x" * (TEXT_LIMIT + 1), "1 to 200"),
    (" x", "begins with a letter"), ("a(b)", "1 to 200"), (0.12345, "at most 3 places"), (float("nan"), "at most 3"),
    (float("inf"), "at most 3")])
def test_what_has_no_spelling_is_not_written(argument, complaint: str):
    with pytest.raises(PlanError, match=complaint):
        spell(argument)


@given(st.lists(st.one_of(st.sampled_from(["obj_1", "0.250"]), st.from_regex(TEXT_PATTERN, fullmatch=True).map(spell)),
                max_size=4))
def test_pieces_that_were_joined_are_told_apart(pieces: list[str]):
    assert pieces_of(", ".join(pieces)) == pieces


FAR = Parameter("far_m", "number", 0.0, 1.0)


@pytest.mark.parametrize(("piece", "parameter", "complaint"), [
    ("yes", HOW, 'how of say is 1 to 200 plain characters in double quotes, got'), ('""', HOW, "1 to 200"),
    ('"(no)"', HOW, "1 to 200"), ("obj_9", OBJECT, "there is no object 'obj_9', the names are obj_1"),
    ('"obj_1"', OBJECT, "there is no object"), ("2", FAR, "far_m of say is a number from 0 to 1"),
    ("1e-1", FAR, "a number"), ("nan", FAR, "a number"), ("0.1234", FAR, "at most 3 places")])
def test_other_pieces_are_refused_with_a_clause(piece: str, parameter: Parameter, complaint: str):
    with pytest.raises(PlanError, match=complaint):
        read(piece, parameter, "say", ("obj_1",), 0)


def test_a_quote_that_is_not_closed_is_refused():
    with pytest.raises(PlanError, match="ends with the double quote"):
        pieces_of('obj_1, "yes')
