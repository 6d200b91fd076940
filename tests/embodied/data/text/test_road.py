"""Texts to learn from: copies are found, prose is told from what is none, and what was left out is counted."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from embodied.data.text.documents import INSTALLED, find_documents
from embodied.data.text.duplicates import Seen, fingerprint, shingles
from embodied.data.text.packing import packed
from embodied.data.text.quality import why_poor
from embodied.data.text.road import CARD, HELD_OUT, LEARNED, Road, prepare, read_texts


def prose(rng: random.Random, count: int = 120) -> str:
    """Sentences of drawn words, long enough to be judged."""
    vocabulary, between = [f"word{i}ing" for i in range(400)], ["the", "of", "and", "that", "with", "is"]
    words = [rng.choice(between if rng.random() < 0.3 else vocabulary) for _ in range(count)]
    return " ".join(word + (".\n" if i % 12 == 11 else "") for i, word in enumerate(words)) + "."


def changed(rng: random.Random, text: str, share: float) -> str:
    """A near copy: some words are others."""
    return " ".join("changed" if rng.random() < share else word for word in text.split())


def test_planted_copies_are_found_and_nothing_else():
    """40 exact and 40 near copies among 200 texts: precision and recall, by what truly has 0.8 in common."""
    rng = random.Random(0)
    texts = [prose(rng) for _ in range(200)]
    exact = [(i, texts[i].upper().replace(" ", "\n")) for i in range(40)]
    near = [(i, changed(rng, texts[i], 0.01) + " changed") for i in range(40, 80)]
    far = [(i, changed(rng, texts[i], 0.25)) for i in range(80, 120)]
    seen, told = Seen(0.8), {}
    for place, text in enumerate(texts):
        assert seen.copy_of(place, text) is None
    for kind, copies in (("exact", exact), ("near", near), ("far", far)):
        told[kind] = [seen.copy_of((kind, place), text) for place, text in copies]
    assert told["exact"] == [("exact", place) for place, _ in exact]
    alike = [_likeness(texts[place], text) >= 0.8 for place, text in near]
    found = [answer == ("near", place) for answer, (place, _) in zip(told["near"], near, strict=True)]
    assert sum(alike) >= 20, "or the test would say nothing"
    assert sum(a and f for a, f in zip(alike, found, strict=True)) >= 0.9 * sum(alike)
    assert not any(f and not a for a, f in zip(alike, found, strict=True)), "what is called a copy is one"
    assert told["far"] == [None] * 40


def _likeness(one: str, other: str) -> float:
    a, b = shingles(one), shingles(other)
    return len(a & b) / len(a | b)


def test_case_spaces_and_unicode_forms_make_no_new_text():
    assert fingerprint("Caf\u00e9  au lait\n") == fingerprint("cafe\u0301 AU lait") != fingerprint("cafe au lait")


@pytest.mark.parametrize(("text", "reason"), [
    ("too short", "length"), ("0.25 1.50 33.1 " * 60, "numbers"), ("{}[]<>|@#$ %^&*=+ " * 60, "symbols"),
    ("a b c d e " * 60, "word length"), ("lorem ipsum dolor sit " * 40, "no sentences"),
    ("the same line of words is here.\n" * 40, "repeated lines")])
def test_what_is_no_prose_is_told(text: str, reason: str):
    assert why_poor(text) == reason


def test_the_docs_of_this_project_are_prose():
    found = {document.source: why_poor(document.text) for document in find_documents(["docs"])
             if document.source.endswith(".md")}
    assert sum(reason is None for reason in found.values()) >= 0.6 * len(found), found


def test_the_whole_way(tmp_path: Path):
    rng, folder = random.Random(1), tmp_path / "found"
    folder.mkdir()
    texts = [prose(rng) for _ in range(60)]
    for i, text in enumerate([*texts, texts[3], changed(rng, texts[4], 0.005), "0.5 " * 80]):
        (folder / f"{i:03d}.md").write_text(text + (" Ask ann@example.org." if i == 7 else ""))
    (tmp_path / "names.txt").write_text("word1ing\n")
    road = Road(folders=(str(folder),), names=str(tmp_path / "names.txt"), held_out_percent=20)
    card = prepare(road, tmp_path / "text")
    learned, held_out = (read_texts(tmp_path / "text", name) for name in (LEARNED, HELD_OUT))
    assert card["counts"]["found"] == 63 and card["counts"]["copies: exact"] == 1
    assert card["counts"].get("copies: near", 0) <= 1 and card["counts"]["poor: numbers"] == 1
    assert len(learned) + len(held_out) in (60, 61) and 3 <= len(held_out) <= 25
    assert card["counts"]["scrubbed: <email>"] == 1 and not any("ann@" in text for text in learned + held_out)
    assert not any("word1ing " in text for text in learned)
    assert prepare(road, tmp_path / "text") == card == json.loads((tmp_path / "text" / CARD).read_text())
    with pytest.raises(ValueError, match="got some of another"):
        prepare(Road(folders=(str(folder),)), tmp_path / "text")


def test_what_is_held_out_is_not_for_the_most_part_in_what_is_learned_from(tmp_path: Path):
    """A text inside a longer one is no near copy of it, and would be read off it."""
    rng, folder = random.Random(2), tmp_path / "found"
    folder.mkdir()
    for i in range(60):
        inner = prose(rng)
        (folder / f"{i:03d}.md").write_text(inner)
        (folder / f"{i:03d}-more.md").write_text(prose(rng, 200) + "\n" + inner)
    card = prepare(Road(folders=(str(folder),), held_out_percent=30), tmp_path / "text")
    learned, held_out = (read_texts(tmp_path / "text", name) for name in (LEARNED, HELD_OUT))
    known = set().union(*map(shingles, learned))
    assert held_out and all(len(shingles(text) & known) <= 0.5 * len(shingles(text)) for text in held_out)
    assert card["counts"]["held out, but for the most part in what is learned from"] > 3


def test_a_bound_on_characters_cuts_the_last_text(tmp_path: Path):
    (tmp_path / "one.md").write_text(prose(random.Random(3), 2000))
    card = prepare(Road(folders=(str(tmp_path),), most_characters=2000), tmp_path / "text")
    assert card["counts"]["found, characters"] == 2000 and card["counts"]["learned"] == 1


def test_folders_without_text_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="which are no folders"):
        prepare(Road(folders=(str(tmp_path / "none"),)), tmp_path / "text")
    with pytest.raises(ValueError, match="got none of 0 that were found"):
        prepare(Road(folders=(str(tmp_path),)), tmp_path / "text")
    assert not (tmp_path / "text").exists()


def test_installed_packages_say_what_they_are():
    some = [document for document, _ in zip(find_documents([INSTALLED]), range(60), strict=False)]
    assert len(some) == 60 and all(document.source and document.text for document in some)


def test_packed_rows_hold_all_tokens_in_order():
    rows = packed([[1, 2, 3], [4], [5, 6, 7, 8]], length=4, end=0)
    assert rows.tolist() == [[1, 2, 3, 0], [4, 0, 5, 6]] and rows.dtype == np.uint32
    assert packed([[1, 2, 3], [4], [5, 6, 7, 8]], length=40, end=0).shape == packed([], 40, 0).shape == (0, 40)
