"""The hook before physics: every joint target of every robot passes the governor, whoever sent it."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401  registers the ids
from envs.robots.robot import MotionStoppedError
from envs.skills.perform import perform
from envs.skills.situation import Hand, Situation

SMALL = {"image_size": 48}


class Halfway:
    """Lets pass half of the way; `seen` counts, `reason` stops."""

    def __init__(self) -> None:
        self.seen, self.reason = 0, None

    def admit(self, robot, target):
        self.seen += 1
        if self.reason:
            raise MotionStoppedError(f"stopped by {self.reason}")
        return robot.setpoint + (np.asarray(target) - robot.setpoint) / 2


@pytest.mark.parametrize("env_id", ["embodied/StackJoint-v0", "embodied/BoardSeparateJoint-v0",
                                    "embodied/KitchenVerbJoint-v0"])
def test_every_robot_goes_where_its_governor_lets_it(env_id: str):
    env = gymnasium.make(env_id, cameras=(), **SMALL)
    env.reset(seed=0)
    robot, governor = env.unwrapped.robot, Halfway()
    env.unwrapped.govern(governor)
    start = robot.setpoint.copy()
    ahead = np.zeros(start.size)
    ahead[0] = 0.002
    target = (start + ahead).astype(np.float32)
    *_, info = env.step(target)
    assert np.allclose(robot.setpoint, start + ahead / 2, atol=1e-6) and info["limited"] == 1
    env.unwrapped.govern(None)
    env.step(target)
    assert np.allclose(robot.setpoint, target, atol=1e-6) and governor.seen == 1
    env.close()


def test_a_governor_outlives_its_world(monkeypatch):
    env = gymnasium.make("embodied/StackJoint-v0", cameras=(), **SMALL)
    governor = Halfway()
    env.unwrapped.govern(governor)
    monkeypatch.setattr(env.unwrapped, "_resets_left", 1)
    robots = set()
    for seed in range(3):
        env.reset(seed=seed)
        env.step(env.action_space.low)
        robots.add(id(env.unwrapped.robot))
    assert len(robots) == 2 and governor.seen == 3
    env.close()


def test_a_stopped_joint_target_moves_nothing_while_time_goes_on():
    env = gymnasium.make("embodied/StackJoint-v0", cameras=(), **SMALL)
    before, _ = env.reset(seed=0)
    governor = Halfway()
    env.unwrapped.govern(governor)
    governor.reason = "the emergency stop"
    after, *_, info = env.step(env.action_space.low)
    assert info["outcome"]["status"] == "refused" and info["outcome"]["reason"] == "stopped by the emergency stop"
    assert np.abs(after["joint_pos"] - before["joint_pos"]).max() < 1e-3
    assert after["time_s"][0] - before["time_s"][0] == pytest.approx(0.05)
    env.unwrapped.hold(0.5)
    assert env.unwrapped.world.time_s - before["time_s"][0] == pytest.approx(0.55), "thinking goes on too"
    env.close()


@pytest.mark.parametrize("after", [0, 1, 17, 40])
def test_a_stop_in_the_middle_of_a_skill_ends_it_there(after: int):
    env = gymnasium.make("embodied/PutInBowl-v0", smooth=True, **SMALL)
    env.reset(seed=2_000_000)
    robot = env.unwrapped.robot

    class Fuse(Halfway):
        def admit(self, robot, target):
            self.reason = "a lost heartbeat" if self.seen == after else None
            super().admit(robot, target)
            self.kept = np.array(target)
            return target

    governor = Fuse()
    governor.kept = robot.setpoint.copy()
    env.unwrapped.govern(governor)
    *_, info = env.step(env.unwrapped.encode(env.unwrapped.expert_plan()[0]))
    outcome = info["outcome"]
    assert (outcome["status"], outcome["reason"]) == ("failed", "stopped by a lost heartbeat")
    assert outcome["duration_s"] == pytest.approx(after * 0.05) and governor.seen == after + 1
    assert np.array_equal(robot.setpoint, governor.kept), "it stays at what was admitted last"
    env.close()


def test_a_motion_that_is_cut_off_by_its_time_is_braked_by_the_governor():
    """The motors of an ungoverned robot stop at once; a governor lets nothing pass that stops so."""
    env = gymnasium.make("embodied/PutInBowl-v0", smooth=True, **SMALL)
    env.reset(seed=2_000_000)
    robot, call = env.unwrapped.robot, env.unwrapped.expert_plan()[0]

    class Coasting(Halfway):
        def admit(self, robot, target):
            self.seen += 1
            return target if self.seen <= 10 else robot.setpoint + np.array([1e-3] * 9) * max(0, 13 - self.seen)

    governor = Coasting()
    env.unwrapped.govern(governor)
    situation = Situation(robot, env.unwrapped.seen, Hand())
    assert perform("pick", situation, (call.arguments[0].box,), timeout_s=0.5).status == "timeout"
    assert governor.seen == 13, "asked to stay until it does"
    env.close()
