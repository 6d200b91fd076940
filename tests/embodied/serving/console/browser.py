"""A headless Chromium for the console's tests: it asks the network for nothing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

DESKTOP, PHONE = (1440, 900), (390, 844)
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--autoplay-policy=no-user-gesture-required"]


def open_browser(profile: Path, size: tuple[int, int] = DESKTOP, *, is_dark: bool = False) -> Any:
    """A selenium driver; skips the test where there is no Chromium to drive.

    size: width, height of the page, pixels."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.chrome.service.Service(executable_path=chromedriver)
    driver = webdriver.Chrome(options=options, service=service)
    resize(driver, size)
    shade = "dark" if is_dark else "light"
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                           {"features": [{"name": "prefers-color-scheme", "value": shade}]})
    return driver


def resize(driver: Any, size: tuple[int, int]) -> None:
    """Makes the page as large as a screen of that size; below 500 pixels, one that is touched."""
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500})


def complaints(driver: Any) -> list[str]:
    """Errors of the browser's console since the last call."""
    return [line["message"] for line in driver.get_log("browser") if line["level"] == "SEVERE"]


def until(driver: Any, is_so: Callable[[], Any], what: str, timeout_s: float = 15.0,
          progress: Callable[[], Any] = lambda: None) -> Any:
    """What `is_so()` gives once it is true; fails saying what was waited for, and what the page shows instead.

    progress: as long as what it gives changes, time does not count, however slow the machine is."""
    from selenium.common.exceptions import StaleElementReferenceException

    seen, since_s = progress(), time.monotonic()
    while time.monotonic() - since_s < timeout_s:
        with suppress(StaleElementReferenceException):
            if found := is_so():
                return found
            if (now := progress()) != seen:
                seen, since_s = now, time.monotonic()
        time.sleep(0.1)
    body = driver.find_element("css selector", "body").text
    pytest.fail(f"waited {timeout_s} s for {what}; console: {complaints(driver)}; the page shows:\n{body[:1500]}")


def text_of(driver: Any, selector: str) -> str:
    """Text of the first element of a selector, "" when there is none."""
    found = driver.find_elements("css selector", selector)
    return found[0].text if found else ""


def click(driver: Any, selector: str) -> None:
    """Clicks an element once it can be."""
    element = until(driver, lambda: next((e for e in driver.find_elements("css selector", selector)
                                          if e.is_displayed() and e.is_enabled()), None), f"{selector} to be clickable")
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def press(driver: Any, *keys: str) -> None:
    """Presses keys, whatever has the focus."""
    driver.switch_to.active_element.send_keys(*keys)


def overflow_px(driver: Any) -> int:
    """How far the page sticks out to the right."""
    return driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
