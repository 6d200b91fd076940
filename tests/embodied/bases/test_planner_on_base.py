"""A planner on a base: the base stays as it is on the disk and, adapters off, to the bit; a checkpoint is the rest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from embodied.agents.backends.local import LocalBackend
from embodied.agents.shipped import load_agent
from embodied.bases.cache import weights_sha256
from embodied.models import load, save
from embodied.models.adaptation import Adaptation
from embodied.models.base_reference import reference_of
from embodied.models.building import build
from embodied.models.checkpoint_checks import CheckpointError
from embodied.models.folder import check_folder
from embodied.models.language import build_language
from embodied.models.on_base import adapters_off, merge_adapters
from embodied.models.weights import load_weights, weights_to_bytes
from embodied.planning.constrain import PlanConstraint, compile_tokenizer
from embodied.planning.grammar import plan_grammar
from embodied.prompt import Prompt, Text
from envs.skills.signatures import TABLETOP
from tests.embodied.agents.test_batches import prompt
from tests.embodied.bases import made
from tests.embodied.models.test_decoding import asked_of, generated

VISION = {"name": "vit_tiny_patch16_224", "image_size": 32,
          "options": {"patch_size": 8, "embed_dim": 48, "depth": 1, "num_heads": 3}}


def planner(base: Path, kind: str = "lora", **values):
    torch.manual_seed(1)
    return build(str(base), VISION, adaptation=Adaptation(kind=kind, layers=1, **values).values())


def speak_up(model) -> None:
    """Have fresh adapters, which say nothing, say something."""
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)


def ids_of(processor) -> torch.Tensor:
    return torch.tensor([processor.tokenizer("put 17 red blocks away", add_special_tokens=False)["input_ids"]])


@pytest.fixture(scope="module", params=["llama", "qwen2", "gpt2"])
def base(request, tmp_path_factory) -> Path:
    return made.folder(tmp_path_factory.mktemp("bases") / request.param, request.param, spare_rows=5)


def test_a_checkpoint_is_the_reference_adapters_and_eyes(base, tmp_path):
    model, processor = planner(base)
    speak_up(model)
    before = {path.name: path.read_bytes() for path in base.iterdir()}
    folder = save(model, processor, tmp_path / "planner")
    assert json.loads((folder / "config.json").read_text())["base"] == {
        "name": str(base), "sha256": weights_sha256(base)}
    kept = set(model.state_dict())
    assert any(".lora_A." in name for name in kept) and "new_words.rows" in kept
    assert not any(name.startswith("language.") and ".lora_" not in name for name in kept)
    loaded, read = load(folder)
    ids = ids_of(processor)
    assert torch.equal(ids, ids_of(read)) and torch.equal(model(input_ids=ids).logits, loaded(input_ids=ids).logits)
    assert before == {path.name: path.read_bytes() for path in base.iterdir()}


def test_a_folder_is_named_by_its_whole_path_however_it_was_given(tmp_path, monkeypatch):
    base = made.folder(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    for given in ("base", "./base", "base/", str(base)):
        assert reference_of(given)["name"] == str(base)


def test_adapters_off_is_the_base_to_the_bit_and_merged_is_the_same(base):
    model, processor = planner(base)
    speak_up(model)
    ids, first = ids_of(processor), model.config.new_word_first_id
    with torch.inference_mode():
        published = build_language(str(base)).eval()(ids).logits[..., :first]
        learned = model(input_ids=ids).logits
        with adapters_off(model.language):
            assert torch.equal(model(input_ids=ids).logits[..., :first], published)
        assert torch.equal(model(input_ids=ids).logits, learned) and not torch.equal(learned[..., :first], published)
        merge_adapters(model.language)
        merged = model(input_ids=ids).logits
    assert (merged - learned).square().mean().sqrt() < 1e-5 * learned.square().mean().sqrt()


@pytest.mark.parametrize("kind", ["lora", "frozen", "last", "full", "random"])
def test_what_moves_is_what_was_chosen(kind, tmp_path):
    base = made.folder(tmp_path / "base")
    model, processor = planner(base, kind, dora=kind == "lora")
    moving = {name for name, p in model.language.named_parameters() if p.requires_grad}
    assert {"lora": all(".lora_" in name for name in moving) and moving, "frozen": not moving,
            "last": moving and all("layers.1." in name or "norm" in name for name in moving),
            "full": len(moving) == len(list(model.language.named_parameters())), "random": moving}[kind]
    assert (model.config.base is None) == (kind in ("full", "random"))
    published = build_language(str(base))
    is_published = torch.equal(model.get_input_embeddings().weight, published.get_input_embeddings().weight)
    assert is_published == (kind != "random")
    batch = processor([Prompt((Text("put the red block away\nPlan:"),))] * 2, [" done()", " pick(obj_1)"])
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(2):
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()
    loaded, _ = load(save(model, processor, tmp_path / "planner"))
    assert torch.equal(model(input_ids=ids_of(processor)).logits, loaded(input_ids=ids_of(processor)).logits)
    if model.config.base is not None and kind != "last":
        learned = {name.replace(".base_layer", ""): tensor for name, tensor in loaded.language.state_dict().items()}
        assert all(torch.equal(learned[name], tensor) for name, tensor in published.state_dict().items())


def test_weights_that_are_sent_are_without_the_base(base):
    model, _ = planner(base)
    speak_up(model)
    other, _ = planner(base)
    load_weights(other, sent := weights_to_bytes(model))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert len(sent) < weights_size(model)


def weights_size(model) -> int:
    return sum(p.numel() * p.element_size() for p in model.parameters())


def test_new_words_begin_as_what_they_were_written_in_and_names_are_shared(base):
    model, processor = planner(base)
    slot, name = processor.tokenizer.convert_tokens_to_ids(["<obj_3>", "obj_3"])
    rows = model.word_rows
    assert torch.equal(rows[slot], rows[name]) and len(rows) == len(processor.tokenizer)
    assert torch.equal(rows[:model.config.new_word_first_id],
                       model.get_input_embeddings().weight[:model.config.new_word_first_id])


def test_the_grammar_holds_with_a_published_tokenizer(base):
    model, processor = planner(base)
    grammar = plan_grammar(TABLETOP, 3)
    batch = processor([Prompt((Text("put the red block away\nPlan:"),))], padding_side="left")
    constraint = PlanConstraint(compile_tokenizer(processor.tokenizer), [grammar])
    from transformers import LogitsProcessorList

    masks = LogitsProcessorList([constraint])
    out = model.generate(**batch, max_new_tokens=60, do_sample=False, logits_processor=masks)
    text = processor.decode(out[0, batch["input_ids"].shape[1]:])
    assert text.startswith((" pick(obj_", " done()", " refuse(", " place", " home()"))


def test_an_agent_has_base_and_adapters_in_one_unless_it_takes_other_weights(base, tmp_path):
    model, processor = planner(base)
    speak_up(model)
    folder = save(model, processor, tmp_path / "planner")
    merged, apart = load_agent(folder), load_agent(folder, takes_weights=True)
    layers = [m for m in merged.backend.model.language.modules() if hasattr(type(m), "merged_adapters")]
    assert layers and all(layer.merged for layer in layers)
    answers = [agent.backend.complete(prompt(2, 3), None, max_new_tokens=12, seed=0) for agent in (merged, apart)]
    assert answers[0].token_ids == answers[1].token_ids
    apart.backend.load_weights(weights_to_bytes(planner(base)[0]), version=1)
    other = apart.backend.complete(prompt(2, 3), None, max_new_tokens=12, seed=0)
    assert other.log_probs != pytest.approx(answers[1].log_probs)
    with pytest.raises(ValueError, match="takes_weights=True"):
        merged.backend.load_weights(weights_to_bytes(model), version=1)


def test_the_decoding_loop_writes_what_generate_does(base):
    """With pictures, new words, and adapters that say something."""
    model, processor = planner(base)
    speak_up(model)
    backend = LocalBackend(model, processor)
    for words, objects in ((0, 3), (4, 5)):
        answer = asked_of(backend, prompt(words, objects), objects)
        assert list(answer.token_ids) == generated(backend, answer.prompt, answer.grammar)


def test_another_base_is_refused(tmp_path):
    base = made.folder(tmp_path / "base")
    folder = save(*planner(base), tmp_path / "planner")
    shutil.rmtree(base)
    made.folder(base, seed=7)
    with pytest.raises(CheckpointError, match="says nothing on another; use the base that it was trained on"):
        load(folder)


def test_a_base_that_is_gone_is_said_before_anything_is_loaded(tmp_path):
    base = made.folder(tmp_path / "base")
    folder = save(*planner(base), tmp_path / "planner")
    shutil.rmtree(base)
    with pytest.raises(CheckpointError, match="which is not on this machine; copy it there"):
        check_folder(folder)


def test_a_base_of_the_catalogue_that_is_not_fetched_says_how(tmp_path, monkeypatch):
    folder = save(*planner(made.folder(tmp_path / "base")), tmp_path / "planner")
    config = json.loads((folder / "config.json").read_text())
    config["base"]["name"] = "small"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "manifest.json").unlink()
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path / "empty"))
    with pytest.raises(CheckpointError, match="embodied bases fetch small"):
        load(folder)


def test_a_tokenizer_of_another_model_is_refused_before_training(tmp_path):
    base = made.folder(tmp_path / "base")
    made.tokenizer(700).save_pretrained(base)
    with pytest.raises(ValueError, match="they are of two models"):
        planner(base)


def test_targets_that_the_base_lacks_are_refused_with_its_own(tmp_path):
    with pytest.raises(ValueError, match="down_proj, gate_proj, k_proj"):
        planner(made.folder(tmp_path / "base"), targets=("c_attn",))
    with pytest.raises(ValueError, match="expected a published language model to learn on"):
        build({"model_type": "llama"}, VISION, adaptation=Adaptation().values())


def test_keys_that_no_adaptation_has_are_refused(tmp_path):
    folder = save(*planner(made.folder(tmp_path / "base")), tmp_path / "planner")
    config = json.loads((folder / "config.json").read_text())
    (folder / "manifest.json").unlink()
    for part, key in (("adaptation", "auto_mapping"), ("base", "url")):
        (folder / "config.json").write_text(json.dumps({**config, part: {**config[part], key: "x"}}))
        with pytest.raises(CheckpointError, match=f"{part}.{key}: expected a file without this key"):
            load(folder)


def test_where_its_parts_were_read_from_stays_on_this_machine(tmp_path):
    folder = save(*planner(made.folder(tmp_path / "base")), tmp_path / "planner")
    assert "_name_or_path" not in (folder / "config.json").read_text()
    load(folder)
