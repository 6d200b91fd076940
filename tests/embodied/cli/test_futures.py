"""`embodied futures`: a page and a picture of what may come of one moment."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from embodied.cli.main import main
from embodied.evaluation.futures import FRAME_PX, Future, Futures
from embodied.evaluation.futures_page import happened, html, share
from embodied.planning.language import Plan


def test_a_mind_draws_no_plans(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["futures", "weights=mind-tiny", "hydra.run.dir=here"]) == 2
    assert "expected a planner's, which draws plans, got a mind's" in capsys.readouterr().err


def test_no_more_is_said_than_was_asked_and_judged():
    frame = np.zeros((*FRAME_PX, 3), np.uint8)
    unasked = Future(Plan((), refusal="I do not know the word 'do'"), None, None, 0.0, False, (), (), (frame,))
    sure = Future(Plan(()), 0.9997, None, 0.5, False, (), (), (frame,))
    for is_judged, said in ((False, "nobody judges these words"), (True, "50% done")):
        assert happened(sure, Futures("do it", frame, (sure,), is_judged)) == said
    assert (share(unasked), share(sure)) == ("no model was asked:", "100.0%")
    assert "nobody judges these words" in html(Futures("do it", frame, (unasked, sure), is_judged=False))


@pytest.mark.slow
def test_the_likeliest_plans_are_carried_out_side_by_side(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = "put the red block in the blue bowl"
    assert main(["futures", words, "plans=3", "draws=24", "pictures=2", "hydra.run.dir=here"]) == 0
    shown = capsys.readouterr().out
    assert "Simulation only" in shown and shown.count("success") >= 1 and "pick(" in shown
    page = (tmp_path / "here" / "futures.html").read_text()
    assert words in page and "twin: 100% done" in page and "happened: success" in page and "red block" in page
    with Image.open(tmp_path / "here" / "futures.png") as picture:
        assert picture.size[0] > 700 and np.asarray(picture.convert("L")).std() > 20
