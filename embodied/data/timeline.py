"""The story of a session, told from its rows and events: runs, episodes at an even rate, and what to write under them.

Rows and events of two processes are put in order by the wall clock that both note: simulated time starts anew at
resets.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from embodied.planning.closed_loop import ending
from embodied.planning.spoken import spoken

Event = Mapping[str, Any]

UNTOLD = "no instruction"
"""Task of motion that nobody instructed in words: single skills and joint targets."""
MAX_HOLD_S = 10.0
"""Simulated time that may pass between two rows of an episode; the robot is taken to have stood still."""


@dataclass
class RecordedRun:
    """One instruction and what came of it, with its place in time (unix seconds; end_unix_s inf while open)."""

    run_id: str
    instruction: str
    unix_s: float
    end_unix_s: float = float("inf")
    end: str | None = None
    is_success: bool | None = None
    hint: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """A RUN of the HTTP contract."""
        return {"run_id": self.run_id, "instruction": self.instruction, "end": self.end,
                "is_success": self.is_success, "steps": self.steps, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class RecordedEpisode:
    """Some rows, at an even rate, that make an episode. rows: int64[N], in order, repeated where the world stood."""

    task: str
    rows: np.ndarray
    is_success: bool | None  # None: nobody judged it


@dataclass(frozen=True, slots=True)
class Caption:
    """What is written under the pictures from a moment on."""

    unix_s: float
    title: str
    step: str
    status: str


def runs_of(events: Sequence[Event]) -> list[RecordedRun]:
    """The runs that the events tell of, in order; events without a time or a run are passed over."""
    runs: dict[str, RecordedRun] = {}
    for event in events:
        run_id, unix_s = event.get("run_id"), event.get("unix_s")
        if not isinstance(run_id, str) or not isinstance(unix_s, int | float):
            continue
        if event["type"] == "instruction":
            for open_run in runs.values():
                open_run.end_unix_s = min(open_run.end_unix_s, unix_s)
            runs[run_id] = RecordedRun(run_id, str(event.get("instruction", "")), unix_s)
        elif run_id in runs:
            _tell(runs[run_id], event)
    return list(runs.values())


def _tell(run: RecordedRun, event: Event) -> None:
    """Add an event to its run."""
    if event["type"] == "plan":
        run.hint = str(event.get("hint") or "")
    elif event["type"] == "outcome":
        run.steps.append({key: event.get(key) for key in ("skill", "arguments", "status", "reason", "duration_s")})
    elif event["type"] == "end":
        run.end, run.is_success = event.get("end"), event.get("is_success")
        run.end_unix_s = event["unix_s"]


def episodes_of(rows: np.ndarray, runs: Sequence[RecordedRun], fps: int) -> list[RecordedEpisode]:
    """Episodes: one a run, more where the world was reset within it; rows between the runs make episodes of their own.

    rows: with `time_s` and `unix_s`. A run's success belongs to its last episode.
    """
    if not len(rows):
        return []
    owner = np.full(len(rows), -1)
    for index, run in enumerate(runs):
        owner[(rows["unix_s"] >= run.unix_s) & (rows["unix_s"] <= run.end_unix_s)] = index
    passed = np.diff(rows["time_s"])
    cuts = np.flatnonzero((np.diff(owner) != 0) | (passed < 0) | (passed > MAX_HOLD_S)) + 1
    pieces = np.split(np.arange(len(rows)), cuts)
    last = {int(owner[piece[0]]): i for i, piece in enumerate(pieces)}
    return [_episode(rows, piece, runs[run] if run >= 0 else None, last[run] == i, fps)
            for i, piece in enumerate(pieces) for run in (int(owner[piece[0]]),)]


def _episode(rows: np.ndarray, piece: np.ndarray, run: RecordedRun | None, is_last: bool, fps: int) -> RecordedEpisode:
    task = (run.instruction.strip() if run else "") or UNTOLD
    even = piece[even_rows(rows["time_s"][piece], fps)]
    return RecordedEpisode(task, even, run.is_success if run and is_last else None)


def even_rows(time_s: np.ndarray, fps: int) -> np.ndarray:
    """int64[N]: the row that shows each 1 / fps from the first to the last of float[M], which never decreases.

    A row stands until the next: the identity for rows at an even rate, repeats where they are further apart.
    """
    count = int((time_s[-1] - time_s[0]) * fps + 0.5) + 1
    moments = time_s[0] + (np.arange(count) + 0.5) / fps
    return np.searchsorted(time_s, moments, side="left") - 1


def captions_of(events: Sequence[Event], planned_by: str = "") -> list[Caption]:
    """What the videos say, in order of time: the instruction, then each step and how it went. planned_by: stands before
    every instruction."""
    captions, title, looks = [], "", dict[str, str]()
    for event in events:
        unix_s = event.get("unix_s")
        if event["type"] == "plan":  # names of objects count anew in each plan
            looks = {it["name"]: it["looks"] for it in event.get("objects") or () if it.get("looks")}
        text = _caption(event, looks) if isinstance(unix_s, int | float) else None
        if text is not None:
            title = planned_by + str(event.get("instruction", "")) if event["type"] == "instruction" else title
            captions.append(Caption(unix_s, title, *text))
    return sorted(captions, key=lambda caption: caption.unix_s)


def _caption(event: Event, looks: Mapping[str, str]) -> tuple[str, str] | None:
    """The step and its status; None for events that change nothing under the picture."""
    kind = event["type"]
    if kind == "instruction":
        return "", ""
    if kind in ("step", "outcome"):
        call = spoken(str(event.get("skill")), event.get("arguments") or (), looks)
        return (call, "") if kind == "step" else (f"{call}: {event.get('status')}", str(event.get("status")))
    if kind == "end":
        end, is_success = str(event.get("end")), event.get("is_success")
        is_open = end == "done" and is_success is None
        return f"end: {ending(end, is_success)}", "done" if is_success else "refused" if is_open else "failed"
    if kind == "safety" and event.get("kind") in ("stop", "estop"):
        return f"{event['kind']}: {event.get('reason', '')}", "failed"
    return None


def captions_at(captions: Sequence[Caption], unix_s: Sequence[float]) -> Iterator[Caption]:
    """The caption that holds at each moment."""
    for moment in unix_s:
        index = bisect_right(captions, moment, key=lambda caption: caption.unix_s) - 1
        yield captions[index] if index >= 0 else Caption(moment, "", "", "")


def placed(events: Sequence[Event], unix_s: Sequence[float], fps: int) -> list[dict[str, Any]]:
    """The events with `video_s`: where the video is when they happen, at the latest where its last picture begins to be
    held. unix_s: of each frame of the video before that, in order."""
    last, moments = len(unix_s), np.maximum.accumulate(unix_s) if len(unix_s) else unix_s
    return [{**event, "video_s": min(bisect_left(moments, event.get("unix_s", 0.0)), last) / fps} for event in events]
