"""Examples say what the expert would, in the words of what was seen."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from embodied.data import detections
from embodied.data.collect import CollectSpec, collect
from embodied.data.dataset import Dataset
from embodied.data.detections import ViewDetections, detect_dataset, perceived_path
from embodied.data.examples import Examples, Jitter, by_slot
from embodied.data.recolor import reworded
from embodied.data.teaching import UNSEEN
from embodied.planning.language import parse
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import MAX_OBJECTS, Entity, Slot, Text
from envs.interface import Box
from envs.skills.signatures import TABLETOP
from tests.embodied.data.fake_env import ID

MISSED = "green bowl"


def make_detector(missed: str | None = None):
    """Eyes that see every entity but one; the crop is as bright as the entity's place in the list."""
    def see(view):
        seen = [i for i, name in enumerate(view.names) if name not in (view.held, missed)]
        slots = [Slot(np.full((4, 4, 3), 10 * i + 10, np.uint8), Box(tuple(map(float, view.poses[i, :3])), (0.04,) * 3),
                      "front", (i, i), 50) for i in seen]
        return ViewDetections(tuple(slots), tuple(view.names[i] for i in seen))

    return see


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("episodes")
    collect(CollectSpec(env_id=ID, disturbance=0.4), folder, episodes=30, executed_fraction=0.5, workers=0)
    return Dataset(folder)


@pytest.fixture(scope="module")
def examples(dataset):
    return Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0))


def texts(example):
    return "".join(s.text if isinstance(s, Text) else f"<{s.index}>" for s in example.prompt.segments)


def test_every_answer_parses_and_names_what_the_expert_means(examples):
    for place, item in enumerate(examples.items):
        example = examples[place]
        plan = parse(example.answer[1:], TABLETOP, objects=len(item.detected.slots))
        assert example.answer.startswith(" ") and plan.refusal == getattr(item.query.answer, "reason", None)
        named = [item.detected.names[int(c.arguments[0].words[4:]) - 1] for c in plan.calls]
        assert sorted(named) == sorted(name for _, name in item.query.calls)


def test_in_other_colors_the_answer_means_what_the_words_name(dataset):
    turned = Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0),
                      jitter=Jitter(recolor=1.0, drop=0.0))
    for place, item in enumerate(turned.items):
        rng = np.random.default_rng(place)
        sight = turned.sight(place, rng)
        example = turned.worded(place, sight, rng)
        plan = parse(example.answer[1:], TABLETOP, objects=len(item.detected.slots))
        named = [example.names[int(c.arguments[0].words[4:]) - 1] for c in plan.calls]
        assert sight.colors and sorted(named) == sorted(reworded(name, sight.colors) for _, name in item.query.calls)
        assert texts(example).split("\n")[0] == f"Instruction: {reworded(item.query.instruction, sight.colors)}"
        assert [slot.box.yaw for slot in sight.detected.slots] == [slot.box.yaw for slot in item.detected.slots]


def test_the_hand_and_the_last_failure_are_in_the_sentence(examples):
    full = [i for i, item in enumerate(examples.items) if item.held is not None]
    failed = [i for i, item in enumerate(examples.items) if item.last is not None]
    assert full and failed
    assert "In hand: <" in texts(examples[full[0]]) and "Last: pick failed" in texts(examples[failed[0]])
    entities = [s for s in examples[full[0]].prompt.segments if isinstance(s, Entity)]
    assert len(entities) == len(examples.items[full[0]].detected.slots) + 1


def test_pairs_in_any_order_are_said_in_the_order_of_slots():
    calls = [("place_on", "a"), ("pick", "c"), ("place_in", "x"), ("pick", "b"), ("place_in", "y")]
    said = by_slot(calls, {"a": 0, "b": 1, "c": 2, "x": 3, "y": 4}, TABLETOP)
    assert said == [("place_on", "a"), ("pick", "b"), ("place_in", "y"), ("pick", "c"), ("place_in", "x")]


def test_queries_about_what_was_not_seen_are_left_out(dataset, examples):
    fewer = Examples(dataset, detect_dataset(dataset, "blind", make_detector, {"missed": MISSED}, workers=0))
    assert 0 < len(fewer) < len(examples) and fewer.card["left_out"] == {UNSEEN: fewer.card["queries"] - len(fewer)}
    assert not any(MISSED in {name for _, name in item.query.calls} for item in fewer.items)


def test_jitter_is_seeded_small_and_never_drops_what_is_needed(examples):
    place = next(i for i, item in enumerate(examples.items) if len(item.query.calls) == 2)
    examples.jitter = Jitter(drop=1.0)
    rngs = [np.random.default_rng(s) for s in (0, 0, 1)]
    one, same, other = (examples.worded(place, examples.sight(place, rng), rng) for rng in rngs)
    entities = [[s.slot for s in e.prompt.segments if isinstance(s, Entity)] for e in (one, same, other)]
    assert [s.box for s in entities[0]] == [s.box for s in entities[1]] != [s.box for s in entities[2]]
    item = examples.items[place]
    assert len(entities[0]) == len(item.detected.slots) - 1
    plan = parse(one.answer[1:], TABLETOP, objects=len(entities[0]))
    for call, (_, name) in zip(plan.calls, item.query.calls, strict=True):
        seen = entities[0][int(call.arguments[0].words[4:]) - 1].box.center
        true = item.detected.slots[item.detected.names.index(name)].box.center
        assert np.abs(np.subtract(seen, true)).max() < 0.012


