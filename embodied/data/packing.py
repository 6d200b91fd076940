"""Puts the episodes of a dataset into shards while they are being collected.

Workers write one file an episode, whole or absent, as ever: what hangs or dies costs its own episode. Once nothing is
missing of what a shard is for, those files become one. A kill at any moment loses nothing: a shard is written whole
before its files go.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from embodied.data.dataset import episode_files, episode_path
from embodied.data.episodes import EpisodeError
from embodied.data.shards import seeds_of, shard_files, shard_path, span_of, write_shard


class Packing:
    """The shards of a folder that is being collected into, of `size` seeds each; none for size 0."""

    def __init__(self, folder: Path, size: int, seeds: range, missing: Collection[int]):
        """seeds: all that are asked for; a shard that reaches beyond them waits until more are. missing: those whose
        episodes are still to come."""
        self._folder, self._size = folder, size
        self._whole = range(-(-seeds.start // size), seeds.stop // size) if size else range(0)  # numbers of shards
        self._missing: dict[int, set[int]] = {number: set() for number in self._whole}
        for seed in missing if size else ():
            self._missing.setdefault(seed // size, set()).add(seed)
        self._packed = {span_of(path)[0]: found for path in shard_files(folder)
                        if (found := _seeds(path)) and not found & set(missing)}  # a damaged one is made anew

    def add(self, seed: int) -> None:
        """Note that the episode of a seed is there, or given up; its shard is written when that was the last one."""
        number = seed // self._size if self._size else None
        if number in self._whole:
            self._missing[number].discard(seed)
            if not self._missing[number]:
                self._pack(number)

    def finish(self) -> None:
        """Write the shards that lack nothing but were not written yet, and remove the files of what is in one."""
        loose = {int(file.stem) // self._size for file in episode_files(self._folder)} if self._size else set()
        for number in sorted(loose & set(self._whole)):
            if not self._missing[number]:
                self._pack(number)

    def _pack(self, number: int) -> None:
        span = range(number * self._size, (number + 1) * self._size)
        files = [path for seed in span if (path := episode_path(self._folder, seed)).exists()]
        if span[0] in self._packed:  # what came later stays beside it
            files = [path for path in files if int(path.stem) in self._packed[span[0]]]
        elif files:
            write_shard(shard_path(self._folder, span), files)
        for path in files:
            path.unlink()


def _seeds(path: Path) -> set[int]:
    """The seeds of a shard; none of one that cannot be opened."""
    try:
        return set(seeds_of(path))
    except EpisodeError:
        return set()
