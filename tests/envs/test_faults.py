"""Faults of worlds and robots that must be survived; each test names its row in the table of faults.

21 a step that raises, 22 physics that crashes, 23 or hangs, 24 unsound observations, 25 targets that are no numbers, 26
or huge, 27 places out of reach, 28 objects that are lost or held. Rows 45 and 46, hostile robot descriptions, stand in
`tests/envs/world/test_urdf.py`.
"""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from embodied.data.pool import map_seeds
from embodied.planning.closed_loop import run, summarize
from embodied.planning.language import Plan
from envs.guard import Guard, UnsoundObservationError, fault
from envs.interface import BOARD_IDS, Box, Referent, SkillCall
from envs.isolation.env import IsolatedEnv, PhysicsCrashError, isolate
from envs.robots.robot import SPEED_MARGIN
from tests.digest import digest
from tests.envs.faulty import (
    CRASHING_ONCE_SEED,
    CRASHING_SEED,
    DTYPE,
    EXIT,
    GRIP,
    HANG,
    KEYS,
    NAN,
    RAISE,
    REWARD,
    SOUND,
    Faulty,
    Glutton,
)

SMALL = {"image_size": 32, "render_size": (48, 64)}
HOME = SkillCall("home")
FAR = Box((1.4, 0.0, 0.02), (0.04, 0.04, 0.04))


def make_episode():
    """One episode a seed; the third step of odd seeds raises."""
    env = Faulty()

    def episode(seed: int) -> float:
        env.reset(seed=seed)
        return sum(env.step(RAISE if seed % 2 and i == 2 else SOUND)[1] for i in range(4))

    return episode


def test_row_21_a_step_that_raises_costs_its_own_episode():
    results = {r.seed: r for r in map_seeds(make_episode, {}, range(4), workers=0)}
    assert {seed for seed, r in results.items() if r.error is None} == {0, 2} and results[2].value == 4.0
    assert all("the table broke" in results[seed].error for seed in (1, 3))


@pytest.mark.parametrize(("size_px", "how"), [((65_537, 65_536), "SIGSEGV"), ((-5, -5), "SIGABRT")])
def test_row_22_an_absurd_image_costs_one_episode_named_by_seed_and_command(size_px, how, capfd):
    env = IsolatedEnv(Glutton, {"width_px": size_px[0], "height_px": size_px[1], **SMALL})
    first, _ = env.reset(seed=3)
    action = env.encode(HOME)
    ends = [env.step(action) for _ in range(3)]
    assert [end[2:4] for end in ends] == [(False, False), (False, False), (False, True)]
    crash, outcome = ends[-1][4]["crash"], ends[-1][4]["outcome"]
    assert (crash["seed"], crash["how"]) == (3, how) and crash["last_command"].startswith("step(skill=home, box=")
    assert outcome["status"] == "failed" and outcome["reason"].startswith(f"physics crashed ({how}) at seed 3 in step(")
    assert env.observation_space.contains(ends[-1][0]) and ends[-1][4]["is_success"] is False
    with pytest.raises(PhysicsCrashError, match=rf"{how}\) at seed 3 in step"):
        env.expert_plan()
    assert digest(env.reset(seed=3)[0]) == digest(first), "a new process, from the same seed"
    assert env.step(action)[2:4] == (False, False)
    env.close()
    capfd.readouterr()  # the C library's last words


def test_row_22_after_a_crash_the_episode_stays_over_and_the_next_repeats_by_seed():
    noises = []
    for _ in range(2):
        env = IsolatedEnv(Faulty, {})
        env.reset(seed=5)
        _, reward, _, truncated, info = env.step(EXIT)
        assert truncated and reward == 0.0
        assert info["crash"] == {"seed": 5, "last_command": f"step({EXIT})", "how": "exit code 3"}
        assert env.step(SOUND)[3] and env.step(SOUND)[4]["crash"] == info["crash"]
        noises.append(env.reset()[0]["noise"])
        assert env.step(SOUND)[1] == 1.0
        env.close()
    assert np.array_equal(*noises), "without a seed, from the last one and the number of crashes"


def test_row_22_a_reset_that_crashes_is_tried_once_more_and_then_named(tmp_path):
    env = IsolatedEnv(Faulty, {"marker": str(tmp_path / "marker")})
    assert env.reset(seed=CRASHING_ONCE_SEED)[0]["count"] == 0
    with pytest.raises(PhysicsCrashError, match=r"exit code 3\) at seed 13 in reset\(seed=13\); leave this seed out"):
        env.reset(seed=CRASHING_SEED)
    assert env.pid is None and env.reset(seed=1)[0]["count"] == 0 and env.step(SOUND)[1] == 1.0
    env.close()


