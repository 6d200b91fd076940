"""Rehearsed skills: a ghost commands what the robot would be told, and nothing moves."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from envs.interface import SEED_RANGES, Box, Observation, Referent, SkillCall

SEED = SEED_RANGES["test"][5]


class Listener:
    """A governor that lets everything pass and remembers it."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def admit(self, robot, target):
        self.heard.append(np.array(target))
        return target


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("envs:embodied/PutInBowl-v0", smooth=True).unwrapped
    yield env
    env.close()


def lowest(env, targets) -> np.ndarray:
    """float64[3]: the lowest tool point of a motion, m."""
    return min((env.robot.chain.pose(target[:7])[:3, 3] for target in targets), key=lambda place: place[2])


def test_a_ghost_commands_what_the_robot_would_be_told(env):
    seen, held = Observation.from_dict(env.reset(seed=SEED)[0]), None
    for call in env.expert_plan():
        rehearsal, listener = env.rehearse(call, seen, held), Listener()
        env.govern(listener)
        raw, *_, info = env.step(env.encode(call))
        env.govern(None)
        assert rehearsal.outcome.status == info["outcome"]["status"] == "done"
        assert rehearsal.outcome.reason == info["outcome"]["reason"]
        assert abs(len(rehearsal.targets) - len(listener.heard)) <= 1
        if held is None:  # a way begins where the joints are measured, a little below where motors pull
            assert np.abs(rehearsal.targets - np.array(listener.heard)).max() < 1e-3
        # what hangs from the fingers was measured by the robot, and is taken from its box by the ghost
        assert np.abs(lowest(env, rehearsal.targets) - lowest(env, listener.heard)).max() < 0.0025
        seen, held = Observation.from_dict(raw), rehearsal.held
    assert info["is_success"] and held is None


def test_nothing_moves_while_it_is_rehearsed(env):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    before = env.world.time_s, env.robot.joint_pos.copy(), env.robot.setpoint.copy()
    assert len(env.rehearse(env.expert_plan()[0], seen).targets) > 20
    assert env.world.time_s == before[0]
    assert (env.robot.joint_pos == before[1]).all() and (env.robot.setpoint == before[2]).all()


def test_targets_keep_inside_the_limits_of_a_smooth_robot(env):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    targets = env.rehearse(env.expert_plan()[0], seen).targets
    low, high = env.robot.limits()
    assert (targets >= low).all() and (targets <= high).all()
    steps = np.diff(np.concatenate([seen.joint_pos[None], targets]), axis=0) * env.robot.config.control_hz
    assert (np.abs(steps) <= env.robot.speed_limits() * 1.001).all()
    bends = np.diff(steps, axis=0)[:, :7] * env.robot.config.control_hz
    assert (np.abs(bends) <= env.robot.acceleration_limits()[:7] * 1.001).all()


@pytest.mark.parametrize(("skill", "box", "status", "reason"), [
    ("pick", Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04)), "done", "holding the object"),
    ("pick", Box((0.5, 0.0, 0.02), (0.2, 0.2, 0.04)), "refused", "the object is too wide for the gripper"),
    ("pick", Box((5.0, 0.0, 0.02), (0.04, 0.04, 0.04)), "refused", "the place is out of reach"),
    ("place_in", Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04)), "refused", "the gripper holds nothing"),
    ("pick", None, "refused", "the call does not say where its object is"),
])
def test_a_rehearsal_says_how_it_would_end(env, skill, box, status, reason):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    rehearsal = env.rehearse(SkillCall(skill, (Referent("it", box=box),)), seen)
    assert (rehearsal.outcome.status, rehearsal.outcome.reason) == (status, reason)
    assert bool(len(rehearsal.targets)) == (status == "done") and rehearsal.targets.shape[1] == 9


def test_a_hand_that_lost_its_object_is_empty(env):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    pick, place = env.expert_plan()
    held = env.rehearse(pick, seen).held
    shut = Observation(seen.rgb, seen.depth, seen.cameras, seen.joint_pos, seen.tool_pose, 0.001, seen.time_s)
    assert env.rehearse(place, shut, held).outcome.reason == "the gripper holds nothing"
    ajar = Observation(seen.rgb, seen.depth, seen.cameras, seen.joint_pos, seen.tool_pose, 0.041, seen.time_s)
    assert env.rehearse(place, ajar, held).outcome.status == "done"


def test_a_pixel_is_measured_in_the_observation_that_came_with_it(env):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    box = env.expert_plan()[0].arguments[0].box
    column, row = seen.cameras["top"].project(np.array([*box.center[:2], box.top_z_m]))
    pixel = Referent("it", camera="top", pixel=(int(column), int(row)))
    env.reset(seed=SEED + 1)  # what this world holds now is not looked at
    assert env.rehearse(SkillCall("pick", (pixel,)), seen).outcome.status == "done"
    table = SkillCall("pick", (Referent("it", camera="top", pixel=(2, 190)),))
    assert env.rehearse(table, seen).outcome.status == "refused"


def test_what_cannot_be_rehearsed_is_said(env):
    seen = Observation.from_dict(env.reset(seed=SEED)[0])
    with pytest.raises(ValueError, match="expected a skill of"):
        env.rehearse(SkillCall("fly"), seen)
    short = Observation(seen.rgb, seen.depth, seen.cameras, seen.joint_pos[:7], seen.tool_pose, 0.08, 0.0)
    with pytest.raises(ValueError, match="of 9 joints"):
        env.rehearse(SkillCall("home"), short)
    kitchen = gymnasium.make("envs:embodied/KitchenVerb-v0").unwrapped
    raw, _ = kitchen.reset(seed=SEED)
    with pytest.raises(ValueError, match="expected an arm at a table"):
        kitchen.rehearse(SkillCall("done"), Observation.from_dict(raw))
    kitchen.close()


@pytest.mark.parametrize("robot", [pytest.param("panda", marks=pytest.mark.slow), "xarm6",
                                   pytest.param("iiwa", marks=pytest.mark.slow)])
def test_another_world_is_mastered_by_rehearsed_targets_alone(robot):
    studio = gymnasium.make("envs:embodied/PutInBowl-v0", smooth=True, isolated=True, robot=robot, cameras=[])
    world = gymnasium.make("envs:embodied/PutInBowlJoint-v0", robot=robot)
    oracle = gymnasium.make("envs:embodied/PutInBowl-v0", robot=robot)
    (raw, _), held = world.reset(seed=SEED), None
    oracle.reset(seed=SEED, options={"instruction": raw["instruction"]})
    for call in oracle.unwrapped.expert_plan():
        rehearsal = studio.unwrapped.rehearse(call, Observation.from_dict(raw), held)
        held = rehearsal.held
        for target in rehearsal.targets.astype(np.float32):
            raw, *_, info = world.step(target)
    assert info["is_success"]
    for env in (studio, world, oracle):
        env.close()


def test_a_robot_on_wheels_names_its_wheels_last():
    kitchen = gymnasium.make("envs:embodied/KitchenVerb-v0").unwrapped
    assert kitchen.introduce()["joint_names"][6:] == ["panda_joint7", "finger_1", "finger_2", "base_x", "base_y",
                                                      "base_yaw"]
    kitchen.close()
