"""People talk to a mind at the console: what was understood, questions with candidates, answers, refusals, turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.embodied.serving.console.browser import DESKTOP, PHONE, click, overflow_px, press, resize, text_of, until
from tests.embodied.serving.console.conftest import REAL_TOKEN
from tests.embodied.serving.console.fake_server import Fake, free_port, served
from tests.embodied.serving.console.test_states import open_robot, say, verdict

TAB, ENTER = "\ue004", "\ue007"
QUESTION = "Which one do you mean, the left one or the right one?"
MARKED = "return [...document.querySelectorAll('.view.is-large .object.is-marked text')].map((it) => it.textContent)"
POINTED = "return document.querySelector('.view.is-large .object.is-pointed')?.dataset.name ?? null"
AT_ITS_MIDDLE = ("const r = arguments[0].getBoundingClientRect();"
                 "return arguments[0].contains(document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2))")
Shoot = Callable[[str], None]


def turns(page: Any) -> list[tuple[str, str]]:
    """Kind and text of each turn of the conversation that is shown."""
    return [(it.get_attribute("data-kind"), it.find_element("css selector", "p").get_attribute("textContent"))
            for it in page.find_elements("css selector", ".turn")]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_question_is_answered_by_a_button_that_shows_its_thing(page: Any, address: str, fake: Fake, size: Any,
                                                                 shoot: Shoot):
    open_robot(page, address, size)
    say(page, "tidy up")
    until(page, lambda: len(page.find_elements("css selector", ".choice")) == 2, "the candidates")
    assert text_of(page, ".asked") == QUESTION and [k for k, _ in turns(page)] == ["said", "understood"]
    assert sorted(page.execute_script(MARKED)) == ["the left one", "the right one"]
    assert overflow_px(page) <= 0
    right = page.find_elements("css selector", ".choice")[1]
    assert page.execute_script(AT_ITS_MIDDLE, right), "nothing lies over a candidate that one shall press"
    assert right.size["height"] >= 44
    page.execute_script("arguments[0].focus()", right)
    assert page.execute_script(POINTED) == fake.robot.objects[0]["name"]
    shoot(f"question_{size[0]}")
    press(page, ENTER)
    verdict(page, "Success")
    assert turns(page)[2:] == [("question", QUESTION), ("said", "the right one"),
                               ("seen", "Done: I see the red block in the blue bowl.")]
    assert "put the red block in the blue bowl" in text_of(page, ".meant") and not page.execute_script(MARKED)
    assert "Done: I see" in text_of(page, ".verdict .report") and overflow_px(page) <= 0
    shoot(f"answered_{size[0]}")


def test_answers_refusals_and_failures_are_said_as_what_they_are(page: Any, address: str, shoot: Shoot):
    open_robot(page, address)
    say(page, "count the blocks")
    verdict(page, "Answered")
    say(page, "eat the banana")
    until(page, lambda: ("refusal", "I do not know the word 'banana'.") in turns(page), "the refusal")
    say(page, "tidy and fail")
    click(page, ".choice")
    until(page, lambda: turns(page)[-1][0] == "missed", "what it sees")
    assert [kind for kind, _ in turns(page)] == ["said", "understood", "answer", "said", "refusal", "said",
                                                 "understood", "question", "said", "missed"]
    assert page.execute_script("const it = document.querySelector('.talk'); return it.scrollTop + it.clientHeight >= "
                               "it.scrollHeight - 2"), "the newest turn is in sight"
    shoot("turns")


def test_words_are_never_markup(page: Any, address: str):
    open_robot(page, address)
    say(page, "<img src=x onerror=document.title='taken'> banana")
    until(page, lambda: [kind for kind, _ in turns(page)][-1:] == ["refusal"], "the refusal")
    assert turns(page)[0][1].startswith("<img") and page.title != "taken"
    assert not page.find_elements("css selector", ".turn img")


@pytest.fixture(scope="module")
def minded_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real server is with the shipped eyes, and somebody who understands a few sentences."""
    from embodied.agents.shipped import load_agent
    from embodied.serving.inference_server import InferenceServer
    from embodied.serving.minds import MindBackend
    from embodied.serving.server import make_app
    from embodied.serving.session_manager import Limits, SessionManager
    from envs.skills.signatures import TABLETOP
    from tests.embodied.agents.talking import Words

    words = Words({"could you pop a cube into the dish?": "in(the block, the blue bowl)",
                   "... now take it out again": "on(the red block, table)",
                   "how many cubes are there?": "tell count(block)",
                   "... no, the green one": "in(the green block, the blue bowl)", "wash the bowl": 'cannot "wash"'})
    inference = InferenceServer(MindBackend(words, load_agent("tabletop-tiny").backend.perceive, TABLETOP))
    with served(make_app(lambda: SessionManager(inference, Limits()), tokens={REAL_TOKEN: "operator"}),
                free_port()) as url:
        yield url


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_talk_with_a_real_robot(page: Any, minded_address: str, size: Any, shoot: Shoot):
    resize(page, DESKTOP)
    page.get(f"{minded_address}/#token={REAL_TOKEN}")
    click(page, ".more summary")
    page.find_element("css selector", "#seed").send_keys("7")
    page.find_element("css selector", "#require").send_keys("red block, green block, blue bowl")
    click(page, "#open")
    until(page, lambda: text_of(page, ".mode") == "Ready", "a robot", 90)
    resize(page, size)
    until(page, lambda: page.find_elements("css selector", ".view.is-large .view-wait[hidden]"), "a picture")
    page.find_element("css selector", "#say").send_keys("could you pop a cube into the dish?", ENTER)
    until(page, lambda: page.find_elements("css selector", ".choice .crop"), "the candidates with pictures", 40)
    assert "the red one" in page.execute_script(MARKED)
    shoot(f"real_question_{size[0]}")
    next(it for it in page.find_elements("css selector", ".choice") if it.text == "the red one").click()
    until(page, lambda: page.find_elements("css selector", ".step.is-running"), "a step under way", 40)
    page.find_element("css selector", "#say").send_keys("no, the green one", ENTER)
    ended(page, "Done: I see the green block in the blue bowl.", 150)
    shoot(f"real_corrected_{size[0]}")
    page.find_element("css selector", "#say").send_keys("how many cubes are there?", ENTER)
    until(page, lambda: turns(page)[-1][0] == "answer", "the answer", 40)
    page.find_element("css selector", "#say").send_keys("wash the bowl", ENTER)
    until(page, lambda: turns(page)[-1][0] == "refusal", "the refusal", 40)
    shoot(f"real_turns_{size[0]}")
    assert overflow_px(page) <= 0
    click(page, ".live-head .is-bare")
    click(page, "dialog .is-danger")
    until(page, lambda: page.find_elements("css selector", "#open"), "the first page")


def ended(page: Any, words: str, timeout_s: float) -> None:
    until(page, lambda: ("seen", words) in turns(page), words, timeout_s, lambda: text_of(page, ".joints"))
