"""The governor one clause at a time: what it lets pass, what it cuts, what it stops, and what it says of that."""

from __future__ import annotations

import numpy as np
import pytest

from embodied.serving.safety import Envelope, EnvelopeError, Governor, Violation
from envs.robots.robot import MotionStoppedError, NonFiniteTargetError
from tests.embodied.serving.safety.motors import KINDS, Motors, envelope_of, robot_of, states


class Switch:
    """A stop channel that a test turns."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> str | None:
        return self.reason


@pytest.fixture
def switch() -> Switch:
    return Switch()


@pytest.fixture
def motors(switch: Switch) -> Motors:
    """A Panda at home."""
    return Motors("panda", robot_of("panda").home, Governor(envelope_of("panda"), switch))


def moved(motors: Motors, joint: int, by: float) -> np.ndarray:
    target = motors.setpoint.copy()
    target[joint] += by
    return target


def test_what_is_inside_all_limits_passes_to_the_bit(motors: Motors):
    for i in range(1, 6):
        target = motors.trace[0] + 0.003 * i
        target[7:] = motors.trace[0][7:]
        motors.follow(target)
        assert np.array_equal(motors.setpoint, target)
    assert motors.governor.counters == {"admitted": 5, "limited": 0, "refused": 0, "limited_by": {}, "refused_by": {}}


def test_a_far_target_is_come_to_without_going_beyond(motors: Motors):
    goal = moved(motors, 0, 0.6)
    for _ in range(30):
        motors.follow(goal)
        assert motors.setpoint[0] <= goal[0] + 1e-12
    assert np.allclose(motors.setpoint, goal, atol=1e-9), "about 0.3 s at full speed and twice 0.15 s of ramp"
    assert set(motors.governor.limited) == {"acceleration", "speed"}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite_is_refused_and_the_next_good_one_obeyed(motors: Motors, value: float):
    """One NaN, let through a clamp, ruins the arm for ever."""
    target = moved(motors, 3, 0.01)
    with pytest.raises(NonFiniteTargetError, match="expected 9 finite joint targets"):
        motors.follow(np.where(np.arange(9) == 3, value, target))
    assert len(motors.trace) == 2, "nothing moved"
    motors.follow(target)
    assert np.array_equal(motors.setpoint, target)
    assert motors.governor.refused == {"not finite numbers": 1}


@pytest.mark.parametrize("size", [1e2, 1e9, 1.7e308])
def test_a_huge_target_is_cut_and_counted(motors: Motors, size: float):
    """71 rad/s were seen of an arm, ungoverned, that may do 2.175."""
    for _ in range(80):
        motors.follow(np.full(9, size))
    speeds = np.abs(np.diff(motors.trace, axis=0)).max(axis=0) / motors.governor.envelope.period_s
    assert (speeds <= motors.governor.envelope.speed).all() and motors.governor.counters["limited"] == 80
    assert motors.governor.violations[0] == Violation("limited", "position")


def test_a_stop_holds_the_setpoint_at_once_until_it_is_taken_back(motors: Motors, switch: Switch):
    goal = moved(motors, 0, 0.6)
    for _ in range(5):
        motors.follow(goal)
    switch.reason, stood = "the emergency stop", motors.setpoint.copy()
    for target in (goal, motors.setpoint, robot_of("panda").home):
        with pytest.raises(MotionStoppedError, match=r"^stopped by the emergency stop$"):
            motors.follow(target)
    assert np.array_equal(motors.setpoint, stood) and motors.governor.refused == {"the emergency stop": 3}
    assert list(motors.governor.violations)[1:] == [Violation("stopped", "the emergency stop")], "once, however often"
    switch.reason = None
    motors.follow(goal)
    first = np.abs(motors.setpoint - stood)
    assert 0 < first[0] <= 15.0 * 0.05**2, "from rest again"


def test_a_stop_channel_that_breaks_is_a_stop(motors: Motors):
    motors.governor = Governor(envelope_of("panda"), lambda: 1 / 0)
    with pytest.raises(MotionStoppedError, match="a stop channel that failed with ZeroDivisionError"):
        motors.follow(motors.setpoint)


def test_a_joint_that_is_held_back_is_not_pushed_further_but_may_come_back(motors: Motors, monkeypatch):
    target = moved(motors, 1, 0.01)
    stuck = moved(motors, 1, -0.2)
    monkeypatch.setattr(Motors, "joint_pos", property(lambda self: stuck))
    with pytest.raises(MotionStoppedError, match=r"following error: joint 2 is 0\.20"):
        motors.follow(target)
    assert len(motors.trace) == 2
    motors.follow(moved(motors, 1, -0.01))
    motors.follow(moved(motors, 1, -0.02))
    assert motors.governor.refused == {"following error": 1} and motors.governor.limited.total() == 0


def test_fingers_that_squeeze_are_no_following_error(motors: Motors, monkeypatch):
    wide = moved(motors, 7, 0.0)
    monkeypatch.setattr(Motors, "joint_pos", property(lambda self: wide))
    for opening in np.arange(0.03, -0.001, -0.01):
        motors.follow(np.array([*wide[:7], opening, opening]))
    assert motors.governor.counters["refused"] == 0


def test_a_robot_that_was_put_elsewhere_starts_from_rest(motors: Motors):
    for _ in range(6):
        motors.follow(moved(motors, 0, 1.0))
    place = states("panda")[3]
    motors.setpoint = place.copy()
    motors.follow(place)
    assert np.array_equal(motors.setpoint, place), "it does not coast on"


def test_a_region_that_is_barred_is_not_entered(motors: Motors):
    robot = robot_of("panda")
    barred = ((0.45, -0.1, 0.0), (0.60, 0.1, 0.3))
    motors.governor = Governor(envelope_of("panda").narrowed(keep_out=[barred]))
    goal = np.array([*robot.solve_down((0.52, 0.0, 0.1), np.pi / 2), 0.02, 0.02])
    for _ in range(60):
        motors.follow(goal)
    tools = np.array([robot.chain.pose(joints[:7])[:3, 3] for joints in motors.trace])
    assert not ((tools > barred[0]) & (tools < barred[1])).all(axis=1).any()
    away_m = np.linalg.norm(tools - (0.52, 0.0, 0.1), axis=1)
    assert motors.governor.limited["keep-out"] > 0 and away_m[-1] < away_m[0] - 0.05, "it came as near as it may"


@pytest.mark.parametrize("kind", KINDS)
def test_home_is_inside(kind: str):
    motors = Motors(kind, robot_of(kind).home if hasattr(robot_of(kind), "home") else robot_of(kind).setpoint,
                    Governor(envelope_of(kind)))
    motors.follow(motors.setpoint)
    assert motors.governor.counters["limited"] == 0 and motors.governor.counters["refused"] == 0


@pytest.mark.parametrize("wider", [
    {"speed": 3.0}, {"low": -4.0}, {"high": 4.0}, {"acceleration": 50.0}, {"following": 1.0}, {"lowest_m": -0.1},
    {"workspace": ((0.0, -0.6, 0.01), (0.8, 0.6, 0.9))}])
def test_limits_are_never_widened(wider: dict):
    with pytest.raises(EnvelopeError, match=r"no wider than|inside"):
        envelope_of("panda").narrowed(**wider)


@pytest.mark.parametrize("limits", [{"speed": 0.0}, {"speed": np.nan}, {"low": 0.0, "high": -1.0}, {"period_s": 1.0},
                                    {"body": None}, {"sped": 1.0}])
def test_limits_that_make_no_sense_are_refused(limits: dict):
    with pytest.raises(EnvelopeError, match="expected"):
        envelope_of("panda").narrowed(**limits)


def test_limits_cannot_be_changed():
    envelope = envelope_of("panda")
    with pytest.raises(ValueError, match="read-only"):
        envelope.speed[0] = 9.0
    with pytest.raises(AttributeError):
        envelope.speed = np.ones(9)


def test_narrower_limits_hold():
    slow = envelope_of("panda").slowed(0.25)
    motors = Motors("panda", robot_of("panda").home, Governor(slow))
    for _ in range(20):
        motors.follow(moved(motors, 0, 1.0))
    assert abs(motors.trace[-1][0] - motors.trace[-2][0]) == pytest.approx(0.25 * 2.175 * 0.05)
    with pytest.raises(EnvelopeError, match="share"):
        slow.slowed(1.5)


def test_a_robot_of_an_unknown_kind_has_no_envelope():
    with pytest.raises(EnvelopeError, match="expected an Arm, a MobilePanda or a Pusher, got Motors"):
        Envelope.of(Motors("panda", np.zeros(9), Governor(envelope_of("panda"))))
