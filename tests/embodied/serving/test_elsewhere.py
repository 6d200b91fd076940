"""Worlds that the loaded weights do not plan in have planners of their own, which are loaded when first needed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest

from embodied.agents.language_agent import LanguageAgent
from embodied.cli.serve import _load
from embodied.planning.scene import BOARD as SCENE
from embodied.serving.errors import ApiError
from embodied.serving.inference_server import InferenceServer
from embodied.serving.lazy_backend import LazyBackend
from embodied.serving.running import Run
from embodied.serving.session_manager import Limits, SessionManager
from envs.skills.signatures import BOARD, TABLETOP
from tests.embodied.serving.host import SlowBackend


class Pusher(SlowBackend):
    """Plans on the board."""

    scene, language = SCENE, BOARD


async def asked(loads: list[str]) -> tuple[list[str], list[str], LanguageAgent]:
    """Who plans on the board before anything is loaded, who in the kitchen, and the planner of a session."""
    late = LazyBackend(lambda: loads.append("board") or Pusher(0.0))
    manager = SessionManager(InferenceServer(SlowBackend(0.0)), Limits(), language=TABLETOP,
                             elsewhere={"board": InferenceServer(late)})
    try:
        before = [kind.name for kind in manager.planners_of("board")]
        assert not loads
        kitchen = [kind.name for kind in manager.planners_of("kitchen")]
        with pytest.raises(ApiError, match="expected one by name"):
            await manager.open("kitchen_noun", 3, None, speed=1.0)
        session = await manager.open("push_side", 3, None, speed=1.0)
        assert session.setup.planner == "model" and manager.perceives("board")
        made = manager._planner(session, Run("push all the blocks on the left side together", "tests"))
        return before, kitchen, made
    finally:
        await manager.close()


def test_each_world_is_planned_in_by_its_own(tmp_path):
    loads: list[str] = []
    before, kitchen, made = asyncio.run(asked(loads))
    assert before == ["model", "oracle"] and kitchen == ["oracle"] and loads == ["board"]
    planner = made.planner
    assert isinstance(planner, LanguageAgent) and planner.language == BOARD and planner.scene is SCENE


def test_a_planner_that_cannot_be_loaded_is_told_of():
    async def opened() -> None:
        manager = SessionManager(InferenceServer(SlowBackend(0.0)), Limits(), language=TABLETOP,
                                 elsewhere={"board": InferenceServer(LazyBackend(lambda: 1 / 0))})
        try:
            for _ in range(2):
                with pytest.raises(ApiError, match="expected the planner of board to load") as refused:
                    await manager.open("push_side", 3, None, speed=1.0)
                assert refused.value.status == 503 and not manager.sessions
        finally:
            await manager.close()

    asyncio.run(opened())


def test_planners_that_are_needed_at_once_are_loaded_one_after_the_other():
    settings = SimpleNamespace(weights="mind", backend="local", threads=1)
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(partial(_load, settings), ["tamp-tiny", "kitchen-tiny", "mind-tiny"]))
    assert [len(backend.language.skills) for backend in found] == [6, 7, 8]


def test_loading_begins_once_whoever_asks_first():
    loads: list[int] = []
    late = LazyBackend(lambda: loads.append(1))

    for _ in range(2):
        late.start()
    late.settle(10)
    late.start()
    asyncio.run(late.ready())
    assert loads == [1]
