"""A folder of episodes with the facts it was made under.

    dataset.json      see `facts`
    episodes/         one file per seed
    quarantine.jsonl  seeds that could not be recorded, and why
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from embodied.data.episodes import Episode, EpisodeError, check_episode, read_episode
from embodied.data.facts import check_facts, read_facts


def episode_path(folder: Path, seed: int) -> Path:
    return folder / "episodes" / f"{seed:08d}.npz"


def episode_files(folder: Path) -> list[Path]:
    """Every episode file of a dataset, sound or not, by seed."""
    return sorted((folder / "episodes").glob("[0-9]*.npz"))


class Dataset:
    """The valid episodes of a folder, by place: `dataset[i]` reads one."""

    def __init__(self, path: str | Path, *, expect: Mapping[str, Any] | None = None, damaged_fraction: float = 0.01):
        """Checks facts against `expect` and every file's CRC; a few damaged ones are skipped, with a warning.

        Raises ValueError for another grammar or camera, for too many damaged files, and for no episode at all.
        """
        self.path = Path(path)
        self.facts = read_facts(self.path)
        check_facts(self.facts, expect or {}, f"dataset {self.path}")
        files = episode_files(self.path)
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
