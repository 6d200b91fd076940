"""A cluster that does not start is told in words."""

from __future__ import annotations

import os

import pytest

from embodied.distributed import cluster


def test_a_cluster_that_does_not_start_is_told_in_words(monkeypatch, capsys):
    import ray

    def fail(**options):
        raise Exception("The node was not ready within 30 seconds.")  # what Ray raises, type and all

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(RuntimeError, match=r"expected a cluster to start.*30 seconds.*distributed=local"):
        cluster.connect(1)
    assert capsys.readouterr().err.count("trying again") == cluster.TRIES - 1


def test_a_cluster_that_does_not_answer_is_told_in_words(monkeypatch):
    import ray

    def fail(address: str, **options):
        raise ConnectionError(f"could not find {address}\nin time")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    with pytest.raises(cluster.ClusterError, match=r"RAY_ADDRESS=192.0.2.1:6379: expected .*find 192.*in time"):
        cluster.connect(1)


def test_processors_that_come_late_are_waited_for_and_said(monkeypatch, capsys):
    """A node that is slow; and one that never comes."""
    import ray

    there = iter([1, 1, 2, 4, 4, 4])
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": float(next(there, 1))})
    monkeypatch.setattr(cluster, "_TOLD_S", 0.05)
    cluster.wait_for_processors(4, wait_s=30.0)
    assert "waiting for 4 processors, 1 were there at first" in capsys.readouterr().err
    with pytest.raises(cluster.ClusterError, match=r"expected 8 processors in .* within 0.1 s, got 1; add nodes"):
        cluster.wait_for_processors(8, wait_s=0.1)


def test_what_is_set_for_one_cluster_is_not_for_the_next(monkeypatch):
    """A token of this machine's own is told to nobody else, and the next own one has a token again."""
    import ray

    said = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **_: said.append({n: os.environ.get(n) for n in
                                                              ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")}))
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0})
    monkeypatch.setattr(cluster, "refuse_open_door", lambda _: None)
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for address in (None, "192.0.2.1:6379", None):
        if address:
            monkeypatch.setenv("RAY_ADDRESS", address)
        else:
            monkeypatch.delenv("RAY_ADDRESS", raising=False)
        cluster.connect(1)
        cluster.disconnect()
    own, joined, again = said
    assert own["RAY_AUTH_MODE"] == again["RAY_AUTH_MODE"] == "token"
    assert own["RAY_AUTH_TOKEN"] == again["RAY_AUTH_TOKEN"], "Ray reads it once"
    assert joined["RAY_AUTH_TOKEN"] is None
    assert "RAY_AUTH_TOKEN" not in os.environ


def test_a_server_joins_no_cluster(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "192.0.2.1:6379")
    with pytest.raises(ValueError, match="expected it unset, for a server starts"):
        cluster.refuse_joining("a server")
    monkeypatch.setenv("RAY_ADDRESS", "local")
    cluster.refuse_joining("a server")


def test_more_workers_than_processors_are_refused_at_once():
    with pytest.raises(ValueError, match="Ray would wait"):
        cluster.refuse_shortage(3, 2)


def test_gpus_that_are_not_there_are_not_waited_for(monkeypatch):
    """Row 19."""
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 1.0})
    with pytest.raises(ValueError, match="a GPU for each of 2 workers, got 1; use fewer workers"):
        cluster.has_gpus("cuda", 2)
    assert not cluster.has_gpus("auto", 2) and cluster.has_gpus("cuda", 1) and not cluster.has_gpus("cpu", 1)
