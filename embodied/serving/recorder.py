"""Recordings of sessions: a spool while a session lives, published in the background when it ends."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from embodied.data.recordings import AbandonedError, list_recordings, publish_apart, publish_left, remove_spool
from embodied.data.spool import Spool
from embodied.serving.worker import Worker

log = logging.getLogger(__name__)

VIDEO_CAMERAS = ("spectator",)
"""Cameras of a recording, beside the first one of the robot's."""


class Recorder:
    """Spools lie beside the recordings, so that those of a killed server are published when the next one starts.

    Servers may share a folder: each publishes its own sessions, and at its start those whose server is gone.
    """

    def __init__(self, folder: Path | None, fps: int) -> None:
        """folder: where recordings go; None keeps nothing."""
        self.folder, self.fps = folder, fps
        self._spools: dict[str, Spool] = {}
        self._lock = threading.Lock()
        self._thread, self._until_s = Worker("recordings"), math.inf
        self._notes = Worker("notes")  # a slow disk keeps nobody waiting who tells of a stop
        if folder is not None:
            self._thread.submit(publish_left, folder / "spools", folder, self._is_over)

    def path(self, recording_id: str) -> Path | None:
        """Where the spool of a session lies; None where nothing is recorded."""
        return None if self.folder is None else self.folder / "spools" / recording_id

    def begin(self, recording_id: str, facts: Mapping[str, Any], about: Mapping[str, Any]) -> None:
        """A new spool. facts: what the world said of itself. about: what the recording says of the session."""
        path = self.path(recording_id)
        if path is None:
            return
        cameras = [*VIDEO_CAMERAS, *(c for c in facts["cameras"] if c not in VIDEO_CAMERAS)][:2]
        spool = Spool.create(path, len(facts["joint_low"]), cameras, self.fps,
                             {**about, "video_camera": cameras[0], "joint_names": facts["joint_names"]})
        with self._lock:
            self._spools[recording_id] = spool

    def note(self, recording_id: str, event: Mapping[str, Any]) -> None:
        """An event of a session that is being recorded."""
        spool = self._spools.get(recording_id)
        if spool is not None and event["type"] != "token":
            self._notes.submit(_note, spool, event)

    def finish(self, recording_id: str) -> None:
        """Publishes the recording of a session that has ended, in the background."""
        with self._lock:
            spool = self._spools.pop(recording_id, None)
        if spool is not None:
            closed = self._notes.submit(spool.close)
            with contextlib.suppress(RuntimeError):  # the server has ended meanwhile: the spool is for the next start
                self._thread.submit(self._publish, closed, spool.path, recording_id)

    def _publish(self, closed: Future, path: Path, recording_id: str) -> None:
        try:
            closed.result()
            publish_apart(path, self.folder, recording_id, self._is_over)
            remove_spool(path)
        except AbandonedError:
            log.warning("recording %s is published when a server starts with this folder again", recording_id)
        except Exception:
            if not path.exists():  # another server took it for left, between the session's end and now, and was quicker
                return
            log.exception("recording %s stays a spool in %s", recording_id, path)

    def listed(self) -> list[dict[str, Any]]:
        """What is published, the newest first."""
        return [] if self.folder is None else [recording.listed() for recording in list_recordings(self.folder)]

    def leave(self, patience_s: float) -> None:
        """What is to be published has so long from now on; what is not done then stays for the next start."""
        self._until_s = min(self._until_s, time.monotonic() + patience_s)

    def _is_over(self) -> bool:
        return time.monotonic() > self._until_s

    def close(self) -> None:
        """Waits for what is being published, as long as `leave` lets it."""
        self._thread.shutdown(wait=True)


def _note(spool: Spool, event: Mapping[str, Any]) -> None:
    try:
        spool.event(event)
    except Exception:
        log.exception("an event of type %r is not in the recording", event.get("type"))