@pytest.mark.parametrize("action", [GRIP, pytest.param(HANG, marks=pytest.mark.slow)])
def test_row_23_a_hang_ends_at_the_deadline(action):
    env = isolate("tests.envs.faulty:Faulty/Faulty-v0", deadline_s=1.0)
    env.reset(seed=1)
    *_, truncated, info = env.step(action)
    assert truncated and info["crash"] == {"seed": 1, "last_command": f"step({action})", "how": "hang after 1 s"}
    env.reset(seed=2)
    assert env.step(SOUND)[1] == 1.0
    env.close()


@pytest.mark.parametrize(("action", "reason"), [
    (NAN, "nonfinite: noise holds 1 values of NaN"), (DTYPE, "malformed: count is float64[1], expected float32[1]"),
    (KEYS, "malformed: observation is ['count'], expected keys ['count', 'noise']"),
    (REWARD, "nonfinite: the reward is nan")])
def test_row_24_an_unsound_observation_ends_its_episode_and_names_the_key(action, reason):
    env = Guard(Faulty())
    env.reset(seed=1)
    sound, *_ = env.step(SOUND)
    observation, reward, terminated, truncated, info = env.step(action)
    assert (reward, terminated, truncated, info["outcome"]["status"]) == (0.0, False, True, "failed")
    assert digest(observation) == digest(sound)
    assert info["outcome"]["reason"].startswith(reason)


def test_row_24_vector_environments_let_it_pass_and_a_guarded_one_does_not():
    bare, guarded = (SyncVectorEnv([make] * 2) for make in (Faulty, lambda: Guard(Faulty())))
    for many in (bare, guarded):
        many.reset(seed=1)
    actions = np.array([NAN, SOUND])
    assert np.isnan(bare.step(actions)[0]["noise"]).any()
    observations, _, _, truncated, _ = guarded.step(actions)
    assert np.isfinite(observations["noise"]).all() and truncated.tolist() == [True, False]


def test_row_24_the_first_observation_must_be_sound_and_ours_are(monkeypatch):
    env = Guard(Faulty())
    monkeypatch.setattr(Faulty, "_observe", lambda self: {"count": np.zeros(1), "noise": None})
    with pytest.raises(UnsoundObservationError, match=r"count is float64.* of seed 4; leave this seed out"):
        env.reset(seed=4)
    ours = Guard(gymnasium.make("embodied/StackJoint-v0", **SMALL))
    observation, _ = ours.reset(seed=0)
    assert fault(ours.observation_space, {**observation, "instruction": 3}).startswith("malformed: instruction")
    assert not ours.step(ours.action_space.sample())[3]
    ours.close()


JOINT_LEVEL = [("embodied/StackJoint-v0", "panda"), ("embodied/StackJoint-v0", "iiwa"),
               ("embodied/StackJoint-v0", "xarm6"), ("embodied/BoardSeparateJoint-v0", None),
               ("embodied/KitchenPrimitiveJoint-v0", None)]


@pytest.fixture(scope="module", params=JOINT_LEVEL, ids=lambda p: p[1] or p[0])
def joint_env(request):
    env_id, robot = request.param
    env = gymnasium.make(env_id, cameras=(), robot=robot).unwrapped
    yield env
    env.close()


def test_row_25_a_target_that_is_no_number_is_refused_and_good_ones_still_work(joint_env):
    before, _ = joint_env.reset(seed=4)
    count, home = len(before["joint_pos"]), joint_env.robot.setpoint.copy()
    for place, value in ((0, np.nan), (count - 1, np.inf), (slice(None), -np.inf)):
        target = home.copy()
        target[place] = value
        observation, reward, *_, info = joint_env.step(target)
        assert info["outcome"]["status"] == "refused" and "finite numbers" in info["outcome"]["reason"] and reward == 0
        assert np.abs(observation["joint_pos"] - before["joint_pos"]).max() < 2e-3
        assert np.array_equal(joint_env.robot.setpoint, home)
    assert joint_env.step(np.zeros(99))[4]["outcome"]["status"] == "refused"
    target = home.copy()
    target[0] += 0.1
    for _ in range(12):
        observation, *_, info = joint_env.step(target)
    assert info["outcome"]["status"] == "done" and abs(observation["joint_pos"][0] - target[0]) < 0.01


def test_row_26_huge_targets_stay_inside_the_limits_and_are_counted(joint_env, monkeypatch):
    """Bullet caps the speeds of a body's joints at one value, which is the margin times the highest limit."""
    joint_env.reset(seed=0)
    robot, world, rng, fastest = joint_env.robot, joint_env.world, np.random.default_rng(0), []
    step = world.step
    monkeypatch.setattr(world, "step", lambda count=1: (step(count), fastest.append(np.abs(robot.joint_vel).max())))
    low, high = robot.limits()
    highest = max(getattr(robot.config, "velocity_rad_s", robot.speed_limits()))
    for _ in range(25):
        target = rng.choice([-1.0, 1.0], len(low)) * 10.0 ** rng.uniform(1, 30, len(low))
        observation, *_, info = joint_env.step(target.astype(np.float32))
        assert info["limited"] == len(low) and "beyond a limit, cut to it" in info["outcome"]["reason"]
        assert (observation["joint_pos"] > low - 0.01).all() and (observation["joint_pos"] < high + 0.01).all()
    assert max(fastest) <= SPEED_MARGIN * highest + 1e-6
    joint_env.reset(seed=0)
    *_, info = joint_env.step(joint_env.robot.setpoint.astype(np.float32))
    assert info["limited"] == 0 and info["outcome"]["reason"] == ""


