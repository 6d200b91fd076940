"""The skill-level environment as gymnasium, planners, trainers and judges meet it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

import envs
from envs.interface import TASK_IDS, Observation, Referent, SkillCall
from tests.digest import digest

IDS = list(TASK_IDS.values())
SMALL = {"image_size": 64, "render_size": (48, 64)}


@pytest.fixture(scope="module")
def env():
    env = gymnasium.make("embodied/Unblock-v0", labels=3, **SMALL)
    yield env
    env.close()


def test_the_privileged_space_holds_what_is_observed():
    env = gymnasium.make(IDS[0], privileged=True, **SMALL)
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    entities = Observation.from_dict(observation).entities
    assert sum(e[7:].any() for e in entities.values()) == len(env.unwrapped.world.names())
    env.close()


def garbage(env: gymnasium.Env) -> list[dict[str, Any]]:
    sound = env.unwrapped.encode(SkillCall("pick", (Referent("x", camera="top", pixel=(1, 1)),)))
    nan, huge = np.full((1, 7), np.nan, np.float32), np.full((1, 7), 1e30, np.float32)
    return [{**sound, "box": nan}, {**sound, "box": huge}, {**sound, "skill": 99}, {**sound, "skill": -1},
            {**sound, "skill": np.nan}, {**sound, "camera": [7]}, {**sound, "pixel": np.array([[9999, 0]])},
            {**sound, "pixel": np.array([[-3, 0]])}, {**sound, "pixel": "here"}, {**sound, "box": np.zeros(3)}, {}, 7,
            {**sound, "words": "up"}, {key: part for key, part in sound.items() if key != "camera"}, sound]


def test_any_garbage_is_refused_and_moves_nothing(env):
    env.reset(seed=1)
    before = env.unwrapped.robot.setpoint.copy()
    for action in garbage(env):
        observation, reward, terminated, _, info = env.unwrapped.step(action)
        assert info["outcome"]["status"] == "refused" and info["outcome"]["reason"], action
        assert reward == 0 and not terminated and np.isfinite(observation["joint_pos"]).all()
    assert np.array_equal(env.unwrapped.robot.setpoint, before)


def test_an_action_of_the_old_form_is_refused_by_the_new_one(env):
    env.reset(seed=1)
    old = {"skill": 0, "box": np.zeros(7, np.float32), "camera": 0, "pixel": np.array([3, 4])}
    *_, info = env.unwrapped.step(old)
    assert info["outcome"]["reason"] == "the action is malformed: expected box of shape [1, 7], got [7]"


def test_the_expert_reaches_the_goal_and_rewards_sum_to_progress(env):
    _, info = env.reset(seed=3)
    total, terminated, calls = info["progress"], False, 0
    while not terminated and calls < 12:
        assert not info["is_success"]
        _, reward, terminated, _, info = env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))
        total, calls = total + reward, calls + 1
        assert info["outcome"]["status"] == "done"
    assert terminated and info["is_success"] and total == info["progress"] == 1.0
    assert env.unwrapped.expert_plan() == []


def test_labels_tell_the_truth(env):
    _, info = env.reset(seed=3)
    labels, unwrapped = info["labels"], env.unwrapped
    assert labels["names"] == unwrapped.world.names() and labels["held"] is None
    assert labels["poses"].shape == (len(labels["names"]), 10) and labels["poses"].dtype == np.float32
    assert set(np.unique(labels["masks"]["top"])) <= set(range(-1, len(labels["names"])))
    assert len(labels["asks"]) == 3 and labels["asks"][0]["instruction"] == unwrapped.instruction
    plan = unwrapped.expert_plan()
    assert [[c.skill, c.arguments[0].words] for c in plan] == labels["asks"][0]["calls"]
    _, *_, info = env.step(unwrapped.encode(plan[0]))
    assert info["labels"]["held"] == plan[0].arguments[0].words
    held = labels["names"].index(info["labels"]["held"])
    assert not any((mask == held).any() for mask in info["labels"]["masks"].values())
    view = unwrapped.attribution_view()
    assert view["held"] == info["labels"]["held"] and set(view["boxes"]) == set(labels["names"])


def test_labels_change_nothing_else():
    bare = gymnasium.make("embodied/Unblock-v0", **SMALL)
    observation, info = bare.reset(seed=5)
    labelled = gymnasium.make("embodied/Unblock-v0", labels=2, **SMALL)
    assert digest(labelled.reset(seed=5)[0]) == digest(observation) and "labels" not in info
    bare.close()
    labelled.close()


def test_an_instruction_of_the_callers_sets_the_goal():
    env = gymnasium.make("embodied/PutInBowl-v0", **SMALL)
    instruction = "put the green block in the white bowl"
    options = {"require": ["green block", "white bowl"], "instruction": instruction}
    observation, _ = env.reset(seed=0, options=options)
    assert observation["instruction"] == instruction
    last = env.unwrapped.expert_plan()[-1]
    assert (last.skill, last.arguments[0].words) == ("place_in", "white bowl")
    env.close()


@pytest.mark.parametrize("text", ["", "把红色方块放进碗里", "x" * 10_000, "sing a song \u0000 \U0001f600"])
def test_any_text_is_an_instruction(env, text):
    observation, info = env.reset(seed=1, options={"instruction": text})
    assert observation["instruction"] == text and env.observation_space.contains(observation)
    assert not info["is_success"]


@pytest.mark.parametrize(("options", "message"), [
    ({"instuction": "x"}, "did you mean 'instruction'"), ({"instruction": 3}, "expected text"),
    ({"require": ["red bowll"]}, "red bowl"), ({"instruction": "x" * 30_000}, "at most")])
def test_wrong_options_are_explained(env, options, message):
    with pytest.raises(ValueError, match=message):
        env.reset(seed=0, options=options)


@pytest.mark.parametrize(("kwargs", "message"), [
    ({"image_size": 100_000}, "image sizes"), ({"image_size": -1}, "image"), ({"task": "put_in_bowel"}, "put_in_bowl")])
def test_wrong_arguments_are_explained(kwargs, message):
    with pytest.raises(ValueError, match=message):
        gymnasium.make(IDS[0], **kwargs)


def test_a_watcher_sees_the_motion(env):
    frames: list[np.ndarray] = []
    env.unwrapped.watch(frames.append, fps=5, size=(48, 64))
    env.reset(seed=3)
    _, *_, info = env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))
    env.unwrapped.watch(None)
    assert abs(len(frames) - 5 * info["outcome"]["duration_s"]) < 2
    assert frames[0].shape == (48, 64, 3) and np.ptp(frames[0] - frames[len(frames) // 2]) > 0


def test_a_pixel_acts_like_a_box(env):
    observation, _ = env.reset(seed=3)
    call = env.unwrapped.expert_plan()[0]
    seen = Observation.from_dict(observation)
    box = call.arguments[0].box
    column, row = seen.cameras["top"].project(np.array([*box.center[:2], box.top_z_m])).astype(int)
    pointed = SkillCall(call.skill, (Referent("it", camera="top", pixel=(int(column), int(row))),))
    _, *_, info = env.step(env.unwrapped.encode(pointed))
    assert info["outcome"]["status"] == "done" and info["labels"]["held"] == call.arguments[0].words


def test_an_episode_is_cut_after_its_calls(env):
    env.reset(seed=2)
    ends = [env.step(env.unwrapped.encode(SkillCall("home")))[2:4] for _ in range(envs.MAX_CALLS)]
    assert ends[-1] == (False, True) and not any(truncated for _, truncated in ends[:-1])


@pytest.mark.slow
@pytest.mark.parametrize("robot", [None, "iiwa", "xarm6"])
@pytest.mark.parametrize("env_id", IDS)
def test_the_expert_solves_twenty_seeds(env_id, robot):
    env = gymnasium.make(env_id, image_size=192, robot=robot)
    for seed in range(2_000_000, 2_000_020):
        _, info = env.reset(seed=seed)
        while not info["is_success"] and (plan := env.unwrapped.expert_plan()):
            *_, truncated, info = env.step(env.unwrapped.encode(plan[0]))
            if truncated:
                break
        assert info["is_success"], seed
    env.close()


def track(env, calls):
    """Everything that can be compared of what the calls lead to."""
    unwrapped, seen = env.unwrapped, []
    for call in calls:
        observation, reward, *_, info = unwrapped.step(unwrapped.encode(call))
        poses = [np.concatenate(unwrapped.world.pose(name)) for name in unwrapped.world.names()]
        seen += [*poses, observation["joint_pos"], observation["rgb"]["front"], observation["depth"]["top"],
                 np.array([reward, info["progress"], observation["time_s"][0]])]
    return seen


@pytest.mark.parametrize("seed", [2_000_000, 2_000_003])
def test_forks_of_an_episode_are_bit_identical_even_with_a_full_hand(seed):
    env = gymnasium.make(TASK_IDS["tower"], image_size=64)
    env.reset(seed=seed)
    plan = env.unwrapped.expert_plan()
    track(env, plan[:1])
    moment = env.unwrapped.snapshot()
    first = track(env, plan[1:4])
    env.unwrapped.restore(moment)
    track(env, [SkillCall("home")])
    env.unwrapped.restore(moment)
    second = track(env, plan[1:4])
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True)) and len(first) == len(second)
    env.reset(seed=seed + 1)
    with pytest.raises(ValueError, match="take a snapshot after reset"):
        env.unwrapped.restore(moment)


def test_what_stands_on_what_is_known_after_a_snapshot():
    """Of two things that sleep Bullet finds no contact: an expert would take apart what it has built."""
    env = gymnasium.make(TASK_IDS["tower"], image_size=64).unwrapped
    env.reset(seed=0)
    plan = env.expert_plan()
    track(env, plan[:2])
    assert [call.named for call in env.expert_plan()] == [call.named for call in plan[2:]]
    moment = env.snapshot()
    assert [call.named for call in env.expert_plan()] == [call.named for call in plan[2:]]
    track(env, plan[2:])
    env.restore(moment)
    assert [call.named for call in env.expert_plan()] == [call.named for call in plan[2:]]
    env.close()


def perturbed_episode(seed):
    """Labels and outcomes of an episode in which every other call goes wrong, the expert replanning."""
    env = gymnasium.make("embodied/Tabletop-v0", image_size=64, labels=1, perturbations=0.5)
    _, info = env.reset(seed=seed)
    seen = []
    while not info["is_success"] and (plan := env.unwrapped.expert_plan()) and len(seen) < 20:
        possible = env.unwrapped.why_not(plan[0])
        *_, info = env.unwrapped.step(env.unwrapped.encode(plan[0]))
        seen.append((info["labels"]["perturbation"], info["labels"]["last"], info["outcome"], possible))
    env.close()
    return info["is_success"], seen


def test_perturbations_repeat_by_seed_and_make_honest_negatives():
    episodes = [perturbed_episode(seed) for seed in range(8)]
    assert perturbed_episode(0) == episodes[0]
    calls = [call for _, seen in episodes for call in seen]
    assert sum(success for success, _ in episodes) >= 6, "the expert recovers, unless something leaves the table"
    assert all(possible is None for *_, possible in calls), "the expert asks for what is possible only"
    failed = [(kind, last, outcome) for kind, last, outcome, _ in calls if last[1]]
    assert failed and all(kind or outcome["status"] != "done" for kind, _, outcome in failed)
    lies = [kind for kind, _, outcome in failed if outcome["status"] == "done"]
    assert lies and set(lies) <= {"push_back", "swap", "block", "slip", "drop"}, "the robot thought that it succeeded"
    assert len({kind for kind, *_ in calls}) >= 5


def test_what_is_possible_is_said_with_a_reason(env):
    env.reset(seed=2_000_004)
    names = env.unwrapped.world.names()
    bowl = next(name for name in names if name.endswith("bowl"))
    why_not = env.unwrapped.why_not
    assert why_not(SkillCall("pick", (Referent(bowl),))) == "only blocks can be picked"
    assert why_not(SkillCall("place_in", (Referent(bowl),))) == "the gripper holds nothing"
    assert why_not(SkillCall("pick", (Referent("pink block"),))) == "there is no pink block"
    assert why_not(SkillCall("home")) is None


def test_a_share_of_perturbations_is_a_share():
    with pytest.raises(ValueError, match=r"share in \[0, 1\], got 2"):
        gymnasium.make("embodied/Tabletop-v0", perturbations=2)


@pytest.mark.parametrize("robot", ["iiwa", "xarm6"])
def test_the_same_skills_run_on_every_arm(robot):
    env = gymnasium.make(TASK_IDS["stack"], image_size=192, robot=robot)
    env.reset(seed=2_000_000)
    plan = env.unwrapped.expert_plan()
    track(env, plan[:1])
    moment = env.unwrapped.snapshot()
    first = track(env, plan[1:])
    assert env.unwrapped.is_success
    env.unwrapped.restore(moment)
    assert all(np.array_equal(a, b) for a, b in zip(first, track(env, plan[1:]), strict=True))
    env.close()


def test_an_unknown_robot_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"robot: expected one of .* got 'xarm'; did you mean 'xarm6'"):
        gymnasium.make(TASK_IDS["stack"], robot="xarm")


def test_the_world_goes_on_while_the_robot_is_held_still():
    env = gymnasium.make(TASK_IDS["stack"], image_size=64).unwrapped
    env.reset(seed=3)
    env.step(env.encode(env.expert_plan()[0]))
    before, held = env.world.time_s, env.held_name
    env.hold(1.52)
    assert abs(env.world.time_s - before - 1.5) < 1e-9, "whole control periods"
    assert env.held_name == held is not None and env.seen.time_s == before, "it holds on, and looks at nothing"
    for seconds in (-1.0, float("nan"), 1e9):
        with pytest.raises(ValueError, match="expected seconds in"):
            env.hold(seconds)
    env.close()
