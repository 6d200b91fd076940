"""One picture without depth: as if the front camera had taken it, and answered in words."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from embodied.agents.shipped import load_agent
from embodied.planning.language import Plan
from embodied.planning.perception import Perception
from embodied.prompt import Slot
from embodied.serving.bridges.chat import _refuse_blind
from embodied.serving.bridges.chat_answer import End, Piece, in_words
from embodied.serving.errors import ApiError
from embodied.serving.pictures import Picture, observation_of, png_url
from envs.interface import Box, PlainView, Referent, SkillCall
from envs.sensors.cameras import VIEWS, calibrations
from tests.embodied.serving.served import Served

RED = Slot(np.full((32, 32, 3), (220, 20, 20), np.uint8), Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04)))
GREEN_BOWL = Slot(np.full((32, 32, 3), (20, 200, 20), np.uint8), Box((0.6, 0.1, 0.02), (0.13, 0.13, 0.04)))


def test_one_picture_is_of_an_empty_table_but_for_its_colors():
    pixels = np.random.default_rng(0).integers(0, 255, (192, 192, 3), dtype=np.uint8)
    seen = observation_of([Picture(pixels, {})])
    assert isinstance(seen, PlainView) and (seen.rgb["front"] == pixels).all()
    camera = calibrations(VIEWS, 192)["front"]
    assert np.allclose(seen.cameras["front"].intrinsics, camera.intrinsics)
    points = camera.lift(seen.depth["front"])[seen.depth["front"] > 0]
    assert np.abs(points[:, 2]).max() < 1e-5 and len(points) > 0.9 * 192 * 192
    assert isinstance(replace(seen, time_s=1.0), PlainView)


NOTE = {"camera": "front", "intrinsics": np.eye(3).tolist(), "pose": np.eye(4).tolist()}
ALONE = "one colour picture alone and without that text"


@pytest.mark.parametrize(("pictures", "why"), [
    ([Picture(np.zeros((192, 192, 3), np.uint8), {})] * 2, ALONE),
    ([Picture(np.zeros((192, 192), np.uint16), {})], ALONE),
    ([Picture(np.zeros((192, 192, 3), np.uint8), NOTE)], ALONE), ([], ALONE),
    ([Picture(np.zeros((40, 192, 3), np.uint8), {})], "at least 64 px a side")])
def test_what_is_no_one_picture_is_refused(pictures, why):
    with pytest.raises(ApiError, match=why):
        observation_of(pictures)


def test_things_are_called_by_their_looks_for_nobody_knows_where_they_are():
    calls = (SkillCall("pick", (Referent("obj_2", box=RED.box),)), SkillCall("place_in", (Referent("obj_1"),)))
    plan = Plan(calls, perception=Perception((GREEN_BOWL, RED)))
    said, end = in_words(plan, [])
    assert said == Piece("pick red block\nplace in green bowl") and end == End("stop", 0, 0)
    assert in_words(plan, ["place"])[0].text == "pick red block\n"
    refused = Plan((), refusal="I see no blue block")
    assert in_words(refused, [])[0].text == "No: I see no blue block."


@pytest.mark.weights
def test_a_picture_alone_gets_a_plan_in_words(served: Served, views):
    instruction, seen = views

    def answer(text: str, pixels: np.ndarray) -> str:
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": png_url(pixels)}}]
        body = {"model": "tabletop-tiny", "messages": [{"role": "user", "content": content}]}
        return served.client.post("/v1/chat/completions", json=body).raise_for_status().json()[
            "choices"][0]["message"]["content"]

    picked, placed = answer(instruction, seen.rgb["front"]).splitlines()
    assert picked.startswith("pick ") and placed.startswith("place in ") and placed.endswith("bowl")
    assert all(set(words.split()[-2:-1]) <= set(instruction.split()) for words in (picked, placed)), "its colors"
    empty = np.full((192, 192, 3), (159, 135, 112), np.uint8)
    assert answer(instruction, empty).startswith("No: I see no")


@pytest.mark.weights
def test_who_plans_in_other_worlds_is_shown_no_picture_alone():
    """They would look through a camera that is not there, answer with places, or not look at all."""
    for name in ("board-tiny", "kitchen-tiny", "tamp-tiny"):
        backend = load_agent(name).backend
        manager = SimpleNamespace(inference=backend, is_mind=False, weights_name=name)
        with pytest.raises(ApiError, match=f"depth and calibration for {name}"):
            _refuse_blind(manager)
    _refuse_blind(SimpleNamespace(inference=load_agent("tabletop-tiny").backend, is_mind=False, weights_name="planner"))
