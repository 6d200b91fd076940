"""Many episodes in one parquet file, for datasets of tens of thousands: a shard.

A shard is named after the seeds that it is for, `00000000-00000499.parquet`, and holds those of them that could be
recorded. A row is a view; the rows of a seed follow each other:

    seed, view   which episode, and which moment of it
    task         of its scene
    rgb.front .. the pictures of each camera, {bytes: PNG file, path}; depth.* in multiples of `DEPTH_STEP_M`, masks.*
    queries      what is asked about the view: family, instruction, answer in words, and the record (`data.queries`)
    state        everything else of the view, JSON
    act          the call that led to it, JSON; null for a first view

Pages carry a checksum, which every reading verifies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.data.episodes import (
    PIXELS,
    Episode,
    EpisodeError,
    View,
    act_from,
    members,
    png_of,
    trusting,
    view_from,
)
from embodied.data.files import write_whole
from embodied.data.queries import query_of, words_of

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 32
"""Views that are read at once: of one alone as well."""

_NAME = re.compile(r"([0-9]+)-([0-9]+)\.parquet")


def shard_path(folder: Path, seeds: range) -> Path:
    """Where the shard for these seeds of a dataset is."""
    return folder / "episodes" / f"{seeds[0]:08d}-{seeds[-1]:08d}.parquet"


def shard_files(folder: Path) -> list[Path]:
    """Every shard of a dataset, sound or not, by seed."""
    return sorted(path for path in (folder / "episodes").glob("*.parquet") if _NAME.fullmatch(path.name))


def span_of(path: Path) -> range:
    """The seeds that a shard is for."""
    first, last = map(int, _NAME.fullmatch(path.name).groups())
    return range(first, last + 1)


def write_shard(path: Path, files: Sequence[Path]) -> None:
    """Write the episodes of some files, by seed, as one shard; their images byte for byte. Raises EpisodeError for a
    file that is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for file in files for row in _rows(file)]
    table = pa.Table.from_pylist(rows, schema=_schema(rows[0]))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=ROWS, write_page_checksum=True, write_statistics=["seed", "view"],
                   use_dictionary=["task"], compression="zstd")
    write_whole(path, sink.getvalue().to_pybytes())


def _is_picture(column: str) -> bool:
    return column.partition(".")[0] in PIXELS


def _schema(row: Mapping[str, Any]) -> pa.Schema:
    import pyarrow as pa

    query = pa.struct([(name, pa.string()) for name in ("family", "instruction", "answer", "record")])
    types = {"seed": pa.int64(), "view": pa.int64(), "queries": pa.list_(query)}
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.schema([(name, picture if _is_picture(name) else types.get(name, pa.string())) for name in row])


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of an episode's file."""
    with trusting(file):
        meta, images = members(file)
        acts = [None, *map(json.dumps, meta["acts"])]
        for place, view in enumerate(meta["views"]):
            pictures = {f"{kind}.{camera}": {"bytes": png_of(images, at), "path": None}
                        for kind in PIXELS for camera, at in view[kind].items()}
            rest = {key: value for key, value in view.items() if key not in (*PIXELS, "asks")}
            yield {"seed": meta["seed"], "view": place, "task": meta["task"], **pictures,
                   "queries": [_query(record) for record in view["asks"]], "state": json.dumps(rest),
                   "act": acts[place]}


def _query(record: Mapping[str, Any]) -> dict[str, str]:
    query = query_of(record)
    return {"family": query.family, "instruction": query.instruction, "answer": words_of(query.answer),
            "record": json.dumps(record)}


def seeds_of(path: Path) -> list[int]:
    """The seeds whose episodes are in a shard, in rising order. Raises EpisodeError where it is damaged."""
    with _trusting(path):
        return sorted(set(_open(path).read(columns=["seed"])["seed"].to_pylist()))


def check_shard(path: Path) -> None:
    """Raise EpisodeError unless every page of a shard passes its checksum."""
    with _trusting(path):
        file = _open(path)
        for group in range(file.num_row_groups):
            file.read_row_group(group)


def read_shard(path: Path, *, pixels: Collection[str] = ()) -> Iterator[Episode]:
    """The episodes of a shard, with only the named kinds of images decoded. Raises EpisodeError as `read_episode`."""
    with _trusting(path):
        file = _open(path)
        yield from _episodes(file.read(columns=_columns(file, pixels)).to_pylist(), pixels)


def read_episode_of(path: Path, seed: int, *, pixels: Collection[str] = PIXELS) -> Episode:
    """The episode of a seed that is in a shard. Raises EpisodeError where the shard is damaged or lacks it."""
    with _trusting(path):
        rows = [row for group in _groups_of(path, seed) for row in _read_group(path, _stamp(path), group)
                if row["seed"] == seed]
        [episode] = _episodes(rows, pixels)
        return episode


def read_view_of(path: Path, seed: int, place: int, *, pixels: Collection[str] = PIXELS) -> View:
    """One view of an episode that is in a shard; no other is decoded. Raises EpisodeError as `read_episode_of`."""
    with _trusting(path):
        [row] = [row for group in _groups_of(path, seed) for row in _read_group(path, _stamp(path), group)
                 if (row["seed"], row["view"]) == (seed, place)]
        return _view(row, pixels)


def _episodes(rows: Sequence[Mapping[str, Any]], pixels: Collection[str]) -> Iterator[Episode]:
    for seed, group in groupby(rows, key=lambda row: row["seed"]):
        own = list(group)
        acts = tuple(act_from(json.loads(row["act"])) for row in own[1:])
        yield Episode(seed, own[0]["task"], tuple(_view(row, pixels) for row in own), acts)


def _view(row: Mapping[str, Any], pixels: Collection[str]) -> View:
    pictures: dict[str, dict[str, Any]] = {kind: {} for kind in PIXELS}
    for name in filter(_is_picture, row):
        kind, _, camera = name.partition(".")
        pictures[kind][camera] = row[name]
    meta = {**json.loads(row["state"]), "asks": [json.loads(query["record"]) for query in row["queries"]], **pictures}
    return view_from(meta, lambda picture: picture["bytes"], pixels)


def _columns(file: Any, pixels: Collection[str]) -> list[str]:
    names = file.schema_arrow.names
    return [name for name in names if not _is_picture(name) or name.partition(".")[0] in pixels]


def _open(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, page_checksum_verification=True)


def _stamp(path: Path) -> int:
    """Changes where another file takes its place."""
    return path.stat().st_mtime_ns


def _groups_of(path: Path, seed: int) -> list[int]:
    return [group for group, (first, last) in enumerate(_bounds(path, _stamp(path))) if first <= seed <= last]


@lru_cache(maxsize=512)
def _bounds(path: Path, stamp: int) -> list[tuple[int, int]]:
    """First and last seed of each group of rows."""
    metadata = _open(path).metadata
    column = next(i for i in range(metadata.num_columns) if metadata.schema.column(i).path == "seed")
    found = [metadata.row_group(group).column(column).statistics for group in range(metadata.num_row_groups)]
    return [(statistics.min, statistics.max) for statistics in found]


@lru_cache(maxsize=4)
def _read_group(path: Path, stamp: int, group: int) -> list[dict[str, Any]]:
    return _open(path).read_row_group(group).to_pylist()


@contextmanager
def _trusting(path: Path) -> Iterator[None]:
    """Turns what a damaged shard can raise into EpisodeError."""
    from pyarrow import ArrowException

    try:
        yield
    except (OSError, ArrowException, ValueError, KeyError, TypeError, StopIteration) as error:
        raise EpisodeError(f"{path}: expected a whole shard, got {error}; delete it and collect again") from error
