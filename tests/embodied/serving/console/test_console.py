"""A person at the console of a real server: says something, watches it done, stops it, and looks at it again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.embodied.serving.console.browser import DESKTOP, PHONE, click, overflow_px, press, resize, text_of, until
from tests.embodied.serving.console.conftest import REAL_TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.weights]

ESCAPE = "\ue00c"
WISH = "put the red block in the blue bowl"
AGAIN = "put the green block in the yellow bowl"
MARKED = """
    const named = document.querySelector('.step.is-running .argument')?.dataset.name;
    const marked = [...document.querySelectorAll('.object.is-marked')].map((it) => it.dataset.name);
    return marked.length === 2 && marked.every((it) => it === named);"""
Shoot = Callable[[str], None]


def open_robot(page: Any, address: str) -> None:
    """Opens the page with its token, and a robot with the things that the instructions need."""
    page.get(f"{address}/#token={REAL_TOKEN}")
    click(page, ".more summary")
    page.find_element("css selector", "#seed").send_keys("7")
    page.find_element("css selector", "#require").send_keys("red block, blue bowl, green block, yellow bowl")
    click(page, "#open")
    until(page, lambda: text_of(page, ".mode") == "Ready", "a robot", 60)
    until(page, lambda: page.find_elements("css selector", ".view.is-large .view-wait[hidden]"), "a picture")


def say(page: Any, text: str) -> None:
    page.find_element("css selector", "#say").send_keys(text, "\ue007")


def end_session(page: Any) -> None:
    click(page, ".live-head .is-bare")
    click(page, "dialog .is-danger")
    until(page, lambda: page.find_elements("css selector", "#open"), "the first page")


def joints(page: Any) -> Callable[[], str]:
    """Where the arm is said to be: a robot that moves is not waited for in vain."""
    return lambda: text_of(page, ".joints")


def test_says_watches_stops_resets_and_replays(page: Any, real_address: str, shoot: Shoot):
    resize(page, DESKTOP)
    open_robot(page, real_address)
    assert REAL_TOKEN not in page.current_url
    _says_and_watches(page, shoot)
    _stops_by_key_and_button(page, shoot)
    end_session(page)
    _replays(page, real_address, shoot)


def _says_and_watches(page: Any, shoot: Shoot) -> None:
    say(page, WISH)
    until(page, lambda: page.find_elements("css selector", ".step.is-running"), "a step under way", 40)
    until(page, lambda: page.execute_script(MARKED), "the object of the step to stand out in both pictures")
    shoot("running")
    until(page, lambda: "Success" in text_of(page, ".verdict"), "success", 60, joints(page))
    assert [it.get_attribute("data-status") for it in page.find_elements("css selector", ".step")] == ["done", "done"]
    shoot("success")


def _stops_by_key_and_button(page: Any, shoot: Shoot) -> None:
    say(page, AGAIN)
    until(page, lambda: page.find_elements("css selector", ".step.is-running"), "a step under way", 40)
    press(page, "half a word", ESCAPE)
    until(page, lambda: text_of(page, ".mode") == "E-stopped", "the emergency stop by key")
    until(page, lambda: "Stopped" in text_of(page, ".verdict"), "the end of the run")
    shoot("estopped")
    assert not page.find_element("css selector", "#say").is_enabled()
    _reset(page)
    click(page, ".estop")
    until(page, lambda: text_of(page, ".mode") == "E-stopped", "the emergency stop by button")
    _reset(page)


def _reset(page: Any) -> None:
    click(page, ".banner[data-key=estop] .button")
    assert not page.find_element("css selector", "dialog .is-danger").is_enabled(), "a person must say it is clear"
    click(page, "#clear")
    click(page, "dialog .is-danger")
    until(page, lambda: text_of(page, ".mode") == "Stopped", "the reset")


def _replays(page: Any, address: str, shoot: Shoot) -> None:
    page.get(f"{address}/#/recordings")
    until(page, lambda: WISH in text_of(page, ".recording") or page.refresh(), "the recording", 40)
    shoot("recordings")
    click(page, ".recording")
    until(page, lambda: page.execute_script("return (document.querySelector('video')?.readyState ?? 0) >= 2"), "film")
    steps = page.find_elements("css selector", ".track-step")
    assert [s.get_attribute("class").split()[1] for s in steps] == ["is-done", "is-done", "is-failed"]
    steps[1].click()
    until(page, lambda: page.execute_script("return document.querySelector('video').currentTime > 1"), "the seek")
    until(page, lambda: "place in" in text_of(page, ".step.is-running"), "the step of that moment")
    shoot("player")
    _plays(page)
    _holds_a_dataset(page, address)


def _plays(page: Any) -> None:
    before = page.execute_script("return document.querySelector('video').currentTime")
    click(page, ".controls .button")
    until(page, lambda: page.execute_script("return document.querySelector('video').currentTime") > before, "playing")


def _holds_a_dataset(page: Any, address: str) -> None:
    name = page.current_url.split("/")[-1]
    answer = httpx.get(f"{address}/v1/recordings/{name}/dataset.zip", timeout=60,
                       headers={"Authorization": f"Bearer {REAL_TOKEN}"})
    assert any(it.endswith("meta/info.json") for it in zipfile.ZipFile(io.BytesIO(answer.content)).namelist())


def test_fits_a_phone(page: Any, real_address: str, shoot: Shoot):
    resize(page, PHONE)
    page.get(f"{real_address}/#token={REAL_TOKEN}")
    until(page, lambda: page.find_elements("css selector", "#open"), "the first page")
    shoot("phone-start")
    assert overflow_px(page) <= 0
    open_robot(page, real_address)
    say(page, WISH)
    until(page, lambda: page.find_elements("css selector", ".step.is-running"), "a step under way", 40)
    shoot("phone-running")
    for y in (0, 600, 10_000):
        page.execute_script(f"window.scrollTo(0, {y})")
        assert overflow_px(page) <= 0
        assert estop_is_on_top(page)
    click(page, ".estop")
    until(page, lambda: text_of(page, ".mode") == "E-stopped", "the emergency stop")
    page.execute_script("window.scrollTo(0, 0)")
    shoot("phone-estopped")
    end_session(page)


def estop_is_on_top(page: Any) -> bool:
    """Whether a finger on the middle of the emergency stop meets it and nothing else."""
    return page.execute_script("""
        const box = document.querySelector('.estop').getBoundingClientRect();
        const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return box.bottom <= innerHeight && box.right <= innerWidth && hit?.closest('.estop') !== null;""")
