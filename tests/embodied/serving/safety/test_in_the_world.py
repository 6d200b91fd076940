"""The governor in real worlds: what Bullet's motors are told, by experts, by plans on anything, by hostile clients."""

from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

import envs  # noqa: F401  registers the ids
from embodied.serving.safety import Envelope, Governor
from envs.interface import Box, Referent, SkillCall
from tests.embodied.serving.safety.motors import points_of, robot_of, states

BOW_M = 0.004  # between the setpoints of two periods the motors go straight in joint space, not in space
EXPERTS = ("embodied/Stack-v0", "embodied/PutInBowl-v0", "embodied/BoardSeparate-v0", "embodied/KitchenVerb-v0")


class Governed:
    """A world with its governor and everything that its motors were told: a goal each physics step."""

    def __init__(self, env_id: str, **kwargs) -> None:
        self.env = gymnasium.make(env_id, smooth=True, image_size=64, **kwargs)
        self.robot = self.env.unwrapped.robot
        self.reason: str | None = None
        self.governor = Governor(Envelope.of(self.robot), lambda: self.reason)
        self.env.unwrapped.govern(self.governor)
        self.told: list[np.ndarray] = []
        self._spy_on(self.robot._body)

    def _spy_on(self, body) -> None:
        drive = body.drive

        def spy(targets, forces, gain):
            self.told.append(np.array(targets, dtype=np.float64))
            drive(targets, forces, gain)

        body.drive = spy

    def reset(self, seed: int) -> dict:
        """The info; what was told so far is forgotten."""
        _, info = self.env.reset(seed=seed)
        self.told = [self.robot.setpoint.copy()]
        return info

    def breach(self, kind: str, bow_m: float = BOW_M) -> str | None:
        """Which limit the motors' goals break. An arm that ran into something is stopped at once."""
        envelope, hz = self.governor.envelope, self.env.unwrapped.world.physics_hz
        goals = np.array(self.told)
        if not np.isfinite(goals).all():
            return "not finite"
        if (goals < envelope.low - 1e-9).any() or (goals > envelope.high + 1e-9).any():
            return "position"
        if (np.abs(np.diff(goals, axis=0)) * hz > envelope.speed * (1 + 1e-6)).any():
            return "speed"
        substeps = round(hz * envelope.period_s)
        steps = np.diff(np.concatenate([goals[:1], goals[::substeps]]), axis=0)
        hard = np.abs(np.diff(steps, axis=0)) > envelope.acceleration * envelope.period_s**2 * (1 + 1e-6) + 1e-9
        is_stop = ~steps[1:].any(axis=1) | ~steps[:-1].any(axis=1)
        if (hard.any(axis=1) & ~(is_stop if self.governor.refused["following error"] else False)).any():
            return "acceleration"
        tools = np.array([points_of(kind, joints).tool for joints in goals[::3]])
        low, high = np.array(envelope.workspace)
        return "workspace" if ((tools < low - bow_m) | (tools > high + bow_m)).any() else None


@pytest.fixture(scope="module")
def table() -> Iterator[Governed]:
    governed = Governed("embodied/Stack-v0")
    yield governed
    governed.env.close()


@pytest.mark.parametrize("env_id", EXPERTS)
def test_an_expert_is_never_limited(env_id: str):
    governed = Governed(env_id)
    for seed in (2_000_000, 2_000_001):
        info = governed.reset(seed)
        while not info["is_success"]:
            *_, info = governed.env.step(governed.env.unwrapped.encode(governed.env.unwrapped.expert_plan()[0]))
    assert governed.governor.counters["limited"] == governed.governor.counters["refused"] == 0
    assert governed.governor.admitted > 30
    governed.env.close()


@pytest.mark.parametrize("robot", ["panda", "iiwa", "xarm6"])
def test_the_motors_of_an_expert_stay_inside(robot: str):
    governed = Governed("embodied/Stack-v0", robot=robot)
    info = governed.reset(2_000_000)
    while not info["is_success"]:
        *_, info = governed.env.step(governed.env.unwrapped.encode(governed.env.unwrapped.expert_plan()[0]))
    assert governed.breach(robot) is None and len(governed.told) > 1000
    assert governed.governor.limited.total() == 0
    governed.env.close()


def any_box(rng: np.random.Generator) -> Box:
    """From a sound one to what no camera could have measured."""
    center = rng.uniform((0.2, -0.5, -0.05), (0.9, 0.5, 0.4))
    size = rng.uniform(0.0, 0.15, 3) if rng.random() < 0.8 else rng.uniform(-1.0, 1.0, 3)
    if rng.random() < 0.05:
        center[rng.integers(3)] = rng.choice([np.nan, np.inf])
    return Box(tuple(center), tuple(size), float(rng.uniform(-4, 4)))


