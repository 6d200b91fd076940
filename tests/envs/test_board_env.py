"""The pushing board as gymnasium, planners and judges meet it."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from envs.interface import BOARD_IDS, SEED_RANGES, SkillCall

SMALL = {"image_size": 32, "render_size": (48, 64)}


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("embodied/BoardSortCorners-v0", labels=3, **SMALL)
    yield env
    env.close()


def push(env, text):
    *_, info = env.unwrapped.step(env.unwrapped.encode(SkillCall("push", (text,))))
    return info["outcome"]


@pytest.mark.parametrize(("text", "status", "reason"), [
    ("", "refused", "do not understand"), ("fly away", "refused", "do not understand"),
    ("x" * 5000, "refused", "too long"), ("推动红色的星星", "refused", "do not understand"),
    ("push the purple star to the blue cube", "refused", "color purple"),
    ("push the red banana to the center", "refused", "shape banana"),
    ("push the red star to the red star", "refused", "twice"),
    ("push the red star 900 cm up", "refused", "distance"),
    ("push the red star up and down", "refused", "contradicts")])
def test_senseless_words_are_refused_and_move_nothing(env, text, status, reason):
    env.reset(seed=1)
    before = env.unwrapped.robot.setpoint.copy()
    outcome = push(env, text)
    assert outcome["status"] == status and reason in outcome["reason"] and outcome["duration_s"] == 0
    assert np.array_equal(env.unwrapped.robot.setpoint, before)


def test_an_absent_block_and_one_of_two_are_named(env):
    env.reset(seed=1)
    names = env.unwrapped.world.names()
    absent = next(f"red {s}" for s in ("moon", "star", "cube", "heart") if f"red {s}" not in names)
    assert push(env, f"push the {absent} to the center") == {
        "status": "failed", "reason": f"I see no {absent}", "duration_s": 0.0}
    assert "2 red blocks" in push(env, "push the red block to the center")["reason"]


def test_a_far_push_takes_more_than_one_call(env):
    env.reset(seed=3)
    name = env.unwrapped.world.names()[0]
    place = env.unwrapped.world.pose(name)[0]
    corner = f"{'bottom' if place[0] > 0.4 else 'top'} {'right' if place[1] > 0 else 'left'} corner"
    outcomes = [push(env, f"push the {name} to the {corner}") for _ in range(3)]
    assert outcomes[0]["status"] == "timeout" and "cm short" in outcomes[0]["reason"]
    assert outcomes[0]["duration_s"] == 4.0 and outcomes[-1]["status"] == "done"


def test_a_block_that_vanishes_is_missed(env):
    env.reset(seed=3)
    world = env.unwrapped.world
    name = world.names()[0]
    make = env.unwrapped.glance
    looks = []

    def look(camera, *, size_px):
        looks.append(size_px)
        if len(looks) == 3:
            world.client.resetBasePositionAndOrientation(world._bodies[name], [5.0, 5.0, 1.0], [0, 0, 0, 1])
        return make(camera, size_px=size_px)

    env.unwrapped.glance = look
    outcome = push(env, f"push the {name} 20 cm up")
    del env.unwrapped.glance
    assert outcome["status"] == "failed" and "lost sight" in outcome["reason"]


def test_smaller_boards_have_four_blocks():
    for task, pairs in (("block_to_block", False), ("sort_corners", True)):
        env = gymnasium.make(BOARD_IDS[task], max_objects=4, **SMALL)
        env.reset(seed=0)
        colors = {name.split(" ")[0] for name in env.unwrapped.world.names()}
        assert len(env.unwrapped.world.names()) == 4 and len(colors) == (2 if pairs else 4)
        env.close()
    with pytest.raises(ValueError, match="max_objects"):
        env = gymnasium.make(BOARD_IDS["separate"], max_objects=3, **SMALL)
        env.reset(seed=0)


def test_the_callers_instruction_sets_the_goal():
    env = gymnasium.make("embodied/Board-v0", **SMALL)
    instruction = "push the green heart to the top right corner"
    env.reset(seed=0, options={"require": ["green heart"], "instruction": instruction})
    assert env.unwrapped.expert_plan()[0].arguments == (instruction,)
    env.close()


def solve(env, seed) -> float:
    """Progress that the expert reaches."""
    _, info = env.reset(seed=seed)
    assert info["progress"] < 1
    while not info["is_success"] and (plan := env.unwrapped.expert_plan()):
        *_, truncated, info = env.step(env.unwrapped.encode(plan[0]))
        if truncated:
            break
    return info["progress"]


@pytest.mark.parametrize("task", list(BOARD_IDS))
def test_the_expert_solves_every_task(task):
    env = gymnasium.make(BOARD_IDS[task], **SMALL)
    assert solve(env, SEED_RANGES["test"][0]) == 1.0 and env.unwrapped.expert_plan() == []
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize("task", list(BOARD_IDS))
def test_the_expert_solves_nearly_all_of_two_hundred(task):
    env = gymnasium.make(BOARD_IDS[task], **SMALL)
    failed = [seed for seed in SEED_RANGES["test"][:200] if solve(env, seed) < 1]
    assert len(failed) <= 4, failed
    env.close()
