"""The multimodal-sentence model: arithmetic of the loss, soft tokens, caching, padding, saving, other families."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

from embodied.models.building import Facts, build
from embodied.models.configuration import PalmEConfig
from embodied.models.geometry import GEOMETRY_SIZE
from embodied.models.loading import load, save
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.pointer import Pointer
from embodied.models.processor import PalmEProcessor
from embodied.prompt import Entity, Image, Prompt, Slot, Text
from embodied.training.objectives.losses import IGNORED, next_tokens, token_cross_entropy
from envs.interface import Box

CORPUS = ["Instruction: put the red block in the blue bowl\nPlan: pick(obj_1); place_in(obj_2); done()"] * 4
LLAMA = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
         "tie_word_embeddings": True}
VIT = {"name": "vit_tiny_patch16_224", "image_size": 16,
       "options": {"patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}}
SIGLIP = {"source": "transformers", "image_size": 16, "encoder": {
    "model_type": "siglip_vision_model", "hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 1,
    "num_attention_heads": 2, "patch_size": 8}}
GPT2 = {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
QWEN2 = {**LLAMA, "model_type": "qwen2", "tie_word_embeddings": False}
SEGMENTER = {"widths": [8, 8, 8, 8]}
ANSWER = " pick(obj_1); place_in(obj_2); done()"


def slot(seed: int) -> Slot:
    rng = np.random.default_rng(seed)
    box = Box((0.5 + 0.05 * rng.uniform(), 0.1 * rng.uniform(), 0.02), (0.04, 0.04, 0.04), 0.3)
    return Slot(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8), box, area_px=200)


def prompt(seeds: tuple[int, ...], instruction: str = "put the red block in the blue bowl") -> Prompt:
    objects = [s for j, seed in enumerate(seeds, 1) for s in (Text(f"Obj {j} is "), Entity(j, slot(seed)), Text(". "))]
    return Prompt((Text(f"Instruction: {instruction}\n"), *objects, Text("\nPlan:")))


def image_prompt(seed: int) -> Prompt:
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    return Prompt((Text("Given "), Image("front", pixels), Text(" do it.\nPlan:")))


def make(language=LLAMA, vision=VIT, **more):
    torch.manual_seed(0)
    return build(language, vision, corpus=CORPUS, vocab_size=420, segmenter=SEGMENTER, **more)


@pytest.fixture(scope="module")
def tiny():
    return make(facts=Facts(vocabulary=["put", "red"], plan_language={"skills": []}, cameras={"front": {"width": 192}}))


def test_shapes_and_loss_by_hand(tiny):
    model, processor = tiny
    batch = processor([prompt((1, 2)), prompt((3,))], [ANSWER, " done()"])
    assert batch["pixel_values"].shape == (3, 3, 16, 16)
    assert batch["geometry"].shape == (3, GEOMETRY_SIZE)
    out = model(**batch)
    inputs = {k: v for k, v in batch.items() if k != "labels"}
    logits = model(**inputs).logits
    assert logits.shape == (*batch["input_ids"].shape, len(processor.tokenizer))
    log_probs = logits.log_softmax(dim=-1)
    graded = [-log_probs[b, t - 1, label] for b, row in enumerate(batch["labels"].tolist())
              for t, label in enumerate(row) if label != IGNORED]
    assert len(graded) == len(out.graded_logits)
    torch.testing.assert_close(out.loss, torch.stack(graded).mean(), atol=1e-5, rtol=0)  # float32 rounding


def test_loss_reaches_every_part_that_sees(tiny):
    model, processor = tiny
    model.zero_grad()
    model(**processor([prompt((1, 2))], [ANSWER])).loss.backward()
    for part in (model.vision, model.projector, model.language):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters()), part
    model.zero_grad()


def test_the_head_answers_where_it_is_asked_and_nowhere_else(tiny):
    """Logits of single positions are those of all positions there; the head has seen no others."""
    model, processor = tiny
    batch = processor([prompt((1, 2)), prompt((3,))], [ANSWER, " done()"])
    _, asked = next_tokens(batch.pop("labels"))
    rows, head = [], model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _, inputs, __: rows.append(inputs[0].shape[:-1].numel()))
    with torch.no_grad():
        whole, some, last, picked = (model(**batch, logits_to_keep=keep).logits
                                     for keep in (0, asked, 2, torch.tensor([0, 3])))
    handle.remove()
    assert rows == [asked.numel(), int(asked.sum()), 4, 4] and some.shape == (rows[1], whole.shape[-1])
    for part, same in ((some, whole[asked]), (last, whole[:, -2:]), (picked, whole[:, [0, 3]])):
        torch.testing.assert_close(part, same, atol=1e-5, rtol=0)  # float32 rounding of other matrix shapes


def test_the_loss_of_labels_is_the_objectives_loss(tiny):
    """`forward(labels=)` and an objective that asks the head for the same positions say the same to the last bit."""
    model, processor = tiny
    batch = processor([prompt((1, 2)), prompt((3,))], [ANSWER, " done()"])
    with torch.no_grad():
        whole = model(**batch)
        targets, asked = next_tokens(batch.pop("labels"))
        logits = model(**batch, logits_to_keep=asked).logits
    assert torch.equal(token_cross_entropy(logits, targets[asked]), whole.loss)
    assert torch.equal(logits, whole.graded_logits)


def test_a_batch_without_answers_has_no_loss(tiny):
    model, processor = tiny
    batch = processor([prompt((1,))])
    with pytest.raises(ValueError, match="at least one graded token"):
        model(**batch, labels=torch.full_like(batch["input_ids"], IGNORED))


def test_naming_loss_is_weighed_into_the_loss(tiny):
    model, processor = tiny
    batch = processor([prompt((1, 2))], [ANSWER])
    out = model(**batch, name_ids=processor.name_ids(["red block", None]))
    plain = model(**batch).loss
    torch.testing.assert_close(out.loss, plain + model.config.naming_weight * out.naming_loss)


def test_pictures_change_the_answer(tiny):
    model, processor = tiny
    batch, other = (processor([prompt(seeds)]) for seeds in ((1, 2), (3, 2)))
    assert not torch.allclose(model(**batch).logits[:, -1], model(**other).logits[:, -1], atol=1e-6)


def test_cached_decoding_equals_uncached(tiny):
    model, processor = tiny
    batch = processor([prompt((1, 2)), prompt((3,))], padding_side="left")
    settings = {"max_new_tokens": 8, "do_sample": False, "output_logits": True, "return_dict_in_generate": True}
    cached, plain = (model.generate(**batch, **settings, use_cache=use) for use in (True, False))
    assert torch.equal(cached.sequences, plain.sequences)
    torch.testing.assert_close(torch.stack(cached.logits), torch.stack(plain.logits), atol=1e-4, rtol=0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padded_batch_equals_single(tiny, side):
    model, processor = tiny
    long, short = prompt((1, 2, 3)), prompt((4,))
    batch = model(**processor([long, short], padding_side=side)).logits[1]
    single = model(**processor([short])).logits[0]
    rows = batch[-len(single):] if side == "left" else batch[:len(single)]
    torch.testing.assert_close(rows, single, atol=1e-5, rtol=0)


def test_several_samples_see_their_own_pictures(tiny):
    model, processor = tiny
    batch = processor([prompt((1, 2)), prompt((3,))], padding_side="left")
    assert model._picture_rows(batch["input_ids"], 2).tolist() == [0, 1, 0, 1, 2, 2]
    torch.manual_seed(0)
    many = model.generate(**batch, max_new_tokens=1, do_sample=True, num_return_sequences=3,
                          output_logits=True, return_dict_in_generate=True)
    single = model(**batch).logits[:, -1]
    torch.testing.assert_close(many.logits[0], single.repeat_interleave(3, dim=0), atol=1e-5, rtol=0)


def test_a_placeholder_is_never_said(tiny):
    model, processor = tiny
    batch = processor([prompt((1,))], padding_side="left")
    with torch.no_grad():
        out = model.generate(**batch, max_new_tokens=40, do_sample=True, temperature=50.0)
    said = out[:, batch["input_ids"].shape[1]:]
    assert not model.placeholders(said).any()


def test_wrong_number_of_pictures_is_refused(tiny):
    model, processor = tiny
    batch = processor([prompt((1, 2))])
    with pytest.raises(ValueError, match="expected 1 placeholder"):
        model(**{**batch, "pixel_values": batch["pixel_values"][:1], "geometry": batch["geometry"][:1]})
    with pytest.raises(ValueError, match="placeholder"):
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])


def test_no_objects_in_sight(tiny):
    model, processor = tiny
    batch = processor([prompt(())], [" refuse(I see nothing)"])
    assert torch.isfinite(model(**batch).loss)


def test_slot_placeholder_starts_as_its_name(tiny):
    model, processor = tiny
    ids = processor.tokenizer.convert_tokens_to_ids
    rows = model.get_input_embeddings().weight
    assert torch.equal(rows[ids("<obj_3>")], rows[ids("obj_3")])


def test_round_trip_through_auto_classes(tiny, tmp_path):
    model, processor = tiny
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), PalmEConfig)
    again = AutoModelForImageTextToText.from_pretrained(tmp_path)
    assert isinstance(again, PalmEForConditionalGeneration)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    back = AutoProcessor.from_pretrained(tmp_path)
    assert isinstance(back, PalmEProcessor) and back.to_dict() == processor.to_dict()
    batch, same = processor([prompt((1, 2))]), back([prompt((1, 2))])
    assert all(torch.equal(batch[k], same[k]) for k in batch)
    assert torch.equal(model(**batch).logits, again.eval()(**same).logits)


@pytest.mark.parametrize(("language", "vision", "scene_encoder"), [
    (GPT2, SIGLIP, "slots"),
    (QWEN2, {"name": "resnet10t", "image_size": 32}, "slots"),
    (QWEN2, {"name": "convnext_atto", "image_size": 32,
             "options": {"depths": [1, 1, 1, 1], "dims": [8, 16, 16, 24]}}, "slots"),
    (GPT2, SIGLIP, "image"),
    (LLAMA, {**VIT, "image_size": 32}, "image"),
])
def test_other_families(language, vision, scene_encoder, tmp_path):
    model, processor = make(language, vision, scene_encoder=scene_encoder, soft_tokens=4)
    prompts = [prompt((1, 2)), prompt((3,))] if scene_encoder == "slots" else [image_prompt(1), image_prompt(2)]
    loss = model.train()(**processor(prompts, [ANSWER, " done()"])).loss
    loss.backward()
    assert all(p.grad is not None for p in model.vision.parameters())
    model.eval()
    batch = processor(prompts, padding_side="left")
    ids = model.generate(**batch, max_new_tokens=4, do_sample=False)
    model.save_pretrained(tmp_path)
    again = PalmEForConditionalGeneration.from_pretrained(tmp_path)
    assert torch.equal(again.generate(**batch, max_new_tokens=4, do_sample=False), ids)


def test_published_language_model_grows_by_the_plan_tokens(tmp_path):
    from transformers import AutoModelForCausalLM

    from embodied.models.configuration import language_config
    from embodied.models.tokens import train_tokenizer

    words = train_tokenizer(CORPUS, 400)
    published = AutoModelForCausalLM.from_config(language_config({**LLAMA, "vocab_size": 300, "pad_token_id": 0}))
    published.save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    model, processor = build(str(tmp_path), VIT)
    assert model.get_input_embeddings().num_embeddings == len(processor.tokenizer)
    kept = model.language.model.layers[0].mlp.up_proj.weight
    assert torch.equal(kept, published.model.layers[0].mlp.up_proj.weight)
    assert torch.isfinite(model(**processor([prompt((1,))], [ANSWER])).loss)


def test_frozen_language_learns_nothing_but_shows_the_eyes(tmp_path):
    made, processor = make(language_is_frozen=True)
    for model in (made, load(save(made, processor, tmp_path / "planner"))[0]):
        model(**processor([prompt((1, 2))], [ANSWER])).loss.backward()
        assert all(p.grad is None for p in model.language.parameters())
        assert all(p.grad is not None for p in model.vision.parameters())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: make({**LLAMA, "model_type": "lama"}), "llama"),
    (lambda: make(vision={"name": "vit_tiny_patch16_225"}), "vit_tiny_patch16_224"),
    (lambda: make(vision={**VIT, "options": {"patchsize": 8}}), "patch_size"),
    (lambda: make(vision={**VIT, "options": {"layers": [1]}}), "options it takes"),
    (lambda: make(scene_encoder="image", soft_tokens=7), "square"),
    (lambda: build("no/such/folder", VIT), "a hub that can be reached"),
])
def test_bad_configuration_is_explained(call, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=message):
        call()


def test_weights_of_another_shape_are_refused_by_name(tiny, tmp_path):
    model, _ = tiny
    model.save_pretrained(tmp_path)
    config = PalmEConfig.from_pretrained(tmp_path)
    config.projector_width = 64
    with pytest.raises(ValueError, match=r"mismatched: .*projector"):
        PalmEForConditionalGeneration.from_pretrained(tmp_path, config=config)
    config = PalmEConfig.from_pretrained(tmp_path)
    config.text_config.num_hidden_layers = 3
    with pytest.raises(ValueError, match=r"missing: language\.model\.layers\.2"):
        PalmEForConditionalGeneration.from_pretrained(tmp_path, config=config)


def test_a_name_is_scored_by_its_objects_look():
    pointer = Pointer(4)
    keys = pointer.keys(torch.tensor([[3.0, 0, 0, 0], [0, 2.0, 0, 0]]), torch.zeros(2, 4))
    scores = pointer(torch.tensor([[[0.0, 5.0, 0, 0]]]), keys[None])
    assert scores.tolist() == [[[0.0, 5.0]]]  # likeness to a soft token of length one


def test_the_pointer_adds_to_the_scores_of_names_alone(tiny):
    """Logits with and without the pointer's keys differ at the names of the objects in sight, and nowhere else."""
    model, processor = tiny
    batch = processor([prompt((1, 2))])
    with torch.no_grad():
        out = model(**batch)
        hidden = model.body(**batch).last_hidden_state
        changed = (out.logits - model.get_output_embeddings()(hidden)).abs().amax(dim=(0, 1)) > 1e-6
    assert torch.where(changed)[0].tolist() == processor.tokenizer.convert_tokens_to_ids(["obj_1", "obj_2"])


