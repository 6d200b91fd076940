"""A language model in GGUF form (llama.cpp), quantised or not: numbers written out as float32, tokenizer put right.

SmolLM's tokenizer splits digits off one by one before anything else, which transformers' reader of GGUF drops:
"\\n\\n 17" then becomes other tokens than the model was trained on.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import torch
from tokenizers import pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerBase
from transformers.utils import logging

_DIGITS = ("smollm", "default-digits")
"""Values of `tokenizer.ggml.pre` that mean: digits one by one."""


def convert(path: Path, folder: Path) -> None:
    """Write the model and its tokenizer. ValueError for a file that is none of a known architecture."""
    logging.disable_progress_bar()
    options = {"gguf_file": path.name, "local_files_only": True}
    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar that no setting turns off
        model = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32,
                                                     quantization_config=GgufConfig(dequantize=True), **options)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **options)
    if _pre_tokenizer(path) in _DIGITS:
        put_digits_back(tokenizer)
    tokenizer.model_max_length = model.config.max_position_embeddings
    for said in ("quantization_config", "_model_name_or_path"):  # of the file, not of the model
        if hasattr(model.config, said):
            delattr(model.config, said)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def put_digits_back(tokenizer: PreTrainedTokenizerBase) -> None:
    """Have the tokenizer split digits one by one, before bytes."""
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])


def _pre_tokenizer(path: Path) -> str:
    """What the file says of how text is split before its merges; "" where it does not."""
    from gguf import GGUFReader

    field = GGUFReader(path).fields.get("tokenizer.ggml.pre")
    return "" if field is None else str(field.contents())
