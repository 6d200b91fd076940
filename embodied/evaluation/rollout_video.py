"""Videos of episodes: h264 mp4 with a caption under the picture, stills, and strips of stills."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embodied.data.captions import caption_height_px, captioned
from embodied.data.video import encode


class RolloutVideo:
    """Frames with captions, collected while an episode runs; `add` is the callback that an environment calls."""

    def __init__(self, fps: int = 10, max_frames: int = 1200):
        self.fps, self.frames, self._max_frames = fps, [], max_frames
        self._instruction, self._step, self._status = "", "", ""

    def title(self, instruction: str) -> None:
        self._instruction = instruction

    def caption(self, step: str, status: str = "") -> None:
        """What the next frames show. status: an Outcome's status, for the colour; "" while it is under way."""
        self._step, self._status = step, status

    def add(self, frame: np.ndarray) -> None:
        """Add a frame. frame: uint8[H, W, 3]; kept with the caption of the moment, at most `max_frames` of them."""
        if len(self.frames) < self._max_frames:
            self.frames.append(captioned(frame, self._instruction, self._step, self._status))

    def hold(self, seconds: float = 1.0) -> None:
        """Repeats the last picture under the caption of the moment, so that an end can be read."""
        if self.frames:
            height = self.frames[-1].shape[0] - caption_height_px(self.frames[-1].shape[1])
            last = captioned(self.frames[-1][:height], self._instruction, self._step, self._status)
            self.frames += [last] * max(1, round(seconds * self.fps))

    def pictures(self) -> list[np.ndarray]:
        """The frames without their captions."""
        return [frame[:frame.shape[0] - caption_height_px(frame.shape[1])] for frame in self.frames]

    def save(self, path: Path) -> Path:
        """Writes the mp4 (yuv420p, plays in every browser)."""
        path.write_bytes(encode(self.frames, self.fps))
        return path

    def still(self, path: Path) -> Path:
        """Writes a picture of the start, the middle and the end, side by side."""
        save_png(strip(self.frames, count=3), path)
        return path


def strip(frames: Sequence[np.ndarray], count: int = 4, height_px: int | None = None) -> np.ndarray:
    """uint8[h, sum of widths, 3]: `count` frames from first to last, side by side."""
    from PIL import Image

    picked = [frames[round(i * (len(frames) - 1) / max(1, count - 1))] for i in range(min(count, len(frames)))]
    images = [Image.fromarray(f) for f in picked]
    if height_px is not None:
        images = [i.resize((round(i.width * height_px / i.height), height_px), Image.Resampling.LANCZOS)
                  for i in images]
    return np.concatenate([np.asarray(i) for i in images], axis=1)


def save_png(image: np.ndarray, path: Path) -> Path:
    """Writes uint8[H, W, 3]."""
    from PIL import Image

    Image.fromarray(image).save(path, optimize=True)
    return path
