"""Checkpoint folders of strangers: every key known and every size bounded, before anything of them is built.

A configuration is an order to allocate memory, and some of its keys are orders to load code (`attn_implementation` with
the name of a hub repository, `auto_map`). So keys are whitelisted for each known family, sizes have bounds above those
of any published model of that family, and what a language model's sizes ask for must be in the weights beside them.
Needs neither torch nor transformers: a refusal is quick.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from embodied.models.known_keys import (
    BOUNDS,
    EVERYWHERE,
    GENERATION,
    LANGUAGE_KEYS,
    LARGEST_NUMBER,
    LONGEST_LIST,
    LONGEST_TEXT,
    OUR_KEYS,
    PROCESSOR,
    PUBLISHED,
    TOKENIZER,
    VISION_KEYS,
)

MOST_FILES = 10_000
MOST_JSON_BYTES = 16 * 2**20
MOST_TOKENIZER_BYTES = 64 * 2**20
DEEPEST = 4
DTYPES = ("float32", "float16", "bfloat16", "float64", "auto")
REMEDY = "use a folder that `embodied train` wrote, or have its maker write it again"


class CheckpointError(ValueError):
    """A checkpoint that must not be used; the message names the file and the remedy."""


class StrangeValueError(ValueError):
    """A key or value that no known configuration has; the message names it, what was expected and what came."""


def check_contents(folder: Path) -> None:
    """Nothing. CheckpointError for keys, sizes and tokenizers beyond what is known."""
    words = LARGEST_NUMBER
    for name, check in _CHECKS.items():
        path = folder / name
        if path.exists():
            values = read_json(path)
            try:
                check(values)
            except StrangeValueError as error:
                raise CheckpointError(f"checkpoint file {path}: {error}; {REMEDY}") from error
            if name == "config.json":
                words = values["text_config"].get("vocab_size", words)
    _check_tokenizer_file(folder / "tokenizer.json", words)


def check_files(folder: Path, pickles: Collection[str] = ()) -> None:
    """Nothing. CheckpointError for a pipe, socket or device, since reading one may never end, for more than MOST_FILES
    files, and for one with a suffix of `pickles`; here and in the folders below."""
    try:
        paths = sorted(itertools.islice(folder.rglob("*"), MOST_FILES + 1))
        modes = [path.stat().st_mode if path.exists() else 0 for path in paths]
    except OSError as error:
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({error.strerror}); {REMEDY}") from error
    if len(paths) > MOST_FILES:
        raise CheckpointError(f"checkpoint {folder}: expected at most {MOST_FILES:,} files and folders, got more; "
                              f"{REMEDY}")
    refuse_pickles(folder, [path.relative_to(folder).as_posix() for path in paths], pickles)
    for path, mode in zip(paths, modes, strict=True):
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise CheckpointError(f"checkpoint file {path}: expected a regular file, got "
                                  f"{_kind(mode)}; {REMEDY}")


def refuse_pickles(folder: Path, names: Iterable[str], suffixes: Collection[str]) -> None:
    """Nothing. CheckpointError for the first of the names that ends in one of the suffixes."""
    for name in names:
        if Path(name).suffix.lower() in suffixes:
            raise CheckpointError(f"checkpoint {folder}: holds {name}, which may run code when loaded; convert it to "
                                  "model.safetensors with safetensors.torch.save_file and remove it")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a link to nothing")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. CheckpointError for one too long, too deep, not JSON, or with NaN in it."""
    if path.stat().st_size > MOST_JSON_BYTES:
        raise CheckpointError(f"checkpoint file {path}: expected at most {MOST_JSON_BYTES:,} bytes, got "
                              f"{path.stat().st_size:,}; {REMEDY}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"checkpoint file {path}: cannot be read as JSON ({error}); {REMEDY}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"checkpoint file {path}: expected an object, got {type(values).__name__}; {REMEDY}")
    return values


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def check_config(values: Mapping[str, Any]) -> None:
    """Nothing. StrangeValueError unless these are the values of a PalmEConfig, with parts of known families."""
    vision, segmenter = values.get("vision_config") or {}, values.get("segmenter_config")
    _check_part(values, _OURS["palm_e"], "")
    check_language(values.get("text_config"))
    _check_part(vision, _OURS["palm_e_vision"], "vision_config.", apart=("encoder",))
    if vision.get("encoder") is not None:
        _check_part(vision["encoder"], VISION_KEYS, "vision_config.encoder.")
    if segmenter is not None:
        _check_part(segmenter, _OURS["palm_e_segmenter"], "segmenter_config.")


_OURS = {family: {family: keys} for family, keys in OUR_KEYS.items()}


def check_language(values: Any, where: str = "text_config.", *, is_published: bool = False) -> None:
    """Nothing. StrangeValueError unless these are the values of a language model of a known family.

    is_published: from a hub, where `auto_map` may stand beside a family that transformers has; nobody follows it.
    """
    if is_published and isinstance(values, dict):
        values = {key: value for key, value in values.items() if key != "auto_map"}
    _check_part(values, LANGUAGE_KEYS, where)


def _check_part(values: Any, families: Mapping[str, frozenset[str]], where: str, apart: Iterable[str] = ()) -> None:
    """Nothing. StrangeValueError unless these are values of one of the families (name -> keys)."""
    _check_type(values, families, where)
    _check_keys(values, families[values["model_type"]] | EVERYWHERE | PUBLISHED, where, apart)


