"""The adapter over a benchmark that has nothing to do with panda-gym, or with any simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from embodied.agents.oracle import OraclePlanner
from embodied.planning.closed_loop import run, summarize
from envs.foreign.adapter import ForeignEnv
from envs.foreign.words import instructions
from envs.interface import Box, Observation, Referent, SkillCall
from tests.envs.foreign.plain import Plain

AIR = Box((0.05, 0.0, 0.1), (0.03,) * 3)


@pytest.fixture
def env():
    env = ForeignEnv(Plain(), image_size=32, render_mode="rgb_array")
    env.reset(seed=3)
    return env


def call(env, skill, *boxes):
    return env.step(env.encode(SkillCall(skill, tuple(Referent("it", box=box) for box in boxes))))


@pytest.mark.filterwarnings("ignore:.*not having a spec")
def test_gymnasium_finds_nothing_to_complain_about(env):
    check_env(env, skip_render_check=False)


def test_the_loop_runs_it_and_the_goal_is_reached():
    env, wins = ForeignEnv(Plain(), image_size=32), 0
    for seed in range(12):
        steps = list(run(env, OraclePlanner(env), seed=seed))
        summary = summarize(steps)
        outcome = steps[-1].transition.outcome if steps[-1].transition else None
        assert outcome is None or (outcome.status, outcome.reason) == ("done", "the benchmark ended the episode")
        assert summary.end == "success" and summary.progress == 1.0 and summary.calls in (0, 2), summary
        wins += summary.calls == 2
    assert wins > 6


def test_rewards_sum_to_progress(env):
    _, info = env.reset(seed=5)
    total, disc, goal = info["progress"], env.reading.objects["disc"], env.reading.goals["disc"]
    near = Box(tuple(np.add(goal.center, (0.0, 0.0, 0.04))), goal.size)
    for skill, box in (("pick", disc), ("place_at", near), ("place_at", disc), ("pick", disc), ("place_at", goal)):
        _, reward, terminated, truncated, info = call(env, skill, box)
        total += reward
        assert total == pytest.approx(info["progress"]) and not truncated
        assert box is not near or (0.5 < info["progress"] < 1 and reward > 0.5)
    assert terminated and info["progress"] == 1.0 and info["is_success"]


def test_the_observation_is_ours(env):
    raw, _ = env.reset(seed=4)
    assert env.observation_space.contains(raw)
    seen = Observation.from_dict(raw)
    assert seen.rgb["overhead"].shape == (32, 32, 3) and not seen.depth["overhead"].any()
    assert (seen.rgb["overhead"] == 255).all(axis=2).any() and env.render().shape == (30, 40, 3)
    assert seen.tool_pose[:3] == pytest.approx([0, 0, 0.2]) and seen.gripper_width_m == pytest.approx(0.08)
    assert np.array_equal(seen.cameras["overhead"].pose, np.eye(4))


def test_outcomes_are_honest(env):
    disc = env.reading.objects["disc"]
    nowhere = Box((disc.center[0] + (0.06 if disc.center[0] < 0 else -0.06), *disc.center[1:]), disc.size)
    assert call(env, "place_at", AIR)[-1]["outcome"]["reason"] == "the gripper holds nothing"
    missed = call(env, "pick", nowhere)[-1]["outcome"]
    assert (missed["status"], missed["reason"]) == ("failed", "the gripper closed on nothing")
    assert missed["duration_s"] > 0
    assert call(env, "pick", disc)[-1]["outcome"]["status"] == "done"
    assert call(env, "pick", disc)[-1]["outcome"]["reason"] == "the gripper holds something already"
    held = call(env, "place_at", AIR)[-1]["outcome"]
    assert (held["status"], held["reason"]) == ("done", "holding the object at the place")
    assert env.reading.objects["disc"].center == pytest.approx(AIR.center, abs=0.01)


def test_a_slow_benchmark_runs_out_of_time():
    class Sluggish(Plain):
        stride_m = 0.001

    env = ForeignEnv(Sluggish(), image_size=16)
    env.reset(seed=3)
    outcome = call(env, "pick", env.reading.objects["disc"])[-1]["outcome"]
    assert outcome["status"] in ("timeout", "failed") and outcome["duration_s"] <= 12.0 + 0.5, outcome


def test_any_garbage_is_refused_and_moves_nothing(env):
    sound, steps = env.encode(SkillCall("pick", (Referent("it", box=AIR),))), env.benchmark.steps
    shape = env.action_space["box"].shape
    for action in ({}, {**sound, "skill": 7}, {**sound, "skill": np.nan}, {**sound, "box": np.full(shape, np.nan)},
                   {**sound, "box": np.full(shape, 1e9)}, {**sound, "box": np.zeros(shape)}, {**sound, "box": "there"},
                   {**sound, "place": np.zeros(2)}, env.encode(SkillCall("pick", (Referent("it", pixel=(3, 4)),)))):
        _, reward, terminated, truncated, info = env.step(action)
        assert info["outcome"]["status"] == "refused" and info["outcome"]["reason"], action
        assert reward == 0 and not terminated and not truncated
    assert env.benchmark.steps == steps
    with pytest.raises(ValueError, match="expected a skill"):
        env.encode(SkillCall("push_to", ()))


def nan_goal(seen):
    return {**seen, "desired_goal": np.full(3, np.nan)}


def other_dtype(seen):
    return {**seen, "observation": seen["observation"].astype(np.float32)}


def no_goal(seen):
    return {key: value for key, value in seen.items() if key != "achieved_goal"}


@pytest.mark.parametrize("spoil", [nan_goal, other_dtype, no_goal])
def test_a_broken_world_ends_the_episode(env, spoil):
    env.benchmark.spoil = spoil
    raw, reward, terminated, truncated, info = call(env, "pick", AIR)
    assert info["outcome"]["status"] == "failed"
    assert info["outcome"]["reason"].startswith("nonfinite: " if spoil is nan_goal else "malformed: ")
    assert truncated and not terminated and np.isfinite(reward) and env.observation_space.contains(raw)
    assert call(env, "pick", AIR)[3], "it stays over"


def late(after):
    """Spoils what comes after so many observations."""
    count = iter(range(10_000))
    return lambda seen: nan_goal(seen) if next(count) >= after else seen


@pytest.mark.parametrize("after", [0, 2])
def test_a_world_that_is_broken_from_the_start_meets_no_planner(monkeypatch, after):
    env = ForeignEnv(Plain(), image_size=16)
    sound_make = Plain.make

    def make(self, size_px):
        made = sound_make(self, size_px)
        made.spoil = late(after)
        return made

    monkeypatch.setattr(Plain, "make", make)
    steps = list(run(env, OraclePlanner(env), seed=1))
    assert len(steps) == 1 and steps[0].end.startswith("failed: nonfinite observation")
    assert call(env, "pick", AIR)[-1]["outcome"]["reason"].startswith("nonfinite: desired_goal holds")


def test_the_world_goes_on_while_somebody_thinks(env):
    before, tool = env.benchmark.steps, env.reading.tool_m
    env.hold(1.5)
    assert env.benchmark.steps == before + 15 and np.allclose(env.reading.tool_m, tool)
    env.benchmark.spoil = nan_goal
    env.hold(1.0)
    assert call(env, "pick", AIR)[-1]["outcome"]["reason"].startswith("nonfinite: desired_goal holds")


def test_the_instruction_can_be_replaced_and_nothing_else(env):
    raw, info = env.reset(seed=1, options={"instruction": "put it there"})
    assert raw["instruction"] == "put it there" and env.expert_plan() == []
    assert (info["is_judged"], info["is_success"], info["progress"]) == (False, False, 0.0)
    with pytest.raises(ValueError, match="scene is the benchmark's"):
        env.reset(seed=1, options={"require": ("bowl",)})


def test_a_goal_reached_is_a_success_of_its_own_words_only(env):
    own = env.instruction
    for text, is_judged in ((own.upper() + ".", True), (own + " and dance", False)):
        _, info = env.reset(seed=3, options={"instruction": text})
        assert info["is_judged"] is is_judged
        disc, goal = env.reading.objects["disc"], env.reading.goals["disc"]
        call(env, "pick", disc)
        _, _, terminated, _, info = call(env, "place_at", goal)
        assert (info["is_success"], info["progress"]) == (is_judged, float(is_judged)) and terminated >= is_judged


def test_goals_are_said_in_centimetres_and_by_what_lies_on_what(env):
    reading = replace(env.reading, objects={"disc": AIR, "cup": AIR}, goals={
        "disc": Box((0.12, -0.04, 0.015), (0.03,) * 3), "cup": Box((0.12, -0.04, 0.045), (0.03,) * 3)})
    said = instructions(reading, True)
    assert "put the disc at x 12 cm, y -4 cm, then stack the cup on top of the disc" in said
    assert "move the disc 7 cm away and 4 cm to the right and put the cup on the disc" in said
    assert len(said) == len(set(said)) >= 20
    flying = instructions(replace(reading, goals={"disc": AIR}), True)
    assert "hold the disc 8 cm above the table at x 5 cm, y 0 cm" in flying, flying
