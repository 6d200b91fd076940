"""A world in a process of its own is the same world, and leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

import envs  # noqa: F401  registers the ids
from envs.interface import Referent, SkillCall
from envs.isolation.env import IsolatedEnv, PhysicsCrashError, isolate
from envs.isolation.wire import Block, pack, unpack
from tests.digest import digest
from tests.envs.faulty import EXIT, GRIP, HANG, RAISE, SEGFAULT, SOUND, Faulty
from tests.processes import is_alive, until

SMALL = {"image_size": 48, "render_size": (48, 64), "render_mode": "rgb_array", "labels": 2}


def play(env: gymnasium.Env, seed: int, calls: int = 2) -> list[str]:
    """Hashes of everything that the first calls of the expert give."""
    found = [digest(list(map(digest, env.reset(seed=seed))))]
    for _ in range(calls):
        step = env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))
        found.append(digest(list(map(digest, step))))
    return found


@pytest.fixture(scope="module")
def pair():
    """The same world here and in a process of its own."""
    here = gymnasium.make("embodied/Unblock-v0", **SMALL)
    there = gymnasium.make("embodied/Unblock-v0", isolated=True, **SMALL)
    yield here, there
    here.close()
    there.close()


def test_everything_is_the_same_bit_for_bit(pair):
    here, there = pair
    assert there.observation_space == here.observation_space and there.action_space == here.action_space
    assert there.metadata == here.metadata and there.render_mode == here.render_mode
    assert play(there, 3) == play(here, 3)
    assert digest(there.render()) == digest(here.render())
    assert there.unwrapped.instruction == here.unwrapped.instruction
    assert there.unwrapped.held_name == here.unwrapped.held_name


def test_what_planners_and_judges_ask_is_answered(pair):
    here, there = (env.unwrapped for env in pair)
    for env in pair:
        env.reset(seed=5)
    assert there.expert_plan() == here.expert_plan() and repr(there.attribution_view()) == repr(here.attribution_view())
    call = SkillCall("pick", (Referent("pink block"),))
    assert there.why_not(call) == here.why_not(call) == "there is no pink block"
    there.hold(0.5)
    with pytest.raises(ValueError, match=r"expected a skill of .*'pick'.* got 'fly'"):
        there.encode(SkillCall("fly"))
    with pytest.raises(ValueError, match="did you mean 'instruction'"):
        there.reset(seed=0, options={"instuction": "x"})
    with pytest.raises(AttributeError, match="has no 'world'"):
        _ = there.world


def test_forks_and_frames_cross_over(pair):
    frames: dict[int, list] = {0: [], 1: []}
    stories = []
    for i, env in enumerate(pair):
        env.reset(seed=6)
        env.unwrapped.watch(frames[i].append, fps=2, size=(48, 64))
        action = env.unwrapped.encode(env.unwrapped.expert_plan()[0])
        moment = env.unwrapped.snapshot()
        first = digest(env.unwrapped.step(action)[0])
        env.unwrapped.watch(None)
        env.unwrapped.restore(moment)
        assert digest(env.unwrapped.step(action)[0]) == first
        stories.append(first)
        env.reset(seed=7)
        with pytest.raises(ValueError, match="take a snapshot after reset"):
            env.unwrapped.restore(moment)
    assert stories[0] == stories[1] and len(frames[1]) > 3
    assert all(np.array_equal(a, b) for a, b in zip(*frames.values(), strict=True))


def test_an_interrupted_call_leaves_no_answer_for_the_next_one():
    """The reply that nobody fetched once answered the next question, and so on for ever."""
    env = gymnasium.make("embodied/Stack-v0", isolated=True, image_size=32).unwrapped
    env.reset(seed=1)

    def shown(frame):
        raise KeyboardInterrupt

    env.watch(shown, fps=5)
    with pytest.raises(KeyboardInterrupt):
        env.step(env.encode(SkillCall("home")))
    with pytest.raises(PhysicsCrashError, match="its owner stopped waiting: KeyboardInterrupt"):
        env.watch(None)
    observation, _ = env.reset(seed=2)
    assert isinstance(env.instruction, str) and observation["instruction"] == env.instruction
    env.close()


def test_what_cannot_be_told_is_refused_and_the_world_goes_on():
    env = gymnasium.make("embodied/Stack-v0", isolated=True, image_size=32).unwrapped
    env.reset(seed=1)
    pid = env.pid
    with pytest.raises(TypeError, match="expected what another process can be told"):
        env.step({"skill": lambda: 0})
    *_, truncated, info = env.step(env.encode(SkillCall("home")))
    assert not truncated and info["outcome"]["status"] == "done" and env.pid == pid
    env.close()


def test_a_foreign_environment_is_isolated_with_its_wrappers():
    here, there = gymnasium.make("CartPole-v1", max_episode_steps=5), isolate("CartPole-v1", max_episode_steps=5)
    assert not hasattr(there, "hold") and not hasattr(there, "encode")
    assert np.array_equal(here.reset(seed=4)[0], there.reset(seed=4)[0])
    steps = [(here.step(i % 2), there.step(i % 2)) for i in range(5)]
    assert all(repr(a) == repr(b) for a, b in steps) and steps[-1][1][3] is True
    assert np.array_equal(here.reset()[0], there.reset()[0]), "without a seed the generators go on"
    there.close()


def test_wrong_arguments_are_explained_as_ever():
    with pytest.raises(ValueError, match="image sizes: expected pixels"):
        gymnasium.make("embodied/Stack-v0", isolated=True, image_size=100_000)
    with pytest.raises(TypeError, match="stand in a module"):
        IsolatedEnv(lambda: None, {})
    with pytest.raises(ValueError, match="deadline_s: expected seconds above 0"):
        isolate("CartPole-v1", deadline_s=-1)


def test_large_arrays_go_by_memory_and_the_rest_by_the_pipe():
    block = Block.make(1 << 20)
    large, strange = np.arange(100_000, dtype=np.int16)[::-1], np.array(["a" * 9000] * 9)
    value = {"a": (large, 3), "b": [large.reshape(100, 1000).T, strange], "c": np.zeros((2000, 2000)), "d": None}
    packed = pack(value, block)
    assert len(repr(packed["a"][0])) < 100 and packed["b"][1] is strange and packed["c"] is value["c"]
    assert digest(unpack(packed, block)) == digest(value) == digest(unpack(pack(value, None), None))
    kept = unpack(packed, block)["a"][0]
    pack([np.zeros(100_000, np.int16)], block)
    assert np.array_equal(kept, large), "what was read is the reader's own"
    block.close()
    block.close()


def is_gone(pid: int, within_s: float) -> bool:
    return until(lambda: not is_alive(pid), within_s)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_nothing_is_left_by_crashes_closing_or_forgetting():
    shared, files = sorted(os.listdir("/dev/shm")), open_files()
    env = IsolatedEnv(Faulty, {})
    pids, rewards = [], []
    for action in (SEGFAULT, EXIT, SOUND):
        env.reset(seed=1)
        pids.append(env.pid)
        rewards.append(env.step(action)[1])
    assert rewards == [0.0, 0.0, 1.0] and len(set(pids)) == 3 and not is_alive(pids[0]) and not is_alive(pids[1])
    env.close()
    env.close()
    assert not is_alive(pids[2])
    forgotten = IsolatedEnv(Faulty, {})
    pid = forgotten.pid
    del forgotten
    gc.collect()
    assert is_gone(pid, 5.0)
    assert sorted(os.listdir("/dev/shm")) == shared and open_files() <= files


@pytest.mark.parametrize(("action", "sign", "within_s"), [
    (SOUND, signal.SIGKILL, 5.0), (HANG, signal.SIGTERM, 5.0),
    pytest.param(GRIP, signal.SIGTERM, 15.0, marks=pytest.mark.slow)])
def test_no_world_outlives_its_owner(action, sign, within_s):
    """The owner is ended while its world is idle, hangs, or hangs in a library that keeps Python's lock."""
    code = ("from envs.isolation.env import IsolatedEnv; from tests.envs.faulty import Faulty\n"
            "env = IsolatedEnv(Faulty, {}, deadline_s=3.0)\n"
            "env.reset(seed=1)\n"
            "print(env.pid, flush=True)\n"
            f"env.step({action})\n"
            "input()")
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    pid = int(owner.stdout.readline())
    assert is_alive(pid)
    time.sleep(0.3)
    owner.send_signal(sign)
    assert owner.wait(10) == -sign and is_gone(pid, within_s)
    owner.stdin.close()
    owner.stdout.close()


