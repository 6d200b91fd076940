"""A stand-in for the server: keeps the HTTP contract's shapes, notes every request, and fails as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, LEASE, ROOT = "a-token-of-the-test", "a-lease", "/v1/sessions/s_0123456789ab"
STOP = {"number": 1, "kind": "stop", "latched_s": 10.0, "confirmed_s": None}
STATE = {"session_id": "s_0123456789ab", "task": "stack", "cameras": ["front"], "joint_names": ["a", "b"],
         "joint_low": [-1.0, -2.0], "joint_high": [1.0, 2.0], "recording_id": "rec_0123456789ab", "mode": "idle",
         "planner": "oracle", "privileged": True,
         "lease": {"is_held": True, "holder": "python client", "expires_in_s": 0.4}, "of a later version": 1}
RUN = {"run_id": "r_1", "instruction": "go", "end": "success", "is_success": True, "hint": "", "plans": 1,
       "steps": [{"skill": "pick", "arguments": ["obj_1"], "status": "done", "reason": "", "duration_s": 1.0}]}
OBSERVATION = {"time_s": 1.5, "joint_pos": [0.1, 0.2], "joint_vel": [0.0, 0.0], "setpoint": [0.1, 0.2],
               "tool_pose": [0.4, 0, 0.2, 0, 0, 0, 1], "gripper_width_m": 0.08, "objects": [{"name": "obj_1"}]}
EVENTS = [{"index": i, "type": t, "run_id": r} for i, (t, r) in enumerate(
    [("instruction", "r_0"), ("end", "r_0"), ("mode", None), ("instruction", "r_1"), ("plan", "r_1"), ("end", "r_1")])]
ANSWERS: dict[tuple[str, str], tuple[int, Any]] = {
    ("GET", "/healthz"): (200, {"status": "ok"}),
    ("GET", "/v1/worlds"): (200, {"worlds": [{"task": "stack"}]}),
    ("GET", "/v1/sessions"): (200, {"sessions": [STATE]}),
    ("POST", "/v1/sessions"): (201, {"session": STATE, "lease": LEASE}),
    ("POST", "/v1/estop"): (200, {"mode": "estopped", "robots": 2}),
    ("GET", ROOT): (200, STATE), ("DELETE", ROOT): (204, None), ("DELETE", ROOT + "/lease"): (204, None),
    ("POST", ROOT + "/lease"): (200, {"lease": LEASE, "expires_in_s": 0.4}),
    ("PUT", ROOT + "/lease"): (200, {"expires_in_s": 0.4}),
    ("POST", ROOT + "/instructions"): (202, {"run_id": "r_1"}),
    ("GET", ROOT + "/history"): (200, {"runs": [RUN]}),
    ("GET", ROOT + "/observation"): (200, OBSERVATION),
    ("GET", ROOT + "/cameras/front"): (200, b"\xff\xd8 a picture"),
    ("POST", ROOT + "/skills"): (200, {"status": "done", "reason": "", "duration_s": 2.0}),
    ("POST", ROOT + "/targets"): (200, {"status": "done", "reason": "", "duration_s": 1.0, "limited": 3,
                                        "joint_pos": [0.5, 0.6]}),
    ("POST", ROOT + "/snapshots"): (201, {"snapshot_id": "snap_1"}),
    ("GET", "/v1/recordings"): (200, {"recordings": []}),
    ("GET", "/v1/recordings/rec_0123456789ab/video.mp4"): (200, b"film" * 1_000_000),
} | {("POST", f"{ROOT}/{part}"): (200, {**STATE, "stop": STOP}) for part in (
    "pause", "resume", "stop", "estop", "estop/reset", "reset", "corrections", "snapshots/snap_1/restore")}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    port: int  # the client's end of the connection


@dataclass
class FakeServer:
    """troubles: what to do instead of answering, in turn, by method and path: "drop", or (status, headers, body)."""

    requests: list[Request] = field(default_factory=list)
    troubles: dict[tuple[str, str], deque] = field(default_factory=dict)
    cuts: deque[int] = field(default_factory=deque)  # event streams end in the middle of one after so many events
    is_closed: bool = False  # the session

    def __enter__(self) -> FakeServer:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, path: str, *troubles: Any) -> None:
        self.troubles[method, path] = deque(troubles)

    def asked(self, method: str, path: str) -> list[Request]:
        return [r for r in self.requests if (r.method, r.path.partition("?")[0]) == (method, path)]


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            fake.requests.append(Request(self.command, self.path, dict(self.headers), json.loads(body or "null"),
                                         self.client_address[1]))
            trouble = fake.troubles.get((self.command, path)) or ()
            if trouble:
                self.refuse(trouble.popleft())
            elif path == ROOT + "/events" and not fake.is_closed:
                self.stream()
            else:
                self.send(*ANSWERS.get((self.command, path), (404, _problem("not_found", "expected another path"))))

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of http.server

        def refuse(self, trouble: Any) -> None:
            if trouble == "drop":
                self.close_connection = True
            else:
                self.send(trouble[0], trouble[2], trouble[1])

        def send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
            is_raw = isinstance(content, bytes)
            body = content if is_raw else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "image/jpeg" if is_raw else "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def stream(self) -> None:
            first = int(self.headers.get("Last-Event-ID", -1)) + 1
            left = fake.cuts.popleft() if fake.cuts else len(EVENTS)
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b": embodied\n\n")
            for event in EVENTS[first:first + left]:
                text = f"id: {event['index']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
                self.wfile.write(text.encode())
            if first + left < len(EVENTS):
                self.wfile.write(b"id: 5\ndata: {torn")
            else:
                time.sleep(0.2)
            self.close_connection = True

        def log_message(self, *words: Any) -> None:
            pass

    return Handler


def _problem(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}