def test_the_pointer_says_the_same_of_many_states_as_of_few():
    torch.manual_seed(0)
    pointer, hidden, keys = Pointer(4), torch.randn(2, 7, 4), torch.randn(2, 3, 4)
    torch.nn.init.normal_(pointer.query.weight)
    few = torch.cat([pointer(part, keys) for part in hidden.split(2, dim=1)], dim=1)
    torch.testing.assert_close(pointer(hidden, keys), few)


def test_pictures_that_several_sentences_show_are_looked_at_once(tiny):
    """Same loss, same gradients as with each picture as often as it is shown."""
    model, processor = tiny
    one, other = prompt((1, 2)), prompt((3,))
    again = Prompt((Text("Instruction: take it\n"), *one.segments[1:]))
    found = []
    for has_repeats in (False, True):
        batch = processor([one, other, again], [ANSWER, " done()", ANSWER], has_repeats=has_repeats)
        assert len(batch["pixel_values"]) == len(batch["geometry"]) == (3 if has_repeats else 5)
        model.zero_grad(set_to_none=True)
        loss = model(**batch).loss
        loss.backward()
        found.append((loss.detach(), model.projector.out.weight.grad, model.vision.body.patch_embed.proj.weight.grad))
    assert batch["picture_ids"].tolist() == [0, 1, 2, 0, 1]
    torch.testing.assert_close(*found)
    model.zero_grad(set_to_none=True)
