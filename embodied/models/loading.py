"""Checkpoint directories: published whole or not at all, checked to the last byte when read back. No pickle, ever."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch

from embodied.data.files import replaced_folder
from embodied.models.configuration import STUMBLES
from embodied.models.folder import REMEDY, CheckpointError, check_folder, verify_manifest, write_manifest
from embodied.models.planner import PalmEForConditionalGeneration
from embodied.models.processor import PalmEProcessor
from embodied.models.quiet import quietly
from embodied.models.tensors import check_tensors


def load(folder: str | Path, device: str = "cpu") -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    """The model (evaluation mode, on `device`) and processor saved in a folder.

    Raises CheckpointError when the folder is missing, incomplete, altered or damaged, holds pickles, or asks for what
    no known configuration does (see checkpoint_checks); ValueError when the weights do not fit its configuration.
    """
    folder = Path(folder).resolve()
    check_folder(folder)
    check_tensors(folder)
    try:
        model, processor = _read(folder)
    except (OSError, *STUMBLES) as error:
        fault = f"{type(error).__name__}: {error}"
        raise CheckpointError(f"checkpoint {folder}: cannot be read ({fault}); {REMEDY}") from error
    return model.to(device).eval(), processor


def save(model: PalmEForConditionalGeneration, processor: PalmEProcessor, folder: str | Path, *,
         beside: Mapping[str, str] | None = None) -> Path:
    """The folder, published whole: written beside it, flushed to disk, then renamed into place. beside: name -> text of
    more files.

    An older checkpoint of that name stays until the new one is complete. Raises OSError, naming the bytes needed, when
    the disk is full; the older checkpoint is then intact. CheckpointError when what was written does not read back.
    """
    folder = Path(folder).resolve()
    try:
        with replaced_folder(folder) as draft:
            model.save_pretrained(draft)
            processor.save_pretrained(draft)
            _forget_folders(draft / "config.json")
            _write_texts(draft, beside or {})
            write_manifest(draft)
        verify_manifest(folder)
    except (OSError, safetensors.SafetensorError) as error:
        needed = sum(p.numel() * p.element_size() for p in model.parameters())
        raise OSError(f"checkpoint {folder}: could not be written ({error}); about {needed:,} bytes are needed, "
                      f"{shutil.disk_usage(folder.parent).free:,} are free; what was there before is intact") from error
    return folder


def put_beside(folder: str | Path, texts: Mapping[str, str]) -> None:
    """Give a checkpoint more files, or others in place of those of these names; whole or not at all."""
    folder = Path(folder).resolve()
    with replaced_folder(folder) as draft:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        _write_texts(draft, texts)
        write_manifest(draft)


def _forget_folders(path: Path) -> None:
    """Leave out where parts of a model were read from: folders of this machine, which say nothing elsewhere."""
    def kept(values: Any) -> Any:
        return {key: kept(value) for key, value in values.items() if key != "_name_or_path"} if isinstance(
            values, dict) else values

    path.write_text(json.dumps(kept(json.loads(path.read_text("utf-8"))), indent=2, sort_keys=True) + "\n", "utf-8")


def _write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _read(folder: Path) -> tuple[PalmEForConditionalGeneration, PalmEProcessor]:
    with quietly():
        model = PalmEForConditionalGeneration.from_checked(folder, dtype=torch.float32, local_files_only=True)
        return model, PalmEProcessor.from_checked(folder, local_files_only=True)
