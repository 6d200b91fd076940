"""Videos are h264 that browsers play, with a caption strip below the picture."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from embodied.data.captions import caption_height_px
from embodied.data.video import encode
from embodied.evaluation.rollout_video import RolloutVideo


@pytest.fixture
def video() -> RolloutVideo:
    video = RolloutVideo(fps=10)
    video.title("把红色的方块 put the red block in the blue bowl " * 3)
    video.caption("pick obj_1")
    for shade in range(5):
        video.add(np.full((97, 129, 3), 40 * shade, np.uint8))  # odd sizes, which h264 cannot hold
    return video


def test_the_film_plays_in_browsers(video, tmp_path):
    video.caption("pick obj_1: done", "done")
    video.hold(0.5)
    with av.open(str(video.save(tmp_path / "a.mp4"))) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (128, 96 + caption_height_px(128))
        assert sum(1 for _ in container.decode(stream)) == 10


def test_a_still_shows_start_middle_and_end(video, tmp_path):
    with Image.open(video.still(tmp_path / "a.png")) as picture:
        assert picture.size == (3 * 128, 96 + caption_height_px(128))


def test_pictures_come_without_their_captions(video):
    assert video.pictures()[1].shape == (96, 128, 3) and (video.pictures()[1] == 40).all()


def test_no_film_without_frames():
    with pytest.raises(ValueError, match="at least one frame"):
        encode([], 10)
