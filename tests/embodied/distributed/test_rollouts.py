"""Episodes on Ray actors: the same answers as on local processes, and the same manners towards what breaks."""

from __future__ import annotations

import os
import signal
import time

import pytest

from embodied.distributed.cluster import connect, disconnect, refuse_shortage
from embodied.distributed.generate import collect
from embodied.distributed.rollouts import map_episodes


@pytest.fixture(scope="module")
def cluster():
    connect(2)
    yield
    disconnect()


def make_trouble(marker: str):
    """Seed 1 always kills its worker, seed 2 only once, seed 3 hangs, seed 4 raises."""
    def episode(seed: int) -> int:
        if seed == 1 or (seed == 2 and not os.path.exists(marker)):
            open(marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        if seed == 3:
            time.sleep(1000)
        if seed == 4:
            raise RuntimeError("the table broke")
        return seed * 10

    return episode


def check_trouble(backend: str, tmp_path) -> None:
    kwargs = {"marker": str(tmp_path / "marker")}
    deadline_s = 8.0 if backend == "local" else 30.0  # a Ray call waits for its actor to be built
    results = map_episodes(make_trouble, kwargs, range(8), workers=2, deadline_s=deadline_s, backend=backend)
    found = {result.seed: result for result in results}
    assert {s: r.value for s, r in found.items() if r.error is None} | {2: 20} == {0: 0, 2: 20, 5: 50, 6: 60, 7: 70}
    assert "died" in found[1].error and "no answer within" in found[3].error and "the table broke" in found[4].error
    assert all(found[s].tries == 2 for s in (1, 3, 4))


@pytest.mark.slow
def test_local_processes_survive_trouble(tmp_path):
    check_trouble("local", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_actors_survive_trouble(tmp_path, cluster):
    check_trouble("ray", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_actors_record_what_local_processes_do(tmp_path, cluster):
    from embodied.data.collect import CollectSpec
    from embodied.data.dataset import episode_path
    from tests.embodied.data.fake_env import ID

    for backend in ("local", "ray"):
        collect(CollectSpec(env_id=ID), tmp_path / backend, episodes=4, executed_fraction=0.5, backend=backend)
    assert all(episode_path(tmp_path / "local", s).read_bytes() == episode_path(tmp_path / "ray", s).read_bytes()
               for s in range(4))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_cluster_cannot_be_reached_from_outside(cluster):
    import ray

    assert ray.util.get_node_ip_address() == "127.0.0.1"
    assert os.environ["RAY_AUTH_MODE"] == "token" and len(os.environ["RAY_AUTH_TOKEN"]) >= 32


def test_what_cannot_be_had_is_refused_at_once():
    with pytest.raises(ValueError, match=r"at most the 2 processors.*got 5"):
        refuse_shortage(5, 2)
    with pytest.raises(ValueError, match="at least 1"):
        refuse_shortage(0, 2)
    with pytest.raises(ValueError, match="local, ray"):
        map_episodes(make_trouble, {}, [1], workers=1, backend="slurm")
    with pytest.raises(ValueError, match="processors"):
        connect(10_000)
