"""panda-gym through the adapter: seeds, pictures, the closed loop; and its description stays small."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv

import envs.foreign
from embodied.agents.oracle import OraclePlanner
from embodied.planning.closed_loop import run, summarize
from envs.interface import FOREIGN_IDS, Observation, Referent, SkillCall
from tests.digest import digest

IDS = list(FOREIGN_IDS.values())
SMALL = {"image_size": 32}
pytest.importorskip("panda_gym.envs", reason="pip install 'embodied[foreign]'")


@pytest.fixture(scope="module", params=IDS)
def env(request):
    env = gymnasium.make(request.param, **SMALL)
    yield env
    env.close()


def test_the_description_is_short():
    lines = (Path(envs.foreign.__file__).parent / "panda_gym.py").read_text("utf-8").splitlines()
    assert len(lines) <= 150


def test_gymnasium_finds_nothing_to_complain_about(env):
    check_env(gymnasium.make(env.spec.id, render_mode="rgb_array", **SMALL).unwrapped, skip_render_check=False)


def test_the_loop_runs_it_and_the_goal_is_reached(env):
    steps = list(run(env, OraclePlanner(env), seed=2))
    summary = summarize(steps)
    assert summary.end == "success" and summary.is_success and summary.progress == 1.0
    assert summary.calls and summary.failures == 0
    first = steps[0].transition.before
    assert sum(s.transition.reward for s in steps) > 0.5 and first.tool_pose.shape == (7,)


def play(env, seed, calls):
    """Digests of all that the first calls of the expert give."""
    found = [digest(env.reset(seed=seed))]
    for _ in range(calls):
        found.append(digest(env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))))
    return found


def test_same_seed_same_everything_after_any_history(env):
    """Two calls where there are two to make: that is when panda-gym's own reset is found to forget too little."""
    calls = 1 if env.spec.id == FOREIGN_IDS["push"] else 2
    first = play(env, 2, calls)
    play(env, 8, calls=1)
    assert play(env, 2, calls) == first


def test_the_scene_of_a_seed_is_the_benchmarks_own(env):
    env.reset(seed=11)
    theirs = env.unwrapped.foreign.make(32)
    goal = theirs.reset(seed=11)[0]["desired_goal"].reshape(-1, 3)
    ours = [box.center for box in env.unwrapped.reading.goals.values()]
    assert np.allclose(ours, goal)


def test_the_camera_is_calibrated():
    """All green of the picture lies where the calibration projects the cube and its goal to."""
    env = gymnasium.make(FOREIGN_IDS["push"], image_size=192)
    for seed in (1, 4):
        raw, _ = env.reset(seed=seed)
        seen, reading = Observation.from_dict(raw), env.unwrapped.reading
        rgb = seen.rgb["front"].astype(int)
        green = np.argwhere((rgb[..., 1] > 1.8 * rgb[..., 0]) & (rgb[..., 1] > 1.8 * rgb[..., 2]))[:, ::-1] + 0.5
        boxes = (*reading.objects.values(), *reading.goals.values())
        places = [seen.cameras["front"].project(np.array(box.center)) for box in boxes]
        nearest = np.argmin([np.linalg.norm(green - place, axis=1) for place in places], axis=0)
        for index, place in enumerate(places):
            assert np.allclose(green[nearest == index].mean(axis=0), place, atol=2.5)
    env.close()


def test_a_cube_that_is_not_there_is_not_picked():
    env = gymnasium.make(FOREIGN_IDS["pick_and_place"], **SMALL)
    env.reset(seed=4)
    box = env.unwrapped.reading.objects["green cube"]
    wrong = type(box)((-box.center[0], -box.center[1], box.center[2]), box.size)
    *_, info = env.step(env.unwrapped.encode(SkillCall("pick", (Referent("cube", box=wrong),))))
    assert info["outcome"]["status"] == "failed" and info["outcome"]["reason"] == "the gripper closed on nothing"
    env.close()


def test_many_at_once():
    vector = AsyncVectorEnv([lambda: gymnasium.make(FOREIGN_IDS["push"], **SMALL)] * 2)
    observations, _ = vector.reset(seed=[3, 4])
    alone = gymnasium.make(FOREIGN_IDS["push"], **SMALL)
    expected, _ = alone.reset(seed=4)
    assert observations["instruction"][1] == expected["instruction"]
    assert np.array_equal(observations["rgb"]["front"][1], expected["rgb"]["front"])
    vector.close()


def test_a_missing_benchmark_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "panda_gym.envs", None)
    with pytest.raises(ImportError, match=r"pip install 'embodied\[foreign\]'"):
        gymnasium.make(IDS[0], **SMALL).reset(seed=0)
