"""Recordings: published sessions, each a folder that is whole or absent.

    rec_0123456789ab/
        recording.json   what GET /v1/recordings says of it, and what the session's meta said
        events.json      every event, with its place in the video
        telemetry.json   what joints, motors and gripper did; frame i of the video shows row i
        video.mp4        the video, captioned; absent where no camera saw anything
        dataset/         the same as a LeRobotDataset v3.0; absent where nothing moved
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.files import sweep_drafts, whole_folder, write_json
from embodied.data.session_video import SessionFrames, held, write_dataset, write_video
from embodied.data.spool import Spool, SpoolContents, finished, left, read_spool
from embodied.data.timeline import episodes_of, placed, runs_of
from envs.interface import BODY_READINGS

ID = re.compile(r"rec_[0-9a-f]{12}")
RECORDING, EVENTS, TELEMETRY, VIDEO, DATASET = "recording.json", "events.json", "telemetry.json", "video.mp4", "dataset"
LISTED = ("recording_id", "task", "created_unix_s", "duration_s", "instructions", "runs", "frames", "fps", "has_video",
          "planner", "privileged")
_CHUNK_BYTES = 1 << 20
_APART = ("import os, sys; from pathlib import Path; from embodied.data.parents import end_with; "
          "from embodied.data.recordings import publish_held; end_with(int(sys.argv[4])); os.nice(10); "
          "publish_held(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])")
_LOOK_S = 0.1


class AbandonedError(OSError):
    """A publication that nobody waits for any more; its spool stays, to be published later."""


class NoRecordingError(KeyError):
    """No recording of that id; the text says what was expected."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Recording:
    """A published session. facts: the content of recording.json."""

    folder: Path
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, recordings: Path, recording_id: str) -> Recording:
        """The recording of an id. Raises NoRecordingError for an unknown one, and for what is no id at all."""
        folder = Path(recordings) / checked_id(recording_id)
        try:
            facts = json.loads((folder / RECORDING).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise NoRecordingError(f"recording: expected one of GET /v1/recordings, got {recording_id}") from error
        return cls(folder, facts)

    @property
    def recording_id(self) -> str:
        return self.folder.name

    def listed(self) -> dict[str, Any]:
        """What the list of recordings says of it. frames: of the dataset; duration_s: of the video, which holds its
        last picture for a while."""
        return {key: self.facts.get(key) for key in LISTED}

    def events(self) -> list[dict[str, Any]]:
        """Every event, with `video_s`, its place in the video."""
        return json.loads((self.folder / EVENTS).read_text("utf-8"))

    def telemetry(self) -> dict[str, list[Any]]:
        """Name -> one value for each frame of the video: time_s, joint_pos, joint_vel, setpoint, gripper_width_m and
        tool_pose."""
        return json.loads((self.folder / TELEMETRY).read_text("utf-8"))

    @property
    def video(self) -> Path | None:
        """The video, where there is one."""
        return _existing(self.folder / VIDEO)

    @property
    def dataset(self) -> Path | None:
        """The LeRobot dataset, where there is one."""
        return _existing(self.folder / DATASET)

    def dataset_zip(self) -> Iterator[bytes]:
        """A zip of the dataset, piece by piece: nothing is kept in memory or on disk. NoRecordingError without one."""
        if self.dataset is None:
            raise NoRecordingError(f"recording {self.recording_id}: expected a dataset, got a session without motion")
        return zipped(self.dataset, self.recording_id)


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def checked_id(recording_id: str) -> str:
    """The id itself. Raises NoRecordingError for anything that is not rec_ and twelve hexadecimal digits."""
    if not isinstance(recording_id, str) or not ID.fullmatch(recording_id):
        raise NoRecordingError(f"recording: expected an id like rec_0123456789ab, got {str(recording_id)[:40]!r}")
    return recording_id


def list_recordings(recordings: Path) -> list[Recording]:
    """Those of a folder, the newest first; drafts and strangers are passed over."""
    found = []
    for folder in Path(recordings).glob("rec_*"):
        try:
            found.append(Recording.load(Path(recordings), folder.name))
        except NoRecordingError:
            continue
    return sorted(found, key=lambda recording: recording.facts["created_unix_s"], reverse=True)


def publish(spool: Spool | Path, recordings: Path, recording_id: str) -> Recording:
    """The recording made of a spool, published by one rename; the spool stays, for the caller to remove.

    An id that is published already is left alone. Raises NoRecordingError for a bad id, SpoolError for no spool,
    OSError where the disk is full; earlier recordings stay as they are and the spool can be published later.
    """
    folder = Path(recordings) / checked_id(recording_id)
    if not folder.exists():
        contents = read_spool(spool.path if isinstance(spool, Spool) else spool)
        with whole_folder(folder) as draft:
            _write(contents, draft, recording_id)
    return Recording.load(Path(recordings), recording_id)


def publish_held(spool: Path, recordings: Path, recording_id: str) -> Recording:
    """The same as `publish`, of a finished spool: that of the caller's own session, or one that `left` gave. Raises
    HeldError where somebody is still at it."""
    with finished(spool):
        return publish(spool, recordings, recording_id)


def publish_apart(spool: Path, recordings: Path, recording_id: str,
                  is_over: Callable[[], bool] = lambda: False) -> Recording:
    """The same as `publish_held`, in a process of its own that gives way to others: encoding takes both memory and
    time, and whoever serves robots meanwhile has neither to spare. That process ends with this one, however it ends.
    is_over: whether to give up now. Raises AbandonedError then, OSError where it ended without a recording."""
    checked_id(recording_id)
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _APART, str(spool), str(recordings), recording_id, str(os.getpid())],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)})
    said = _said(child, is_over)
    if said is None:
        raise AbandonedError(f"recording {recording_id}: expected time to publish it, there was none; {spool} stays")
    if child.returncode:
        last = (said.strip().splitlines() or [f"it ended by signal {-child.returncode}"])[-1]
        raise OSError(f"recording {recording_id}: expected to be published, got: {last}")
    return Recording.load(Path(recordings), recording_id)


