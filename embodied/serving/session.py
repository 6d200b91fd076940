"""One robot in one world, as the API commands it: one thing at a time, in a thread of its own; stops go past it.

What runs in the thread is named `_in_thread`, or stands in `jobs`; whether the robot may move is the business of
`latch`. Everything else belongs to the event loop and never waits for the robot; halts may come from any thread.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embodied.planning.closed_loop import Planner
from embodied.serving.errors import ApiError
from embodied.serving.events import Event, EventLog
from embodied.serving.hosting import halted, watched_bits
from embodied.serving.jobs import MAX_HISTORY, Jobs
from embodied.serving.latch import Latch, Stop
from embodied.serving.leases import Leases
from embodied.serving.running import FEW_CALLS, MANY_CALLS, STOPPED, Conduct, Run, carry_out
from embodied.serving.shared_state import NEVER_NS, Halt, SharedState
from embodied.serving.worker import Worker
from embodied.serving.world import Setup, World
from envs.skills.signatures import LANGUAGES

OBJECTS_CAMERA = "front"
"""On whose picture the objects in sight are drawn, where a robot has it."""
MAX_RUNS = 200
CONFIRM_S = 0.025
"""How long the answer to a stop waits for the world's word; where it is later, an event brings it."""
_POLL_S = 0.002
_KILLED_S = 0.3  # for a thread to hear that its world was killed

PlannerMaker = Callable[["Session", Run], Planner]


def recording_id_of(session_id: str) -> str:
    """Name of a session's recording."""
    return f"rec_{session_id.removeprefix('s_')}"


def _teller(board: SharedState, log: EventLog) -> Callable[..., Event]:
    """(type, **content): the event of this moment, told."""
    def tell(type: str, **content: Any) -> Event:
        told = board.telemetry()
        return log.append(type, told.time_s if told else 0.0, **content)

    return tell


