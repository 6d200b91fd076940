"""Controllers in physics: what they do, what they refuse, what they notice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from envs.interface import Box
from envs.robots.panda import Panda
from envs.sensors import cameras
from envs.sensors.body_sense import observation
from envs.skills.measure import box_at
from envs.skills.perform import perform
from envs.skills.situation import Hand, Situation
from envs.world import World

CALIBRATIONS = cameras.calibrations(cameras.VIEWS, 192)


class Bench:
    """A world with a robot, and a hand that remembers."""

    def __init__(self) -> None:
        self.world = World()
        self.robot = Panda(self.world)

    def lay(self, *blocks: tuple[str, float, tuple[float, float], float]) -> None:
        self.world.reset()
        self.robot.reset()
        self.hand = Hand()
        for name, side_m, xy, yaw_rad in blocks:
            self.world.spawn_block(name, side_m=side_m, rgb=(0.8, 0.1, 0.1), xy=xy, yaw_rad=yaw_rad)
        self.world.settle()

    def see(self):
        return observation(self.robot, cameras.capture(self.world, cameras.VIEWS, 192), CALIBRATIONS, self.world.time_s)

    def do(self, skill: str, target: str | Box | None = None, **kwargs):
        self.world.doze()
        box = self.world.box(target) if isinstance(target, str) else target
        arguments = () if box is None else (box,)
        outcome = perform(skill, Situation(self.robot, self.see(), self.hand), arguments, **kwargs)
        self.world.settle(0.5)
        return outcome


@pytest.fixture(scope="module")
def bench():
    bench = Bench()
    yield bench
    bench.world.close()


A, B, C = ("a", 0.045, (0.5, -0.15), 0.5), ("b", 0.05, (0.6, 0.1), -0.3), ("c", 0.036, (0.42, 0.15), 1.2)


def test_a_tower_of_three_stands_square(bench):
    bench.lay(A, B, C)
    for block, base in (("a", "b"), ("c", "a")):
        assert bench.do("pick", block).status == "done"
        assert bench.robot.held_name() == block
        assert bench.do("place_on", base).status == "done"
        offset = bench.world.pose(block)[0] - bench.world.pose(base)[0]
        turn = (bench.world.box(block).yaw - bench.world.box(base).yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
        assert np.hypot(*offset[:2]) < 0.003 and abs(turn) < np.radians(3)
    assert bench.world.pose("c")[0][2] > 0.1 and bench.robot.held_name() is None


def test_put_down_beside_finds_room_on_the_table(bench):
    bench.lay(A, B, C)
    bench.do("pick", "a")
    assert bench.do("put_down_beside", "b").status == "done"
    away = np.linalg.norm((bench.world.pose("a")[0] - bench.world.pose("b")[0])[:2])
    assert 0.07 < away < 0.2 and bench.world.is_touching("a", "table") and not bench.world.is_touching("a", "b")


def test_a_block_lands_in_the_bowl(bench):
    bench.lay(A)
    bench.world.spawn_bowl("bowl", rgb=(0, 0, 1), xy=(0.6, 0.2))
    bench.do("pick", "a")
    assert bench.do("place_in", "bowl").status == "done"
    assert np.linalg.norm((bench.world.pose("a")[0] - bench.world.pose("bowl")[0])[:2]) < 0.02


def test_closing_on_nothing_is_noticed(bench):
    bench.lay(A)
    outcome = bench.do("pick", Box((0.6, 0.2, 0.02), (0.04, 0.04, 0.04)))
    assert (outcome.status, outcome.reason) == ("failed", "the gripper closed on nothing")
    assert bench.hand.held is None and np.abs(bench.robot.setpoint[:7] - bench.robot.home[:7]).max() < 1e-6


def test_a_full_hand_picks_nothing_more_and_an_empty_one_places_nothing(bench):
    bench.lay(A, B)
    assert bench.do("place_on", "b").reason == "the gripper holds nothing"
    bench.do("pick", "a")
    again = bench.do("pick", "b")
    assert (again.status, again.reason) == ("refused", "the gripper holds something already")
    assert bench.do("home").status == "done" and bench.robot.held_name() == "a"


GOOD = Box((0.5, 0.0, 0.02), (0.04, 0.04, 0.04))


@pytest.mark.parametrize(("box", "reason"), [
    (replace(GOOD, center=(np.nan, 0.0, 0.02)), "finite"), (replace(GOOD, yaw=np.inf), "finite"),
    (replace(GOOD, center=(2.0, 0.0, 0.02)), "out of reach"),
    (replace(GOOD, center=(0.75, 0.35, 0.02)), "out of reach"),
    (replace(GOOD, center=(0.5, 0.0, 0.6)), "out of reach"), (replace(GOOD, size=(0.0, 0.04, 0.04)), "not plausible"),
    (replace(GOOD, size=(5.0, 5.0, 0.04)), "not plausible"), (replace(GOOD, size=(0.13, 0.13, 0.04)), "too wide"),
    (replace(GOOD, center=(0.5, 0.0, 0.02), size=(0.04, 0.04, -0.04)), "not plausible")])
def test_a_senseless_box_moves_nothing(bench, box, reason):
    bench.lay(A)
    before = bench.robot.joint_pos
    outcome = perform("pick", Situation(bench.robot, bench.see(), bench.hand), (box,))
    assert outcome.status == "refused" and reason in outcome.reason and outcome.duration_s == 0
    assert np.array_equal(bench.robot.joint_pos, before)


def test_time_runs_out_in_simulated_time(bench):
    bench.lay(A)
    outcome = bench.do("pick", "a", timeout_s=0.5)
    assert outcome.status == "timeout" and outcome.duration_s == 0.5
    assert bench.do("home").status == "done"


@pytest.mark.parametrize("camera", ["front", "top"])
def test_a_pixel_is_measured(bench, camera):
    bench.lay(A, B, C)
    seen = bench.see()
    for name in bench.world.names():
        true = bench.world.box(name)
        column, row = CALIBRATIONS[camera].project(np.array([*true.center[:2], true.top_z_m])).astype(int)
        box = box_at(seen, camera, (int(column), int(row)))
        assert np.abs(np.subtract(box.center, true.center)).max() < 0.005
        assert np.abs(np.subtract(box.size, true.size)).max() < 0.008
        turn = (box.yaw - true.yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4
        assert abs(turn) < np.radians(10)


@pytest.mark.parametrize(("pixel", "reason"), [
    ((500, 3), "outside"), ((-1, 3), "outside"), ((96, 96), "only the table")])
def test_a_pixel_that_shows_nothing_is_refused(bench, pixel, reason):
    bench.lay(A)
    assert reason in box_at(bench.see(), "top", pixel)


def test_depth_without_return_is_refused(bench):
    bench.lay(A)
    seen = bench.see()
    for nothing in (0.0, np.nan):
        blank = replace(seen, depth={name: np.full_like(d, nothing) for name, d in seen.depth.items()})
        assert "sees nothing" in box_at(blank, "top", (96, 96))
        outcome = perform("put_down_beside", Situation(bench.robot, blank, bench.hand), (GOOD,))
        assert outcome.status == "refused"
