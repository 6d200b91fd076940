"""Checkpoint directories: published whole or not at all, checked to the last byte when read back. No pickle, ever."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import safetensors
import torch
from transformers.utils import logging

from embodied.data.files import draft_folder, sync_tree
from embodied.models.configuration import PalmEVisionConfig
from embodied.models.folder import (
    REMEDY,
    CheckpointError,
    aside_of,
    check_folder,
    restore,
    verify_manifest,
    write_manifest,
)
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor
from embodied.models.strangers import read_json
from embodied.models.vision import build_vision


def load(folder: str | Path, device: str = "cpu") -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """The model (evaluation mode, on `device`) and processor saved in a folder.

    Raises CheckpointError when the folder is missing, incomplete, altered or damaged, holds pickles, or asks for what
    no known configuration does (see strangers); ValueError when the weights do not fit its configuration.
    """
    folder = Path(folder).resolve()
    check_folder(folder)
    weights = sorted(folder.glob("*.safetensors"))
    _check_vision(folder, weights)
    for path in weights:
        _check_finite(path)
    try:
        model, processor = _read_quietly(folder)
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({fault}); {REMEDY}") from error
    return model.to(device).eval(), processor


def save(model: PalmEForConditionalGeneration, processor: PalmEProcessor, folder: str | Path) -> Path:
    """The folder, published whole: written beside it, flushed to disk, then renamed into place.

    An older checkpoint of that name stays until the new one is complete. Raises OSError, naming the bytes needed, when
    the disk is full; the older checkpoint is then intact. CheckpointError when what was written does not read back.
    """
    folder = Path(folder).resolve()
    try:
        with draft_folder(folder) as draft:
            model.save_pretrained(draft)
            processor.save_pretrained(draft)
            write_manifest(draft)
            sync_tree(draft)
            _publish(draft, folder)
        verify_manifest(folder)
    except (OSError, safetensors.SafetensorError) as error:
        needed = sum(p.numel() * p.element_size() for p in model.parameters())
        raise OSError(f"checkpoint {folder}: could not be written ({error}); about {needed:,} bytes are needed, "
                      f"{shutil.disk_usage(folder.parent).free:,} are free; what was there before is intact") from error
    return folder


def _check_vision(folder: Path, weights: Sequence[Path]) -> None:
    """Nothing. CheckpointError where config.json names an encoder of more numbers than the weights have for one.

    Sizes of an encoder follow from its name alone; it is laid out without memory to count them.
    """
    with torch.device("meta"):
        encoder = build_vision(PalmEVisionConfig(**read_json(folder / "config.json").get("vision_config", {})))
    named = sum(parameter.numel() for parameter in encoder.parameters())
    found = sum(_numbers_under("vision.", path) for path in weights)
    if named > found:
        raise CheckpointError(f"checkpoint file {folder / 'config.json'}: vision_config: expected an encoder of the "
                              f"{found:,} numbers in the weights beside it, got one of {named:,}; {REMEDY}")


def _numbers_under(prefix: str, path: Path) -> int:
    with safetensors.safe_open(path, framework="pt") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys()  # noqa: SIM118 - no mapping
                   if name.startswith(prefix))


def _check_finite(path: Path) -> None:
    """Nothing. CheckpointError for a weight that is no number, or endless: a model with one answers nothing."""
    with safetensors.safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            tensor = file.get_tensor(name)
            if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
                raise CheckpointError(f"checkpoint file {path}: {name}: expected finite numbers, got NaN or infinity; "
                                      f"{REMEDY}")


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


def _publish(draft: Path, folder: Path) -> None:
    """Renames the draft into place; an older folder steps aside first and is removed last."""
    draft.chmod(0o755)
    restore(folder)
    aside = aside_of(folder)
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        draft.rename(folder)
    finally:
        restore(folder)
    shutil.rmtree(aside, ignore_errors=True)
