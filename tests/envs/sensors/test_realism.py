"""Each dial does what it is called, alone; together they repeat by seed; at zero nothing changes."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest
import yaml

from envs.interface import TASK_IDS, Camera
from envs.sensors import cameras
from envs.sensors.realism import Realism, Reality, _jump_m
from envs.world.images import View

SIZE_PX = 64
LEVELS = {level: yaml.safe_load((Path(__file__).parents[3] / f"configs/realism/{level}.yaml").read_text())["realism"]
          for level in ("off", "mild", "strong")}


def make(realism, task="stack", **kwargs):
    return gymnasium.make(TASK_IDS[task], image_size=SIZE_PX, realism=realism, **kwargs).unwrapped


def seen_with(realism, seed=5):
    """The first observation, and the world's poses."""
    env = make(realism)
    observation, _ = env.reset(seed=seed)
    poses = np.concatenate([np.concatenate(env.world.pose(name)) for name in env.world.names()])
    env.close()
    return observation, poses


@pytest.fixture(scope="module")
def plain():
    return seen_with(None)


@pytest.fixture(scope="module")
def table(plain):
    """Pixels of the top view that show the bare table."""
    observation, _ = plain
    camera = Camera(**observation["cameras"]["top"])
    return np.abs(camera.lift(observation["depth"]["top"])[..., 2]) < 0.002


def same(a, b, kind):
    return all(np.array_equal(a[kind][camera], b[kind][camera]) for camera in ("front", "top"))


@pytest.mark.parametrize("off", [Realism(), {}, {"depth_noise_m": 0}, LEVELS["off"]], ids=str)
def test_all_at_zero_is_the_world_as_it_is(plain, off):
    observation, poses = seen_with(off)
    assert same(observation, plain[0], "rgb") and same(observation, plain[0], "depth")
    assert np.array_equal(poses, plain[1])


@pytest.mark.parametrize("level", ["mild", "strong"])
def test_the_scene_and_the_reported_calibration_stay(plain, level):
    observation, poses = seen_with(LEVELS[level])
    assert np.array_equal(poses, plain[1]) and observation["instruction"] == plain[0]["instruction"]
    for name, camera in observation["cameras"].items():
        assert np.array_equal(camera["pose"], plain[0]["cameras"][name]["pose"])
    assert not same(observation, plain[0], "rgb") and not same(observation, plain[0], "depth")
    assert observation["depth"]["top"].dtype == np.float32 and observation["rgb"]["top"].dtype == np.uint8


@pytest.mark.parametrize("dial", ["light_turn_rad", "light_share", "colour_share", "grain_share", "rgb_noise_levels"])
def test_looks_change_and_distances_do_not(plain, dial):
    observation, _ = seen_with({dial: 4.0 if dial == "rgb_noise_levels" else 0.3})
    assert not same(observation, plain[0], "rgb") and same(observation, plain[0], "depth")


def test_light_changes_all_of_the_table_alike_and_colour_its_hue(plain, table):
    before = plain[0]["rgb"]["top"][table].astype(float)
    def gains(dial):
        return (seen_with({dial: 0.2})[0]["rgb"]["top"][table] / before).mean(axis=0)
    light, colour = gains("light_share"), gains("colour_share")
    assert abs(light.mean() - 1) > 0.02 and np.ptp(light) < 0.02, "one factor for all channels"
    assert np.ptp(colour) > 0.05, "a factor for each channel"


def test_grain_has_the_contrast_it_was_told(plain, table):
    before = plain[0]["rgb"]["top"][table].astype(float)
    ratio = (seen_with({"grain_share": 0.1})[0]["rgb"]["top"][table] / before).mean(axis=1)
    assert 0.05 < ratio.std() < 0.15 and abs(ratio.mean() - 1) < 0.03


def test_depth_noise_has_the_deviation_it_was_told(plain, table):
    true = plain[0]["depth"]["top"][table]
    error = seen_with({"depth_noise_m": 0.002})[0]["depth"]["top"][table] - true
    assert 0.9 < (error / true**2).std() / 0.002 < 1.1 and abs(error.mean()) < 2e-4


