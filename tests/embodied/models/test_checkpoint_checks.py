"""Folders of strangers: what asks for code, memory or endless reading is refused by name, with nothing built of it."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor

from embodied.cli.weights import checked
from embodied.models import checkpoint_checks, known_keys, loading
from embodied.models.building import build
from embodied.models.configuration import (
    LANGUAGE_FAMILIES,
    VISION_FAMILIES,
    PalmEConfig,
    PalmEVisionConfig,
    SegmenterConfig,
)
from embodied.models.folder import check_folder, check_local
from embodied.models.loading import CheckpointError, load, save
from embodied.models.processor import PalmEProcessor
from tests.embodied.models.test_planner import CORPUS, LLAMA, SIGLIP, VIT, make
from tests.embodied.training.test_first_steps import sizes_of

MOST_S = 1.0
PARTS = {"text_config", "vision_config", "segmenter_config"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = save(*make(vision=SIGLIP), tmp_path_factory.mktemp("stranger") / "weights")
    (folder / "manifest.json").unlink()  # a stranger writes one that fits
    return folder


@pytest.fixture
def folder(published, tmp_path, monkeypatch):
    def built(*_, **__):
        raise AssertionError("something was built of a stranger's file")

    monkeypatch.setattr(loading, "_read", built)
    return shutil.copytree(published, tmp_path / "weights")


def change(folder, name, keys, value):
    """Sets values[a][b]... of a JSON file; keys "a.b"."""
    path = folder / name
    values = json.loads(path.read_text()) if path.exists() else {}
    *parents, last = keys.split("/")
    place = values
    for key in parents:
        place = place[key]
    place[last] = value(place[last]) if callable(value) else value
    path.write_text(json.dumps(values))


def times_4096(size):
    return size * 4096


CONFIG = [
    ("attn_implementation", "evil/kernels", "attn_implementation: expected a file without this key, got 'evil/kerne"),
    ("_attn_implementation_internal", "evil/kernels", "_attn_implementation_internal: expected a file without"),
    ("auto_map", {"AutoConfig": "evil--c.C"}, "auto_map: expected a file without this key"),
    ("model_type", "bert", "model_type: expected palm_e, got 'bert'"),
    ("quantization_config", {"quant_method": "evil"}, "quantization_config: expected a file without"),
    ("dtype", "load", "dtype: expected one of float32"),
    ("soft_tokens", times_4096, "soft_tokens: expected a number from 1 to 1,024, got 4096"),
    ("projector_width", times_4096, "projector_width: expected a number from 1 to 16,384"),
    ("geometry_size", 11 * 4096, "geometry_size: expected a number from"),
    ("text_config/attn_implementation", "evil/kernels", r"text_config\.attn_implementation: expected a file without"),
    ("text_config/auto_map", {"AutoModel": "evil--m.M"}, r"text_config\.auto_map: expected a file without"),
    ("text_config/model_type", "bert", r"text_config\.model_type: expected embodied_decoder or gpt2 or .* got 'bert'"),
    ("text_config/num_hidden_layers", 100_000, r"text_config\.num_hidden_layers: .* from 1 to 256, got 100000"),
    ("text_config/num_hidden_layers", 256, r"text_config: expected sizes of the [\d,]+ numbers in the weights"),
    ("text_config/hidden_size", times_4096, r"text_config\.hidden_size: expected a number from 1 to 16,384"),
    ("text_config/intermediate_size", times_4096, r"text_config\.intermediate_size: expected a number"),
    ("text_config/vocab_size", times_4096, r"text_config\.vocab_size: expected a number from 1 to 262,144"),
    ("text_config/max_position_embeddings", 2**30, r"text_config\.max_position_embeddings: expected a number"),
    ("text_config/num_attention_heads", times_4096, r"text_config\.num_attention_heads: expected a number"),
    ("text_config/text_config", {"model_type": "llama"}, r"text_config\.text_config: expected a file without"),
    ("text_config/rope_parameters", {"a": {"b": {"c": {"d": {"e": []}}}}}, r"rope_parameters.*: expected at most"),
    ("vision_config/model_type", "bert", r"vision_config\.model_type: expected palm_e_vision, got"),
    ("vision_config/image_size", times_4096, r"vision_config\.image_size: expected .* from 8 to 2,048, got 65536"),
    ("vision_config/options", {"embed_dim": 2**20}, r"vision_config\.options\.embed_dim: expected a number"),
    ("vision_config/encoder/model_type", "bert", r"vision_config\.encoder\.model_type: .*siglip.* 'bert'"),
    ("vision_config/encoder/num_hidden_layers", 100_000, r"encoder\.num_hidden_layers: expected a number"),
    ("vision_config/encoder/attn_implementation", "evil/kernels", r"encoder\.attn_implementation: expected a fi"),
    ("segmenter_config/widths", [24 * 4096] * 4, r"segmenter_config\.widths: expected a number from 8 to 1,024"),
    ("segmenter_config/auto_map", {}, r"segmenter_config\.auto_map: expected a file without"),
]
TYPES = [
    ("model_type", ["palm_e"], r"model_type: expected palm_e, got \['palm_e'\]"),
    ("naming_weight", "x", "naming_weight: expected a number, got 'x'"),
    ("naming_weight", None, "naming_weight: expected a number, got null"),
    ("placeholder_first_id", [1, 2], r"placeholder_first_id: expected a whole number, got \[1, 2\]"),
    ("soft_tokens", 1.5, "soft_tokens: expected a whole number, got 1.5"),
    ("soft_tokens", True, "soft_tokens: expected a whole number, got True"),
    ("seeing", "evil", "seeing: expected one of slots, image, got 'evil'"),
    ("scene_encoder", "evil", "scene_encoder: expected one of furniture, image, .*, slots, state, .*, got 'evil'"),
    ("language_is_frozen", "no", "language_is_frozen: expected true or false, got 'no'"),
    ("text_config", None, "text_config: expected an object, got NoneType"),
    ("text_config/vocab_size", None, r"text_config\.vocab_size: expected a whole number, got null"),
    ("text_config/vocab_size", "100", r"text_config\.vocab_size: expected a whole number, got '100'"),
    ("text_config/vocab_size", 0, r"text_config\.vocab_size: expected a number from 1 to"),
    ("text_config/hidden_size", [1], r"text_config\.hidden_size: expected a whole number, got \[1\]"),
    ("text_config/hidden_size", "abc", r"text_config\.hidden_size: expected a whole number, got 'abc'"),
    ("text_config/hidden_size", 96.5, r"text_config\.hidden_size: expected a whole number, got 96.5"),
    ("text_config/num_attention_heads", "4", r"text_config\.num_attention_heads: expected a whole number, got '4'"),
    ("text_config/num_key_value_heads", {}, r"num_key_value_heads: expected a whole number or null, got {}"),
    ("text_config/rms_norm_eps", "x", r"text_config\.rms_norm_eps: expected a number, got 'x'"),
    ("text_config/hidden_act", 3, r"text_config\.hidden_act: expected text, got 3"),
    ("text_config/rope_parameters", "x", r"text_config\.rope_parameters: expected an object or null, got 'x'"),
    ("text_config/rope_parameters/rope_theta", "x", r"rope_parameters\.rope_theta: expected a number, got 'x'"),
    ("text_config/rope_parameters/rope_type", [], r"rope_parameters\.rope_type: expected text, got \[\]"),
    ("vision_config/mean", [0.5, 0.5], r"vision_config\.mean: expected a list of 3 numbers, got"),
    ("vision_config/std", [0, 1, 1], r"vision_config\.std: expected a number from 1e-06 to"),
    ("vision_config/name", 3, r"vision_config\.name: expected text, got 3"),
    ("vision_config/encoder/hidden_size", "24", r"encoder\.hidden_size: expected a whole number, got '24'"),
    ("segmenter_config/widths", "wide", r"segmenter_config\.widths: expected a whole number or a list of them or nul"),
    ("segmenter_config/margin_m", None, r"segmenter_config\.margin_m: expected a number, got null"),
]
FITS = [
    ("text_config/num_attention_heads", 7, "config.json: expected values that fit each other, got Strict.*hidden size"),
    ("vision_config/encoder/layer_norm_eps", 1, "config.json: expected values that fit each other, got Strict"),
]
NAMES = ["adapter_config.json", "modeling_x.py", "custom_generate/generate.py", "additional_chat_templates/a.jinja",
         "tokenizer.model", "vocab.json", "merges.txt", "preprocessor_config.json", "model.gguf", "other.safetensors"]
OTHERS = [
    ("generation_config.json", "custom_generate", "evil/generate", "custom_generate: expected a file without this key"),
    ("generation_config.json", "cache_implementation", "evil", "cache_implementation: expected a file without"),
    ("generation_config.json", "suppress_tokens", list(range(60_000)), "suppress_tokens: expected at most 50,000"),
    ("processor_config.json", "auto_map", {"AutoProcessor": "evil--p.P"}, "auto_map: expected a file without"),
    ("processor_config.json", "trust_remote_code", True, "trust_remote_code: expected a file without"),
    ("processor_config.json", "image_size", "32", "image_size: expected a whole number or null, got '32'"),
    ("processor_config.json", "vocabulary", ["a", 3], r"vocabulary: expected a list of text or null, got \['a', 3\]"),
    ("special_tokens_map.json", "auto_map", {}, "auto_map: expected a file without"),
    ("added_tokens.json", "word", "x", "word: expected a whole number, got 'x'"),
    ("processor_config.json", "image_size", 65_536, "image_size: expected a number from 8 to 2,048"),
    ("tokenizer_config.json", "auto_map", {"AutoTokenizer": ["evil--t.T", None]}, "auto_map: expected a file without"),
    ("tokenizer_config.json", "trust_remote_code", True, "trust_remote_code: expected a file without"),
    ("tokenizer_config.json", "custom_code", "evil.py", "custom_code: expected a file without"),
    ("tokenizer_config.json", "tokenizer_class", "evil.module/Loader", "tokenizer_class: expected the name"),
    ("model.safetensors.index.json", "weight_map", {"a": "../../etc/passwd"}, r"weight_map\.a: expected a"),
]


def refused(folder, message):
    began = time.perf_counter()
    with pytest.raises(CheckpointError, match=message):
        load(folder)
    assert time.perf_counter() - began < MOST_S  # nothing is built, and files are read to a bound


@pytest.mark.parametrize(("keys", "value", "message"), CONFIG, ids=[case[2][:40] for case in CONFIG])
def test_a_configuration_is_refused_by_key(folder, keys, value, message):
    change(folder, "config.json", keys, value)
    refused(folder, message)


@pytest.mark.parametrize(("keys", "value", "message"), TYPES, ids=[f"{case[0]}={case[1]}" for case in TYPES])
def test_a_value_of_another_kind_is_refused_without_torch(folder, keys, value, message):
    change(folder, "config.json", keys, value)
    with pytest.raises(CheckpointError, match=rf"config\.json: .*{message}"):
        check_folder(folder)
    with pytest.raises(ValueError, match=message):
        PalmEConfig.from_pretrained(folder)


@pytest.mark.parametrize(("keys", "value", "message"), FITS, ids=[case[0] for case in FITS])
def test_values_that_do_not_fit_each_other_are_refused(folder, keys, value, message):
    change(folder, "config.json", keys, value)
    refused(folder, message)


@pytest.mark.parametrize("key", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_sizes_are_written_and_not_those_that_the_family_takes_instead(folder, key):
    change(folder, "config.json", "text_config", lambda values: {k: v for k, v in values.items() if k != key})
    refused(folder, rf"config\.json: text_config\.{key}: expected a whole number, got none")


def test_names_of_cameras_and_labels_are_no_keys(folder):
    change(folder, "processor_config.json", "cameras", {"depth": {"width": 640}, "layers": {"depth": "x"}})
    change(folder, "config.json", "label2id", {"depth": 0})
    check_folder(folder)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_a_library_may_follow_is_refused_by_name(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    refused(folder, f"{name}: expected the files of a model .* remove it")


def test_what_people_keep_beside_a_model_may_stay(folder):
    for name in ("README.md", "LICENSE", "metrics.jsonl", "figures/a.png", ".git/hooks/x.py", "chat_template.jinja"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("x")
    check_folder(folder)


def test_more_added_tokens_than_words_are_refused(folder):
    words = json.loads((folder / "config.json").read_text())["text_config"]["vocab_size"]
    path = folder / "added_tokens.json"
    path.write_text(json.dumps({f"word{i}": i for i in range(words + 1)}))
    refused(folder, rf"added_tokens\.json: expected at most {words} added tokens, got {words + 1}")
    path.write_bytes(b'{"a":1' + b',"word":1' * 2_000_000 + b"}")
    refused(folder, r"added_tokens\.json: expected at most 16,777,216 bytes, got 18,")


@pytest.mark.parametrize(("name", "keys", "value", "message"), OTHERS, ids=[f"{c[0]}-{c[1]}" for c in OTHERS])
def test_another_file_is_refused_by_key(folder, name, keys, value, message):
    change(folder, name, keys, value)
    refused(folder, rf"{name}: {message}")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_pipe_instead_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    refused(folder, f"{name}: expected a regular file, got a pipe")
    with pytest.raises(CheckpointError, match="expected a regular file, got a pipe"):
        checked(str(folder))


def test_a_folder_of_very_many_files_is_refused_without_looking_at_all_of_them(folder, monkeypatch):
    monkeypatch.setattr(checkpoint_checks, "MOST_FILES", 20)
    (folder / "more").mkdir()
    for index in range(20):
        (folder / "more" / str(index)).touch()
    refused(folder, r"expected at most 20 files and folders, got more")


def test_a_pickle_in_a_folder_below_is_refused(folder):
    (folder / "more").mkdir()
    (folder / "more" / "optimizer.pt").touch()
    refused(folder, r"holds more/optimizer\.pt, which may run code when loaded")


@pytest.mark.parametrize("fault", [FileNotFoundError(2, "No such file or directory"),
                                   PermissionError(13, "Permission denied")])
def test_a_folder_that_cannot_be_read_is_refused_in_our_words(folder, monkeypatch, fault):
    def failing(*_, **__):
        raise fault

    monkeypatch.setattr(checkpoint_checks.Path, "rglob", failing)
    refused(folder, rf"checkpoint .*weights: cannot be read \({fault.strerror}")


def test_a_tokenizer_of_two_million_words_is_refused(folder):
    text = (folder / "tokenizer.json").read_bytes()
    (folder / "tokenizer.json").write_bytes(text.replace(b'"vocab": {', b'"vocab": {' + b'"w":1,' * 2_000_000, 1))
    refused(folder, r"tokenizer\.json: expected a tokenizer of the [\d,]+ words of config\.json .* got 2,0")
    with open(folder / "tokenizer.json", "wb") as file:
        file.truncate(2**40)  # a file of holes
    refused(folder, r"tokenizer\.json: expected at most 67,108,864 bytes")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": NaN}', "[]", "{", '"' + "a" * 2**25 + '"'],
                         ids=["deep", "nan", "list", "torn", "long"])
def test_a_file_that_is_no_object_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, r"config\.json: (cannot be read|expected)")


def test_an_encoder_far_greater_than_the_weights_is_refused(folder):
    giant = {"source": "timm", "name": "vit_giant_patch14_224", "image_size": 224, "options": {}, "encoder": None}
    change(folder, "config.json", "vision_config", lambda values: values | giant)
    with pytest.raises(CheckpointError, match=r"vision_config: expected an encoder of the .* got one of 1,0"):
        load(folder)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, number):
    tensors = load_file(folder / "model.safetensors")
    tensors["projector.out.bias"][3] = number
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    refused(folder, r"model\.safetensors: projector\.out\.bias: expected finite numbers")


def test_the_auto_classes_refuse_it_too(published, tmp_path):
    folder = shutil.copytree(published, tmp_path / "weights")
    change(folder, "config.json", "text_config/num_hidden_layers", 100_000)
    for kind in (AutoConfig, AutoModelForImageTextToText, PalmEConfig):
        with pytest.raises(ValueError, match=r"text_config\.num_hidden_layers: expected a number from 1 to 256"):
            kind.from_pretrained(folder)


@pytest.mark.parametrize("kind", [AutoModel, AutoModelForImageTextToText, AutoProcessor, PalmEProcessor])
@pytest.mark.parametrize("spoil", [
    lambda folder: (folder / "adapter_config.json").write_text("{}"),
    lambda folder: (folder / "tokenizer.json").write_bytes(b"," * 10**6),
    lambda folder: (folder / "extra.bin").write_bytes(b""),
    lambda folder: change(folder, "processor_config.json", "trust_remote_code", True),
    lambda folder: change(folder, "manifest.json", "files", {"config.json": {"sha256": "0"}}),
], ids=["adapter", "tokenizer", "pickle", "key", "manifest"])
def test_from_pretrained_checks_a_local_folder(folder, spoil, kind):
    spoil(folder)
    for name, more in ((folder, {}), (str(folder.parent), {"subfolder": folder.name})):
        if more and kind in (AutoProcessor, PalmEProcessor):
            continue  # it takes no subfolder
        with pytest.raises(CheckpointError, match="checkpoint"):
            kind.from_pretrained(name, **more)


def test_from_pretrained_checks_tensors(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["projector.out.bias"][3] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"projector\.out\.bias: expected finite numbers"):
        AutoModelForImageTextToText.from_pretrained(folder)


def test_from_pretrained_takes_names_of_hubs_and_folders_of_a_trainer(folder):
    assert check_local("maker/model") is None and check_local(None) is None
    for name in ("training_args.bin", "optimizer.pt", "rng_state_0.pth", "trainer_state.json"):
        (folder / name).write_bytes(b"")
    assert type(AutoModel.from_pretrained(folder)).__name__ == "PalmEForConditionalGeneration"
    with pytest.raises(CheckpointError, match="which may run code"):
        check_folder(folder)


@pytest.mark.parametrize("family", LANGUAGE_FAMILIES)
def test_every_family_loads_from_its_published_form_and_from_ours(family, tmp_path):
    """As on a hub: the language model's own folder, with keys of older writers, and code that nobody follows."""
    from transformers import AutoModelForCausalLM

    from embodied.models.configuration import language_config
    from embodied.models.tokens import train_tokenizer

    hub = tmp_path / "hub"
    AutoModelForCausalLM.from_config(language_config(sizes_of(family, True) | {"vocab_size": 420, "pad_token_id": 0})
                                     ).save_pretrained(hub)
    train_tokenizer(CORPUS, 400).save_pretrained(hub)
    for key, value in {"auto_map": {"AutoConfig": "configuration_x.X"}, "torch_dtype": "bfloat16", "use_cache": True,
                       "_name_or_path": "maker/model", "gradient_checkpointing": False, "rope_theta": 1e4}.items():
        change(hub, "config.json", key, value)
    model, processor = build(str(hub), VIT)
    ours = save(model, processor, tmp_path / "ours")
    again, _ = load(ours)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_a_published_model_is_checked_before_it_is_built(tmp_path):
    for key, value in (("attn_implementation", "evil/kernels"), ("num_hidden_layers", 100_000), ("model_type", "bert")):
        (tmp_path / "config.json").write_text(json.dumps({**LLAMA, key: value}))
        with pytest.raises(ValueError, match=f"language model: {key}: expected"):
            build(str(tmp_path), VIT)


