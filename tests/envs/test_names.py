"""What is said of a name that nobody knows."""

from __future__ import annotations

from envs.names import cut, hint, nearest, unknown


def test_the_nearest_known_name_is_found_or_none():
    assert nearest("stak", ["sort", "stack"]) == "stack"
    assert nearest("zzz", ["sort", "stack"]) is None
    assert nearest("", []) is None


def test_a_hint_names_the_nearest_or_says_what_to_do():
    assert hint("stak", ["sort", "stack"]) == "; did you mean 'stack'?"
    assert hint("zzz", ["sort", "stack"], otherwise="leave it out") == "; leave it out"
    assert hint("zzz", ["sort", "stack"]) == ""
    assert hint("stak", ["sort", "stack"], within="task.") == "; did you mean 'task.stack'?"


def test_a_message_lists_what_was_expected_and_what_came():
    assert unknown("stak", ("sort", "stack"), what="task") == (
        "task: expected one of ['sort', 'stack'], got 'stak'; did you mean 'stack'?")
    assert unknown(3, ("sort",), otherwise="leave it out") == "expected one of ['sort'], got 3; leave it out"


def test_a_text_is_cut_to_its_most():
    assert cut("abcdef", 6) == "abcdef" and cut("abcdefg", 6) == "abc..."


def test_a_long_list_is_cut_and_a_long_word_costs_little():
    message = unknown("x" * 1_000_000, [f"name_{i}" for i in range(300)])
    assert "'name_19', ..." in message and "name_20" not in message and len(message) < 500