def play_on_anything(table: Governed, seed: int) -> list[str]:
    """What four random calls in a scene, a sound pick before them now and then, ended with."""
    rng = np.random.default_rng(seed)
    table.reset(int(rng.integers(1000)))
    unwrapped, ends = table.env.unwrapped, []
    skills = ["pick", "place_in", "place_on", "put_down_beside", "home"]
    drawn = [(str(rng.choice(skills)), any_box(rng)) for _ in range(3)]
    calls = [SkillCall(name, () if name == "home" else (Referent("it", box=box),)) for name, box in drawn]
    if rng.random() < 0.6:  # with something in the hand, placing goes further
        calls = unwrapped.expert_plan()[:1] + calls
    for call in calls:
        *_, info = table.env.step(unwrapped.encode(call))
        ends.append(info["outcome"]["status"])
    return ends


def test_skills_on_anything_never_leave_the_limits(table: Governed):
    ends = []
    for seed in range(25):
        ends += play_on_anything(table, seed)
        assert table.breach("panda") is None, seed
    assert {"done", "refused"} <= set(ends), "some of it could be done"


@pytest.mark.slow
def test_skills_on_anything_never_leave_the_limits_for_long(table: Governed):
    for seed in range(1000, 1400):
        play_on_anything(table, seed)
        assert table.breach("panda") is None, seed


@pytest.mark.parametrize(("env_id", "kind"), [
    ("embodied/StackJoint-v0", "panda"), ("embodied/BoardSeparateJoint-v0", "pusher"),
    ("embodied/KitchenVerbJoint-v0", "wheels")])
def test_a_hostile_client_never_leaves_the_limits(env_id: str, kind: str):
    governed, rng = Governed(env_id, cameras=()), np.random.default_rng(1)
    governed.reset(1)
    size, places = governed.robot.setpoint.size, states(kind)
    for i in range(120):
        target = places[rng.integers(len(places))] if i % 7 else rng.choice([-1e9, 1e9, 3e38], size)
        if i % 11 == 10:
            target = np.where(np.arange(size) == 0, np.nan, target)
        governed.env.step(np.asarray(target, dtype=np.float32))
    assert governed.breach(kind) is None and governed.governor.limited.total() > 50
    assert governed.governor.refused["not finite numbers"] == 10
    assert np.isfinite(governed.robot.joint_pos).all()
    governed.env.close()


def test_the_setpoint_is_what_was_admitted(table: Governed):
    """The robot's own clamp has nothing left to do, so that the governor's memory of its speed is true."""
    table.reset(3)
    rng = np.random.default_rng(0)
    for _ in range(40):
        table.robot.follow(table.robot.setpoint + rng.normal(size=9))
        assert np.array_equal(table.robot.setpoint, table.governor._at)


@pytest.mark.parametrize("after_periods", [1, 9, 23])
def test_no_motion_command_follows_a_stop(table: Governed, after_periods: int):
    """A client that vanishes is a latch that trips; within one control period nothing moves further."""
    table.reset(2_000_000)
    governor, admit = table.governor, table.governor.admit
    count = governor.admitted

    def fused(robot, target):
        table.reason = "a lost heartbeat" if governor.admitted - count >= after_periods else None
        return admit(robot, target)

    governor.admit = fused
    try:
        *_, info = table.env.step(table.env.unwrapped.encode(table.env.unwrapped.expert_plan()[0]))
        stood = table.robot.setpoint.copy()
        again = table.env.step(table.env.unwrapped.encode(SkillCall("home")))[-1]
        assert np.array_equal(table.robot.setpoint, stood), "until it is re-armed, nothing moves"
    finally:
        del governor.admit
        table.reason = None
    assert info["outcome"]["reason"] == again["outcome"]["reason"] == "stopped by a lost heartbeat"
    assert info["outcome"]["duration_s"] == pytest.approx(after_periods * 0.05)
    assert np.array_equal(table.told[-1], stood) and len(table.told) == 1 + 12 * after_periods
    *_, info = table.env.step(table.env.unwrapped.encode(SkillCall("home")))
    assert info["outcome"]["status"] == "done", "once it is, it goes on"


def test_what_cannot_be_reached_moves_nothing(table: Governed):
    """Bullet's own inverse kinematics answers with nine joints, 7.8 m off, a limit broken, and no error."""
    table.reset(4)
    far = Referent("it", box=Box((0.77, 0.37, 0.02), (0.04, 0.04, 0.04)))
    *_, info = table.env.step(table.env.unwrapped.encode(SkillCall("pick", (far,))))
    assert info["outcome"]["status"] == "refused" and "out of reach" in info["outcome"]["reason"]
    assert len(table.told) == 1 and np.array_equal(table.robot.setpoint, robot_of("panda").home)
