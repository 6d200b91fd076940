"""What a process has started under guard ends with it, however it ends, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from embodied.distributed.guard import marked
from tests.processes import until

OWNER = """
import subprocess, sys, time
from embodied.distributed.guard import watch_over
sleeper = [sys.executable, "-c", "import time; time.sleep(1000)"]
with watch_over() as mark:
    subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.DEVNULL)
other = subprocess.Popen(sleeper, start_new_session=True, stdout=subprocess.DEVNULL)
print(mark, other.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="processes tell their environment on Linux alone")
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_started_under_guard_ends_with_its_owner(kind):
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    mark, other = owner.stdout.readline().split()
    try:
        assert until(lambda: len(marked(mark)) == 1)
        owner.send_signal(kind)
        owner.communicate()
        assert until(lambda: not marked(mark))
        os.kill(int(other), 0)
    finally:
        os.kill(int(other), signal.SIGKILL)


EPISODES = """
from embodied.distributed import cluster
from embodied.distributed.rollouts import map_episodes
from tests.embodied.data.test_collect import make_sleeper
import embodied.distributed.guard as guard, uuid, sys
guard.uuid.uuid4 = lambda: uuid.UUID(sys.argv[2])
list(map_episodes(make_sleeper, {"place": sys.argv[1]}, range(1), workers=1, backend="ray"))
"""


@pytest.mark.slow
def test_nothing_of_ray_outlives_a_killed_collection(tmp_path):
    mark = "0123456789abcdef0123456789abcdef"
    driver = subprocess.Popen([sys.executable, "-W", "ignore", "-c", EPISODES, str(tmp_path), mark], cwd=os.getcwd(),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "0").exists(), 120.0) and len(marked(mark)) > 3
    driver.kill()
    driver.communicate()
    assert until(lambda: not marked(mark), 10.0)
