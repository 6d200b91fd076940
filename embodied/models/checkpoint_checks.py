"""Checkpoint folders of strangers: every key known and every size bounded, before anything of them is built.

A configuration is an order to allocate memory, and some of its keys are orders to load code (`attn_implementation` with
the name of a hub repository, `auto_map`). So keys are whitelisted for each known family, sizes have bounds above those
of any published model of that family, and what a language model's sizes ask for must be in the weights beside them.
Needs neither torch nor transformers: a refusal is quick.
"""

from __future__ import annotations

import itertools
import json
import re
import stat
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from embodied.models.known_keys import (
    EVERYWHERE,
    GENERATION,
    LANGUAGE_KEYS,
    LARGEST_NUMBER,
    LONGEST_LIST,
    MOST_WORLDS,
    OF_A_WORLD,
    OUR_KEYS,
    PART_KEYS,
    PROCESSOR,
    PUBLISHED,
    TOKENIZER,
    VISION_KEYS,
)
from embodied.models.known_values import InvalidValueError, check_value, is_whole, short
from embodied.models.old_forms import OLD_KEYS
from embodied.models.own_decoder.checks import MODEL_TYPE, check_own_decoder

MOST_FILES = 10_000
MOST_JSON_BYTES = 16 * 2**20
MOST_TOKENIZER_BYTES = 64 * 2**20
REMEDY = "use a folder that `embodied train` wrote, or have its maker write it again"


class CheckpointError(ValueError):
    """A checkpoint that must not be used: missing, damaged, altered, of another model or of a stranger; the message
    names the file and the remedy. One class for a model's folder and a trainer's."""


def check_contents(folder: Path) -> None:
    """Raise CheckpointError for keys, sizes and tokenizers beyond what is known."""
    words = LARGEST_NUMBER
    for name, check in _CHECKS.items():
        path = folder / name
        if path.exists():
            values = read_json(path)
            try:
                check(values)
            except InvalidValueError as error:
                raise CheckpointError(f"checkpoint file {path}: {error}; {REMEDY}") from error
            if name == "config.json":
                words = values["text_config"].get("vocab_size", words)
    check_added_tokens(folder, words)
    _check_tokenizer_file(folder / "tokenizer.json", words)
    _check_length(folder / "chat_template.jinja", MOST_JSON_BYTES)


def check_files(folder: Path, pickles: Collection[str] = (), apart: str = "") -> None:
    """Raise CheckpointError for a pipe, socket or device, since reading one may never end, for more than MOST_FILES
    files, and for one with a suffix of `pickles` whose name is none of the pattern `apart`; here and in the folders
    below."""
    try:
        paths = sorted(itertools.islice(folder.rglob("*"), MOST_FILES + 1))
        modes = [path.stat().st_mode if path.exists() else 0 for path in paths]
    except OSError as error:
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({error.strerror}); {REMEDY}") from error
    if len(paths) > MOST_FILES:
        raise CheckpointError(f"checkpoint {folder}: expected at most {MOST_FILES:,} files and folders, got more; "
                              f"{REMEDY}")
    refuse_pickles(folder, [path.relative_to(folder).as_posix() for path in paths
                            if not re.fullmatch(apart, path.name)], pickles)
    for path, mode in zip(paths, modes, strict=True):
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise CheckpointError(f"checkpoint file {path}: expected a regular file, got "
                                  f"{_kind(mode)}; {REMEDY}")


def refuse_pickles(folder: Path, names: Iterable[str], suffixes: Collection[str]) -> None:
    """Raise CheckpointError for the first of the names that ends in one of the suffixes."""
    for name in names:
        if Path(name).suffix.lower() in suffixes:
            raise CheckpointError(f"checkpoint {folder}: holds {name}, which may run code when loaded; convert it to "
                                  "model.safetensors with safetensors.torch.save_file and remove it")


