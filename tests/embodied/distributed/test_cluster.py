"""A cluster that does not start is told in words."""

from __future__ import annotations

import pytest

from embodied.distributed import cluster


def test_a_cluster_that_does_not_start_is_told_in_words(monkeypatch):
    import ray

    def fail(**options):
        raise Exception("The node was not ready within 30 seconds.")  # what Ray raises, type and all

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(RuntimeError, match=r"expected a cluster to start.*30 seconds.*distributed=local"):
        cluster.connect(1)


def test_more_workers_than_processors_are_refused_at_once():
    with pytest.raises(ValueError, match="Ray would wait"):
        cluster.refuse_shortage(3, 2)
