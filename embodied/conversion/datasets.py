"""Datasets: dataset.json and episodes as they are written now. Images stay byte for byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embodied.conversion.kind import Kind, Language
from embodied.conversion.languages import declared
from embodied.data.dataset import Dataset, episode_files
from embodied.data.episodes import EpisodeError, renewed_episode
from embodied.data.facts import FORMAT, facts_file, read_facts
from embodied.data.files import write_json, write_whole


def is_dataset(folder: Path) -> bool:
    """Whether the folder has the facts and the episodes of a dataset."""
    return facts_file(folder).is_file() and (folder / "episodes").is_dir()


def old_parts(folder: Path) -> list[str]:
    """Facts and episodes that would be written otherwise now. ValueError where it is no dataset that can be read."""
    told, found = read_facts(folder), json.loads(facts_file(folder).read_text())
    is_old = found != {**told, "format": _format(told)} or isinstance(told.get("grammar"), str)
    episodes = sum(_renewed(path) is not None for path in episode_files(folder))
    return [*([f"dataset.json: format {found.get('format')}"] if is_old else []),
            *([f"episodes: {episodes}"] if episodes else [])]


def _format(facts: dict[str, Any]) -> int:
    """Format 1 stays what it is called: nobody can tell what it does not."""
    return 1 if facts.get("format") == 1 else FORMAT


def _renewed(path: Path) -> bytes | None:
    """The content of an episode's file in the present form, None for one that has it; damaged ones stay as they are."""
    try:
        return renewed_episode(path)
    except EpisodeError:
        return None


def renew(folder: Path, language: Language = None) -> None:
    """Write episodes and facts anew, the facts last."""
    facts = read_facts(folder)
    if isinstance(facts.get("grammar"), str):
        facts["grammar"] = declared(facts["grammar"], language, facts_file(folder))
    for path in episode_files(folder):
        content = _renewed(path)
        if content is not None:
            write_whole(path, content)
    write_json(facts_file(folder), {**facts, "format": _format(facts)})


def check(folder: Path) -> None:
    """Read every sound episode. ValueError where one cannot be read, or where too many are damaged."""
    for _ in Dataset(folder).episodes():
        pass


DATASET = Kind("a dataset", "the dataset.json and episodes of a dataset", is_dataset, old_parts, renew, check)
