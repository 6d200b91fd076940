"""Records of preferences: what is written is read back, what is none is refused by line and field, and raters agree."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from embodied.data.preferences import (
    OUTCOMES,
    PAIRS,
    Pair,
    PairOutcome,
    Preference,
    PreferenceError,
    agreement,
    agreements,
    append_preference,
    from_forks,
    last_said,
    read_preferences,
    write_lines,
    write_preferences,
)
from embodied.data.prompts import read_prompts, write_prompts
from embodied.prompt import Entity, Image, Prompt, Slot, State, Text
from envs.interface import Box

PAIR = Pair("3.0.1", "put the 红 block in the bowl", 3, ({"skill": 1, "box": [[0.5, 0.0]]},), "3.0", (" a", " b"))
SAID = Preference(PAIR, "second", "anna", "2026-01-31T12:00:00+00:00")


def test_what_is_added_line_by_line_is_read_back(tmp_path: Path):
    path = tmp_path / "said.jsonl"
    other = Preference(PAIR, "tie", "anna", "2026-01-31T12:00:09+00:00")
    append_preference(path, SAID)
    append_preference(path, other)
    assert read_preferences(path) == [SAID, other]
    assert last_said(read_preferences(path)) == [other], "the last word counts"
    write_preferences(path, [other])
    assert read_preferences(path) == [other]


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path):
    path = tmp_path / "said.jsonl"
    path.write_text('{"id": "3.0')
    append_preference(path, SAID)
    with pytest.raises(PreferenceError, match=r"said.jsonl, line 1: .*mend or remove"):
        read_preferences(path)
    path.write_text(path.read_text().split("\n", 1)[1])
    assert read_preferences(path) == [SAID]


@pytest.mark.parametrize(("field", "value", "said"), [
    ("choice", "third", "choice: expected one of first, second, tie, unsure, got 'third'"),
    ("plans", [" a"], r"plans: expected two of str, got \[' a'\]"), ("plans", [" a", 3], "plans: expected two"),
    ("seed", -1, "seed: expected a whole number"), ("seed", True, "seed: expected a whole number"),
    ("history", [3], "history: expected a list of actions"), ("rater", "", "rater: expected at least one letter"),
    ("time", "yesterday", "time: expected ISO 8601, got 'yesterday'"), ("moment", None, "moment: expected str")])
def test_a_line_that_is_none_is_refused_by_its_field(tmp_path: Path, field: str, value: object, said: str):
    path = tmp_path / "said.jsonl"
    line = {**asdict(PAIR), "choice": "tie", "rater": "anna", "time": SAID.time}
    path.write_text(json.dumps(line) + "\n" + json.dumps({**line, field: value}) + "\n")
    with pytest.raises(PreferenceError, match=rf"said.jsonl, line 2: {said}"):
        read_preferences(path)


@pytest.mark.parametrize(("success", "progress", "choice"), [
    ((True, False), (1.0, 1.0), "first"), ((False, False), (0.2, 0.5), "second"), ((False, False), (0.5, 0.5), "tie")])
def test_forks_prefer_what_more_followed_from(tmp_path: Path, success, progress, choice):
    write_lines(tmp_path / PAIRS, [asdict(PAIR)])
    write_lines(tmp_path / OUTCOMES, [asdict(PairOutcome(PAIR.id, success, progress))])
    [found] = from_forks(tmp_path)
    assert (found.pair, found.choice, found.rater) == (PAIR, choice, "forks")


def test_agreement_is_what_goes_beyond_chance():
    """Ten pairs, 8 of them alike, first said by each of 6, second of 4, one unsure beside. Chance: .6 x .6 + .4 x .4 =
    .52; kappa = (.8 - .52) / .48."""
    ours = ["first"] * 6 + ["second"] * 4
    theirs = ["first"] * 5 + ["second"] + ["first"] * 1 + ["second"] * 3
    first = {str(i): one for i, one in enumerate([*ours, "unsure"])}
    second = {str(i): one for i, one in enumerate([*theirs, "first"])}
    found = agreement(("a", "b"), first, second)
    assert found is not None and found.pairs == 10
    assert found.share == pytest.approx(0.8) and found.kappa == pytest.approx((0.8 - 0.52) / 0.48)
    assert agreement(("a", "b"), {"1": "tie"}, {"2": "tie"}) is None
    alike = agreement(("a", "b"), {"1": "tie"}, {"1": "tie"})
    assert alike is not None and alike.kappa is None, "chance alone would agree as much"
    said = [Preference(PAIR, "tie", name, SAID.time) for name in "cab"]
    assert [one.raters for one in agreements(said)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_prompts_come_back_as_they_were(tmp_path: Path):
    rng = np.random.default_rng(0)
    slot = Slot(rng.integers(0, 255, (4, 4, 3)).astype(np.uint8), Box((0.5, 0.1, 0.02), (0.04, 0.04, 0.04), 0.3),
                pixel=(3, 4), area_px=12, window=(0.1, 0.2, 0.3, 0.4), width_m=0.04)
    prompt = Prompt((Text("<obj_1>"), Entity(2, slot), Image("front", slot.crop), State(np.ones(3, np.float32))))
    write_prompts(tmp_path / "p.safetensors", {"3.0": prompt, "4.0": Prompt((Text("hello"),))})
    found = read_prompts(tmp_path / "p.safetensors")
    assert found["4.0"] == Prompt((Text("hello"),))
    text, entity, image, state = found["3.0"].segments
    assert text == Text("<obj_1>") and entity.index == 2 and image.camera == "front"
    assert np.array_equal(entity.slot.crop, slot.crop) and np.array_equal(image.pixels, slot.crop)
    assert np.array_equal(state.vector, np.ones(3)) and state.vector.dtype == np.float32
    assert (entity.slot.box, entity.slot.pixel, entity.slot.window, entity.slot.width_m) == (
        slot.box, slot.pixel, slot.window, slot.width_m)
    (tmp_path / "p.safetensors").write_bytes(b"no such thing")
    with pytest.raises(ValueError, match=r"p.safetensors: expected prompts"):
        read_prompts(tmp_path / "p.safetensors")
