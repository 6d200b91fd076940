"""Each family can be solved: the expert, acting through skills, reaches progress 1."""

from __future__ import annotations

import gymnasium
import pytest

import envs  # noqa: F401  registers the ids
from envs.interface import TASK_IDS


def solve(env: gymnasium.Env, seed: int) -> float:
    """Sum of rewards of an episode led by the expert, who plans again after each placing and each failure."""
    env.reset(seed=seed)
    total, is_over = 0.0, False
    while not is_over and (plan := env.unwrapped.expert_plan()):
        for call in plan:
            _, reward, terminated, truncated, info = env.step(env.unwrapped.encode(call))
            total, is_over = total + reward, terminated or truncated
            if is_over or call.skill != "pick" or info["outcome"]["status"] != "done":
                break
    return total


@pytest.mark.slow
@pytest.mark.parametrize("task", TASK_IDS)
def test_the_expert_reaches_progress_one(task: str):
    env = gymnasium.make(TASK_IDS[task], image_size=96)
    assert [solve(env, seed) for seed in range(20)] == pytest.approx([1.0] * 20)
    env.close()


@pytest.mark.parametrize("task", ["put_in_bowl", "unblock"])
def test_the_expert_solves_one_scene(task: str):
    env = gymnasium.make(TASK_IDS[task], image_size=64)
    assert solve(env, 0) == pytest.approx(1.0)
    env.close()
