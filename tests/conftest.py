"""All tests run with shapes checked where arrays enter (tests/shapes.py): a wrong one fails the test. No base is on a
test's machine, whatever its cache holds: what stands on one is neither fetched nor loaded.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from tests import shapes

shapes.install()

SCHEDULED = os.sched_getscheduler(0) if hasattr(os, "sched_getscheduler") else None
"""How this process was scheduled before any test."""


@pytest.fixture(scope="session", autouse=True)
def _no_bases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBODIED_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("EMBODIED_FETCH", "no")
        yield


@pytest.fixture(autouse=True)
def _logs_end_with_their_test() -> Iterator[None]:
    """Hydra gives the root logger a handler of standard output as it is when a command runs. Of one that pytest has
    closed since, every later line says so, with its whole stack: slow, and among the words that tests read."""
    root = logging.getLogger()
    level, before = root.level, list(root.handlers)
    yield
    for handler in root.handlers[:]:
        if type(handler) in (logging.StreamHandler, logging.FileHandler) and handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _threads_stay_as_they_were_scheduled() -> Iterator[None]:
    """A test that leaves its worker a real-time process leaves the rest of the machine no time: nothing hangs where it
    was caused."""
    yield
    assert SCHEDULED is None or os.sched_getscheduler(0) == SCHEDULED, "something changed how this process is scheduled"
