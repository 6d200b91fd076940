"""A folder of episodes with the facts it was made under.

    dataset.json      see `facts`
    episodes/         one file per seed, or per many: see `shards`
    quarantine.jsonl  seeds that could not be recorded, and why
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from embodied.data import shards
from embodied.data.episodes import PIXELS, Episode, EpisodeError, View, check_episode, read_episode, read_view
from embodied.data.facts import check_facts, read_facts


def episode_path(folder: Path, seed: int) -> Path:
    """Where the episode of a seed is as long as it has a file of its own."""
    return folder / "episodes" / f"{seed:08d}.npz"


def episode_files(folder: Path) -> list[Path]:
    """Every file of one episode of a dataset, sound or not, by seed."""
    return sorted((folder / "episodes").glob("[0-9]*.npz"))


def seeds_in(folder: Path) -> set[int]:
    """Seeds whose episodes are in a dataset, be they sound or not; of a damaged shard all that it is for."""
    found = {int(file.stem) for file in episode_files(folder)}
    for shard in shards.shard_files(folder):
        try:
            found.update(shards.seeds_of(shard))
        except EpisodeError:
            found.update(shards.span_of(shard))
    return found


def read_seed(folder: Path, seed: int) -> Episode:
    """The episode of a seed, wherever it is. Raises EpisodeError where it is damaged, or nowhere."""
    own, why = episode_path(folder, seed), None
    reads = [(lambda: read_episode(own))] if own.exists() else []
    reads += [partial(shards.read_episode_of, shard, seed) for shard in shards.shard_files(folder)
              if seed in shards.span_of(shard)]  # shards of several sizes may overlap
    for read in reads:
        try:
            return read()
        except EpisodeError as error:
            why = why or error
    raise why or EpisodeError(f"{folder}: expected an episode of seed {seed}, got none; run `embodied collect`")


class Dataset:
    """The valid episodes of a folder, by place: `dataset[i]` reads one."""

    def __init__(self, path: str | Path, *, expect: Mapping[str, Any] | None = None, damaged_fraction: float = 0.01):
        """Checks facts against `expect` and every file's CRC; a few damaged ones are skipped, with a warning. Of
        shards, what they say of themselves is checked here, and a page when it is read.

        Raises ValueError for another grammar or camera, for too many damaged files, and for no episode at all.
        """
        self.path = Path(path)
        self.facts = read_facts(self.path)
        check_facts(self.facts, expect or {}, f"dataset {self.path}")
        self.damaged: list[Path] = []
        self._found: dict[int, Path] = {}  # seed -> its file
        lost = self._find_shards() | self._find_files()
        self._found = dict(sorted(self._found.items()))
        self._refuse_if_unusable(len(lost - set(self._found)), damaged_fraction)
        self.seeds = tuple(self._found)

    def _find_shards(self) -> set[int]:
        """Seeds of the episodes that damaged shards are for."""
        lost: set[int] = set()
        for shard in shards.shard_files(self.path):
            try:
                self._found.update(dict.fromkeys(shards.seeds_of(shard), shard))
            except EpisodeError:
                self.damaged.append(shard)
                lost.update(shards.span_of(shard))
        return lost

    def _find_files(self) -> set[int]:
        """Seeds of the episodes whose own files are damaged."""
        lost: set[int] = set()
        for file in episode_files(self.path):
            if _is_damaged(file):
                self.damaged.append(file)
                lost.add(int(file.stem))
            else:
                self._found[int(file.stem)] = file
        return lost

    def _refuse_if_unusable(self, lost: int, damaged_fraction: float) -> None:
        names, total = ", ".join(file.name for file in self.damaged[:5]), lost + len(self._found)
        if lost > damaged_fraction * total:
            raise ValueError(f"dataset {self.path}: expected at most {damaged_fraction:.0%} damaged episodes, got "
                             f"{lost} of {total} ({names}); delete them and collect again")
        if not self._found:
            raise ValueError(f"dataset {self.path}: expected at least one episode, got none; run `embodied collect`")
        if self.damaged:
            warnings.warn(f"dataset {self.path}: {lost} of {total} episodes are damaged and skipped: {names}",
                          stacklevel=3)

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, place: int) -> Episode:
        seed, file = self.seeds[place], self._found[self.seeds[place]]
        return read_episode(file) if _is_own(file) else shards.read_episode_of(file, seed)

    def __iter__(self) -> Iterator[Episode]:
        return self.episodes(pixels=PIXELS)

    def episodes(self, *, pixels: Collection[str] = ()) -> Iterator[Episode]:
        """Every episode, in the order of the places, with only the named kinds of images decoded. Quicker than one by
        one."""
        shard, rest = None, iter(())
        for seed, file in self._found.items():
            if _is_own(file):
                yield read_episode(file, pixels=pixels)
                continue
            if file != shard:
                shard, rest = file, shards.read_shard(file, pixels=pixels)
            yield next(episode for episode in rest if episode.seed == seed)

    def view(self, place: int, view: int, *, pixels: Collection[str] = PIXELS) -> View:
        """One view of the episode of a place; no other is decoded."""
        seed, file = self.seeds[place], self._found[self.seeds[place]]
        if _is_own(file):
            return read_view(file, view, pixels=pixels)
        return shards.read_view_of(file, seed, view, pixels=pixels)


def _is_own(file: Path) -> bool:
    """Whether a file holds one episode alone."""
    return file.suffix == ".npz"


def _is_damaged(file: Path) -> bool:
    try:
        check_episode(file)
    except EpisodeError:
        return True
    return False
