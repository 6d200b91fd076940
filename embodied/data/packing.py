"""Puts the episodes of a dataset into shards while they are being collected.

Workers write one file an episode, whole or absent, as ever: what hangs or dies costs its own episode. Once nothing is
missing of what a shard is for, those files become one. A kill at any moment loses nothing: a shard is written whole
before its files go, and a sound one is never written over, whoever else collects into the folder.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from embodied.data.dataset import episode_files, episode_path
from embodied.data.episodes import EpisodeError
from embodied.data.facts import facts_file
from embodied.data.locks import HeldError, Hold
from embodied.data.shards import check_shard, seeds_of, shard_files, shard_path, span_of, write_shard


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

    def add(self, seed: int) -> None:
        """Note that the episode of a seed is there, or given up; its shard is written when that was the last one."""
        number = seed // self._size if self._size else None
        if number in self._whole:
            self._missing[number].discard(seed)
            if not self._missing[number]:
                self._pack(number)

    def finish(self, given_up: Collection[int]) -> None:
        """Write the shards that lack nothing but were not written yet; remove the files of what is in a shard, and the
        damaged shards of which nothing is missing any more."""
        loose = {int(file.stem) // self._size for file in episode_files(self._folder)} if self._size else set()
        for number in sorted(loose & set(self._whole)):
            if not self._missing[number]:
                self._pack(number)
        there = {int(file.stem) for file in episode_files(self._folder)} | set(given_up)
        damaged = []
        for shard in shard_files(self._folder):
            if is_sound(shard):
                packed = set(seeds_of(shard))
                for seed in packed & there:
                    episode_path(self._folder, seed).unlink(missing_ok=True)
                there |= packed
            else:
                damaged.append(shard)
        for shard in damaged:
            if set(span_of(shard)) <= there:
                shard.unlink()

    def _pack(self, number: int) -> None:
        """Write a shard of the files that are there, unless a sound one is; nothing while another process packs."""
        span = range(number * self._size, (number + 1) * self._size)
        path = shard_path(self._folder, span)
        try:
            with Hold.own(facts_file(self._folder)):
                files = [file for seed in span if (file := episode_path(self._folder, seed)).exists()]
                if not files or is_sound(path):
                    return
                write_shard(path, files)
                for file in files:
                    file.unlink(missing_ok=True)
        except HeldError:
            return


def is_sound(shard: Path) -> bool:
    """Whether a shard is there, every page as it was written."""
    try:
        check_shard(shard)
    except EpisodeError:
        return False
    return True