@pytest.mark.parametrize("robot", ["panda", "iiwa", "xarm6"])
def test_row_27_a_place_out_of_reach_is_refused_and_nothing_moves(robot):
    env = gymnasium.make("embodied/Stack-v0", robot=robot, **SMALL).unwrapped
    env.reset(seed=2)
    before, setpoint = env.robot.joint_pos, env.robot.setpoint.copy()
    observation, reward, *_, info = env.step(env.encode(SkillCall("pick", (Referent("far", box=FAR),))))
    assert info["outcome"]["status"] == "refused" and info["outcome"]["duration_s"] == 0.0 and reward == 0
    assert "out of reach" in info["outcome"]["reason"] and np.array_equal(env.robot.setpoint, setpoint)
    assert np.abs(observation["joint_pos"] - before).max() < 1e-3, "motors only hold"
    env.close()


@pytest.fixture(scope="module")
def table():
    env = gymnasium.make("embodied/Stack-v0", **SMALL).unwrapped
    yield env
    env.close()


def vanish(world, name: str) -> None:
    """The thing falls off the table."""
    world.move(name, np.array([0.5, 1.5, 0.1]), np.array([0.0, 0.0, 0.0, 1.0]))


def test_row_28_an_object_that_falls_off_is_missed_within_half_a_second(table, monkeypatch):
    """From the moment when the fingers are shut to the one when they are told to open again, empty."""
    table.reset(seed=3)
    call = table.expert_plan()[0]
    robot, name = table.robot, call.arguments[0].words
    follow, log = robot.follow, []

    def spied(target):
        if len(log) == 25:
            vanish(table.world, name)
        follow(target)
        log.append((table.world.time_s, robot.gripper_width_m, robot.finger_setpoint_m))

    monkeypatch.setattr(robot, "follow", spied)
    *_, info = table.step(table.encode(call))
    assert info["outcome"]["status"] == "failed" and info["outcome"]["reason"] == "the gripper closed on nothing"
    shut = next(i for i, (_, width, _) in enumerate(log) if width < 0.002)
    opening = next(i for i in range(shut, len(log)) if log[i][2] > 0.002)
    assert 0.0 < log[opening][0] - log[shut][0] <= 0.5


def test_row_28_an_object_that_is_held_is_not_picked_again_and_a_lost_one_is_noticed(table):
    table.reset(seed=3)
    pick, place = table.expert_plan()[:2]
    *_, info = table.step(table.encode(pick))
    assert info["outcome"]["status"] == "done"
    *_, info = table.step(table.encode(pick))
    assert info["outcome"] == {"status": "refused", "reason": "the gripper holds something already", "duration_s": 0.0}
    vanish(table.world, pick.arguments[0].words)
    *_, info = table.step(table.encode(place))
    assert info["outcome"]["status"] == "failed" and "slipped" in info["outcome"]["reason"], info["outcome"]


def test_row_28_what_is_not_found_is_said_at_once():
    env = gymnasium.make(BOARD_IDS["separate"], **SMALL).unwrapped
    env.reset(seed=1)
    absent = next(f"red {s}" for s in ("moon", "star", "cube", "heart") if f"red {s}" not in env.world.names())
    *_, info = env.step(env.encode(SkillCall("push", (f"push the {absent} to the center",))))
    assert info["outcome"] == {"status": "failed", "reason": f"I see no {absent}", "duration_s": 0.0}
    env.close()


class Stubborn:
    """A planner that wants the same call again, whatever happened."""

    def __init__(self, call: SkillCall) -> None:
        self.call = call

    def plan(self, instruction, observation, history=()):
        return Plan((self.call,))


@pytest.mark.parametrize("box", [FAR, Box((0.5, 0.3, 0.02), (0.04, 0.04, 0.04))], ids=["refused", "missed"])
def test_row_28_replans_are_bounded_and_then_it_gives_up(table, box):
    planner = Stubborn(SkillCall("pick", (Referent("ghost", box=box),)))
    steps = list(run(table, planner, seed=9, max_failures=3))
    summary = summarize(steps)
    assert summary.end.startswith("failed: 3 calls failed, the last one because") and summary.replans == 2
    assert len(steps) == 3 and not summary.is_success


