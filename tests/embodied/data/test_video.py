"""Encoders leave the process as they found it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from embodied.data.video import FOR_BROWSERS, Clip, VideoWriter, learning_codec

FRAMES = 3


def policies() -> set[int]:
    """How the threads of this process are scheduled."""
    return {os.sched_getscheduler(int(thread)) for thread in os.listdir("/proc/self/task")}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="encoders may do it as root alone")
@pytest.mark.parametrize("codec", [learning_codec(), FOR_BROWSERS], ids=lambda codec: codec.encoder)
def test_no_thread_is_left_a_real_time_one(tmp_path: Path, codec):
    """SVT-AV1 makes its threads, and its caller, real-time ones where it runs as root; a browser begun later spun at
    the highest priority and nothing else got any time. Files open their own encoder where clips are appended, too."""
    before = policies()
    clip = Clip(10, codec)
    with VideoWriter(tmp_path / "film.mp4", 10, codec) as film:
        for number in range(FRAMES):
            frame = np.full((64, 64, 3), 80 * number, np.uint8)
            for writer in (clip, film):
                writer.add(frame)
                assert policies() == before
    assert policies() == before
    clip.end()
    with VideoWriter(tmp_path / "clips.mp4", 10, codec) as clips:
        clips.append(clip)
        assert policies() == before
    assert policies() == before
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "given_up.mp4", 10, codec) as given_up:
        given_up.add(frame)
        raise ZeroDivisionError
    assert policies() == before
    assert film.frames == clip.frames == clips.frames == FRAMES
