"""scripts/readings.py: what is said before each wording."""

from __future__ import annotations

from embodied.evaluation.understanding.items import load_items, path_to_show
from scripts.readings import turns_before


def test_a_wording_comes_after_those_before_it_in_the_file_unless_it_has_turns_of_its_own():
    items = load_items(path_to_show("development"))
    alone, after = turns_before(items, 0), turns_before(items, 2)
    plain = [at for at, item in enumerate(items) if not item.before and item.kind != "ambiguous"]
    assert not any(alone[at] for at in plain) and all(len(after[at]) == 2 for at in plain)
    assert [turn.text for turn in after[2]] == [items[0].text, items[1].text]
    assert all(items[at].text not in [turn.text for turn in after[at]] for at in plain)
    assert [before for at, before in enumerate(after) if at not in plain] == [
        before for at, before in enumerate(alone) if at not in plain]
