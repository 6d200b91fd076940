"""One robot in one world, as the API commands it: one thing at a time, in a thread of its own; stops go past it.

What runs in the thread is named `_in_thread`; everything else belongs to the event loop and never waits for the robot.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from embodied.planning.closed_loop import Planner
from embodied.planning.language import object_names, words_of
from embodied.planning.percept import Percept
from embodied.prompt import Slot
from embodied.serving.blackboard import NEVER_NS, Blackboard, Halt
from embodied.serving.errors import ApiError, busy
from embodied.serving.events import Event, EventLog
from embodied.serving.hosting import halted, watched_bits
from embodied.serving.leases import Leases
from embodied.serving.overlay import objects_of
from embodied.serving.running import STOPPED, Conduct, Run, carry_out
from embodied.serving.world import Setup, World
from envs.interface import Observation, Outcome, SkillCall, Transition

OBJECTS_CAMERA = "front"
"""On whose picture the objects in sight are drawn, where a robot has it."""
MAX_RUNS = 200
MAX_SNAPSHOTS = 8
MAX_HISTORY = 16  # transitions that planners know of; each has the pictures of its moment, half a megabyte

PlannerMaker = Callable[["Session", Run], Planner]


class Session:
    """See the module. Attributes are for reading."""

    def __init__(self, setup: Setup, folder: Path, make_planner: PlannerMaker,
                 on_event: Callable[[Event], None]) -> None:
        self.session_id = f"s_{secrets.token_hex(6)}"
        self.setup, self.folder, self._make_planner = setup, folder, make_planner
        self.created_unix_s, self.touched_s = time.time(), time.monotonic()
        self.board = Blackboard(folder / f"{self.session_id}.board", is_new=True)
        self.board.write(speed=setup.speed, watch_fps=8.0, lease_until_ns=0, server_until_ns=NEVER_NS)
        self.log = EventLog(self.session_id, asyncio.get_running_loop(), on_event)
        self.leases = Leases(setup.lease_ttl_s)
        self.runs: list[Run] = []
        self.run: Run | None = None
        self.world = World()
        self.counters = {"stops": 0, "late": 0}
        self.doing = ""
        self.instruction = ""
        self.history: list[Transition] = []
        self._sight: tuple[Observation, Sequence[Slot]] | None = None
        self._snapshots: dict[str, Any] = {}
        self._correction: str | None = None
        self._stops, self._lock = 0, threading.Lock()
        self._watchers: dict[object, set[str]] = {}
        self._looks: dict[str, asyncio.Future] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.session_id)

    # What everybody may know ---------------------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        """idle, running, paused, stopped, estopped or crashed."""
        if self.board.halt == Halt.ESTOP:
            return "estopped"
        if self.world.is_crashed:
            return "crashed"
        if self.doing:
            return "paused" if self.board.is_paused else "running"
        return "stopped" if self.board.halt == Halt.STOP else "idle"

    @property
    def time_s(self) -> float:
        told = self.board.telemetry()
        return told.time_s if told else 0.0

    def as_dict(self) -> dict[str, Any]:
        told, facts, setup = self.board.telemetry(), self.world.facts, self.setup
        counts = {name: getattr(told, name) if told else 0 for name in ("admitted", "limited", "refused")}
        counts |= {**self.counters, "heartbeats_lost": self.leases.lost, "stale": self.leases.stale}
        lease = {"is_held": self.leases.is_held, "holder": self.leases.holder,
                 "expires_in_s": round(self.leases.expires_in_s, 2)}
        return {"session_id": self.session_id, "task": setup.task, "domain": setup.domain, "robot": setup.robot,
                "seed": setup.seed, "planner": setup.planner, "mode": self.mode, "instruction": self.instruction,
                "run_id": self.run.run_id if self.run else None, "speed": setup.speed,
                "objects_camera": OBJECTS_CAMERA, "lease": lease, "counters": counts,
                "time_s": told.time_s if told else 0.0,
                **{name: facts.get(name, []) for name in ("cameras", "joint_names", "joint_low", "joint_high")},
                "recording_id": self.recording_id,
                "created_unix_s": round(self.created_unix_s, 3), "control_hz": facts.get("control_hz", 0),
                "last_motion_s": told.last_motion_ns / 1e9 if told else 0.0}

    @property
    def recording_id(self) -> str:
        return f"rec_{self.session_id.removeprefix('s_')}"

    def tell(self, type: str, **content: Any) -> Event:
        """An event of this moment."""
        return self.log.append(type, self.time_s, **content)

    def halt(self, halt: Halt, reason: str) -> None:
        """Nothing moves from now on: one write to shared memory, whatever else goes on."""
        self.board.halt_at_least(halt)
        with self._lock:
            self._stops += 1
        self.counters["stops"] += 1
        self.tell("safety", kind="estop" if halt == Halt.ESTOP else "stop", reason=reason)
        self.tell_mode(reason)

    def clear_estop(self) -> None:
        """The latch is opened; what was under way stays stopped."""
        with self._lock:
            if self.board.halt == Halt.ESTOP:
                self.board.write(halt=Halt.STOP)
        self.tell_mode("the emergency stop was reset")

    def pause(self, is_paused: bool) -> None:
        self.board.write(is_paused=is_paused)
        self.tell_mode("")

    def take(self, client: str) -> str:
        """A lease for a new commander, who does not inherit what a lost one began. Raises ApiError 409."""
        lease = self.leases.acquire(client)
        if self.doing:
            self.halt(Halt.STOP, "whoever commanded was lost")
        self.touch()
        return lease

    def tell_mode(self, reason: str) -> None:
        self.tell("mode", mode=self.mode, reason=reason)

    def touch(self) -> None:
        """A sign of life of the lease's holder."""
        self.touched_s = time.monotonic()
        self.board.write(lease_until_ns=self.leases.until_ns)

    def watch(self, watcher: object, cameras: set[str] | None, fps: float = 8.0) -> None:
        """Which cameras a watcher wants to see; None when it has left."""
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
            await self.look("pictures", lambda: self.world.refresh())

    async def look(self, what: str, job: Callable[[], Any]) -> Any:
        """What a job gives that only looks. It takes nobody's place: commands wait for it, and whoever asks for the
        same meanwhile gets its answer."""
        if what not in self._looks:
            self._check_open()
            self._looks[what] = asyncio.get_running_loop().run_in_executor(self._thread, self._survive, job)
            self._looks[what].add_done_callback(lambda _: self._looks.pop(what))
        return await asyncio.shield(self._looks[what])

    # Commands ------------------------------------------------------------------------------------------------------

    async def do(self, what: str, job: Callable[[], Any], *, moves: bool = True, deadline_s: float | None = None
                 ) -> Any:
        """What a job in the session's thread gives. moves: it may move the robot, so it re-arms a stopped one.
        deadline_s: how late it may begin. Raises ApiError 409 while something else is going on, or the emergency stop
        is latched."""
        stops = self._begin(what, moves)
        timely = self._timely(job, deadline_s)
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, timely, stops, moves)

    def _timely(self, job: Callable[[], Any], deadline_s: float | None) -> Callable[[], Any]:
        """The job, or an ApiError where it would begin too late."""
        asked_s = time.monotonic()

        def timely() -> Any:
            if deadline_s is not None and time.monotonic() - asked_s > deadline_s:
                self.counters["late"] += 1
                raise ApiError(409, "late", f"expected to begin within {deadline_s} s, it was later; it was dropped")
            return job()

        return timely

    def _begin(self, what: str, moves: bool) -> int:
        """Takes the robot for a job; returns how many stops there have been."""
        if self.doing:
            raise busy(self.doing)
        if what != "reset":
            self._check_open()
        if moves and self.board.halt == Halt.ESTOP:
            raise ApiError(409, "estopped", "expected a robot that may move, the emergency stop is latched; a person "
                                            "who sees the robot resets it with POST .../estop/reset")
        self.doing = what
        self.touched_s = time.monotonic()
        return self._stops

    def _check_open(self) -> None:
        if self.world.is_crashed:
            raise ApiError(409, "crashed", "expected a live world, its physics crashed; POST .../reset starts it anew")

    def _survive(self, job: Callable[[], Any]) -> Any:
        """What a job gives. Raises ApiError 409 where the physics breaks in it."""
        try:
            return job()
        except RuntimeError:
            self._check_open()
            raise

    def _in_thread(self, job: Callable[[], Any], stops: int, moves: bool) -> Any:
        try:
            if moves:
                self._arm(stops)
            return self._survive(job)
        finally:
            self.doing = ""
            self.board.write(is_paused=False)
            if moves:
                self.tell_mode(halted(self.board) or "")

    def _arm(self, stops: int) -> None:
        """Clears an earlier stop, unless another one came since the command was taken."""
        with self._lock:
            if stops != self._stops:
                raise ApiError(409, "stopped", "expected a robot that may move, it was stopped after the command came; "
                                               "send it again")
            if self.board.halt == Halt.STOP:
                self.board.write(halt=Halt.NONE)

    def start(self, instruction: str, client: str, deadline_s: float | None = None) -> tuple[Run, asyncio.Future]:
        """A run that has begun, and the future of its end. deadline_s: how late it may begin."""
        run = Run(instruction, client)
        stops = self._begin("running an instruction", moves=True)
        self.run, self._correction, self.instruction = run, None, instruction
        self.runs = [*self.runs, run][-MAX_RUNS:]
        self.tell("instruction", run_id=run.run_id, instruction=instruction, client=client)
        self.tell_mode("")
        job = self._timely(lambda: self._run_in_thread(run), deadline_s)
        ended = asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, job, stops, True)
        ended.add_done_callback(lambda _: self._drop(run, ended))
        return run, ended

    def _drop(self, run: Run, ended: asyncio.Future) -> None:
        """Says of a run that never began that it is over."""
        if run.end is None:
            run.end, run.hint, self.run = STOPPED, str(ended.exception()), None
            self.tell("end", run_id=run.run_id, end=run.end, is_success=None)

    def correct(self, text: str) -> None:
        """A person's word in the middle of a run: the planner is asked again with it, once this skill is over."""
        if self.run is None or self.run.end is not None:
            raise ApiError(409, "not_running", "expected a run that is going on, there is none; send an instruction")
        self._correction = text
        self.tell("correction", run_id=self.run.run_id, text=text)

    def _run_in_thread(self, run: Run) -> Run:
        try:
            planner = self._make_planner(self, run)
            conduct = Conduct(self.world, planner, self.tell, self._saw, lambda: halted(self.board),
                              self._take_correction)
            carry_out(run, conduct, self.history)
        except ApiError:
            raise
        except Exception as error:
            self._failed(run, error)
        finally:
            self.run = None
            del self.history[:-MAX_HISTORY]
            run.end = run.end or STOPPED
        return run

    def _failed(self, run: Run, error: Exception) -> None:
        """The run's end where the world, or we, broke."""
        run.end = "failed: physics crashed" if self.world.is_crashed else "failed: internal error"
        self.tell("end", run_id=run.run_id, end=run.end, is_success=None)
        if not self.world.is_crashed:
            raise error

    def _take_correction(self) -> str | None:
        text, self._correction = self._correction, None
        return text

    def heard(self, run: Run) -> Callable[[str, float], bool]:
        """What is told of each token while a plan forms; a halt ends the thinking."""
        def hear(text: str, probability: float) -> bool:
            self.tell("token", run_id=run.run_id, text=text, probability=round(probability, 4))
            return halted(self.board) is None

        return hear

    def _saw(self, observation: Observation, slots: Sequence[Slot]) -> None:
        self._sight = observation, slots

    # Jobs of the thread --------------------------------------------------------------------------------------------

    def open_in_thread(self, make: Callable[[], Any]) -> None:
        """Makes the world and its first scene."""
        self.world.env = make()
        self.world.facts = self.world.introduce()
        self.reset_in_thread(self.setup.seed, self.setup.require)

    def reset_in_thread(self, seed: int, require: Sequence[str]) -> None:
        """A new scene and history. Raises ValueError for a scene that cannot be, back in the session's first one."""
        first = self.setup.seed, self.setup.require
        try:
            self.world.raw, _ = self.world.reset(seed=seed, options={"require": tuple(require)})
        except ValueError:
            if (seed, tuple(require)) != first:
                self.reset_in_thread(*first)
            raise
        self.history, self._sight = [], None
        self._snapshots.clear()
        self.instruction = str(self.world.raw["instruction"])

    def skill_in_thread(self, call: SkillCall) -> dict[str, Any]:
        """How one call went."""
        before = self._observation()
        self.tell("step", run_id=None, place=0, skill=call.skill, arguments=words_of(call))
        raw, reward, terminated, truncated, info = self.world.step(self.world.encode(call))
        self.world.raw = raw
        self._note(before, call, info, float(reward), bool(terminated), bool(truncated))
        return dict(info["outcome"])

    def _note(self, before: Observation, call: SkillCall, info: Mapping[str, Any], *rest: Any) -> None:
        outcome = Outcome(**info["outcome"])
        self.history = [*self.history, Transition(before, call, outcome, self._observation(), *rest)][-MAX_HISTORY:]
        self.tell("outcome", run_id=None, place=0, skill=call.skill, arguments=words_of(call), **info["outcome"])

    def joints_in_thread(self, targets: np.ndarray) -> dict[str, Any]:
        """How a motion to joint targets float64[J], or along float64[T, J], went."""
        return self._moved(lambda: self.world.move_joints(targets))

    def tool_in_thread(self, position_m: np.ndarray, jaw_yaw_rad: float) -> dict[str, Any]:
        """How a motion of the tool to a place went."""
        return self._moved(lambda: self.world.move_tool(position_m, jaw_yaw_rad))

    def _moved(self, move: Callable[[], tuple[Mapping[str, Any], dict[str, Any]]]) -> dict[str, Any]:
        before = self.board.telemetry()
        self.world.raw, report = move()
        told = self.board.telemetry()
        return {**report, "limited": told.limited - before.limited if told and before else 0,
                "joint_pos": told.joint_pos.tolist() if told else []}

    def snapshot_in_thread(self) -> str:
        """Name of a moment to go back to."""
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            self._snapshots.pop(next(iter(self._snapshots)))
        name = f"snap_{secrets.token_hex(4)}"
        self._snapshots[name] = self.world.snapshot(), list(self.history)
        return name

    def restore_in_thread(self, name: str) -> None:
        """Goes back to a moment. Raises KeyError."""
        moment, self.history = self._snapshots[name]
        self.history = list(self.history)
        self.world.restore(moment)

    def has_snapshot(self, name: str) -> bool:
        return name in self._snapshots

    def look_in_thread(self, perceive: Callable[[Observation], Sequence[Slot]]) -> list[dict[str, Any]]:
        """The objects in sight, named as plans name them."""
        seen = self._observation()
        self._sight = seen, Percept.of(perceive(seen), seen).slots
        return objects_of(self._sight[1], seen)

    def slot(self, name: str) -> Slot | None:
        """The object of a name, as it was seen last."""
        slots = self._sight[1] if self._sight else ()
        return dict(zip(object_names(len(slots)), slots, strict=True)).get(name)

    def _observation(self) -> Observation:
        return Observation.from_dict(self.world.raw)

    # Its end -------------------------------------------------------------------------------------------------------

    def check_alive(self) -> None:
        """Ends a world that hangs."""
        told = self.board.telemetry()
        if told is not None:
            self.world.end_if_hung(told.period_end_ns / 1e9)

    def close(self) -> None:
        """Stops the robot, waits for its thread, ends its process. Blocks for as long as a plan takes."""
        self.board.halt_at_least(Halt.ESTOP)
        self._thread.shutdown(wait=True)
        if self.world.env is not None:
            self.world.env.close()
        self.board.remove()
        self.log.close()

