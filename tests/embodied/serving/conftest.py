"""The servers that tests of the API share: one that plans with the shipped weights, a lean one whose robots the oracle
plans for, which is there in a second."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from envs.interface import Observation
from tests.embodied.serving.hostility import Attacker
from tests.embodied.serving.served import Robot, Served

LIMITS = {"sessions": 6, "lease_ttl_s": 30.0}
SIGN = "sign"
BOUNDS = {"requests_per_s": 2000.0, "guesses_per_s": 1000.0}


@pytest.fixture(scope="session")
def attacker() -> Iterator[Attacker]:
    """A language model of ill will, behind the planner "chat" of the server."""
    endpoint = Attacker()
    yield endpoint
    endpoint.close()


@pytest.fixture(scope="session")
def served(attacker: Attacker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the shipped weights, leases that outlive whatever holds a test up, and room for a few robots. What
    the file SIGN holds is written on the pictures that its planner sees."""
    sign = tmp_path_factory.getbasetemp() / SIGN
    sign.write_text("")
    with Served(limits=LIMITS, bounds=BOUNDS, chat_url=attacker.url, sign=str(sign)) as server:
        yield server


@pytest.fixture(scope="session")
def lean() -> Iterator[Served]:
    """The same without weights: its planner sees nothing, the oracle plans all the same."""
    with Served(limits=LIMITS, bounds=BOUNDS, look_s=0.0) as server:
        yield server


@pytest.fixture(scope="session")
def held_by(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As long as this file is there, the planner of `brief` thinks."""
    return tmp_path_factory.mktemp("held") / "thinking"


@pytest.fixture(scope="session")
def brief(held_by: Path) -> Iterator[Served]:
    """A lean server whose leases run out while a test waits for it."""
    with Served(limits={**LIMITS, "lease_ttl_s": 3.0}, bounds=BOUNDS, look_s=0.0, held_by=str(held_by)) as server:
        yield server
        held_by.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def _robot(lean: Served) -> Robot:
    return lean.open()


@pytest.fixture
def robot(_robot: Robot) -> Robot:
    """A robot of the lean server that tests share, one after the other: at rest, free of stops, commanded by the test.
    It moves as fast as it can, the oracle plans for it. What a test does to the scene stays."""
    return _robot.ready()


@pytest.fixture(scope="session")
def views() -> tuple[str, Observation]:
    """An instruction, and what a robot sees before it."""
    env = gymnasium.make("envs:embodied/PutInBowl-v0")
    raw, _ = env.reset(seed=2_000_001)
    env.close()
    return raw["instruction"], Observation.from_dict(raw)
