"""A running server and its robots, as tests hold them: `Served` starts and measures, `Robot` is a session with its
lease."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from embodied.serving.shared_state import SharedState, Telemetry

ROOT = Path(__file__).parents[3]
TOKEN, VIEWER = "operators-token-of-the-tests", "viewers-token-of-the-tests"
CLEAR = {"confirm": "the robot is clear"}


class Served:
    """A server in a process of its own; `with` ends it. settings: of `host.main`."""

    def __init__(self, **settings: Any) -> None:
        self._host = subprocess.Popen(
            [sys.executable, "-m", "tests.embodied.serving.host",
             json.dumps({"tokens": {TOKEN: "operator", VIEWER: "viewer"}, **settings})],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Served:
        line = self._host.stdout.readline()
        if not line:
            raise RuntimeError(f"expected a server that starts, it ended with {self._host.wait()}")
        told = json.loads(line)
        self.url, self.pid, self.folder = told["url"], told["pid"], Path(told["folder"])
        self.client = self.new_client()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._host.stdin.close()
        self._host.wait(timeout=60)
        self._host.stdout.close()

    def wait(self, patience_s: float) -> int:
        """The exit status of a server that ends by itself."""
        return self._host.wait(timeout=patience_s)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def new_client(self, token: str | None = TOKEN, timeout_s: float = 60.0, is_keeping: bool = True) -> httpx.Client:
        """A client of its own, without a token where None is given. is_keeping: its connections for more requests; a
        server of little patience may close one at the very moment at which it is used again."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=timeout_s,
                            limits=httpx.Limits(max_keepalive_connections=None if is_keeping else 0))

    def rss_mib(self) -> float:
        """Resident memory of the server's process."""
        return self._memory_mib("VmRSS")

    def peak_rss_mib(self) -> float:
        """The most since `forget_peak`."""
        return self._memory_mib("VmHWM")

    def cpu_s(self) -> float:
        """What the server's process has computed so far, in all threads; however busy the machine is otherwise."""
        stat = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, stat[11:13])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024

    def open(self, **instruction: Any) -> Robot:
        """A robot of its own, as fast as possible and planned for by the oracle unless asked otherwise."""
        answer = self.client.post("/v1/sessions", json={"task": "put_in_bowl", "seed": 7, "planner": "oracle",
                                                        "speed": 0.0, "client": "tests", **instruction})
        assert answer.status_code == 201, answer.text
        return Robot(self, answer.json()["session"], answer.json()["lease"])


@dataclass
class Robot:
    """A session and its lease. Paths are below the session's."""

    served: Served
    opened: dict[str, Any]
    """The session as it was when it was opened."""
    lease: str
    _boards: list[SharedState] = field(default_factory=list)

    @property
    def id(self) -> str:
        return self.opened["session_id"]

    @property
    def path(self) -> str:
        return f"/v1/sessions/{self.id}"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Lease": self.lease}

    def get(self, path: str = "") -> httpx.Response:
        return self.served.client.get(self.path + path)

    def post(self, path: str, json: Any = None, **more: Any) -> httpx.Response:
        """A command with the lease."""
        return self.served.client.post(self.path + path, json=json, **{"headers": self.headers, **more})

    def delete(self, path: str = "") -> httpx.Response:
        return self.served.client.delete(self.path + path, headers=self.headers)

    def state(self) -> dict[str, Any]:
        return self.get().json()

    def board(self) -> SharedState:
        """The shared memory of the session, for reading."""
        if not self._boards:
            self._boards.append(SharedState(self.served.folder / f"{self.id}.board"))
        return self._boards[0]

    def telemetry(self, patience_s: float = 30.0) -> Telemetry:
        """What the world told last. None is whole before its first report, nor while a busy machine has it wait in the
        middle of one, so this asks again."""
        until_s = time.monotonic() + patience_s
        while (told := self.board().telemetry()) is None:
            assert time.monotonic() < until_s, f"expected a report of the world within {patience_s} s"
            time.sleep(0.001)
        return told

    def world_pid(self) -> int:
        """Process of the robot's world: it and the server have the shared state mapped, and so may this process."""
        others = {self.served.pid, os.getpid()}
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if int(process.name) not in others and f"{self.id}.board" in (process / "maps").read_text():
                    return int(process.name)
        raise AssertionError("expected a process for the world")

    def ready(self) -> Robot:
        """The same at rest, free of stops and pauses, commanded by whoever asks."""
        self.post("/stop")
        if self.served.client.put(self.path + "/lease", headers=self.headers).status_code != 200:
            self.lease = self.wait_for_lease()
        self.post("/resume")
        self.wait(lambda state: state["mode"] != "running")
        self.post("/estop/reset", CLEAR)
        return self

    def wait_for_lease(self) -> str:
        """A new lease, once nobody else holds one."""
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            answer = self.served.client.post(self.path + "/lease", json={"client": "tests"})
            if answer.status_code == 200:
                return answer.json()["lease"]
            time.sleep(0.1)
        raise AssertionError(f"expected the lease within 60 s, got {answer.text}")

    def beat(self) -> None:
        """A sign of life."""
        assert self.served.client.put(self.path + "/lease", headers=self.headers).status_code == 200

    def wait(self, is_so: Callable[[dict[str, Any]], bool], patience_s: float = 30.0) -> dict[str, Any]:
        """The state once it is as asked."""
        until_s = time.monotonic() + patience_s
        while not is_so(state := self.state()):
            assert time.monotonic() < until_s, f"expected another state within {patience_s} s, got {state}"
            time.sleep(0.02)
        return state

    def event(self, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event of the session that is as asked, waited for where it has not happened yet."""
        with self.served.new_client() as client, client.stream("GET", f"{self.path}/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: ") and is_so(event := json.loads(line.removeprefix("data: "))):
                    return event
        raise AssertionError("expected an event, the stream ended")

    def wait_for_motion(self, patience_s: float = 30.0) -> None:
        """Until a command has moved the robot, from now on."""
        before, until_s = self.telemetry(), time.monotonic() + patience_s
        while self.telemetry().motions == before.motions:
            assert time.monotonic() < until_s, f"expected a robot that moves within {patience_s} s"
            time.sleep(0.005)
