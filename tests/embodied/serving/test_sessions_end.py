"""What is left of a session that was closed: nothing, and at once. The collector of cycles, which comes when it likes,
is switched off here."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import weakref
from collections.abc import Iterator
from typing import Any

import gymnasium
import pytest

from embodied.serving import session_manager as session_managers
from embodied.serving.errors import ApiError
from embodied.serving.inference_server import InferenceServer
from embodied.serving.session import Session
from embodied.serving.session_manager import Limits, SessionManager
from embodied.serving.shared_state import Halt
from tests.embodied.serving.host import SlowBackend

SOON_S = 10.0
"""For a thread that has done its last job to end."""


class Near:
    """A session's world without a process of its own, in which whatever is done comes off at once."""

    pid = None

    def __init__(self, env: gymnasium.Env) -> None:
        self._env = env

    def reset(self, **how: Any) -> tuple[Any, dict[str, Any]]:
        self._seen = self._env.reset(**how)
        return self._seen

    def step(self, action: Any) -> tuple[Any, ...]:
        outcome = {"status": "done", "reason": "", "duration_s": 0.1}
        return self._seen[0], 1.0, True, False, {**self._seen[1], "is_success": True, "outcome": outcome}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._env.unwrapped, name)

    def introduce(self) -> dict[str, Any]:
        return {**self._env.unwrapped.introduce(), "cameras": ["front"]}

    def close(self) -> None:
        """The next session has it, too."""


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a session manager whose worlds are of this process, once a loop runs; no cycles are looked for
    meanwhile."""
    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    monkeypatch.setattr(session_managers, "_make_env", lambda *_: Near(env))
    gc.collect()
    gc.disable()
    yield lambda: SessionManager(InferenceServer(SlowBackend(0.0)), Limits())
    gc.enable()
    env.close()


async def _worked(session: Session) -> None:
    """A run, a moment that is kept, a stop, jobs that fail and are refused, somebody who watches."""
    _, ended = session.start(session.jobs.instruction, "tests")
    await ended
    watching = session.log.watch(0)
    await anext(watching)
    assert session.jobs.history
    await session.do("snapshot", session.jobs.snapshot, changes=False)
    session.halt(Halt.STOP, "a test")
    with pytest.raises(KeyError):
        await session.do("restore", lambda: session.jobs.restore("none"))
    session.halt(Halt.ESTOP, "a test")
    with pytest.raises(ApiError):
        await session.do("reset", lambda: session.jobs.reset(1, ()))
    await watching.aclose()


async def _used(manager: SessionManager, seed: int) -> weakref.ref:
    """A session that was used and closed."""
    session = await manager.open("put_in_bowl", seed, "oracle", speed=0.0)
    await _worked(session)
    left = weakref.ref(session)
    name = session.session_id
    del session
    await manager.close_session(name)
    return left


async def _gone(left: weakref.ref) -> bool:
    until_s = time.monotonic() + SOON_S
    while left() is not None and time.monotonic() < until_s:
        await asyncio.sleep(0.01)
    return left() is None


def test_a_closed_session_is_let_go_without_a_collector_of_cycles(manager: Any) -> None:
    async def go() -> None:
        opened = manager()
        try:
            assert await _gone(await _used(opened, 1))
            descriptors = len(os.listdir("/proc/self/fd"))
            assert await _gone(await _used(opened, 2))
            assert len(os.listdir("/proc/self/fd")) == descriptors
        finally:
            await opened.close()

    asyncio.run(go())


def test_whoever_keeps_a_closed_session_keeps_no_picture(manager: Any) -> None:
    async def go() -> None:
        opened = manager()
        try:
            session = await opened.open("put_in_bowl", 1, "oracle", speed=0.0)
            await _worked(session)
            await opened.close_session(session.session_id)
            assert session.world.raw is None and session.world.env is None
            assert not session.jobs.history and not vars(session.jobs)["_snapshots"]
        finally:
            await opened.close()

    asyncio.run(go())