@pytest.mark.slow
def test_many_worlds_with_processes_of_their_own_stand_side_by_side():
    """gymnasium's workers are daemons, which multiprocessing allows no children; one that crashes starts again."""
    many = AsyncVectorEnv([lambda: IsolatedEnv(Faulty, {})] * 2)
    first, _ = many.reset(seed=[1, 2])
    single = Faulty()
    assert np.array_equal(first["noise"][1], single.reset(seed=2)[0]["noise"])
    _, rewards, _, truncated, infos = many.step(np.array([SEGFAULT, SOUND]))
    assert rewards.tolist() == [0.0, 1.0] and truncated.tolist() == [True, False]
    assert infos["crash"]["how"][0] == "SIGSEGV"
    seen, *_ = many.step(np.array([SOUND, SOUND]))
    assert seen["count"].ravel().tolist() == [0.0, 2.0], "one has been reset, the other went on"
    many.close()


def test_an_error_of_the_environment_is_an_error_and_no_crash():
    env = IsolatedEnv(Faulty, {})
    env.reset(seed=1)
    with pytest.raises(RuntimeError, match="the table broke") as caught:
        env.step(RAISE)
    assert not isinstance(caught.value, PhysicsCrashError) and "faulty.py" in caught.value.__notes__[0]
    pid = env.pid
    assert env.step(SOUND)[0]["count"] == 2 and env.pid == pid
    env.close()