class Session:
    """See the module. Attributes are for reading.

    Nothing that it has knows it: what it holds, a megabyte of pictures and a mapped file among it, is let go when the
    last one who uses it leaves, not whenever the collector looks for cycles next.
    """

    def __init__(self, setup: Setup, folder: Path, make_planner: PlannerMaker,
                 on_event: Callable[[Event], None]) -> None:
        self.session_id = f"s_{secrets.token_hex(6)}"
        self.setup, self.folder, self._make_planner = setup, folder, make_planner
        self.created_unix_s, self.touched_s = time.time(), time.monotonic()
        self.board = SharedState(folder / f"{self.session_id}.board", is_new=True)
        self.board.write(speed=setup.speed, watch_fps=8.0, lease_until_ns=0, server_until_ns=NEVER_NS)
        self.log = EventLog(self.session_id, asyncio.get_running_loop(), on_event)
        self.tell = _teller(self.board, self.log)
        self.leases = Leases(setup.lease_ttl_s)
        self.runs: list[Run] = []
        self.run: Run | None = None
        self.world = world = World()
        self.latch = Latch(self.board, lambda: world.is_crashed)
        self.jobs = Jobs(setup, world, self.board, self.tell)
        self._watchers: dict[object, set[str]] = {}
        self._inspections: dict[str, asyncio.Future] = {}
        self._thread = Worker(self.session_id)

    # What everybody may know ---------------------------------------------------------------------------------------

    @property
    def doing(self) -> str:
        """What is under way; "" at rest."""
        return self.latch.doing

    def as_dict(self) -> dict[str, Any]:
        told, facts, setup = self.board.telemetry(), self.world.facts, self.setup
        counts = {name: getattr(told, name) if told else 0 for name in ("admitted", "limited", "refused")}
        counts |= {**self.latch.counters, "heartbeats_lost": self.leases.lost, "stale": self.leases.stale}
        stop = self.latch.stop
        lease = {"is_held": self.leases.is_held, "holder": self.leases.holder,
                 "expires_in_s": round(self.leases.expires_in_s, 2)}
        return {"session_id": self.session_id, "task": setup.task, "domain": setup.domain, "robot": setup.robot,
                "seed": setup.seed, **setup.planning, "mode": self.latch.mode,
                "instruction": self.jobs.instruction, "stop": stop.as_dict() if stop else None,
                "run_id": self.run.run_id if self.run else None, "speed": setup.speed,
                "objects_camera": OBJECTS_CAMERA, "lease": lease, "counters": counts,
                "time_s": told.time_s if told else 0.0,
                **{name: facts.get(name, []) for name in ("cameras", "joint_names", "joint_low", "joint_high")},
                "recording_id": self.recording_id,
                "created_unix_s": round(self.created_unix_s, 3), "control_hz": facts.get("control_hz", 0),
                "last_motion_s": told.last_motion_ns / 1e9 if told else 0.0}

    @property
    def recording_id(self) -> str:
        return recording_id_of(self.session_id)

    def halt(self, level: Halt, reason: str) -> Stop:
        """The stop; no further command is let through from now on: writes to shared memory, whatever else goes on."""
        stop, run = self.latch.halt(level), self.run
        if run is not None:
            run.corrections.close()
        self.tell("safety", kind=stop.kind, reason=reason, stop=stop.as_dict())
        self.tell_mode(reason)
        return stop

    async def halted(self, stop: Stop) -> dict[str, Any]:
        """The session, with the times of this stop: confirmed by the world, unless that takes longer than CONFIRM_S."""
        until_s = stop.latched_ns / 1e9 + CONFIRM_S
        while (seen := self.latch.seen(stop)).confirmed_ns is None and time.monotonic() < until_s:
            await asyncio.sleep(_POLL_S)
        self.tell_confirmed()
        return {**self.as_dict(), "stop": seen.as_dict()}

    def tell_confirmed(self) -> None:
        """Says once of a stop that the world has confirmed it."""
        if (stop := self.latch.confirmed()) is not None:
            self.tell("safety", kind="confirmed", reason="the world lets nothing through", stop=stop.as_dict())

    def clear_estop(self) -> None:
        """The latch is opened; what was under way stays stopped."""
        self.latch.reset_estop()
        self.tell_mode("the emergency stop was reset")

    def pause(self, is_paused: bool) -> None:
        self.latch.pause(is_paused)
        self.tell_mode("")

    def take(self, client: str) -> str:
        """A lease for a new commander, who does not inherit what a lost one began. Raises ApiError 409."""
        lease = self.leases.acquire(client)
        if self.doing:
            self.halt(Halt.STOP, "whoever commanded was lost")
        self.touch()
        return lease

    def tell_mode(self, reason: str) -> None:
        self.tell("mode", mode=self.latch.mode, reason=reason)

    def touch(self) -> None:
        """A sign of life of the lease's holder."""
        self.touched_s = time.monotonic()
        self.board.write(lease_until_ns=self.leases.until_ns)

    def watch(self, watcher: object, cameras: set[str] | None, fps: float = 8.0) -> None:
        """Set which cameras a watcher wants to see, None when it has left.

        fps: pictures per second, for all watchers of the session.
        """
        if cameras is None:
            self._watchers.pop(watcher, None)
        else:
            self._watchers[watcher] = cameras
            self.board.write(watch_fps=fps)
        wanted = set().union(*self._watchers.values()) if self._watchers else set()
        self.board.write(watched=watched_bits(self.world.facts.get("cameras", []), wanted))

    async def refresh(self) -> None:
        """New pictures of a robot at rest."""
        if not self.doing and not self.world.is_crashed and self.world.env is not None:
            await self.inspect("pictures", lambda: self.world.refresh())

    async def inspect(self, what: str, job: Callable[[], Any]) -> Any:
        """What a job gives that only looks. It takes nobody's place: commands wait for it, and whoever asks for the
        same meanwhile gets its answer."""
        if what not in self._inspections:
            self.latch.check_alive()
            self._inspections[what] = asyncio.get_running_loop().run_in_executor(self._thread, self._survive, job)
            self._inspections[what].add_done_callback(lambda _: self._inspections.pop(what))
        return await asyncio.shield(self._inspections[what])

    # Commands ------------------------------------------------------------------------------------------------------

    async def do(self, what: str, job: Callable[[], Any], *, changes: bool = True, revives: bool = False,
                 deadline_s: float | None = None) -> Any:
        """What a job in the session's thread gives. changes: the world, so it re-arms a stopped robot. revives: a
        crashed world. deadline_s: how late it may begin. Raises ApiError 409 while something else is under way, and
        for a job that changes the world, while the emergency stop is latched or the robot is paused."""
        ticket = self._begin(what, changes, revives)
        ended = self._in_time(self._timely(job, deadline_s), ticket, changes)
        try:
            return await asyncio.shield(ended)  # a caller that leaves takes no job out of the thread
        finally:
            del ended  # of which an error would hold this frame, and this frame the error

    def _begin(self, what: str, changes: bool, revives: bool = False) -> int:
        ticket = self.latch.begin(what, changes=changes, revives=revives)
        self.touched_s = time.monotonic()
        return ticket

    def _in_time(self, job: Callable[[], Any], ticket: int, changes: bool) -> asyncio.Future:
        """The future of a job that has begun."""
        return asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, job, ticket, changes)

    def _timely(self, job: Callable[[], Any], deadline_s: float | None) -> Callable[[], Any]:
        """The job, or an ApiError where it would begin too late."""
        asked_s = time.monotonic()

        def timely() -> Any:
            if deadline_s is not None and time.monotonic() - asked_s > deadline_s:
                self.latch.count_late()
                raise ApiError(409, "late", f"expected to begin within {deadline_s} s, it was later; it was dropped")
            return job()

        return timely

    def _survive(self, job: Callable[[], Any]) -> Any:
        """What a job gives. Raises ApiError 409 where the physics breaks in it."""
        try:
            return job()
        except RuntimeError:
            self.latch.check_alive()
            raise

    def _in_thread(self, job: Callable[[], Any], ticket: int, changes: bool) -> Any:
        try:
            if changes:
                self.latch.arm(ticket)
            return self._survive(job)
        finally:
            self.latch.end()
            if changes:
                self.tell_mode(halted(self.board) or "")

    def start(self, instruction: str, client: str, deadline_s: float | None = None) -> tuple[Run, asyncio.Future]:
        """A run that has begun, and the future of its end. deadline_s: how late it may begin."""
        run = Run(instruction, client)
        ticket = self._begin("running an instruction", changes=True)
        self.run, self.jobs.instruction = run, instruction
        self.runs = [*self.runs, run][-MAX_RUNS:]
        self.tell("instruction", run_id=run.run_id, instruction=instruction, client=client)
        self.tell_mode("")
        ended = self._in_time(self._timely(lambda: self._run_in_thread(run), deadline_s), ticket, True)
        ended.add_done_callback(lambda _: self._drop(run, ended))
        return run, ended

    def _drop(self, run: Run, ended: asyncio.Future) -> None:
        """Says of a run that never began that it is over."""
        if run.end is None:
            run.end, run.hint, self.run = STOPPED, str(ended.exception()), None
            self.tell("end", run_id=run.run_id, end=run.end, is_success=None, self_report=None)

    def correct(self, text: str) -> None:
        """A person's word in the middle of a run: the planner is asked again with it, once this skill is over."""
        run = self.run  # the thread may take it away
        if run is None or not run.corrections.put(text):
            raise ApiError(409, "not_running", "expected a run that is going on, there is none; send an instruction")
        self.tell("correction", run_id=run.run_id, text=text)

    def _run_in_thread(self, run: Run) -> Run:
        try:
            planner = self._make_planner(self, run)
            language = LANGUAGES[self.setup.domain]
            conduct = Conduct(self.world, language, planner, self.tell, self.jobs.saw, lambda: halted(self.board),
                              max_calls=MANY_CALLS if language.takes_many_calls else FEW_CALLS)
            carry_out(run, conduct, self.jobs.history)
        except ApiError:
            raise
        except Exception as error:
            self._failed(run, error)
        finally:
            self.run = None
            run.corrections.close()
            del self.jobs.history[:-MAX_HISTORY]
            run.end = run.end or STOPPED
        return run

    def _failed(self, run: Run, error: Exception) -> None:
        """The run's end where the world, or we, broke."""
        run.end = "failed: physics crashed" if self.world.is_crashed else "failed: internal error"
        self.tell("end", run_id=run.run_id, end=run.end, is_success=None, self_report=None)
        if not self.world.is_crashed:
            raise error

    def listener(self, run: Run) -> Callable[[str, float], bool]:
        """What is told of each token while a plan forms; a halt ends the thinking."""
        def on_piece(text: str, probability: float) -> bool:
            self.tell("token", run_id=run.run_id, text=text, probability=round(probability, 4), attempt=run.attempt)
            return halted(self.board) is None

        return on_piece

    # Its end -------------------------------------------------------------------------------------------------------

    def check_alive(self) -> None:
        """Ends a world that hangs."""
        told = self.board.telemetry()
        if told is not None:
            self.world.end_if_hung(told.period_end_ns / 1e9)

    def close(self, patience_s: float) -> None:
        """Stops the robot, waits for its thread, which a plan may hold, at most for so long, and ends its process. What
        hangs then is left behind, without a world to move."""
        self.latch.close()
        self._thread.shutdown(wait=False)
        if not self._thread.join(patience_s):
            self.world.kill()
        if self._thread.join(_KILLED_S) and self.world.env is not None:
            self.world.env.close()
        self.world.env = None
        self.jobs.forget()
        self.board.remove()
        self.log.close()
