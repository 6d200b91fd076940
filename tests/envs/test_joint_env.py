"""The joint-level environment."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import envs  # noqa: F401  registers the ids
from envs.interface import Observation, Referent, SkillCall

SMALL = {"image_size": 32, "render_size": (48, 64)}


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized space.*")
def test_another_arm_in_a_less_perfect_world_is_as_proper():
    env = gymnasium.make("embodied/StackJoint-v0", robot="xarm6", realism={"depth_noise_m": 0.01}, **SMALL)
    assert env.action_space.shape == (8,)
    check_env(env.unwrapped, skip_render_check=True)


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("embodied/StackJoint-v0", **SMALL)
    yield env
    env.close()


def test_targets_are_followed(env):
    observation, _ = env.reset(seed=4)
    target = observation["joint_pos"].astype(np.float32)
    target[0] += 0.3
    for _ in range(10):
        observation, reward, terminated, _, _ = env.step(target)
    assert abs(observation["joint_pos"][0] - target[0]) < 0.01 and reward == 0 and not terminated
    assert observation["time_s"][0] > 0.49


@pytest.mark.parametrize(("env_id", "cameras"), [("embodied/StackJoint-v0", ()), ("embodied/Stack-v0", ()),
                                                 ("embodied/Stack-v0", ("top",)), ("embodied/Board-v0", ("front",))])
def test_only_what_is_observed_is_rendered(env_id, cameras, monkeypatch):
    env = gymnasium.make(env_id, cameras=cameras, image_size=64)
    drawn = []
    picture = env.unwrapped.world.picture
    monkeypatch.setattr(env.unwrapped.world, "picture", lambda *a: drawn.append(a) or picture(*a))
    observation, _ = env.reset(seed=0)
    assert tuple(observation.get("rgb", ())) == cameras and len(drawn) == len(cameras)
    assert env.observation_space.contains(observation) and tuple(Observation.from_dict(observation).rgb) == cameras
    env.close()


@pytest.mark.parametrize("cameras", [(), ("top",)])
def test_skills_work_with_fewer_cameras_than_there_are(cameras):
    env = gymnasium.make("embodied/PutInBowl-v0", cameras=cameras, image_size=96, perturbations=0.01)
    _, info = env.reset(seed=2_000_000)
    for call in env.unwrapped.expert_plan():
        *_, info = env.step(env.unwrapped.encode(call))
    assert info["is_success"]
    env.reset(seed=2_000_000)
    *_, info = env.step(env.unwrapped.encode(SkillCall("pick", (Referent("it", camera="front", pixel=(9, 9)),))))
    assert info["outcome"] == {"status": "refused", "reason": "nobody looks through the front camera",
                               "duration_s": 0.0}
    env.close()


def test_an_unknown_camera_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"cameras: expected one of \['front', 'top'\], got 'tops'; did you .* 'top'"):
        gymnasium.make("embodied/Stack-v0", cameras=("tops",))


@pytest.mark.parametrize("env_id", ["embodied/StackJoint-v0", "embodied/BoardSeparateJoint-v0"])
def test_a_worn_out_world_is_renewed_and_nobody_can_tell(env_id, monkeypatch):
    env = gymnasium.make(env_id, image_size=32)
    monkeypatch.setattr(env.unwrapped, "_resets_left", 2)
    first, worlds = env.reset(seed=3)[0], []
    for seed in (4, 5, 3):
        last, _ = env.reset(seed=seed)
        worlds.append(env.unwrapped.world)
    assert len(set(map(id, worlds))) == 2, "three resets, a new world before the second"
    assert np.array_equal(first["rgb"]["front"], last["rgb"]["front"]) and first["instruction"] == last["instruction"]
    step, again = env.step(env.action_space.low)[0], gymnasium.make(env_id, image_size=32)
    again.reset(seed=3)
    assert np.array_equal(step["joint_pos"], again.step(again.action_space.low)[0]["joint_pos"])
    env.close()
    again.close()


@pytest.mark.parametrize(("env_id", "keyword", "hint"), [
    ("embodied/Stack-v0", "image_sise", "did you mean 'image_size'"), ("embodied/Stack-v0", "camera", "'cameras'"),
    ("embodied/StackJoint-v0", "labels", "keywords: expected one of .*'cameras'.* got 'labels'"),
    ("embodied/TampGrasp-v0", "namin", "'naming'")])
def test_an_unknown_keyword_is_answered_with_the_nearest_one(env_id, keyword, hint):
    with pytest.raises(TypeError, match=hint):
        gymnasium.make(env_id, **{keyword: 3})
