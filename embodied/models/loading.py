"""Checkpoint directories: published whole or not at all, checked to the last byte when read back. No pickle, ever."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import safetensors
import torch
from transformers.utils import logging

from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor

MANIFEST = "manifest.json"
NEEDED = ("config.json", "processor_config.json", "tokenizer.json")
PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")


class CheckpointError(ValueError):
    """A checkpoint that must not be used; the message names the file and the remedy."""


def load(folder: str | Path, device: str = "cpu") -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """The model (evaluation mode, on `device`) and processor saved in a folder.

    Raises CheckpointError when the folder is missing, incomplete, altered or damaged, or holds pickles; ValueError when
    the weights do not fit its configuration.
    """
    folder = Path(folder).resolve()
    _restore(folder)
    _check_present(folder)
    if (folder / MANIFEST).exists():
        verify_manifest(folder)
    for weights in sorted(folder.glob("*.safetensors")):
        _check_safetensors(weights)
    try:
        model, processor = _read_quietly(folder)
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({fault}); {_REMEDY}") from error
    return model.to(device).eval(), processor


def save(model: PalmEForConditionalGeneration, processor: PalmEProcessor, folder: str | Path) -> Path:
    """The folder, published whole: written beside it, flushed to disk, then renamed into place.

    An older checkpoint of that name stays until the new one is complete. Raises OSError, naming the bytes needed, when
    the disk is full; the older checkpoint is then intact.
    """
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        model.save_pretrained(draft)
        processor.save_pretrained(draft)
        write_manifest(draft)
        _flush(draft)
        _publish(draft, folder)
    except (OSError, safetensors.SafetensorError) as error:
        needed = sum(p.numel() * p.element_size() for p in model.parameters())
        raise OSError(f"checkpoint {folder}: could not be written ({error}); about {needed:,} bytes are needed, "
                      f"{shutil.disk_usage(folder.parent).free:,} are free; what was there before is intact") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def write_manifest(folder: str | Path) -> None:
    """Writes manifest.json: the SHA-256 and size of every other file of the folder."""
    folder = Path(folder)
    files = {path.relative_to(folder).as_posix(): {"sha256": _digest(path), "bytes": path.stat().st_size}
             for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST}
    (folder / MANIFEST).write_text(json.dumps({"files": files}, indent=2) + "\n", encoding="utf-8")


def verify_manifest(folder: str | Path) -> None:
    """Raises CheckpointError naming the first file that is missing or not what the manifest says."""
    folder = Path(folder)
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        expected = {str(name): str(facts["sha256"]) for name, facts in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"checkpoint file {folder / MANIFEST}: cannot be read ({error}); {_REMEDY}") from error
    for name, digest in expected.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise CheckpointError(f"checkpoint file {path}: listed in {MANIFEST} but missing; {_REMEDY}")
        if _digest(path) != digest:
            raise CheckpointError(f"checkpoint file {path}: its SHA-256 is not the one in {MANIFEST} "
                                  f"(truncated or altered); {_REMEDY}")


_REMEDY = "copy it again, or train one with `embodied train`"


def _check_present(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"checkpoint {folder}: no such folder; give one that `embodied train` wrote")
    pickles = sorted(p.name for p in folder.rglob("*") if p.suffix.lower() in PICKLES)
    if pickles:
        raise CheckpointError(f"checkpoint {folder}: holds {pickles[0]}, which may run code when loaded; convert it to "
                              "model.safetensors with safetensors.torch.save_file and remove it")
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing or not any(folder.glob("*.safetensors")):
        raise CheckpointError(f"checkpoint {folder}: {', '.join(missing) or 'model.safetensors'} missing; {_REMEDY}")


def _check_safetensors(path: Path) -> None:
    """Raises CheckpointError unless the header parses and its offsets fit the file (which safetensors checks)."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            list(file.keys())
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"checkpoint file {path}: truncated or damaged ({error}); {_REMEDY}") from error


def _read_quietly(folder: Path) -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """Without transformers' progress bar, whose state is put back."""
    had_bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = PalmEForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
        return model, PalmEProcessor.from_pretrained(folder, local_files_only=True)
    finally:
        if had_bar:
            logging.enable_progress_bar()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(folder: Path) -> None:
    """Forces every file, then the folder's own entries, to disk."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _publish(draft: Path, folder: Path) -> None:
    """Renames the draft into place; an older folder steps aside first and is removed last."""
    draft.chmod(0o755)
    _restore(folder)
    aside = _aside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        draft.rename(folder)
    finally:
        _restore(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _restore(folder: Path) -> None:
    """Puts back a checkpoint that stepped aside for one that never came: the process died between two renames."""
    if not folder.exists() and _aside(folder).exists():
        _aside(folder).rename(folder)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
