"""A folder of episodes with the facts it was made under.

    dataset.json      format, plan grammar, cameras, renderer, environment, package version
    episodes/         one file per seed
    quarantine.jsonl  seeds that could not be recorded, and why
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.episodes import Episode, EpisodeError, check_episode, read_episode
from embodied.data.files import write_json

FORMAT = 1
FACTS = {"format": "format", "grammar": "plan grammar", "cameras": "camera", "image_size": "image size",
         "renderer": "renderer"}
"""Facts that two sources of episodes must share to be mixed: key -> what it is called in messages."""


def episode_path(folder: Path, seed: int) -> Path:
    return folder / "episodes" / f"{seed:08d}.npz"


def check_facts(found: Mapping[str, Any], expected: Mapping[str, Any], what: str) -> None:
    """Nothing. ValueError naming the first fact of FACTS in which `found` differs from `expected`."""
    for key, name in FACTS.items():
        if key in expected and not _agree(found.get(key), expected[key]):
            raise ValueError(
                f"{what} was made with another {name}: expected {_brief(expected[key])}, got {_brief(found.get(key))} "
                f"(made by embodied {found.get('package', 'unknown')}); collect it again, or use that version")


def _agree(a: Any, b: Any) -> bool:
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_agree(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return np.shape(a) == np.shape(b) and bool(np.allclose(a, b, atol=1e-6))
    return a == b


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:157] + "..."


def declare(folder: Path, facts: Mapping[str, Any]) -> None:
    """Nothing. Writes dataset.json, or checks that what is there agrees. ValueError where it does not."""
    (folder / "episodes").mkdir(parents=True, exist_ok=True)
    path = folder / "dataset.json"
    if path.exists():
        check_facts(read_facts(folder), facts, f"dataset {folder}")
    else:
        write_json(path, dict(facts))


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts of a dataset. ValueError when there is none."""
    try:
        return json.loads((folder / "dataset.json").read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder}: expected a dataset, got {error}; run `embodied collect` first") from error


class Dataset:
    """The valid episodes of a folder, by place: `dataset[i]` reads one."""

    def __init__(self, path: str | Path, *, expect: Mapping[str, Any] | None = None, damaged_fraction: float = 0.01):
        """Checks facts against `expect` and every file's CRC; a few damaged ones are skipped, with a warning.

        Raises ValueError for another grammar or camera, for too many damaged files, and for no episode at all.
        """
        self.path = Path(path)
        self.facts = read_facts(self.path)
        check_facts(self.facts, expect or {}, f"dataset {self.path}")
        files = sorted((self.path / "episodes").glob("[0-9]*.npz"))
        self.damaged = [file for file in files if _is_damaged(file)]
        self.files = [file for file in files if file not in set(self.damaged)]
        self._refuse_if_unusable(len(files), damaged_fraction)

    def _refuse_if_unusable(self, total: int, damaged_fraction: float) -> None:
        names = ", ".join(file.name for file in self.damaged[:5])
        if len(self.damaged) > damaged_fraction * total:
            raise ValueError(f"dataset {self.path}: expected at most {damaged_fraction:.0%} damaged episodes, got "
                             f"{len(self.damaged)} of {total} ({names}); delete them and collect again")
        if not self.files:
            raise ValueError(f"dataset {self.path}: expected at least one episode, got none; run `embodied collect`")
        if self.damaged:
            warnings.warn(f"dataset {self.path}: {len(self.damaged)} of {total} episodes are damaged and skipped: "
                          f"{names}", stacklevel=3)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(int(file.stem) for file in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, place: int) -> Episode:
        return read_episode(self.files[place])

    def __iter__(self) -> Iterator[Episode]:
        return (read_episode(file) for file in self.files)


def _is_damaged(file: Path) -> bool:
    try:
        check_episode(file)
    except EpisodeError:
        return True
    return False
