"""Keys of the command line and of configurations that have another name now: the one place where old ones are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from embodied.cli.errors import UsageError

RENAMED = {
    "objective.segmenter": "stage.segmenter", "objective.planner": "stage.sft", "objective.jitter": "stage.sft.jitter",
    "objective": "stage", "model.seeing": "model.scene_encoder",
    "contestant": "policy", "suite.contestants": "suite.policies", "suite.wins_filmed": "suite.success_videos",
    "suite.losses_filmed": "suite.failure_videos", "film": "video", "film_every": "video_every",
    "is_lexicon_open": "is_vocabulary_open",
}
"""Dotted key as it was -> as it is; the rest of a longer key follows. The longest that fits counts."""


def refuse_renamed(keys: Iterable[str], values: Mapping[str, Any]) -> None:
    """Raise UsageError, with the new name, for an old key among those typed or in the composed values."""
    for key in [*keys, *_dotted(values)]:
        old = max((old for old in RENAMED if f"{key}.".startswith(f"{old}.")), key=len, default=None)
        if old is not None:
            raise UsageError(f"{key}: is called {RENAMED[old]}{key[len(old):]} now")


def _dotted(values: Mapping[str, Any]) -> Iterable[str]:
    for key, value in values.items():
        yield from (f"{key}.{inner}" for inner in value) if isinstance(value, Mapping) else ()
        yield str(key)
