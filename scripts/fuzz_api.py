"""Thousands of made-up requests against a real server, after its own OpenAPI document.

    python scripts/fuzz_api.py [--cases 5000] [--seed 0]

Half of the requests fit the document, half do not. Two in three name a robot that is there, half of these come with its
lease, so that commands go further than 404. Prints one JSON object: cases, answers by class, 5xx that are no overload
(must be none), overloads with Retry-After, answers that do not fit the document, the slowest routes, and the server's
memory before and after each of five rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks as conformance

ENDLESS = "/events"
OPENING = ("POST /v1/sessions", "POST /v1/sessions/{session_id}/reset")
OPENING_SHARE = 0.3  # each makes a scene, in half a second
CLEAR = {"confirm": "the robot is clear"}
_PATIENCE_S = 60.0
_ROUNDS = 5
schemathesis.serializer.alias("application/msgpack", "application/octet-stream")


class Patient(requests.Session):
    """Comes back when it is told that it asks too often; `waits` counts."""

    waits = 0

    def request(self, *args: Any, **more: Any) -> requests.Response:
        more.setdefault("timeout", _PATIENCE_S)
        while (answer := super().request(*args, **more)).status_code == 429:
            self.waits += 1
            time.sleep(float(answer.headers.get("retry-after", 1)))
        return answer


@dataclass
class Report:
    """What came of the requests."""

    cases: int = 0
    statuses: Counter = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """5xx that are no overload."""
    unfit: Counter = field(default_factory=Counter)
    """Route and kind of answers that do not fit the document."""
    overloads: int = 0
    accepted: Counter = field(default_factory=Counter)
    """Route -> 2xx."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def as_dict(self) -> dict[str, Any]:
        slowest = sorted(self.seconds, key=lambda route: -max(self.seconds[route]))[:3]
        return {"cases": self.cases, "answers": {f"{c}xx": sum(n for s, n in self.statuses.items() if s // 100 == c)
                                                 for c in (2, 3, 4, 5)},
                "by_status": dict(sorted(self.statuses.items())), "5xx_broken": len(self.broken),
                "503_overloaded": self.overloads, "broken": self.broken[:5], "unfit": dict(self.unfit),
                "routes_accepting": len(self.accepted), "routes": len(self.seconds),
                "slowest_s": {route: round(max(self.seconds[route]), 2) for route in slowest}}


class Robots:
    """Real robots for requests to name: opened anew where a request closed one, their latches opened."""

    def __init__(self, http: requests.Session, url: str, count: int) -> None:
        self._http, self._url, self._count = http, url, count
        self._leases: dict[str, str] = {}

    def pick(self, draw: random.Random) -> tuple[str, str]:
        """Session and lease of one that may move."""
        self._forget_lost()
        while len(self._leases) < self._count:
            self._open()
        session_id = draw.choice(sorted(self._leases))
        self._http.post(f"{self._url}/v1/sessions/{session_id}/estop/reset", json=CLEAR)
        return session_id, self._held(session_id)

    def let_go(self, session_id: str, lease: str) -> None:
        """Ends a session that a request opened, so that the server does not fill up."""
        self._http.delete(f"{self._url}/v1/sessions/{session_id}", headers={"X-Lease": lease})

    def _forget_lost(self) -> None:
        there = {s["session_id"] for s in self._http.get(f"{self._url}/v1/sessions").json()["sessions"]}
        self._leases = {name: lease for name, lease in self._leases.items() if name in there}

    def _open(self) -> None:
        answer = self._http.post(f"{self._url}/v1/sessions", json={"task": "put_in_bowl", "planner": "oracle",
                                                                   "speed": 0.0, "client": "fuzz"})
        if answer.status_code != 201:
            raise RuntimeError(f"expected a robot, got {answer.status_code} {answer.text[:300]}")
        self._leases[answer.json()["session"]["session_id"]] = answer.json()["lease"]

    def _held(self, session_id: str) -> str:
        path = f"{self._url}/v1/sessions/{session_id}/lease"
        if self._http.put(path, headers={"X-Lease": self._leases[session_id]}).status_code != 200:
            with contextlib.suppress(KeyError):  # somebody holds one: a request that took it
                self._leases[session_id] = self._http.post(path, json={"client": "fuzz"}).json()["lease"]
        return self._leases[session_id]


class Fuzz:
    """Requests of one server, and what came of them."""

    def __init__(self, url: str, token: str, seed: int, robots: int = 2) -> None:
        load_all_checks()
        headers = {"Authorization": f"Bearer {token}"}
        self.url, self.report, self._draw = url, Report(), random.Random(seed)
        self.http = Patient()
        self.http.headers.update(headers)
        self._robots = Robots(self.http, url, robots)
        self.schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json", headers=headers)

    def run(self, cases: int) -> Report:
        """About so many requests, spread over all routes."""
        operations = [result.ok() for result in self.schema.get_all_operations()]
        for operation in operations:
            share = cases / len(operations) * (OPENING_SHARE if operation.label in OPENING else 1.0)
            for mode, part in ((GenerationMode.POSITIVE, 0.5), (GenerationMode.NEGATIVE, 0.5)):
                self._try(operation, mode, max(1, round(share * part)))
        return self.report

    def _try(self, operation: Any, mode: GenerationMode, count: int) -> None:
        @hypothesis.seed(self._draw.getrandbits(32))
        @hypothesis.settings(max_examples=count, database=None, deadline=None, phases=[hypothesis.Phase.generate],
                             suppress_health_check=list(hypothesis.HealthCheck), verbosity=hypothesis.Verbosity.quiet)
        @hypothesis.given(operation.as_strategy(mode))
        def ask(case: Any) -> None:
            self._ask(case)

        with contextlib.suppress(hypothesis.errors.Unsatisfiable):  # a route without a body has no unfit requests
            ask()

    def _ask(self, case: Any) -> None:
        sent = case.as_transport_kwargs(base_url=self.url)
        self._aim(case, sent)
        answer = self._answer(sent, is_endless=case.operation.path.endswith(ENDLESS))
        self.report.seconds[case.operation.label].append(answer.elapsed.total_seconds())
        self._note(case, answer)

    def _aim(self, case: Any, sent: dict[str, Any]) -> None:
        """Puts a real robot, and its lease, where the document has one; not always."""
        if "{session_id}" not in case.operation.path or self._draw.random() < 1 / 3:
            return
        session_id, lease = self._robots.pick(self._draw)
        made = (case.path_parameters or {}).get("session_id")
        path = case.operation.path.replace("{session_id}", session_id)
        if made is not None and "{" not in path:
            sent["url"] = f"{self.url}{path}"
        if self._draw.random() < 0.75:
            sent["headers"] = {**(sent.get("headers") or {}), "X-Lease": lease}

    def _answer(self, sent: dict[str, Any], is_endless: bool) -> requests.Response:
        answer = self.http.request(**sent, stream=is_endless)
        if is_endless:
            next(answer.iter_content(1 << 16), b"")
            answer.close()
        return answer

    def _note(self, case: Any, answer: requests.Response) -> None:
        report, label = self.report, case.operation.label
        report.cases += 1
        report.statuses[answer.status_code] += 1
        if answer.ok:
            report.accepted[label] += 1
        if answer.status_code == 201 and label == OPENING[0]:
            self._robots.let_go(answer.json()["session"]["session_id"], answer.json()["lease"])
        if answer.status_code == 503 and "retry-after" in answer.headers:
            report.overloads += 1
        elif answer.status_code >= 500:
            report.broken.append(f"{label} {answer.status_code} of {case.body!r:.300}")
        if not case.operation.path.endswith(ENDLESS):
            self._check(case, answer, label)

    def _check(self, case: Any, answer: requests.Response, label: str) -> None:
        checks = [conformance.status_code_conformance, conformance.content_type_conformance,
                  conformance.response_schema_conformance]
        checks = [*checks, not_a_server_error][:3 if answer.status_code == 503 else 4]
        try:
            case.validate_response(answer, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.report.unfit[f"{label} {answer.status_code}: {failure.title}"] += 1


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def main() -> int:
    """1 where something broke."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    from scripts.bench.served import serving

    with serving("max_sessions=6", "recordings=null", "lease_s=30") as served:
        fuzz = Fuzz(served.url, served.token, options.seed)
        fuzz.run(100)  # what is loaded at first use is no leak
        memory_mib, begin_s = [round(rss_mib(served.pid))], time.monotonic()
        for _ in range(_ROUNDS):
            report = fuzz.run(options.cases // _ROUNDS)
            memory_mib.append(round(rss_mib(served.pid)))
        told = {**report.as_dict(), "told_to_wait": fuzz.http.waits, "wall_s": round(time.monotonic() - begin_s),
                "rss_mib": memory_mib}
    print(json.dumps(told, indent=1))
    return int(bool(report.broken))


if __name__ == "__main__":
    sys.exit(main())
