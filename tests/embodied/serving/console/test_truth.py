"""What the console says is so: who plans, what is judged, which thing is meant, and what was wrong with a field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.embodied.serving.console.browser import DESKTOP, PHONE, click, overflow_px, resize, text_of, until
from tests.embodied.serving.console.fake_server import TOKEN, Fake
from tests.embodied.serving.console.test_states import forgive, open_robot, say, verdict

BADGE = "ORACLE (reads the simulator's true state)"
SMALL_PHONE = (360, 740)
OVERLAPS = """
    const parts = [...document.querySelectorAll('.bar-left > *:not(.push, .lease), .lease > *')];
    const shown = parts.filter((it) => it.offsetWidth > 2 && getComputedStyle(it).position !== 'absolute');
    const boxes = shown.map((it) => [it.textContent, it.getBoundingClientRect()]);
    const out = boxes.filter(([, p]) => p.right > innerWidth || p.left < 0).map(([a]) => `${a} is out`);
    const meets = (p, q) => p.right > q.left + 0.5 && q.right > p.left + 0.5;
    return out.concat(boxes.flatMap(([a, p], i) =>
      boxes.slice(i + 1).filter(([, q]) => meets(p, q)).map(([b]) => `${a} over ${b}`)));"""


def start(page: Any, address: str) -> None:
    resize(page, DESKTOP)
    page.get(f"{address}/#token={TOKEN}")
    until(page, lambda: page.find_elements("css selector", "#world option"), "the worlds")


def choose(page: Any, selector: str, value: str) -> None:
    page.find_element("css selector", f"{selector} option[value={value}]").click()


def test_the_oracle_is_picked_knowingly_and_shown_as_what_it_is(page: Any, address: str, fake: Fake):
    start(page, address)
    choose(page, "#world", "kitchen_noun")
    assert "Nobody plans this world" in text_of(page, ".planner-note")
    click(page, "#open")
    assert not fake.is_open and not page.find_elements("css selector", ".live")
    choose(page, "#planner", "oracle")
    assert BADGE in text_of(page, ".planner-note .badge")
    click(page, "#open")
    until(page, lambda: text_of(page, ".live-head .badge") == BADGE, "the badge of a session")
    assert fake.robot.planner == "oracle"
    page.get(f"{address}/#/")
    until(page, lambda: text_of(page, ".robot-row .badge") == BADGE, "the badge in the list")


def test_a_model_is_chosen_where_one_plans_and_has_no_badge(page: Any, address: str, fake: Fake):
    open_robot(page, address)
    assert fake.robot.planner == "model" and not page.find_elements("css selector", ".badge")
    assert "planner: model" in text_of(page, ".facts")


def test_worlds_stand_in_groups(page: Any, address: str):
    start(page, address)
    groups = page.execute_script("""
        return Object.fromEntries([...document.querySelectorAll('#world optgroup')].map((it) =>
          [it.label, [...it.children].map((option) => option.textContent)]));""")
    assert groups == {"Tabletop: blocks and bowls": ["Put in bowl"], "Kitchen: fetch and put away": ["Noun"]}


def test_done_is_not_called_success_where_nobody_judges(page: Any, address: str):
    open_robot(page, address)
    say(page, "bring both gently")
    verdict(page, "Done, but not judged")
    assert "nobody judges it" in text_of(page, ".verdict") and "Done, but not judged" in text_of(page, ".log")
    assert "Success" not in text_of(page, "main")


def test_things_are_called_by_what_they_are(page: Any, address: str):
    open_robot(page, address)
    say(page, "go")
    verdict(page, "Success")
    first = page.find_element("css selector", ".step .argument")
    assert first.text.split() == ["red", "block", "2"] and first.find_element("css selector", "small").text == "2"
    assert "pick red block: done" in text_of(page, ".log") and "obj_" not in text_of(page, ".step-call")
    assert page.execute_script("return getComputedStyle(arguments[0].querySelector('small')).fontSize", first) == "11px"


def test_what_was_wrong_stands_under_its_field(page: Any, address: str, fake: Fake):
    start(page, address)
    click(page, ".more summary")
    page.find_element("css selector", "#require").send_keys("red blok")
    click(page, ".more summary")  # the field is out of sight, and has to be shown again
    click(page, "#open")
    until(page, lambda: "red blok" in text_of(page, ".field > .complaint"), "the complaint")
    field, said = (page.find_element("css selector", it).rect for it in ("#require", ".complaint"))
    assert 0 <= said["y"] - (field["y"] + field["height"]) < 20 and not page.find_elements("css selector", ".toast")
    page.find_element("css selector", "#require").send_keys("\b\b\b\bblock")
    assert page.find_elements("css selector", ".complaint") == []
    assert not fake.is_open
    forgive(page, "422")


@pytest.mark.parametrize("size", [PHONE, SMALL_PHONE])
def test_nothing_in_the_header_of_a_phone_overlaps(page: Any, address: str, fake: Fake, size: tuple[int, int]):
    open_robot(page, address, size)
    for lease in (fake.robot.lease, None):
        if lease is None:
            click(page, ".lease .button")
            until(page, lambda: "Take command" in text_of(page, ".lease"), "a robot without a commander")
        for mode, words in (("running", "Running"), ("estopped", "E-stopped"), ("idle", "Ready")):
            fake.robot.turn(mode)
            until(page, lambda words=words: text_of(page, ".mode") == words, words)
            assert page.execute_script(OVERLAPS) == [] and overflow_px(page) <= 0
