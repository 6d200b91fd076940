"""A folder of an earlier form gives its place to the same in the present form: whole, checked, or not at all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from embodied.conversion.checkpoints import CHECKPOINT
from embodied.conversion.datasets import DATASET
from embodied.conversion.kind import Kind, Language
from embodied.conversion.runs import RUN
from embodied.data.files import let_go, put_back, replaced_folder

KINDS = (RUN, CHECKPOINT, DATASET)
"""Every kind of folder that some version wrote in another form; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands in a folder. old_parts: what is of an earlier form, a clause each."""

    folder: Path
    kind: Kind
    old_parts: list[str]


def find(path: Path) -> Finding:
    """What stands there. ValueError for anything that is no known kind of folder, or is damaged."""
    put_back(path)
    kind = next((kind for kind in KINDS if kind.is_one(path)), None)
    if kind is None:
        got = "another folder" if path.is_dir() else "a file" if path.exists() else "nothing of that name"
        raise ValueError(f"{path}: expected a folder with {', '.join(kind.holds for kind in KINDS[:-1])} or "
                         f"{KINDS[-1].holds}, got {got}")
    return Finding(path, kind, kind.old_parts(path))


def kept_as(folder: Path) -> Path:
    """Where the folder of the earlier form stays."""
    return folder.with_name(f"{folder.name}.old")


def convert(finding: Finding, *, language: Language = None, is_old_kept: bool = True) -> None:
    """Put the present form in the place of what was found; the earlier one stays at `kept_as`, or is removed.

    Whatever fails, or is killed, leaves the folder as it was. Raises ValueError where what would be written does not
    load, or where something stands at `kept_as`; OSError for a full disk.
    """
    folder, kind = finding.folder, finding.kind
    keep = kept_as(folder) if is_old_kept else None
    if keep is not None and keep.exists():
        raise ValueError(f"{keep}: expected nothing of that name, for the earlier form to stay there; move it away, or "
                         "add keep_old=false")
    with kind.hold(folder), replaced_folder(folder, keep=keep) as draft:
        shutil.copytree(folder, draft, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*.draft"))
        kind.renew(draft, language)
        if left := kind.old_parts(draft):
            raise ValueError(f"{folder}: expected to bring all of it into the present form, {'; '.join(left)} stayed")
        kind.check(draft)


def tidy(folder: Path, *, is_old_kept: bool = True) -> None:
    """Give the earlier form its name where a conversion was killed between its last two steps."""
    let_go(folder, kept_as(folder) if is_old_kept else None)