def _kind(mode: int) -> str:
    kinds = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
    return kinds.get(stat.S_IFMT(mode), "a link to nothing")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. CheckpointError for one too long, too deep, not JSON, or with NaN in it."""
    _check_length(path, MOST_JSON_BYTES)
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
    """Raise InvalidValueError unless these are the values of a PalmEConfig, with parts of known families."""
    vision, segmenter = values.get("vision_config") or {}, values.get("segmenter_config")
    _check_part(values, _OURS["palm_e"], "")
    check_language(values.get("text_config"))
    _check_part(vision, _OURS["palm_e_vision"], "vision_config.", apart=("encoder",))
    if vision.get("encoder") is not None:
        _check_part(vision["encoder"], VISION_KEYS, "vision_config.encoder.")
    if segmenter is not None:
        _check_part(segmenter, _OURS["palm_e_segmenter"], "segmenter_config.")
    for part, said, where in (("base", values, ""), ("adaptation", values, ""), ("base", vision, "vision_config.")):
        if said.get(part) is not None:
            _check_object(said[part], part, where)


def _check_object(values: Any, part: str, where: str) -> None:
    """Raise InvalidValueError unless these are values of a part that has keys of its own and no families."""
    if not isinstance(values, Mapping):
        raise InvalidValueError(f"{where}{part}: expected an object, got {type(values).__name__}")
    _check_keys(values, PART_KEYS[part], f"{where}{part}.")


_OURS = {family: {family: keys | OLD_KEYS if family == "palm_e" else keys} for family, keys in OUR_KEYS.items()}


def check_language(values: Any, where: str = "text_config.", *, is_published: bool = False) -> None:
    """Raise InvalidValueError unless these are the values of a language model of a known family.

    is_published: from a hub, where `auto_map` may stand beside a family that transformers has; nobody follows it.
    """
    if is_published and isinstance(values, dict):
        values = {key: value for key, value in values.items() if key != "auto_map"}
    _check_part(values, LANGUAGE_KEYS, where)
    if values["model_type"] == MODEL_TYPE:
        check_own_decoder(values, where)


def _check_part(values: Any, families: Mapping[str, frozenset[str]], where: str, apart: Iterable[str] = ()) -> None:
    """Raise InvalidValueError unless these are values of one of the families (name -> keys)."""
    _check_type(values, families, where)
    _check_keys(values, families[values["model_type"]] | EVERYWHERE | PUBLISHED, where, apart)


def _check_type(values: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(values, Mapping):
        raise InvalidValueError(f"{where[:-1] or 'the file'}: expected an object, got {type(values).__name__}")
    family = values.get("model_type")
    if not (isinstance(family, str) and family in known):
        got = short(family)
        raise InvalidValueError(f"{where}model_type: expected {' or '.join(known)}, got {got}")


def _check_keys(values: Mapping[str, Any], known: Iterable[str], where: str, apart: Iterable[str] = ()) -> None:
    """Check that every key is known and every value bounded; parts, which have checks of their own, are left out."""
    for key, value in values.items():
        if key not in known:
            raise InvalidValueError(f"{where}{key[:60]}: expected a file without this key, got {short(value)}")
        if not (key in apart or key.endswith("_config")):
            check_value(value, key, f"{where}{key}")


def check_generation(values: Mapping[str, Any]) -> None:
    """Raise InvalidValueError for a key that our way of decoding does not know."""
    _check_keys(values, GENERATION | EVERYWHERE, "")


def check_processor(values: Mapping[str, Any]) -> None:
    """Raise InvalidValueError for a key that is no argument of PalmEProcessor, or a size beyond bounds."""
    _check_keys({key: value for key, value in values.items() if key != "worlds"}, PROCESSOR | OLD_KEYS, "")
    worlds = values.get("worlds", {})
    if not isinstance(worlds, Mapping) or len(worlds) > MOST_WORLDS:
        raise InvalidValueError(f"worlds: expected an object of at most {MOST_WORLDS} names, got {short(worlds)}")
    for name, facts in worlds.items():
        if not (isinstance(facts, Mapping) and re.fullmatch("[a-z_]{1,40}", name)):
            raise InvalidValueError(f"worlds.{name[:60]}: expected a world's name and an object, got {short(facts)}")
        _check_keys(facts, OF_A_WORLD, f"worlds.{name}.")


def check_tokenizer(values: Mapping[str, Any]) -> None:
    """Raise InvalidValueError for a key that a tokenizer of transformers does not need, or a class that is none."""
    _check_keys({k: v for k, v in values.items() if k != "model_max_length"}, TOKENIZER, "")
    name = values.get("tokenizer_class")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9]+Tokenizer(Fast)?|TokenizersBackend", str(name)):
        raise InvalidValueError(f"tokenizer_class: expected the name of one of transformers, got {short(name)}")


def check_index(values: Mapping[str, Any]) -> None:
    """Raise InvalidValueError for a shard that is not a file of this folder."""
    _check_keys(values, ("metadata", "weight_map"), "")
    shards = values.get("weight_map")
    for name, shard in shards.items() if isinstance(shards, dict) else [("weight_map", shards)]:
        if not re.fullmatch(r"[\w-][\w.-]*\.safetensors", str(shard)):
            raise InvalidValueError(f"weight_map.{name}: expected a *.safetensors of this folder, got {short(shard)}")


def check_added_tokens(folder: Path, words: int) -> None:
    """Raise CheckpointError unless added_tokens.json, where there is one, gives ids to at most `words` tokens."""
    path = folder / "added_tokens.json"
    values = read_json(path) if path.exists() else {}
    most = min(words, LONGEST_LIST)
    if len(values) > most:
        raise CheckpointError(f"checkpoint file {path}: expected at most {most:,} added tokens, got {len(values):,}; "
                              f"{REMEDY}")
    for token, number in values.items():
        if not is_whole(number):
            raise CheckpointError(f"checkpoint file {path}: {token[:60]}: expected a whole number, got "
                                  f"{short(number)}; {REMEDY}")


def _check_length(path: Path, most: int) -> None:
    """Raise CheckpointError for a file of more bytes; one that is not there has none."""
    size = path.stat().st_size if path.exists() else 0
    if size > most:
        raise CheckpointError(f"checkpoint file {path}: expected at most {most:,} bytes, got {size:,}; {REMEDY}")


def _check_tokenizer_file(path: Path, words: int) -> None:
    """Raise CheckpointError for more entries than `words` account for, counted without building any."""
    if not path.exists():
        return
    _check_length(path, MOST_TOKENIZER_BYTES)
    # A word is one comma, its merge one to three more, an added token seven; whatever else is there is short.
    most, found = 8 * words + 65_536, path.read_bytes().count(b",")
    if found > most:
        raise CheckpointError(f"checkpoint file {path}: expected a tokenizer of the {words:,} words of config.json (at "
                              f"most {most:,} entries), got {found:,} entries; {REMEDY}")


def least_numbers(text: Mapping[str, Any]) -> int:
    """How many numbers a language model of these sizes has at the least: its words, and two matrices a layer.

    Raises InvalidValueError where a size is not written: what a family takes instead may be seven billion numbers.
    """
    def size(*names: str) -> int:
        return max(int(text.get(name) or 0) for name in names)  # two names of one size: either may be heeded

    def written(*names: str) -> int:
        if not size(*names):
            raise InvalidValueError(f"text_config.{names[0]}: expected a whole number, got none")
        return size(*names)

    width, layers = written("hidden_size", "n_embd"), written("num_hidden_layers", "n_layer")
    inner = size("intermediate_size", "ffn_dim", "n_inner") or width
    return written("vocab_size") * (size("word_embed_proj_dim") or width) + layers * 2 * width * inner


def check_sizes(folder: Path, found: int) -> None:
    """Raise CheckpointError where config.json asks for more numbers than the weights of the folder hold: `found`."""
    path = folder / "config.json"
    try:
        least = least_numbers(read_json(path)["text_config"])
    except InvalidValueError as error:
        raise CheckpointError(f"checkpoint file {path}: {error}; {REMEDY}") from error
    if least > found:
        raise CheckpointError(f"checkpoint file {path}: text_config: expected sizes of the {found:,} numbers in the "
                              f"weights beside it, got sizes of at least {least:,}; {REMEDY}")


_CHECKS = {"config.json": check_config, "generation_config.json": check_generation,
           "processor_config.json": check_processor, "tokenizer_config.json": check_tokenizer,
           "special_tokens_map.json": check_tokenizer, "model.safetensors.index.json": check_index}