def _check_type(values: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(values, Mapping):
        raise StrangeValueError(f"{where[:-1] or 'the file'}: expected an object, got {type(values).__name__}")
    if values.get("model_type") not in known:
        got = _short(values.get("model_type"))
        raise StrangeValueError(f"{where}model_type: expected {' or '.join(known)}, got {got}")


def _check_keys(values: Mapping[str, Any], known: Iterable[str], where: str, apart: Iterable[str] = ()) -> None:
    """Nothing. Every key is known and every value bounded; parts, which have checks of their own, are left out."""
    for key, value in values.items():
        if key not in known:
            raise StrangeValueError(f"{where}{key[:60]}: expected a file without this key, got {_short(value)}")
        if not (key in apart or key.endswith("_config")):
            _check_value(value, key, f"{where}{key}", DEEPEST)


def _check_value(value: Any, key: str, where: str, depth: int) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        least, most = BOUNDS.get(key, (-LARGEST_NUMBER, LARGEST_NUMBER))
        if not (math.isfinite(value) and least <= value <= most):
            raise StrangeValueError(f"{where}: expected a number from {least:,} to {most:,}, got {_short(value)}")
    elif isinstance(value, str):
        if key in ("dtype", "torch_dtype") and value.removeprefix("torch.") not in DTYPES:
            raise StrangeValueError(f"{where}: expected one of {', '.join(DTYPES)}, got {_short(value)}")
        if len(value) > LONGEST_TEXT:
            raise StrangeValueError(f"{where}: expected at most {LONGEST_TEXT:,} characters, got {len(value):,}")
    elif depth == 0 or len(value) > LONGEST_LIST:
        raise StrangeValueError(f"{where}: expected at most {LONGEST_LIST:,} items and {DEEPEST} levels, got more")
    else:
        named = value.items() if isinstance(value, dict) else ((None, item) for item in value)
        for name, item in named:
            _check_value(item, name or key, f"{where}.{name}" if name else where, depth - 1)


def check_generation(values: Mapping[str, Any]) -> None:
    """Nothing. StrangeValueError for a key that our way of decoding does not know."""
    _check_keys(values, GENERATION | EVERYWHERE, "")


def check_processor(values: Mapping[str, Any]) -> None:
    """Nothing. StrangeValueError for a key that is no argument of PalmEProcessor, or a size beyond bounds."""
    _check_keys(values, PROCESSOR, "")


def check_tokenizer(values: Mapping[str, Any]) -> None:
    """Nothing. StrangeValueError for a key that a tokenizer of transformers does not need, or a class that is none."""
    _check_keys({k: v for k, v in values.items() if k != "model_max_length"}, TOKENIZER, "")
    name = values.get("tokenizer_class")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9]+Tokenizer(Fast)?|TokenizersBackend", str(name)):
        raise StrangeValueError(f"tokenizer_class: expected the name of one of transformers, got {_short(name)}")


def check_index(values: Mapping[str, Any]) -> None:
    """Nothing. StrangeValueError for a shard that is not a file of this folder."""
    _check_keys(values, ("metadata", "weight_map"), "")
    shards = values.get("weight_map")
    for name, shard in shards.items() if isinstance(shards, dict) else [("weight_map", shards)]:
        if not re.fullmatch(r"[\w-][\w.-]*\.safetensors", str(shard)):
            raise StrangeValueError(f"weight_map.{name}: expected a *.safetensors of this folder, got {_short(shard)}")


def _check_tokenizer_file(path: Path, words: int) -> None:
    """Nothing. CheckpointError for more entries than `words` account for, counted without building any."""
    if not path.exists():
        return
    size = path.stat().st_size
    if size > MOST_TOKENIZER_BYTES:
        raise CheckpointError(f"checkpoint file {path}: expected at most {MOST_TOKENIZER_BYTES:,} bytes, got {size:,}; "
                              f"{REMEDY}")
    # A word is one comma, its merge one to three more, an added token seven; whatever else is there is short.
    most, found = 8 * words + 65_536, path.read_bytes().count(b",")
    if found > most:
        raise CheckpointError(f"checkpoint file {path}: expected a tokenizer of the {words:,} words of config.json (at "
                              f"most {most:,} entries), got {found:,} entries; {REMEDY}")


def least_numbers(text: Mapping[str, Any]) -> int:
    """How many numbers a language model of these sizes has at the least: its words, and two matrices a layer."""
    def size(*names: str) -> int:
        return next((int(text[name]) for name in names if text.get(name)), 0)

    width, layers = size("hidden_size", "n_embd"), size("num_hidden_layers", "n_layer")
    inner = size("intermediate_size", "ffn_dim", "n_inner") or width
    return size("vocab_size") * (size("word_embed_proj_dim") or width) + layers * 2 * width * inner


def check_sizes(folder: Path, found: int) -> None:
    """Nothing. CheckpointError where config.json asks for more numbers than the weights of the folder hold: `found`."""
    least = least_numbers(read_json(folder / "config.json")["text_config"])
    if least > found:
        raise CheckpointError(f"checkpoint file {folder / 'config.json'}: text_config: expected sizes of the {found:,} "
                              f"numbers in the weights beside it, got sizes of at least {least:,}; {REMEDY}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_CHECKS = {"config.json": check_config, "generation_config.json": check_generation,
           "processor_config.json": check_processor, "tokenizer_config.json": check_tokenizer,
           "model.safetensors.index.json": check_index}
