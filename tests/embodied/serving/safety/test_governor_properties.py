"""For all commands: whatever comes, what reaches the motors is finite and inside every limit, and can be braked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embodied.serving.safety import Governor
from tests.embodied.serving.safety.motors import KINDS, Motors, breach, envelope_of, points_of, robot_of, states

EXAMPLES = {"panda": 3600, "iiwa": 1800, "xarm6": 1800, "pusher": 1400, "wheels": 600}
"""Of the drawn sequences; with those that are braked and those of free numbers, more than 10,000."""
REASONS = {"pusher": (), "wheels": ("acceleration", "workspace")}
"""Beside those that every robot meets: a peg turns about in a period on rails that end where its workspace does, and
the wheels carry the arm too high for its elbow to come near the floor."""
HUGE = (1e3, 1e12, 1.7e308)


def patient(examples: int) -> Callable:
    return settings(max_examples=examples, deadline=None, database=None,
                    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors])


def far(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """A target beyond everything, now and then another."""
    while True:
        target = rng.choice((-1.0, 1.0), motors.setpoint.size) * rng.choice(HUGE)
        yield from [target] * int(rng.integers(1, 6))


def bang(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """From one end of every joint to the other, in a rhythm near the time that braking takes."""
    envelope, beat = motors.governor.envelope, int(rng.integers(1, 8))
    ends = envelope.low, envelope.high
    while True:
        for side in (0, 1):
            yield from [ends[side]] * beat


def walk(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """Steps of up to three times what a period allows, from where the robot is."""
    reach = motors.governor.envelope.speed * motors.governor.envelope.period_s
    while True:
        yield motors.setpoint + rng.uniform(-3.0, 3.0, reach.size) * reach


def race(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """Straight on in one direction, as fast as can be."""
    way = rng.normal(size=motors.setpoint.size)
    while True:
        yield motors.setpoint + way


def leap(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """Another admissible place every few periods."""
    places = states(motors.kind)
    while True:
        yield from [places[rng.integers(len(places))]] * int(rng.integers(1, 9))


def dive(rng: np.random.Generator, motors: Motors) -> Iterator[np.ndarray]:
    """The steepest way of the tool into the nearest wall of its workspace, or down."""
    box = np.array(motors.governor.envelope.workspace)
    while True:
        here = motors.setpoint
        tool = points_of(motors.kind, here).tool
        gaps = np.concatenate([tool - box[0], box[1] - tool])
        axis, is_up = int(np.argmin(gaps)) % 3, np.argmin(gaps) >= 3
        nudges = 1e-4 * np.eye(here.size)
        slope = np.array([points_of(motors.kind, here + n).tool[axis] - tool[axis] for n in nudges])
        yield here + (1.0 if is_up else -1.0) * slope * 1e4 * rng.uniform(0.1, 3.0)


def nonsense(rng: np.random.Generator, motors: Motors) -> Iterator[object]:
    """What is no target, between steps of a walk."""
    size, steps = motors.setpoint.size, walk(rng, motors)
    broken = np.zeros(size)
    broken[rng.integers(size)] = rng.choice([np.nan, np.inf, -np.inf])
    odd = [broken, np.zeros(size + 1), np.zeros((size, 1)), np.array(0.0), None, "0.1", [[1.0], [2.0, 3.0]], {}, 7,
           np.full(size, "1"), np.full(size, 1j), [None] * size, np.full(size, np.longdouble("1e4000"))]
    while True:
        yield next(steps)
        yield odd[rng.integers(len(odd))]


WAYS = {make.__name__: make for make in (far, bang, walk, race, leap, dive, nonsense)}


def drive(kind: str, seed: int, ways: list[str], periods: int) -> Motors:
    """A robot after some periods of each way."""
    rng = np.random.default_rng(seed)
    start = states(kind)[rng.integers(len(states(kind)))]
    motors = Motors(kind, start, Governor(envelope_of(kind)))
    for way in ways:
        targets = WAYS[way](rng, motors)
        for _ in range(periods):
            motors.try_to_follow(next(targets))
    return motors


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_that_reaches_the_motors_is_inside_all_limits(kind: str):
    @patient(EXAMPLES[kind])
    @given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(WAYS)))
    def holds(seed: int, way: str) -> None:
        ways = [way, sorted(WAYS)[seed % len(WAYS)]][:1 + seed // 8 % 2]
        motors = drive(kind, seed, ways, 2 + seed // 16 % 6)
        assert breach(kind, motors.governor.envelope, motors.trace) is None

    holds()


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_braked_from_everywhere(kind: str):
    @patient(60)
    @given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(set(WAYS) - {"nonsense"})), st.integers(2, 16))
    def holds(seed: int, way: str, periods: int) -> None:
        motors = drive(kind, seed, [way], periods)
        for _ in range(40):
            motors.follow(motors.setpoint)
        assert np.array_equal(motors.trace[-1], motors.trace[-2]), "at rest"
        assert breach(kind, motors.governor.envelope, motors.trace) is None

    holds()


@pytest.mark.parametrize("kind", ["panda", "pusher"])
def test_numbers_of_any_kind_leave_the_motors_inside_all_limits(kind: str):
    size = envelope_of(kind).low.size

    @patient(400)
    @given(st.lists(st.one_of(st.lists(st.floats(), min_size=size, max_size=size), st.lists(st.floats(), max_size=4)),
                    min_size=1, max_size=6), st.integers(0, 19))
    def holds(targets: list[list[float]], place: int) -> None:
        motors = Motors(kind, states(kind)[place], Governor(envelope_of(kind)))
        for target in targets:
            motors.try_to_follow(target)
        assert breach(kind, motors.governor.envelope, motors.trace) is None

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_long_runs_stay_inside_all_limits(kind: str):
    for seed in range(60):
        ways = list(np.random.default_rng(seed).permutation(sorted(WAYS)))
        motors = drive(kind, seed, ways, 120)
        assert breach(kind, motors.governor.envelope, motors.trace) is None, seed


def test_the_checks_of_this_file_would_see_a_breach():
    envelope, start = envelope_of("panda"), robot_of("panda").home
    leap_of = np.zeros(9)
    leap_of[0] = 0.2
    assert breach("panda", envelope, [start, start, start + leap_of]) == "speed"
    assert breach("panda", envelope, [start, start, start + leap_of / 2]) == "acceleration"
    beyond = start.copy()
    beyond[6] = envelope.high[6] + 1e-4  # the last joint turns the tool about itself
    assert breach("panda", envelope, [beyond, beyond, beyond]) == "position"
    down = np.concatenate([robot_of("panda").solve_down((0.5, 0.0, 0.002), 0.0), [0.02, 0.02]])
    assert breach("panda", envelope, [down, down]) == "workspace"


@pytest.mark.parametrize("kind", KINDS)
def test_the_drawn_sequences_meet_every_limit_there_is(kind: str):
    met = set()
    for seed in range(40):
        counters = drive(kind, seed, ["race", "dive", "far", "nonsense"], 12).governor.counters
        met |= {*counters["limited_by"], *counters["refused_by"]}
    places = REASONS.get(kind, ("acceleration", "workspace", "height"))
    assert {"speed", "position", "not finite numbers", *places} <= met