def renamed(text: str, called: dict[str, str]) -> str:
    """The text with things called otherwise."""
    return re.sub(r"(?<=obj_)[0-9]+|(?<=<)[0-9]+", lambda number: called[number[0]], text)


def test_things_may_be_named_by_other_numbers_and_everything_follows(examples):
    """Every name is learned then, in scenes of fewer things than there are names."""
    examples.jitter, seen, bases = Jitter(0.0, 0.0, numbers=1.0, drop=0.0), set(), 0
    for place in range(len(examples)):
        example, plain = examples.jittered(place, np.random.default_rng(place)), examples[place]
        shown, usual = ([s for s in e.prompt.segments if isinstance(s, Entity)] for e in (example, plain))
        numbers = [entity.index for entity in shown]
        assert numbers == sorted(set(numbers)) and numbers[-1] <= MAX_OBJECTS
        assert [e.slot.box for e in shown] == [e.slot.box for e in usual], "the same things in the same order"
        called = {str(old.index): str(new.index) for old, new in zip(usual, shown, strict=True)}
        assert example.answer == renamed(plain.answer, called), "a plan points at the same things"
        bases += texts(plain).count(" on obj_")
        assert texts(example) == renamed(texts(plain), called)
        seen |= set(numbers)
    assert bases and len(seen) > max(len(item.detected.slots) + 1 for item in examples.items)


def test_image_seeing_examples_point_at_pixels(dataset, examples):
    pointing = Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0), scene=WHOLE_IMAGE)
    place = next(i for i, item in enumerate(pointing.items) if item.query.calls)
    example, (column, row) = pointing[place], pointing.items[place].detected.slots[0].pixel
    assert example.prompt.segments[1].pixels.shape == (48, 48, 3)
    assert parse(example.answer[1:], TABLETOP, objects=0, locations=64).calls
    names = pointing.items[place].detected.names
    if names[0] == pointing.items[place].query.calls[0][1]:
        assert f"<loc_{column * 64 // 48}><loc_{row * 64 // 48}>" in example.answer


def make_dizzy():
    """Eyes that see something nowhere."""
    return lambda view: ViewDetections((Slot(np.zeros((4, 4, 3), np.uint8), Box((np.nan, 0, 0), (0.04,) * 3)),),
                                       (None,))


def test_eyes_that_measure_no_number_are_refused_and_the_episode_is_named(dataset):
    with pytest.raises(ValueError, match=r"(?s)episode 0: .*slot 1: expected a finite box"):
        detect_dataset(dataset, "dizzy", make_dizzy, {}, workers=0)


def test_sights_of_before_slots_had_a_window_are_made_again(dataset):
    first = detect_dataset(dataset, "older", make_detector, {}, workers=0)
    path = perceived_path(dataset, "older")
    with np.load(path) as members:
        notes, rest = json.loads(members["notes"].tobytes())
        text = json.dumps([notes, [facts[:4] for facts in rest]]).encode()
        np.savez(path, crops=members["crops"], boxes=members["boxes"], notes=np.frombuffer(text, np.uint8))
    again = detect_dataset(dataset, "older", make_detector, {"missed": MISSED}, workers=0)
    assert [s.names for s in again.values()] != [s.names for s in first.values()], "looked at, not read"


def test_sights_of_another_making_of_slots_are_made_again(dataset, monkeypatch):
    first = detect_dataset(dataset, "same", make_detector, {}, workers=0)
    monkeypatch.setattr(detections, "SLOTS_VERSION", detections.SLOTS_VERSION + 1)
    again = detect_dataset(dataset, "same", make_detector, {"missed": MISSED}, workers=0)
    assert [s.names for s in again.values()] != [s.names for s in first.values()], "looked at, not read"


def test_sights_are_kept_and_damaged_ones_made_again(dataset):
    first = detect_dataset(dataset, "kept", make_detector, {}, workers=0)
    again = detect_dataset(dataset, "kept", make_detector, {"missed": MISSED}, workers=0)  # read, not looked at
    assert [s.names for s in first.values()] == [s.names for s in again.values()]
    assert all(np.array_equal(a.crop, b.crop) and a.camera == b.camera and a.pixel == b.pixel
               for key in first for a, b in zip(first[key].slots, again[key].slots, strict=True))
    path = perceived_path(dataset, "kept")
    with np.load(path) as members:
        boxes = members["boxes"].copy()
        boxes[3, 1] = np.nan
        np.savez(path, crops=members["crops"], boxes=boxes, notes=members["notes"])
    assert detect_dataset(dataset, "kept", make_detector, {}, workers=0).keys() == first.keys()
    path.write_bytes(path.read_bytes()[:1000])
    assert detect_dataset(dataset, "kept", make_detector, {}, workers=0).keys() == first.keys()
