"""The page that asks which of two films is better, in a real browser: by key and by hand, on a desk and on a phone."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embodied.data.preferences import (
    FILMS,
    PAIRS,
    PROMPTS,
    Pair,
    Preference,
    last_said,
    now,
    read_preferences,
    write_lines,
    write_preferences,
)
from embodied.data.prompts import write_prompts
from embodied.data.video import VideoWriter
from embodied.models.reward import load_reward, score_plans
from embodied.prompt import Prompt, Text
from embodied.serving.preference_page import make_page
from embodied.training.recipe import train_all
from tests.embodied.serving.console.browser import DESKTOP, PHONE, click, overflow_px, press, resize, text_of, until
from tests.embodied.serving.console.conftest import leave
from tests.embodied.serving.console.fake_server import free_port, served
from tests.embodied.training.test_reward import settings_for

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


ASKED, HELD_OUT = 200, 100


def asks(count: int, seed: int) -> list[tuple[Pair, bool]]:
    """Pairs of plans of which one moves what was named, and whether that is the first."""
    rng, found = np.random.default_rng(seed), []
    for number in range(count):
        named, other, *places = rng.choice(np.arange(1, 9), 4, replace=False)
        plans = [f" pick(obj_{thing}); place_in(obj_{place}); done()"
                 for thing, place in zip((named, other), places, strict=True)]
        is_first = bool(rng.integers(2))
        pair = Pair(f"{number}", f"move obj_{named}", number, (), f"{named}", tuple(plans if is_first else plans[::-1]))
        found.append((pair, is_first))
    return found


@pytest.mark.slow
def test_two_hundred_scripted_choices_by_key_train_a_model_that_agrees(page: Any, folder: Path, record: Path,
                                                                      tmp_path_factory: pytest.TempPathFactory):
    """A rater whose rule is "the plan that moves what was named" agrees with what the model learned of them in 90 % of
    pairs that it never saw."""
    films, script, check = folder / FILMS, asks(ASKED, 0), asks(HELD_OUT, 1)
    for pair, _ in script:
        for place in (1, 2):
            shutil.copy(films / f"0.0.0-{place}.mp4", films / f"{pair.id}-{place}.mp4")
    write_lines(folder / PAIRS, (dataclasses.asdict(pair) for pair, _ in script))
    write_prompts(folder / PROMPTS, {f"{n}": Prompt((Text(f"move obj_{n}"),)) for n in range(1, 9)})
    with served(make_page(folder, record, rater="script", token=TOKEN), free_port()) as url:
        page.get(f"{url}/#token={TOKEN}")
        for done, (_, is_first) in enumerate(script):
            until(page, lambda done=done: text_of(page, ".count") == f"{done} of {ASKED} judged", f"{done} judged")
            press(page, "1" if is_first else "2")
        until(page, lambda: text_of(page, "h1") == "All done", "the end")
        leave(page)
    assert [one.choice == "first" for one in read_preferences(record)] == [is_first for _, is_first in script]
    held_out = folder / "held_out.jsonl"
    write_preferences(held_out, (Preference(pair, "first" if is_first else "second", "script", now())
                                 for pair, is_first in check))
    run = tmp_path_factory.mktemp("run")
    train_all(settings_for([str(record)], validation=[str(held_out)], steps=150, batch_size=16, save_every=150,
                           validate_every=150, warmup_steps=10), run)
    model, processor = load_reward(run / "reward" / "model")
    agreed = 0
    for pair, is_first in check:
        first, second = score_plans(model, processor, Prompt((Text(pair.instruction),)), pair.plans)
        agreed += (first > second) == is_first and first != second
    print(f"agreed with {agreed} of {HELD_OUT}")
    assert agreed >= 0.9 * HELD_OUT
