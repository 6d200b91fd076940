"""The client of the robot-control API: the standard library and numpy, nothing else.

    with Client("http://127.0.0.1:8420", token) as client, client.open("put_in_bowl", seed=7) as session:
        run = session.instruct("put the red block in the blue bowl", on_event=print)

Every failure is an ApiError, with status 0 and code "unreachable" where no answer came. Only reading is tried again; a
command is sent once. Any thread may use a client, and stop a robot while another one waits for it. Shapes, units and
frames are those of `envs.interface`.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from embodied.serving.connections import LOST, PASSING, TRIES, Connections, backoff_s, events_of, unreachable
from embodied.serving.errors import ApiError
from embodied.serving.records import Choice, Event, Moved, Outcome, Question, RobotState, Run, Stop, made, question_of

__all__ = ["CLEAR", "ApiError", "Choice", "Client", "Moved", "Outcome", "Question", "RobotState", "Run", "Session",
           "Stop", "at_pixel", "in_box"]

TOKEN_VARIABLE = "EMBODIED_TOKEN"
CLEAR = "the robot is clear"
"""What a person confirms with when an emergency stop is reset."""

_SCENE_S = 180.0  # how long a world may take to be made
_MOTION_S = 600.0  # how long a skill or a chunk of targets may take
_SILENCE_S = 45.0  # the event stream says every 15 s that it is there


OnQuestion = Callable[[Question], "str | Choice | None"]
"""Answers a question: words, one of its choices, or None to say nothing."""


def at_pixel(camera: str, column: int, row: int) -> dict[str, Any]:
    """An argument of a skill: what is seen at a pixel of a camera."""
    return {"camera": camera, "pixel": [int(column), int(row)]}


def in_box(center: Sequence[float], size: Sequence[float], yaw: float = 0.0) -> dict[str, Any]:
    """An argument of a skill: an upright box, world frame. center: x, y, z, m. size: the same, m. yaw: about z, rad."""
    return {"box": {"center": _numbers(center), "size": _numbers(size), "yaw": float(yaw)}}


class Client:
    """A server. Connections are kept and shared out among threads; close it, or use it in a `with`."""

    def __init__(self, url: str = "http://127.0.0.1:8420", token: str | None = None, timeout_s: float = 30.0,
                 name: str = "python client") -> None:
        """token: EMBODIED_TOKEN of the environment where none is given. name: who others see holding the lease."""
        self.url, self.name = url, name
        self._connections = Connections(url, token or os.environ.get(TOKEN_VARIABLE, ""), timeout_s)
        self.call = self._connections.call

    def health(self) -> dict[str, Any]:
        """status, version, number of sessions, uptime_s; needs no token."""
        return self.call("GET", "/healthz")

    def worlds(self) -> list[dict[str, Any]]:
        """Tasks to open, each with its planners (name, privileged, meaning), examples of instructions, and skills."""
        return self.call("GET", "/v1/worlds")["worlds"]

    def sessions(self) -> list[dict[str, Any]]:
        """The state of every open session."""
        return self.call("GET", "/v1/sessions")["sessions"]

    def open(self, task: str, *, seed: int = 0, planner: str | None = None, robot: str | None = None,
             speed: float = 1.0, require: Sequence[str] = ()) -> Session:
        """A new session, commanded by this client. planner: None for the server's usual one, ApiError "planner_needed"
        where that would be privileged: "oracle" reads the simulator's true state, and is asked for by name. speed:
        simulated seconds per second, 0 = as fast as possible. require: things that must be in the scene. Closing it
        ends it."""
        body = {"task": task, "seed": seed, "planner": planner, "robot": robot, "speed": speed,
                "require": list(require), "client": self.name}
        opened = self.call("POST", "/v1/sessions", body, timeout_s=_SCENE_S)
        return Session(self._connections, opened["session"], opened["lease"], is_own=True)

    def join(self, session_id: str) -> Session:
        """An open session that nobody commands (else ApiError "leased"). Closing it only lets go of it."""
        lease = self.call("POST", f"/v1/sessions/{quote(session_id, '')}/lease", {"client": self.name})["lease"]
        state = self.call("GET", f"/v1/sessions/{quote(session_id, '')}")
        return Session(self._connections, state, lease, is_own=False)

    def estop(self) -> int:
        """How many robots were stopped: the emergency stop of all of them."""
        return self.call("POST", "/v1/estop")["robots"]

    def recordings(self) -> list[dict[str, Any]]:
        """Recordings of sessions that have ended, the newest first."""
        return self.call("GET", "/v1/recordings")["recordings"]

    def download(self, recording_id: str, part: str, path: Path) -> Path:
        """The path, with a part of a recording in it: "video.mp4", "dataset.zip", "events" or "telemetry"."""
        connection, response = self._connections.begin(f"/v1/recordings/{quote(recording_id, '')}/{part}", {})
        try:
            with open(path, "wb") as file:
                while piece := response.read(1 << 20):
                    file.write(piece)
        except LOST as error:
            connection.close()
            raise unreachable(error) from error
        self._connections.keep(connection, response)
        return path

    def close(self) -> None:
        """Close what is kept; sessions are closed by themselves."""
        self._connections.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class Session:
    """A robot in its world, under this client's command: a thread of its own keeps the lease alive until `close`."""

    def __init__(self, connections: Connections, state: Mapping[str, Any], lease: str, *, is_own: bool) -> None:
        """Made by `Client.open` and `Client.join`."""
        self._connections, self._lease, self._is_own = connections, lease, is_own
        self.session_id, self.cameras = state["session_id"], tuple(state["cameras"])
        self.joint_names = tuple(state["joint_names"])
        self.joint_low, self.joint_high = (np.array(state[key], float) for key in ("joint_low", "joint_high"))
        self.recording_id: str = state["recording_id"]
        self.planner: str = state["planner"]
        self.is_privileged: bool = state["privileged"]
        """Whether the planner reads the simulator's true state."""
        self.lease_lost: ApiError | None = None
        """Why this client commands the robot no more; None while it does."""
        self._numbers = itertools.count(1)
        self._next_event, self._begun = 0, dict[str, int]()  # run -> index of an event before its first
        self._closing = threading.Event()
        period_s = max(0.05, min(state["lease"]["expires_in_s"] / 4, 3.0))
        self._heart = threading.Thread(target=self._beat, args=(period_s,), daemon=True, name="lease heartbeat")
        self._heart.start()

    def instruct(self, text: str, *, wait: bool = True, on_event: Callable[[Event], None] | None = None,
                 on_question: OnQuestion | None = None, deadline_s: float | None = None) -> Run:
        """The run of an instruction: ended, or with `wait` False just begun. on_event: called with each event of the
        session until then; while it waits, an error or Ctrl-C stops the robot. on_question: what to answer the robot
        when it asks, None to leave that to somebody else. deadline_s: how late it may begin."""
        body = {"instruction": text, "sequence": next(self._numbers), "deadline_s": deadline_s}
        begin = self._next_event
        run = Run(self._post("instructions", body)["run_id"], text)
        self._begun[run.run_id] = begin
        return self.wait(run.run_id, on_event, on_question) if wait else run

    def wait(self, run_id: str, on_event: Callable[[Event], None] | None = None,
             on_question: OnQuestion | None = None) -> Run:
        """The run once it has ended; see `instruct`."""
        try:
            with closing(self.events(self._begun.get(run_id, 0) - 1)) as events:
                self._follow(run_id, events, on_event, on_question)
        except BaseException:
            with suppress(ApiError):
                self.stop()
            raise
        for run in self.history():
            if run.run_id == run_id:
                return run
        raise ApiError(404, "not_found", f"expected a run {run_id} in the session's history, it is not there")

    def _follow(self, run_id: str, events: Iterator[Event], on_event: Callable[[Event], None] | None,
                on_question: OnQuestion | None) -> None:
        """Wait until the run has ended or the session. What was before the run's first event is left out."""
        has_begun = False
        for event in events:
            self._next_event = max(self._next_event, event["index"] + 1)
            has_begun |= event.get("run_id") == run_id
            if has_begun and on_event is not None:
                on_event(event)
            if event["type"] == "question" and event.get("run_id") == run_id and on_question is not None:
                with _passing_over("not_running"):  # nobody waits for it any more
                    self.answer(on_question(question_of(event)))
            if event["type"] == "end" and event.get("run_id") == run_id:
                return

    def events(self, after: int = -1) -> Iterator[Event]:
        """Each event after an index, as it happens, until the session is closed; picked up again where the connection
        drops. Raises ApiError where the server stays away."""
        failures, last = 0, after
        while not self._closing.is_set():
            try:
                for event in self._stream(last):
                    failures, last = 0, event["index"]
                    yield event
            except ApiError as error:
                failures += 1
                if error.status == 404:
                    return
                if error.status not in PASSING or failures >= TRIES:
                    raise
            self._closing.wait(backoff_s(failures))

    def _stream(self, after: int) -> Iterator[Event]:
        """The events of one connection."""
        headers = {"Last-Event-ID": str(after)} if after >= 0 else {}
        connection, response = self._connections.begin(self._path("events"), headers, _SILENCE_S)
        try:
            yield from events_of(response)
        except LOST as error:
            raise unreachable(error) from error
        finally:
            connection.close()

    def skill(self, name: str, *, deadline_s: float | None = None, **arguments: Any) -> Outcome:
        """How a skill went. arguments: by the names of its parameters; an object is "obj_3", `at_pixel` or `in_box`."""
        given = {key: {"name": value} if isinstance(value, str) and re.fullmatch(r"obj_\d+", value) else value
                 for key, value in arguments.items()}
        return made(Outcome, self._command("skills", {"skill": name, "arguments": given}, deadline_s))

    def move_joints(self, target: np.ndarray, *, deadline_s: float | None = None) -> Moved:
        """How it went. target: float[J], gone to smoothly, or float[N, J], one a control period; rad or m."""
        target = np.asarray(target, float)
        if target.ndim not in (1, 2) or target.shape[-1] != len(self.joint_low) or not np.isfinite(target).all():
            raise ValueError(f"move_joints: expected finite float[{len(self.joint_low)}] or float[N, "
                             f"{len(self.joint_low)}], got {target.shape}: {target}")
        key = "joint_pos" if target.ndim == 1 else "joint_chunk"
        return self._moved({key: target.tolist()}, deadline_s)

    def move_tool(self, position_m: Sequence[float], jaw_yaw_rad: float = 0.0, *,
                  deadline_s: float | None = None) -> Moved:
        """How it went. position_m: x, y, z of the tool in the world, pointing down, its jaws turned by the yaw."""
        body = {"tool_position_m": _numbers(position_m), "jaw_yaw_rad": float(jaw_yaw_rad)}
        return self._moved(body, deadline_s)

    def _moved(self, body: dict[str, Any], deadline_s: float | None) -> Moved:
        answer = self._command("targets", body, deadline_s)
        return made(Moved, {**answer, "joint_pos": np.array(answer["joint_pos"], float)})

    def observation(self) -> RobotState:
        """Where the robot is and, when it is at rest, what is in sight."""
        answer = self._get("observation")
        return made(RobotState, {k: np.array(v, float) if isinstance(v, list) and k != "objects" else v
                                  for k, v in answer.items()})

    def image(self, camera: str) -> bytes:
        """What a camera sees now, as JPEG."""
        return self._get(f"cameras/{quote(camera, '')}")

    def state(self) -> dict[str, Any]:
        """Mode, instruction, lease, counters and the rest."""
        return self._connections.call("GET", self._path())

    def history(self) -> list[Run]:
        """What was asked in this session, and what came of it."""
        return [made(Run, {**run, "steps": tuple(run["steps"])}) for run in self._get("history")["runs"]]

    def correct(self, text: str) -> None:
        """A person's word in the middle of a run, or the answer to a question."""
        self._post("corrections", {"text": text})

    def answer(self, reply: str | Choice | None) -> None:
        """Answers what the robot asked, in words of one's own or by one of the choices; None says nothing."""
        if reply is not None:
            self.correct(reply.reply if isinstance(reply, Choice) else reply)

    def pause(self) -> None:
        """Hold the robot and its world where they are, and refuses new commands, until `resume`."""
        self._post("pause")

    def resume(self) -> None:
        """Go on after a pause."""
        self._post("resume")

    def stop(self) -> Stop:
        """Holds the robot at once and drops what it was doing; the next command re-arms it."""
        return made(Stop, self._post("stop")["stop"])

    def estop(self) -> Stop:
        """Stops it until a person says that it is clear (`reset_estop`)."""
        return made(Stop, self._post("estop")["stop"])

    def reset_estop(self, confirm: str) -> None:
        """Open the latch of the emergency stop. confirm: CLEAR, in a person's own words to the machine."""
        self._post("estop/reset", {"confirm": confirm})

    def reset(self, *, seed: int | None = None, require: Sequence[str] = ()) -> None:
        """Make a new scene of the same task."""
        self._post("reset", {"seed": seed, "require": list(require)}, timeout_s=_SCENE_S)

    def snapshot(self) -> str:
        """A name for this moment, to `restore` (in simulation only)."""
        return self._post("snapshots")["snapshot_id"]

    def restore(self, snapshot_id: str) -> None:
        """Go back to a moment."""
        self._post(f"snapshots/{quote(snapshot_id, '')}/restore")

    def close(self) -> None:
        """End the session, or lets go of one that was joined; harmless when repeated. Where the server cannot
        be reached, the lease runs out and the robot holds still."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(ApiError):
            self._connections.call("DELETE", self._path("" if self._is_own else "lease"), lease=self._lease)
        if self._heart is not threading.current_thread():
            self._heart.join(2.0)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _beat(self, period_s: float) -> None:
        """Keep the lease until the session is closed or somebody else commands."""
        while not self._closing.wait(period_s):
            try:
                self._connections.call("PUT", self._path("lease"), lease=self._lease, timeout_s=max(1.0, period_s))
            except ApiError as error:
                if error.status in (403, 404, 409):
                    self.lease_lost = error
                    return

    def _path(self, part: str = "") -> str:
        return f"/v1/sessions/{self.session_id}" + (f"/{part}" if part else "")

    def _get(self, part: str) -> Any:
        return self._connections.call("GET", self._path(part))

    def _post(self, part: str, body: Any = None, timeout_s: float | None = None) -> Any:
        return self._connections.call("POST", self._path(part), body, lease=self._lease, timeout_s=timeout_s)

    def _command(self, part: str, body: dict[str, Any], deadline_s: float | None) -> Any:
        numbered = {**body, "sequence": next(self._numbers), "deadline_s": deadline_s}
        return self._post(part, numbered, timeout_s=_MOTION_S)


@contextmanager
def _passing_over(code: str) -> Iterator[None]:
    """Without errors of a code."""
    try:
        yield
    except ApiError as error:
        if error.code != code:
            raise


def _numbers(values: Sequence[float]) -> list[float]:
    """Three finite numbers. Raises ValueError."""
    found = np.asarray(values, float)
    if found.shape != (3,) or not np.isfinite(found).all():
        raise ValueError(f"expected three finite numbers, got {values}")
    return found.tolist()
