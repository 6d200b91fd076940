"""What the console shows when things are not as usual: questions, hostile words, lost servers, wrong tokens."""

from __future__ import annotations

from typing import Any

from tests.embodied.serving.console.browser import (
    DESKTOP,
    PHONE,
    click,
    complaints,
    overflow_px,
    press,
    resize,
    text_of,
    until,
)
from tests.embodied.serving.console.conftest import leave
from tests.embodied.serving.console.fake_robot import HOSTILE
from tests.embodied.serving.console.fake_server import TOKEN, Fake, free_port, served

ENTER, ESCAPE = "\ue007", "\ue00c"


def open_robot(page: Any, address: str, size: tuple[int, int] = DESKTOP) -> None:
    resize(page, size)
    page.get(f"{address}/#token={TOKEN}")
    click(page, "#open")
    until(page, lambda: text_of(page, ".mode") == "Ready", "a robot")


def say(page: Any, text: str) -> None:
    field = page.find_element("css selector", "#say")
    until(page, field.is_enabled, "a robot that listens")
    field.send_keys(text, ENTER)


def verdict(page: Any, words: str) -> None:
    until(page, lambda: words in text_of(page, ".verdict"), words)


def forgive(page: Any, *statuses: str) -> None:
    """Reads the browser's complaints, which may only be about answers that the test wanted."""
    assert [it for it in complaints(page) if not any(s in it for s in statuses)] == []


def test_a_token_in_the_address_that_is_no_escape_is_taken_as_it_stands(page: Any, address: str):
    page.get(f"{address}/#token=%ff")
    until(page, lambda: page.find_elements("css selector", "dialog #token"), "the question for a token")
    assert not [line for line in complaints(page) if "URI" in line]


def test_asks_for_a_token_and_says_when_it_is_wrong(page: Any, address: str):
    page.get(address)
    until(page, lambda: page.find_elements("css selector", "dialog #token"), "the question for a token")
    press(page, "wrong", ENTER)
    until(page, lambda: "did not accept" in text_of(page, "dialog"), "the wrong token to be told")
    press(page, TOKEN, ENTER)
    until(page, lambda: page.find_elements("css selector", "#open"), "the first page")
    assert page.execute_script("return Object.values(sessionStorage)") == [TOKEN]
    forgive(page, "401")


def test_the_first_page_says_once_what_the_weights_lack(page: Any, address: str, fake: Fake, shoot: Any):
    fake.notice = "It needs its <b>base</b>."
    page.get(f"{address}/#token={TOKEN}")
    until(page, lambda: text_of(page, "#notice") == fake.notice, "the notice")
    page.refresh()
    until(page, lambda: page.find_elements("css selector", "#open"), "the worlds")
    assert len(page.find_elements("css selector", "#notice")) == 1
    shoot("notice")
    fake.notice = None
    page.refresh()
    until(page, lambda: page.find_elements("css selector", "#open"), "the worlds")
    assert page.find_elements("css selector", "#notice") == []


def test_a_question_is_answered_where_one_types(page: Any, address: str, fake: Fake):
    open_robot(page, address)
    say(page, "ask me")
    until(page, lambda: "Which bowl" in text_of(page, ".asked"), "the question")
    assert text_of(page, ".say-label") == "Your answer, in any words"
    press(page, "the blue one", ENTER)
    verdict(page, "Success")
    assert [e["text"] for e in fake.robot.events if e["type"] == "correction"] == ["the blue one"]
    assert text_of(page, ".asked") == ""


def test_words_of_the_server_are_never_markup(page: Any, address: str):
    open_robot(page, address)
    say(page, f"hostile {HOSTILE}")
    verdict(page, "Success")
    assert HOSTILE in text_of(page, "blockquote.instruction") and HOSTILE in text_of(page, ".steps")
    assert page.execute_script("return window.hacked") is None
    assert page.find_elements("css selector", "main img") == []


def test_a_refusal_says_what_is_understood(page: Any, address: str, fake: Fake):
    open_robot(page, address)
    say(page, "put the banana in the bowl")
    verdict(page, "Refused: I do not know the word 'banana'")
    assert "I know: block" in text_of(page, ".verdict") and "yellow" not in text_of(page, ".verdict")
    click(page, ".hint summary")
    beats = fake.beats
    until(page, lambda: fake.beats > beats + 1, "two heartbeats")
    assert "yellow" in text_of(page, ".verdict"), "what a person has opened stays open"


