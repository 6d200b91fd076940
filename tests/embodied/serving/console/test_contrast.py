"""Every word on the page stands out from its ground as WCAG AA asks, in the light and in the dark."""

from __future__ import annotations

from typing import Any

import pytest

from tests.embodied.serving.console.browser import DESKTOP, resize, text_of, until
from tests.embodied.serving.console.fake_server import TOKEN
from tests.embodied.serving.console.test_states import open_robot, say

FAINT = """
const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const mixed = (colors) => {
  canvas.clearRect(0, 0, 1, 1);
  for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
  return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const own = (element) => getComputedStyle(element).backgroundColor;
const grounds = (element) => (element ? [...grounds(element.parentElement), own(element)] : ['white']);
const HIDDEN = { opacityProperty: true, visibilityProperty: true };
const isSeen = (e) => e.checkVisibility(HIDDEN) && e.getClientRects().length > 0;
const found = [];
for (const element of document.querySelectorAll('body *:not(svg *):not(.unseen):not(.skip)')) {
  const words = [...element.childNodes].filter((it) => it.nodeType === 3).map((it) => it.data.trim()).join(' ').trim();
  if (!words || !isSeen(element) || element.closest(':disabled, .view')) continue;
  const style = getComputedStyle(element);
  const ground = grounds(element);
  const [a, b] = [light(mixed(ground)), light(mixed([...ground, style.color]))].sort((x, y) => y - x);
  const isLarge = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < (isLarge ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.className}: ${words.slice(0, 40)}`);
}
return found;
"""


def shade(page: Any, name: str) -> None:
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]})


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out(page: Any, address: str, fake: Any, scheme: str):
    shade(page, scheme)
    resize(page, DESKTOP)
    page.get(f"{address}/#token={TOKEN}")
    until(page, lambda: page.find_elements("css selector", "#open"), "the first page")
    faint = set(page.execute_script(FAINT))
    open_robot(page, address)
    for instruction, shown in (("fail once", ".step.is-running"), ("", ".verdict.is-done"),
                               ("a banana", ".verdict.is-refused"), ("ask me", ".asked:not([hidden])")):
        fake.robot.pace = 3600.0 if shown == ".step.is-running" else 0.5  # the step lasts until it was looked at
        if instruction:
            say(page, instruction)
        until(page, lambda shown=shown: page.find_elements("css selector", shown), shown)
        faint |= set(page.execute_script(FAINT))
    page.find_element("css selector", ".estop").click()
    until(page, lambda: text_of(page, ".mode") == "E-stopped", "the stop")
    faint |= set(page.execute_script(FAINT))
    assert faint == set()


def test_the_measure_sees_faint_words(page: Any, address: str):
    shade(page, "light")
    page.get(f"{address}/#token={TOKEN}")
    until(page, lambda: page.find_elements("css selector", ".start-head p"), "the first page")
    page.execute_script("document.querySelector('.start-head p').style.color = '#bbb'")
    assert any("Pick a world" in it for it in page.execute_script(FAINT))
