"""Results of episodes as they come in, one JSON line each, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embodied.data.files import write_whole


class Ledger:
    """A JSONL file whose first line says which run it belongs to. A torn last line (a kill) is dropped."""

    def __init__(self, path: Path, belongs_to: Mapping[str, Any]):
        """Opens or begins the file. Raises ValueError when it holds another run's results."""
        self._path = Path(path)
        self.records: list[dict[str, Any]] = results_of(self._path, belongs_to)
        self._rewrite([dict(belongs_to), *self.records])

    def add(self, record: Mapping[str, Any]) -> None:
        """Appends one record and leaves it safely on the disk."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.records.append(dict(record))

    def _rewrite(self, lines: list[Mapping[str, Any]]) -> None:
        write_whole(self._path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode())


def results_of(path: Path, belongs_to: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results that a run finds there, [] where it has yet to begin; nothing is written. Raises ValueError for those
    of another run."""
    header, [found, *results] = json.loads(json.dumps(dict(belongs_to))), _whole_lines(path) or [None]
    if found is not None and found != header:
        different = sorted(k for k in {*found, *header} if found.get(k) != header.get(k))
        raise ValueError(f"{path} holds results of another run (different: {', '.join(different)}); "
                         "choose another run folder or remove that file")
    return results


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines that were written to their end; reading stops at the first torn one."""
    whole: list[dict[str, Any]] = []
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines(keepends=True):
        try:
            whole.append(_present(json.loads(line)) if line.endswith("\n") else None)
        except ValueError:
            break
        if not isinstance(whole[-1], dict):
            return whole[:-1]
    return whole


_OLD_KEYS = {"contestant": "policy", "blame": "attribution"}


def _present(line: Any) -> Any:
    """A line in the present form: earlier versions wrote `contestant`, and `blame` with a `culprit`."""
    if not isinstance(line, dict):
        return line
    new = {_OLD_KEYS.get(key, key): value for key, value in line.items()}
    if isinstance(found := new.get("attribution"), dict) and "culprit" in found:
        new["attribution"] = {"component": found["culprit"], "reason": found.get("reason", "")}
    return new