def test_what_the_robot_remembers_is_a_map_and_words(page: Any, address: str, shoot: Any):
    open_robot(page, address)
    say(page, "fetch a pear")
    verdict(page, "Refused: I saw no pear anywhere")
    assert text_of(page, ".memory-words") == (
        "Near counter: an orange thing; table: nothing; drawer: shut; not seen yet: far counter; in the hand: apple; "
        "it stands at the near counter.")
    assert len(page.find_elements("css selector", ".memory-thing")) == 1
    assert page.find_element("css selector", ".memory-place.is-here").is_displayed()
    shoot("memory")
    say(page, "put the red block in the blue bowl")
    until(page, lambda: not page.find_element("css selector", ".memory").is_displayed(), "no memory, no map")
    verdict(page, "Success")


def test_a_failed_step_says_why(page: Any, address: str):
    open_robot(page, address)
    say(page, "fail once")
    verdict(page, "Success")
    failed = page.find_element("css selector", ".step.is-failed")
    assert "the gripper closed on nothing" in failed.text


def test_a_crash_says_what_to_do(page: Any, address: str):
    open_robot(page, address)
    say(page, "crash")
    until(page, lambda: text_of(page, ".mode") == "Crashed", "the crash")
    click(page, ".banner[data-key=crash] .button")
    until(page, lambda: text_of(page, ".mode") == "Ready", "a new scene")


def test_watching_is_enough_to_stop(page: Any, address: str, fake: Fake):
    fake.is_open, fake.robot.holder = True, "somebody else"
    page.get(f"{address}/#token={TOKEN}")
    click(page, ".robot-row")
    until(page, lambda: "somebody else commands" in text_of(page, ".lease"), "who commands")
    assert not page.find_element("css selector", "#say").is_enabled()
    fake.robot.is_held_up = True
    click(page, ".estop")
    until(page, lambda: fake.robot.mode == "estopped", "the stop")
    until(page, lambda: "latched, not yet confirmed" in text_of(page, ".banner[data-key=estop]"), "what holds")
    fake.robot.confirm()
    until(page, lambda: "nothing moves" in text_of(page, ".banner[data-key=estop]"), "the world's word")
    fake.robot.lease = None
    click(page, ".lease .button")
    until(page, lambda: "You command" in text_of(page, ".lease"), "the command")
    assert fake.robot.lease == "lease-2"


def test_keys_stop_and_pause_but_not_while_one_types(page: Any, address: str, fake: Fake):
    fake.robot.pace = 3600.0  # the step lasts until it is stopped
    open_robot(page, address)
    say(page, "go")
    until(page, lambda: page.find_elements("css selector", ".step.is-running"), "a step under way")
    press(page, "spare spaces")
    assert fake.robot.mode == "running"
    page.execute_script("document.activeElement.blur()")
    press(page, "p")
    until(page, lambda: text_of(page, ".mode") == "Paused", "the pause")
    press(page, "p")
    until(page, lambda: text_of(page, ".mode") == "Running", "going on")
    press(page, "s")
    until(page, lambda: text_of(page, ".mode") == "Stopped", "the stop")


def test_escape_stops_while_one_types_and_in_a_dialog(page: Any, address: str, fake: Fake):
    open_robot(page, address)
    press(page, "?")
    until(page, lambda: "Emergency stop" in text_of(page, "dialog"), "the help")
    press(page, ESCAPE)
    until(page, lambda: fake.robot.mode == "estopped", "the stop")
    assert page.find_elements("css selector", "dialog") == []


def test_a_lost_server_is_told_and_found_again(page: Any, fake: Fake):
    port = free_port()
    with served(fake.app, port) as address:
        open_robot(page, address)
    until(page, lambda: "does not answer" in text_of(page, ".banner[data-key=link]"), "the loss to be told")
    click(page, ".estop")
    until(page, lambda: "has not been heard" in text_of(page, ".banner[data-key=estop-lost]"), "the stop's loss")
    with served(fake.app, port):
        until(page, lambda: fake.robot.mode == "estopped", "the stop to be heard")
        until(page, lambda: text_of(page, ".banner[data-key=link]") == "", "the page to find the server", 20)
        until(page, lambda: text_of(page, ".mode") == "E-stopped", "the robot's state")
        leave(page)
    forgive(page, "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "WebSocket")


def test_nothing_sticks_out_on_a_phone(page: Any, address: str):
    open_robot(page, address, PHONE)
    say(page, "fetch a pear")
    verdict(page, "Refused: I saw no pear anywhere")
    assert overflow_px(page) <= 0
    say(page, "hostile " + "unbroken" * 30)
    verdict(page, "Success")
    assert overflow_px(page) <= 0
    click(page, "button[aria-label^=Help]")
    assert overflow_px(page) <= 0


def test_an_open_dialog_leaves_the_stop_in_reach(page: Any, address: str, fake: Fake):
    open_robot(page, address, PHONE)
    click(page, "button[aria-label^=Help]")
    until(page, lambda: "Emergency stop" in text_of(page, "dialog"), "the help")
    click(page, ".estop")
    until(page, lambda: fake.robot.mode == "estopped", "the stop")
