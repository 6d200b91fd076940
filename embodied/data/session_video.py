"""A session's pictures, and what is made of them: the LeRobot dataset and the captioned video."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from embodied.data.captions import captioned
from embodied.data.lerobot import Demonstration, new_dataset
from embodied.data.lerobot_meta import Schema
from embodied.data.spool import SpoolContents
from embodied.data.timeline import Caption, RecordedEpisode, captions_at, captions_of
from embodied.data.video import VideoWriter, even

LAST_PICTURE_S = 1.0
"""The video ends with its last picture held, so that the end can be read."""


class SessionFrames:
    """The pictures of a spool. `damaged` counts those that could not be decoded; the one before stands for them."""

    def __init__(self, contents: SpoolContents) -> None:
        self.contents, self.damaged = contents, 0

    @cached_property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Camera -> even (height, width) of its first picture, of those that saw anything."""
        found = {}
        for camera in self.contents.meta.cameras:
            first = self._first(camera)
            if first is not None:
                found[camera] = even(first).shape[:2]
        return found

    def pictures(self, camera: str, rows: Sequence[int]) -> Iterator[np.ndarray]:
        """uint8[H, W, 3] at each of some rows, all of the camera's size."""
        last_jpeg, last = None, self._first(camera)
        for row in rows:
            jpeg = self.contents.picture(int(row), camera)
            if jpeg is not None and jpeg != last_jpeg:
                last = self._decoded(jpeg, last)
                last_jpeg = jpeg
            yield _fitted(last, self.sizes[camera])

    def _first(self, camera: str) -> np.ndarray | None:
        """The camera's first sound picture: it also stands for the rows before it."""
        for row in range(len(self.contents.rows)):
            jpeg = self.contents.picture(row, camera)
            image = None if jpeg is None else _image(jpeg)
            if image is not None:
                return image
        return None

    def _decoded(self, jpeg: bytes, last: np.ndarray) -> np.ndarray:
        image = _image(jpeg)
        self.damaged += image is None
        return last if image is None else image


def _image(jpeg: bytes) -> np.ndarray | None:
    """uint8[H, W, 3]; None for what is no picture."""
    from PIL import Image

    try:
        return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
    except (OSError, ValueError):
        return None


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image in an even size; scaled where the camera was changed within the session."""
    from PIL import Image

    image = even(image)
    return image if image.shape[:2] == size else np.asarray(Image.fromarray(image).resize(size[::-1]))


def write_dataset(folder: Path, session_frames: SessionFrames, episodes: Sequence[RecordedEpisode]) -> None:
    """Publish the takes as a LeRobot dataset: state = joints and gripper, action = the joints' targets that
    lead from one state to the next."""
    contents, session = session_frames.contents, session_frames.contents.meta.session
    joints = tuple(session.get("joint_names") or (f"joint_{i}" for i in range(contents.meta.joint_count)))
    schema = Schema(contents.meta.fps, str(session.get("robot") or "robot"), (*joints, "gripper_width_m"), joints,
                    session_frames.sizes)
    with new_dataset(folder, schema) as writer:
        writer.describe({key: session.get(key) for key in ("task", "seed", "planner", "privileged")})
        for episode in episodes:
            rows = contents.rows[episode.rows]
            state = np.concatenate([rows["joint_pos"], rows["gripper_width_m"][:, None]], axis=1)
            images = {camera: session_frames.pictures(camera, episode.rows) for camera in session_frames.sizes}
            writer.add(Demonstration(episode.task, state, leading(rows["setpoint"]), episode.is_success, images))


def leading(setpoint: np.ndarray) -> np.ndarray:
    """float[N, J]: the targets that lead from each row to the next, of those in force at each row, float[N, J]: a row
    shows what the target before it has led to. After the last one the robot holds."""
    return np.concatenate([setpoint[1:], setpoint[-1:]])


def held(rows: np.ndarray, fps: int) -> np.ndarray:
    """The rows of a video's frames: those given, the last one held for LAST_PICTURE_S. Empty for none."""
    return np.concatenate([rows, np.repeat(rows[-1:], round(LAST_PICTURE_S * fps))])


def write_video(path: Path, session_frames: SessionFrames, rows: np.ndarray) -> bool:
    """Whether there is a video of some rows, its last picture held under the last caption: of the camera that the
    session's meta names, else of the first that saw."""
    cameras = [c for c in (session_frames.contents.meta.session.get("video_camera"), "spectator",
                           *session_frames.sizes) if c in session_frames.sizes]
    if not cameras:
        return False
    captions, fps = captions_of(session_frames.contents.events,
                                _planned_by(session_frames.contents.meta.session)), session_frames.contents.meta.fps
    moments = session_frames.contents.rows["unix_s"][rows].tolist()
    with VideoWriter(path, fps) as video:
        for image, caption in zip(session_frames.pictures(cameras[0], rows), captions_at(captions, moments),
                                  strict=True):
            video.add(_sheet(image, caption))
        for _ in range(round(LAST_PICTURE_S * fps)):
            video.add(_sheet(image, captions[-1] if captions else caption))
    return True


def _planned_by(session: Mapping[str, Any]) -> str:
    """What a video says before each instruction; "" for plans that were made of what a robot senses."""
    return f"{session['planner'].upper()} (reads the simulator's true state): " if session.get("privileged") else ""


def _sheet(image: np.ndarray, caption: Caption) -> np.ndarray:
    return captioned(image, caption.title, caption.step, caption.status)
