"""What a planner remembers of earlier episodes: instructions, how they ended, and what went wrong on the way."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from embodied.agents.prompting.library import quote
from embodied.data.files import write_json
from envs.interface import Transition

FILE_LIMIT_BYTES = 1 << 20
LIKENESS = 0.4
"""Share of their words that two instructions have in common for the one to be remembered at the other."""
_INSTRUCTION, _TOLD, _TROUBLES = 200, 120, 4


@dataclass(frozen=True, slots=True)
class Note:
    """One episode. troubles: what failed, as told at the time."""

    instruction: str
    end: str
    troubles: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The note as a line of a prompt."""
        went = f", ended {quote(self.end, _TOLD)}" if self.end else ""
        wrong = f", went wrong: {', '.join(quote(t, _TOLD) for t in self.troubles)}" if self.troubles else ""
        return f"- instruction {quote(self.instruction, _INSTRUCTION)}{went}{wrong}"


class Memory:
    """The last `limit` episodes, kept in a file where one is given, which is always whole. Threads may share it."""

    def __init__(self, path: str | Path | None = None, *, limit: int = 200) -> None:
        """Raises ValueError for a file that is no memory."""
        if limit < 1:
            raise ValueError(f"Memory.limit: expected at least 1, got {limit}")
        self.path, self.limit = None if path is None else Path(path), limit
        self._lock = threading.Lock()
        self.notes: list[Note] = [] if self.path is None or not self.path.exists() else _load(self.path)[-limit:]

    def keep(self, instruction: str, end: str, history: Sequence[Transition] = ()) -> None:
        """Note how an episode went. Raises OSError when the file cannot be written."""
        note = Note(instruction[:_INSTRUCTION], end[:_TOLD], troubles_of(history))
        with self._lock:
            self.notes = [*self.notes, note][-self.limit:]
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_json(self.path, [asdict(n) for n in self.notes])

    def recall(self, instruction: str, most: int = 3) -> list[Note]:
        """The notes of the instructions that are most like this one, the likest first, of equals the newest."""
        with self._lock:
            ranked = sorted(((_likeness(n.instruction, instruction), place, n) for place, n in enumerate(self.notes)),
                            key=lambda item: item[:2], reverse=True)
        return [note for likeness, _, note in ranked[:most] if likeness >= LIKENESS]


def troubles_of(history: Sequence[Transition]) -> tuple[str, ...]:
    """The last few calls that did not end as "done", in words."""
    failed = [f"{t.call.skill} {t.outcome.status}: {t.outcome.reason}"[:_TOLD] for t in history
              if t.outcome.status != "done"]
    return tuple(dict.fromkeys(failed[-_TROUBLES:]))


def _likeness(one: str, other: str) -> float:
    """Jaccard index of the words of two instructions."""
    mine, theirs = (set(re.findall(r"\w+", text.lower())) for text in (one, other))
    return len(mine & theirs) / max(1, len(mine | theirs))


def _load(path: Path) -> list[Note]:
    complaint = f"memory: expected notes that Memory.keep wrote, got something else in {path}; move it away"
    if path.stat().st_size > FILE_LIMIT_BYTES:
        raise ValueError(f"{complaint} (it is larger than {FILE_LIMIT_BYTES} bytes)")
    try:
        return [_note(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(complaint) from None


def _note(entry: Any) -> Note:
    """A note from JSON, cut to the size that `keep` writes; `wish` is what earlier versions called the instruction.
    Raises TypeError or KeyError."""
    instruction, end, troubles = entry["instruction" if "instruction" in entry
                                       else "wish"], entry["end"], entry["troubles"]
    if not all(isinstance(text, str) for text in (instruction, end, *troubles)):
        raise TypeError("a note is made of texts")
    return Note(instruction[:_INSTRUCTION], end[:_TOLD], tuple(t[:_TOLD] for t in troubles[:_TROUBLES]))
