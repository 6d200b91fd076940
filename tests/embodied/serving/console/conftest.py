"""The fixtures of the console's tests: a browser, a pretended server, a real one, and a folder for pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.embodied.serving.console.browser import complaints, open_browser
from tests.embodied.serving.console.fake_server import Fake, free_port, served

BLANK = "about:blank"
REAL_TOKEN = "a-token-for-the-console-tests"


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser for all tests of a file; each begins with an empty memory."""
    browser = open_browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


def leave(driver: Any) -> None:
    """Closes the page, which forgets everything."""
    driver.execute_script("sessionStorage.clear(); localStorage.clear()")
    driver.get(BLANK)


@pytest.fixture
def page(driver: Any) -> Iterator[Any]:
    """The browser, after whose test its console must hold no error that the test has not read."""
    complaints(driver)
    yield driver
    if driver.current_url != BLANK:
        leave(driver)
    assert complaints(driver) == []


@pytest.fixture
def fake() -> Fake:
    """A pretended robot whose steps take half a second."""
    return Fake(pace=0.5)


@pytest.fixture
def address(fake: Fake, page: Any) -> Iterator[str]:
    """Where the pretended server is; the page leaves before it does."""
    with served(fake.app, free_port()) as url:
        yield url
        leave(page)


@pytest.fixture(scope="module")
def real_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real server with the shipped model is."""
    from embodied.agents.shipped import load_agent
    from embodied.serving.inference_server import InferenceServer
    from embodied.serving.server import make_app
    from embodied.serving.session_manager import Limits, SessionManager

    inference = InferenceServer(load_agent("tabletop-tiny").backend)
    limits = Limits(recordings=tmp_path_factory.mktemp("recordings"))
    with served(make_app(lambda: SessionManager(inference, limits), tokens={REAL_TOKEN: "operator"}),
                free_port()) as url:
        yield url


@pytest.fixture
def shoot(driver: Any, tmp_path: Path) -> Callable[[str], None]:
    """Takes a picture of the page, into the folder CONSOLE_PICTURES, else into the test's own."""
    folder = Path(os.environ.get("CONSOLE_PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return lambda name: driver.save_screenshot(str(folder / f"{name}.png"))