def _said(child: subprocess.Popen, is_over: Callable[[], bool]) -> str | None:
    """What a process said on stderr until its end; None where it was ended because nobody waits for it any more."""
    with child:
        while not is_over():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.communicate(timeout=_LOOK_S)[1]
        child.kill()
    return None


def publish_left(spools: Path, recordings: Path, is_over: Callable[[], bool] = lambda: False) -> list[Recording]:
    """The recordings made of spools that a killed server left, each named by its id. Sweeps drafts of the dead first.

    Other servers may be at work in the same folders: what a live process writes or publishes is theirs. A spool that
    cannot be published stays. is_over: whether to give up now.
    """
    recordings.mkdir(parents=True, exist_ok=True)
    for folder in (recordings, spools):
        sweep_drafts(Path(folder))
    published = []
    for spool in sorted(Path(spools).glob("rec_*")):
        try:
            left(spool).release()  # its writers are gone: publication would not ask where there are no locks
            published.append(publish_apart(spool, recordings, spool.name, is_over))
            remove_spool(spool)
        except (OSError, ValueError, NoRecordingError):
            continue
    return published


def remove_spool(spool: Path) -> None:
    """Remove a spool that is published. Raises HeldError where somebody is still at it."""
    with finished(spool):
        shutil.rmtree(spool, ignore_errors=True)


def _write(contents: SpoolContents, folder: Path, recording_id: str) -> None:
    """Fill the folder of a recording."""
    runs = runs_of(contents.events)
    episodes = episodes_of(contents.rows, runs, contents.meta.fps)
    shown = np.concatenate([episode.rows for episode in episodes]) if episodes else np.zeros(0, int)
    session_frames, session = SessionFrames(contents), dict(contents.meta.session)
    if episodes:
        write_dataset(folder / DATASET, session_frames, episodes)
    has_video = bool(episodes) and write_video(folder / VIDEO, session_frames, shown)
    frames = held(shown, contents.meta.fps)
    write_json(folder / EVENTS, placed(contents.events, contents.rows["unix_s"][shown], contents.meta.fps))
    write_json(folder / TELEMETRY, _telemetry(contents.rows[frames]))
    write_json(folder / RECORDING, {
        **session, "recording_id": recording_id, "task": str(session.get("task", "")),
        "created_unix_s": float(session.get("created_unix_s", time.time())), "frames": len(shown),
        "duration_s": len(frames) / contents.meta.fps, "fps": contents.meta.fps, "has_video": has_video,
        "instructions": [run.instruction for run in runs], "runs": [run.record() for run in runs],
        "lost_rows": contents.lost_rows, "damaged_pictures": session_frames.damaged})


def _telemetry(rows: np.ndarray) -> dict[str, list[Any]]:
    names = ("time_s", *BODY_READINGS)
    return {name: np.round(rows[name].astype(float), 5).tolist() for name in names}


def zipped(folder: Path, root: str) -> Iterator[bytes]:
    """A zip of a folder, stored, with `root` before every name, piece by piece."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo.from_file(path, f"{root}/{path.relative_to(folder)}")
            with open(path, "rb") as source, archive.open(entry, "w") as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A stream that only goes forward; what was written is taken away."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._pieces.append(bytes(content))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content
