"""Workers that stay: they are built once, and given new weights between two episodes, whoever broke meanwhile."""

from __future__ import annotations

import os
import signal
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from embodied.distributed.cluster import connect, disconnect
from embodied.distributed.rollouts import open_workers


class Learner:
    """Answers with the process that it is in and the weights that it has; seed 13 kills it, once."""

    def __init__(self, marker: str) -> None:
        self.marker, self.known = Path(marker), ("built", -1)

    def __call__(self, seed: int) -> tuple[int, int, tuple[object, int]]:
        if seed == 13 and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid(), seed, self.known

    def load_weights(self, content: bytes | str, version: int) -> None:
        if content == b"bad":
            raise ValueError("weights do not fit")
        self.known = (content, version)


def make_learner(marker: str) -> Learner:
    return Learner(marker)


def make_plain() -> object:
    return lambda seed: seed


def values(results) -> list:
    found = list(results)
    assert not [r.error for r in found if r.error], found
    return [r.value for r in found]


def check_weights(backend: str, count: int, marker: Path) -> None:
    with open_workers(make_learner, {"marker": str(marker)}, workers=count, backend=backend) as workers:
        first = values(workers.run(range(6)))
        workers.load_weights(b"one", 1)
        second = values(workers.run(range(6)))
        assert {v[2] for v in first} == {("built", -1)} and {v[2] for v in second} == {(b"one", 1)}
        assert len({v[0] for v in (*first, *second)}) <= max(count, 1)  # built once, however late one of them begins
        assert sorted(v[1] for v in second) == list(range(6))
        workers.load_weights("a path", 2)
        third = values(workers.run([13, 14, 15] if count else [14, 15]))  # one worker dies, and its heir knows it all
        assert {v[2] for v in third} == {("a path", 2)}


@pytest.mark.parametrize("count", [0, 2])
def test_workers_are_given_weights_between_episodes(count: int, tmp_path: Path):
    check_weights("local", count, tmp_path / "marker")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_actors_are_given_weights_between_episodes(tmp_path: Path):
    connect(2)
    try:
        check_weights("ray", 2, tmp_path / "marker")
    finally:
        disconnect()


def test_weights_given_meanwhile_hold_from_the_next_episode_on(tmp_path: Path):
    with open_workers(make_learner, {"marker": str(tmp_path / "m")}, workers=1) as workers:
        results = workers.run(range(4))
        seen = [r.value[2][1] for r in islice(results, 2)]
        workers.load_weights(b"new", 7)
        seen += [r.value[2][1] for r in results]
    assert seen[:2] == [-1, -1] and seen[-1] == 7
    assert Counter(seen)[7] >= 1


def test_what_is_under_way_when_nobody_listens_is_given_up(tmp_path: Path):
    with open_workers(make_learner, {"marker": str(tmp_path / "m")}, workers=1) as workers:
        results = workers.run(range(100))
        next(results)
        results.close()
        assert [v[1] for v in values(workers.run([7]))] == [7]


@pytest.mark.parametrize("count", [0, 1])
def test_weights_that_nobody_can_take_are_an_error_of_the_episode(count: int, tmp_path: Path):
    with open_workers(make_plain, {}, workers=count, tries=1) as workers:
        workers.load_weights(b"x", 1)
        [result] = workers.run([1])
        assert "load_weights(content, version)" in result.error
    with open_workers(make_learner, {"marker": str(tmp_path / "m")}, workers=count, tries=1) as workers:
        workers.load_weights(b"bad", 1)
        assert all("weights do not fit" in result.error for result in workers.run([1, 2]))
