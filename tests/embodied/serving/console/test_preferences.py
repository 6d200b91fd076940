"""The page that asks which of two films is better, in a real browser: by key and by hand, on a desk and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embodied.data.preferences import FILMS, PAIRS, last_said, read_preferences, write_lines
from embodied.data.video import VideoWriter
from embodied.serving.preference_page import make_page
from tests.embodied.serving.console.browser import DESKTOP, PHONE, click, overflow_px, press, resize, text_of, until
from tests.embodied.serving.console.conftest import leave
from tests.embodied.serving.console.fake_server import free_port, served

TOKEN, COUNT = "a-token-of-the-preference-tests", 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pairs whose films are plain colors."""
    (tmp_path / FILMS).mkdir()
    for number in range(COUNT):
        for place in (1, 2):
            with VideoWriter(tmp_path / FILMS / f"{number}.0.0-{place}.mp4", 8) as film:
                for shade in range(8):
                    film.add(np.full((60, 80, 3), 30 * shade * place % 255, np.uint8))
    write_lines(tmp_path / PAIRS, ({"id": f"{n}.0.0", "instruction": f"put block {n} in the bowl", "seed": n,
                                    "history": [], "moment": f"{n}.0", "plans": [" a; done()", " b; done()"]}
                                   for n in range(COUNT)))
    return tmp_path


@pytest.fixture
def record(folder: Path) -> Path:
    return folder / "preferences.jsonl"


@pytest.fixture
def asked(folder: Path, record: Path, page: Any) -> Iterator[str]:
    """Where the page is; it leaves before its server does."""
    with served(make_page(folder, record, rater="anna", token=TOKEN), free_port()) as url:
        yield f"{url}/#token={TOKEN}"
        leave(page)


def judged(page: Any, count: int) -> None:
    until(page, lambda: text_of(page, ".count") == f"{count} of {COUNT} judged", f"{count} judged")


@pytest.mark.slow
def test_choices_by_key_are_recorded_taken_back_and_gone_on_with(page: Any, asked: str, record: Path,
                                                                 shoot: Callable[[str], None]):
    resize(page, DESKTOP)
    page.get(asked)
    judged(page, 0)
    until(page, lambda: page.execute_script(
        "return [...document.querySelectorAll('video')].filter((film) => film.currentTime > 0).length") == 2, "films")
    first, second = page.find_elements("css selector", "figure")
    assert first.rect["y"] == second.rect["y"], "side by side"
    shoot("preferences")
    press(page, "?")
    until(page, lambda: "Prefer the film" in text_of(page, ".dialog"), "the guide")
    press(page, "1")  # is nobody's while the guide is open
    shoot("preferences_guide")
    click(page, ".dialog .button")
    for number, key in enumerate("1234", 1):
        press(page, key)
        judged(page, number)
    assert [one.choice for one in read_preferences(record)] == ["first", "second", "tie", "unsure"]
    press(page, "u")
    until(page, lambda: page.find_elements("css selector", "[data-choice=unsure][aria-pressed=true]"), "the one before")
    press(page, "2")
    until(page, lambda: len(read_preferences(record)) == 5, "another line")
    page.get("about:blank")
    page.get(asked)
    judged(page, 4)
    assert "block 4" in text_of(page, "h1"), "the one that is left"
    press(page, "1")
    until(page, lambda: text_of(page, "h1") == "All done", "the end")
    last = {one.pair.id: one.choice for one in last_said(read_preferences(record))}
    assert list(last.values()) == ["first", "second", "tie", "second", "first"]
    assert {one.rater for one in read_preferences(record)} == {"anna"}


@pytest.mark.slow
def test_a_phone_shows_one_above_the_other_and_fingers_choose(page: Any, asked: str, record: Path,
                                                              shoot: Callable[[str], None]):
    resize(page, PHONE)
    page.get(asked)
    judged(page, 0)
    first, second = page.find_elements("css selector", "figure")
    assert second.rect["y"] >= first.rect["y"] + first.rect["height"]
    buttons = page.find_element("css selector", ".choices").rect
    assert second.rect["y"] + second.rect["height"] <= buttons["y"], "both films are seen above the buttons"
    assert overflow_px(page) <= 0
    shoot("preferences_phone")
    click(page, "[data-choice=second]")
    judged(page, 1)
    assert [one.choice for one in read_preferences(record)] == ["second"]