def test_a_published_folder_leads_nowhere_else(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    for name, said in (("added_tokens.json", "expected a whole number"), ("adapter_config.json", "got an adapter")):
        (tmp_path / name).write_text('{"base_model_name_or_path": "evil/model"}')
        with pytest.raises(ValueError, match=rf"{name}: .*{said}"):
            build(str(tmp_path), VIT)


def test_the_shipped_weights_are_none_of_this():
    from embodied.agents.mind_card import card
    from embodied.agents.shipped import shipped_names, weights_path

    for name in shipped_names():
        if "base" not in card(weights_path(name)):
            check_folder(weights_path(name))


def test_shipped_weights_whose_base_is_not_here_say_what_to_fetch():
    from embodied.agents.shipped import weights_path

    with pytest.raises(CheckpointError, match="fetch it with: embodied bases fetch small"):
        check_folder(weights_path("mind-small"))


def test_the_known_keys_are_the_fields_of_the_classes():
    ours = {kind.model_type: kind for kind in (PalmEConfig, PalmEVisionConfig, SegmenterConfig)}
    written = known_keys.LANGUAGE_KEYS | known_keys.VISION_KEYS | known_keys.OUR_KEYS
    assert set(known_keys.LANGUAGE_KEYS) == set(LANGUAGE_FAMILIES)
    assert set(known_keys.VISION_KEYS) == set(VISION_FAMILIES)
    for family, keys in written.items():
        kind = ours.get(family) or CONFIG_MAPPING[family]
        fields = {f.name for f in dataclasses.fields(kind)} | set(kind.attribute_map)
        assert keys <= known_keys.BOUNDS.keys() | known_keys.KINDS.keys() | known_keys.CHOICES.keys() | PARTS, family
        assert fields - known_keys.EVERYWHERE == keys - known_keys.EVERYWHERE, family
