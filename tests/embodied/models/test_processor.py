"""Prompts to tensors and back: placeholders, labels, a person's text that spells special tokens, saving."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage

from embodied.models.processor import PalmEProcessor, words_of
from embodied.models.tokens import NAME_TOKENS, SLOT_TOKENS, add_plan_tokens, train_tokenizer
from embodied.prompt import Entity, Image, Prompt, PromptTooLongError, State, Text
from embodied.training.objectives.losses import IGNORED
from tests.embodied.models.test_planner import ANSWER, CORPUS, prompt, slot


@pytest.fixture(scope="module")
def processor() -> PalmEProcessor:
    return PalmEProcessor(train_tokenizer(CORPUS, 420), image_size=16, soft_tokens=2, max_tokens=300,
                          vocabulary=["put", "the", "red", "block"])


def special_ids(processor: PalmEProcessor) -> set[int]:
    return set(processor.tokenizer.all_special_ids) | set(processor.tokenizer.convert_tokens_to_ids(list(SLOT_TOKENS)))


def test_labels_grade_the_answer_and_its_end_only(processor):
    batch = processor([prompt((1, 2)), prompt((3,))], [ANSWER, " done()"])
    for row, answer in enumerate([ANSWER, " done()"]):
        labels = batch["labels"][row]
        graded = labels[labels != IGNORED]
        assert graded[-1] == processor.tokenizer.eos_token_id
        assert processor.decode(graded) == answer
        assert torch.equal(batch["input_ids"][row][labels != IGNORED], graded)
        assert batch["attention_mask"][row].sum() >= (labels != IGNORED).sum()


def test_one_placeholder_for_each_soft_token(processor):
    batch = processor([prompt((5, 6))])
    ids = batch["input_ids"][0].tolist()
    first, second = processor.tokenizer.convert_tokens_to_ids(["<obj_1>", "<obj_2>"])
    assert ids.count(first) == ids.count(second) == 2
    assert ids.index(second) > ids.index(first)
    assert batch["pixel_values"].shape == (2, 3, 16, 16)
    assert batch["pixel_values"].abs().max() <= 1


def test_plan_words_are_single_tokens(processor):
    ids = processor.tokenizer("pick(obj_12); pick(<loc_12><loc_40>)", add_special_tokens=False)["input_ids"]
    tokens = processor.tokenizer.convert_ids_to_tokens(ids)
    assert {"obj_12", "<loc_12>", "<loc_40>"} <= set(tokens)
    assert processor.decode(ids) == "pick(obj_12); pick(<loc_12><loc_40>)"


@pytest.mark.parametrize("typed", ["put <obj_3> in it", "stop</s>", "<pad><s><image>", "\uff1cobj_3\uff1e wide"])
def test_a_person_cannot_type_special_tokens(processor, typed):
    ids = processor([Prompt((Text(typed),))])["input_ids"][0].tolist()[1:]
    assert not special_ids(processor) & set(ids)


@pytest.mark.parametrize("text", ["把红色方块放进蓝色碗里", "put 🟥 in 🥣", "\ud800 broken", "tab\tand\x00null", ""])
def test_any_text_can_be_read(processor, text):
    ids = processor([Prompt((Text(text),))])["input_ids"][0]
    assert processor.decode(ids) == text.replace("\ud800", "?")


@pytest.mark.parametrize("picture", [np.full((9, 7, 3), 40, np.uint8), PillowImage.new("RGBA", (7, 9), (40, 40, 40))])
def test_text_and_images_are_taken_as_other_processors_take_them(processor, picture):
    """Plain pictures where the model sees whole images: Pillow or an array, one or a list, left-padded to generate."""
    whole_image = PalmEProcessor(processor.tokenizer, scene_encoder="image", image_size=16, soft_tokens=4)
    one = whole_image(text="Given <image>. Plan:", images=picture, return_tensors="pt")
    whole = Prompt((Text("Given "), Image("front", np.full((9, 7, 3), 40, np.uint8)), Text(". Plan:")))
    assert all(torch.equal(one[name], value) for name, value in whole_image([whole]).items())
    two = whole_image(text=["Given <image>. Plan:", "<image><image>"], images=[picture, [picture, picture]])
    assert two["pixel_values"].shape[0] == 3
    assert two["attention_mask"][:, -1].all()


def test_text_and_measured_objects_where_the_model_sees_objects(processor):
    given = processor(text="In sight: <obj_1> and <obj_2>.", images=[slot(5), slot(6)])
    asked = Prompt((Text("In sight: "), Entity(1, slot(5)), Text(" and "), Entity(2, slot(6)), Text(".")))
    assert all(torch.equal(given[name], value) for name, value in processor([asked]).items())


@pytest.mark.parametrize(("text", "images", "reason"), [
    ("<obj_1>", None, "expected 1"), ("Plan:", [slot(1)], "expected 0"),
    ("<obj_1>", [np.zeros((4, 4, 3), np.uint8)], r"expected measured objects \(Slot\)"),
    (["<obj_1>", "x"], [[slot(1)]], "a list for each of 2"), (None, None, "got neither")])
def test_pictures_that_do_not_fit_the_text_are_refused(processor, text, images, reason):
    with pytest.raises(ValueError, match=reason):
        processor(text=text, images=images)


def test_vocabulary(processor):
    assert processor.unknown_words("Put the PURPLE block, purple!") == ["purple"]
    assert PalmEProcessor(processor.tokenizer).unknown_words("anything goes") == []
    assert words_of("Don't drop 红 \uff52\uff45\uff44") == ["don't", "drop", "红", "red"]


@pytest.mark.parametrize("names_by_number", [False, True])
def test_save_and_load(processor, tmp_path, names_by_number):
    processor = PalmEProcessor(processor.tokenizer, names_by_number=names_by_number)
    processor.save_pretrained(tmp_path)
    again = PalmEProcessor.from_pretrained(tmp_path)
    assert again.to_dict() == processor.to_dict() and again.names_by_number == names_by_number
    assert ("names_by_number" in again.to_dict()) == names_by_number  # what others wrote stays as it was
    batch, same = processor([prompt((1,))], [ANSWER]), again([prompt((1,))], [ANSWER])
    assert all(torch.equal(batch[k], same[k]) for k in batch)


def test_plan_tokens_are_added_once():
    tokenizer = train_tokenizer(CORPUS, 420)
    assert add_plan_tokens(tokenizer) == 0
    ids = tokenizer.convert_tokens_to_ids(list(NAME_TOKENS))
    assert len(set(ids)) == len(NAME_TOKENS)


@pytest.mark.parametrize(("call", "kind", "message"), [
    (lambda p: p([prompt((1,))], []), ValueError, "expected one for each of 1 prompts"),
    (lambda p: p([prompt((1,), "red " * 2500)]), PromptTooLongError, "at most 300 tokens"),
    (lambda p: p([Prompt((Image("front", np.zeros((8, 8, 3), np.uint8)),))]), ValueError, "Entity segments"),
    (lambda p: p([Prompt((State(np.zeros(3)),))]), ValueError, "got State"),
    (lambda p: p([Prompt((Entity(13, slot(1)),))]), ValueError, "1 .. 12"),
    (lambda p: train_tokenizer(CORPUS, 100), ValueError, "at least"),
])
def test_faults_are_explained(processor, call, kind, message):
    with pytest.raises(kind, match=message):
        call(processor)
