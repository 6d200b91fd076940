"""What is said of a view in words: right by the true names and the measured places, also after jitter."""

from __future__ import annotations

import re

import numpy as np
import pytest

from embodied.data.dataset import Dataset
from embodied.data.describing import FAMILIES, Described, Descriptions
from embodied.data.detections import ViewDetections, detect_dataset
from embodied.data.examples import Examples
from embodied.data.jitter import Jitter
from embodied.data.teaching import FOREIGN
from embodied.planning.perception import supports
from embodied.planning.scene import WHOLE_IMAGE
from embodied.prompt import Image, Slot
from envs.interface import Box
from tests.embodied.data.test_examples import MISSED, dataset, make_detector, texts  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def described(dataset: Dataset):  # noqa: F811
    return Descriptions(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0))


def asked(example):
    return re.search(r"Instruction: (.*?)\n", texts(example))[1]


def check(example):
    """The answer is what the names and slots of the prompt say."""
    names, question, said = example.names, asked(example), example.answer[1:]
    named = {f"obj_{j + 1}": name for j, name in enumerate(names)}
    assert texts(example).endswith("\nAnswer:")
    match example.task:
        case "caption":
            assert {part.split(" is a")[0]: part.split(" ", 3)[-1] for part in said.split(", ")} == {
                key: name.split(" ", 1)[-1] if name.startswith("n ") else name for key, name in named.items()}
        case "what":
            assert said.split(" ", 1)[1] == named[re.search(r"obj_\d+", question)[0]]
        case "which":
            assert question == f"Where is the {named[said]}?"
        case "nearest":
            assert named[said.split(",")[0]] == said.split(" ", 2)[2] and named[said.split(",")[0]] not in question
        case "there":
            assert said == "yes" and any(name in question for name in names)
        case "absent":
            assert said == "no" and not any(name in question for name in names)


def test_every_family_is_asked_and_answered_rightly_jittered_or_not(described):
    assert {item.query.family for item in described.items} == {*FAMILIES, "absent"}
    described.jitter = Jitter(drop=1.0)
    for place in range(0, len(described), 3):
        check(described[place])
        check(described.jittered(place, np.random.default_rng(place)))


def test_of_a_whole_image_things_are_called_by_their_places(dataset):  # noqa: F811
    detections = detect_dataset(dataset, "perfect", make_detector, {}, workers=0)
    seen = Descriptions(dataset, detections, scene=WHOLE_IMAGE)
    place = next(i for i, item in enumerate(seen.items) if item.query.family == "which")
    assert re.fullmatch(r" <loc_\d+><loc_\d+>", seen[place].answer)
    assert any(isinstance(segment, Image) for segment in seen[place].prompt.segments)


def test_where_no_word_is_refused_no_refusal_of_a_word_is_taught(dataset):  # noqa: F811
    detections = detect_dataset(dataset, "perfect", make_detector, {}, workers=0)
    shut, opened = Examples(dataset, detections), Examples(dataset, detections, is_open=True)
    refused = [item for item in shut.items if "do not know the word" in getattr(item.query.answer, "reason", "")]
    assert len(shut) - len(opened) == len(refused)
    assert opened.card["left_out"].get(FOREIGN, 0) == len(refused)


def test_of_a_thing_that_is_there_and_was_not_found_nobody_says_that_it_is_not(dataset):  # noqa: F811
    blind = Descriptions(dataset, detect_dataset(dataset, "blind", make_detector, {"missed": MISSED}, workers=0))
    denied = {(item.file, item.view, item.query.answer.text) for item in blind.items if item.query.family == "absent"}
    there = {(file, place, name) for file, episode in enumerate(dataset)
             for place, view in enumerate(episode.views) for name in view.names}
    assert denied and any(name == MISSED for _, _, name in there) and not denied & there


def test_what_carries_a_thing_is_named_through_what_has_no_name():
    boxes = [Box((0.5, 0.0, z), (size, size, 0.04)) for z, size in ((0.02, 0.2), (0.06, 0.1), (0.10, 0.05))]
    slots = tuple(Slot(np.zeros((4, 4, 3), np.uint8), box) for box in boxes)
    assert supports(slots) == [None, 0, 1]
    seen = Described(ViewDetections(slots, ("blue bowl", None, "red block")), {"blue bowl": "obj_1"})
    assert seen.base("red block") == "obj_1, a blue bowl" and seen.base("blue bowl") == "the table"
