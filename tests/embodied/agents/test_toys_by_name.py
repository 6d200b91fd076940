"""What toys are called is read off their soft tokens: one that is not there is said not to be there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import gymnasium
import pytest

from embodied.agents.language_agent import LanguageAgent
from embodied.agents.shipped import load_agent
from embodied.planning.named import TOY_NAMES, toys_named
from embodied.serving.inference_server import InferenceServer
from envs.interface import Observation

pytestmark = pytest.mark.weights
SEEDS = range(1_000_000, 1_000_006)


@cache
def planner() -> LanguageAgent:
    return load_agent("board-tiny", world="board")


def scenes() -> Iterator[tuple[Observation, list[str]]]:
    env = gymnasium.make("envs:embodied/Board-v0", labels=1)
    for seed in SEEDS:
        seen, info = env.reset(seed=seed)
        yield Observation.from_dict(seen), info["labels"]["names"]
    env.close()


def test_toys_that_are_not_there_are_refused_and_the_others_are_not():
    for seen, names in scenes():
        gone = next(name for name in TOY_NAMES if name not in names)
        for text in (f"push the {gone} to the {names[0]}", f"move the {names[0]} to the {gone}, please"):
            assert planner().plan(text, seen).refusal == f"I see no {gone}"
        assert planner().plan(f"push the {names[1]} to the {names[0]}", seen).refusal is None


def test_every_toy_is_called_what_it_is():
    """By the backend itself and through a server's queue."""
    with_queue = InferenceServer(planner().backend)
    for seen, names in scenes():
        prompt = planner().prompt_of("sort the blocks by color", seen)
        for backend in (planner().backend, with_queue):
            assert sorted(backend.names_of(prompt, TOY_NAMES)) == sorted(names)
    with_queue.close()


@pytest.mark.parametrize("text, named", [
    ("push the red star to the blue cube", ["red star", "blue cube"]), ("Push the RED  Star!", ["red star"]),
    ("push the red one", []), ("the star that is red", []), ("", [])])
def test_toys_are_read_by_color_and_shape(text: str, named: list[str]):
    assert toys_named(text) == named
