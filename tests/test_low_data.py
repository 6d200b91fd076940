"""The script of docs/low_data.md: every content word is replaced by a new one, and what was not run is said."""

from __future__ import annotations

import json

from envs.tasks import UNKNOWN_WORDS, VOCABULARY
from scripts import low_data

GRAMMAR = {
    "a", "and", "at", "be", "below", "bottom", "by", "can", "could", "each", "every", "from", "i", "in", "inside",
    "into", "it", "its", "like", "of", "on", "one", "onto", "own", "please", "should", "the", "then", "three", "to",
    "top", "up", "with", "would", "you"}
"""Words of grammar, place and number, which stay."""


def test_every_word_of_the_asks_is_replaced_or_of_grammar_and_no_new_word_was_ever_asked_with():
    content = {low_data.renamed(word) for word in VOCABULARY - GRAMMAR}
    assert {word for word in VOCABULARY if low_data.renamed(word) == word} == GRAMMAR & VOCABULARY
    assert not content & (VOCABULARY | set(UNKNOWN_WORDS))


def test_capitals_plurals_and_marks_stay():
    assert low_data.renamed("Put the cubes in the Red bowl, please.") == \
        "Deposit the bricks in the Crimson basin, please."


def test_cells_are_the_mandatory_ones_first_and_those_not_run_are_said(tmp_path):
    first = [cell.name for cell in low_data.cells()][:9]
    assert {name.rsplit("-", 1)[0] for name in first} == {"lora-320", "random-320", "tiny-320"}
    found = {condition: {"sort": [3, 4]} for condition in ("seen", "planned", "renamed", "blind", "shuffled")}
    (tmp_path / "tiny-320-0").mkdir()
    (tmp_path / "tiny-320-0" / "result.json").write_text(json.dumps({**found, "steps": 9, "best_step": 5}))
    page = low_data.table(tmp_path)
    assert page.count("not run") >= len(low_data.cells()) - 1 and "75.0% (30.1%-95.4%)" in page and "9 (5)" in page
