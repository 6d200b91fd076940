"""A press of a button that stops is heard at once, however long it lasts and whatever is drawn anew meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.actions.action_builder import ActionBuilder

from tests.embodied.serving.console.browser import text_of, until
from tests.embodied.serving.console.fake_server import Fake
from tests.embodied.serving.console.test_states import open_robot, press, say


def hold(page: Any, part: str) -> None:
    """Press the mouse on the middle of a part, by its place: an element may be drawn anew before it is pressed."""
    place = page.execute_script("""const box = document.querySelector(arguments[0]).getBoundingClientRect();
        return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];""", part)
    hand = ActionBuilder(page)
    hand.pointer_action.move_to_location(*place).pointer_down()
    hand.perform()


def let_go(page: Any) -> None:
    hand = ActionBuilder(page)
    hand.pointer_action.pointer_up()
    hand.perform()


@pytest.mark.parametrize("part", [".estop", ".estop svg", ".estop span"])
def test_the_emergency_stop_is_sent_when_the_button_goes_down(page: Any, address: str, fake: Fake, part: str):
    open_robot(page, address)
    hold(page, part)
    until(page, lambda: fake.robot.mode == "estopped", "the stop, before the button is let go")
    let_go(page)
    until(page, lambda: text_of(page, ".mode") == "E-stopped", "the page's word")
    assert fake.estops == 1


@pytest.mark.parametrize("part", [".halt:nth-of-type(2)", ".halt:nth-of-type(2) svg", ".halt:nth-of-type(2) span"])
def test_a_stop_is_not_lost_when_its_button_is_drawn_anew(page: Any, address: str, fake: Fake, part: str):
    fake.robot.pace = 3600.0
    open_robot(page, address)
    say(page, "put the red block in the blue bowl")
    until(page, lambda: text_of(page, ".mode") == "Running", "a run")
    hold(page, part)
    page.execute_script("document.activeElement.blur(); document.querySelector('#say').focus()")  # draws the bar anew
    page.execute_async_script("setTimeout(arguments[0], 300)")
    let_go(page)
    until(page, lambda: fake.robot.mode == "stopped", "the stop")


def test_the_emergency_stop_is_sent_by_the_keyboard_too(page: Any, address: str, fake: Fake):
    open_robot(page, address)
    page.execute_script("document.querySelector('.estop').focus()")
    press(page, " ")
    until(page, lambda: fake.robot.mode == "estopped", "the stop")
    assert fake.estops == 1
