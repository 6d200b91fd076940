"""A server answers before its planner is loaded, and "ok" means that it can plan."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embodied.serving.lazy_backend import LazyBackend
from embodied.serving.packing import pack
from tests.embodied.serving.served import Served


def health(server: Served) -> str:
    return server.client.get("/healthz").raise_for_status().json()["status"]


def test_health_answers_plans_are_told_when_and_robots_wait_while_the_planner_is_loaded(tmp_path):
    gate = tmp_path / "gate"
    with Served(look_s=0.0, gate=str(gate)) as server, ThreadPoolExecutor() as pool, server.new_client() as other:
        assert health(server) == "loading"
        refused = server.client.post("/v1/plan", content=pack({"instruction": "x", "observation": {}}))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert int(refused.headers["retry-after"]) >= 1 and "the planner is being loaded" in refused.text
        assert server.client.post("/v1/estop").status_code == 200
        instruction = {"task": "put_in_bowl", "seed": 7, "planner": "oracle", "client": "tests"}
        opened = pool.submit(other.post, "/v1/sessions", json=instruction)
        listed = pool.submit(server.client.get, "/v1/worlds")
        for _ in range(5):
            time.sleep(0.1)  # both are being waited for in the server by now, and hold up nobody
            assert health(server) == "loading" and not opened.done() and not listed.done()
            assert server.client.post("/v1/estop").status_code == 200
        gate.touch()
        assert opened.result(60).status_code == 201 and listed.result(60).status_code == 200
        assert health(server) == "ok"


def test_a_server_ends_in_peace_while_its_planner_is_loaded(tmp_path: Path):
    with Served(look_s=0.0, gate=str(tmp_path / "gate")) as server:
        assert health(server) == "loading"


def test_what_loading_raises_is_told_to_whoever_waits():
    late = LazyBackend(lambda: 1 / 0)
    late.start()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(asyncio.wait_for(late.ready(), 10))
    assert not late.is_ready
    with pytest.raises(ZeroDivisionError):
        late.perceive(None)


def test_settling_waits_for_the_end_of_loading_and_for_nothing_that_never_began():
    late = LazyBackend(lambda: time.sleep(0.2))
    late.settle(60)
    late.start()
    late.settle(60)
    assert late.is_ready