def test_holes_are_where_and_as_many_as_told(plain, table):
    scattered = seen_with({"depth_hole_share": 0.05})[0]["depth"]["top"] == 0
    assert 0.03 < scattered[table].mean() < 0.07
    at_edges = seen_with({"depth_edge_hole_share": 1.0})[0]["depth"]["top"] == 0
    assert at_edges.any() and at_edges[table].mean() < 0.2 * at_edges[~table].mean()


def test_a_knocked_camera_sees_things_elsewhere_than_its_calibration_says(plain, table):
    shifts = []
    for seed in range(5):
        observation, _ = seen_with({"camera_shift_m": 0.01}, seed)
        height_m = Camera(**observation["cameras"]["top"]).lift(observation["depth"]["top"])[..., 2]
        shifts.append(np.median(height_m))
    assert 0.003 < np.std(shifts) < 0.03, "the table is measured too high or too low, episode by episode"


def test_an_unmoved_camera_stays_where_it_is():
    view = Reality(Realism(depth_hole_share=0.1), 3, ("front",))._knocked(cameras.VIEWS["front"], 0)
    assert np.allclose(view.target, cameras.VIEWS["front"].target) and view.eye == cameras.VIEWS["front"].eye


def test_joints_miss_by_what_was_told_and_misses_do_not_add_up():
    env = make({"joint_noise_rad": 0.003})
    env.reset(seed=1)
    before, setpoint = env.robot.joint_pos, env.robot.setpoint.copy()
    errors = []
    for _ in range(60):
        env.robot.follow(env.robot.setpoint)
        errors.append(env.robot.joint_pos - before)
    assert np.array_equal(env.robot.setpoint, setpoint)
    assert 3e-4 < np.std(np.array(errors)[:, :-2]) < 0.006 and np.abs(np.mean(errors, axis=0)).max() < 2e-3
    env.close()


def story(env, seed):
    """All that is seen while the expert's first calls are carried out, with a fork in between."""
    observation, _ = env.reset(seed=seed)
    seen, plan = [observation], env.expert_plan()
    seen.append(env.step(env.encode(plan[0]))[0])
    moment = env.snapshot()
    seen.append(env.step(env.encode(plan[1]))[0])
    env.restore(moment)
    seen.append(env.step(env.encode(plan[1]))[0])
    return [np.concatenate([o["joint_pos"], o["rgb"]["front"].ravel(), o["depth"]["top"].ravel()]) for o in seen]


def test_same_seed_same_bits_and_forks_agree():
    env = make(LEVELS["strong"])
    first = story(env, 7)
    story(env, 8)
    again = story(env, 7)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert np.array_equal(first[2], first[3]), "a fork sees the same noise"
    assert not np.array_equal(first[0], story(env, 8)[0])
    env.close()


@pytest.mark.parametrize(("dials", "message"), [
    ({"depth_noise": 0.1}, "got 'depth_noise'; did you mean 'depth_noise_m'"),
    ({"depth_noise_m": -1}, "0 turns it off"),
    ({"depth_hole_share": 1.5}, "in \\[0, 1.0\\]"), ({"light_turn_rad": float("nan")}, "expected light_turn_rad")])
def test_dials_that_make_no_sense_are_refused(dials, message):
    with pytest.raises(ValueError, match=message):
        make(dials)


@pytest.mark.parametrize("robot", ["panda", "xarm6"])
def test_the_expert_works_in_a_good_laboratory(robot):
    env = gymnasium.make(TASK_IDS["stack"], image_size=192, realism=LEVELS["mild"], robot=robot).unwrapped
    env.reset(seed=2_000_001)
    for call in env.expert_plan():
        env.step(env.encode(call))
    assert env.is_success
    env.close()


@pytest.mark.parametrize("pitch_rad", [0.6, 0.8, 1.0])
def test_a_slanted_plane_has_no_edge_up_to_the_frame(pitch_rad):
    view = View(eye=(0.0, 0.0, 1.5), target=(1.0, 0.0, 1.5 - np.tan(pitch_rad)), up=(0.0, 0.0, 1.0), fov_rad=0.8)
    camera = cameras.calibration(view, 96, 96)
    rays = camera.lift(np.ones((96, 96), np.float32)) - camera.pose[:3, 3]
    depth = (-1.5 / rays[..., 2]).astype(np.float32)  # of the floor
    broken = np.where(np.arange(96) < 40, depth, 2 * depth)
    assert depth.min() > 0 and _jump_m(depth).max() < 0.005 < _jump_m(broken).max()
