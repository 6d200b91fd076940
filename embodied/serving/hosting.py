"""The world's side of a session: an environment whose every joint target waits for its moment, for the latch and for
the safety filter, and which shows what happens in the shared state.

Runs in the world's own process. It keeps the wall clock so that `envs` need not know of one: a robot that people watch
moves at the speed of life.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from embodied.data.spool import Spool
from embodied.data.video import jpeg
from embodied.serving.interlock import Interlock
from embodied.serving.safety.envelope import Envelope
from embodied.serving.safety.governor import Governor
from embodied.serving.shared_state import Halt, SharedState
from envs.interface import BODY_READINGS

SPECTATOR = "spectator"
VIEW_PX = {SPECTATOR: (360, 480)}
ROBOT_VIEW_PX = (192, 192)
"""Height and width of the pictures that people see."""

REASONS = {Halt.STOP: "the operator", Halt.ESTOP: "the emergency stop"}
LEASE_LOST = "the loss of the client's heartbeat"
SERVER_LOST = "the loss of the server"
"""What stops a robot; they follow "stopped by"."""

_NAP_S = 0.004  # between looks at the shared state while a period waits for its moment
_LATE_S = 0.25  # behind its beat, a world gives up catching up
_MOVES = 1e-6  # rad or m in one period; less is holding still


def make_hosted(*, env_id: str, board: str, spool: str | None, record_fps: float, **kwargs: Any) -> Hosted:
    """The environment of an id, governed. board: path of the session's shared state. spool: folder for its recording,
    None for none."""
    env = gymnasium.make(f"envs:{env_id}", smooth=True, **kwargs).unwrapped
    return Hosted(env, SharedState(Path(board)), Path(spool) if spool else None, record_fps)


class Conductor:
    """The governor that the robot asks before each control period: when to move, and whether.

    The order: wait for the moment (where a pause or a slower pace is waited out), then the latch and the limits, right
    before physics. So a stop that comes during the wait lets nothing more through.
    """

    def __init__(self, board: SharedState, governor: Governor, interlock: Interlock, after: Any) -> None:
        """interlock: asked by the governor. after: called with the robot when a control period is over."""
        self._board, self._governor, self._interlock, self._after = board, governor, interlock, after
        self._due_s, self._motions = time.monotonic(), 0

    def admit(self, robot: Any, target: np.ndarray) -> np.ndarray:
        """The target, float64[J], rad or m, as it may be commanded. Raises what the governor raises."""
        self._interlock.over()
        self._after(robot)
        self._wait(1.0 / robot.config.control_hz)
        before = robot.setpoint.copy()
        goal = self._governor.admit(robot, target)
        if np.abs(goal - before).max() > _MOVES:
            self._motions += 1
            self._board.report(last_motion_ns=time.monotonic_ns(), motions=self._motions)
        return goal

    def _wait(self, period_s: float) -> None:
        """Until the period's moment at the pace that is asked for; a halt ends the wait."""
        board = self._board
        while board.is_paused and halted(board) is None:
            time.sleep(_NAP_S)
            self._due_s = time.monotonic()
            board.report(period_end_ns=time.monotonic_ns())  # a sign of life
        speed = board.speed
        if speed <= 0:
            return
        self._due_s = max(self._due_s + period_s / speed, time.monotonic() - _LATE_S)
        while (left_s := self._due_s - time.monotonic()) > 0 and halted(board) is None:
            time.sleep(min(left_s, _NAP_S))


def halted(board: SharedState) -> str | None:
    """What stops the robot now; None when it may move."""
    if board.halt:
        return REASONS[Halt(board.halt)]
    now_ns = time.monotonic_ns()
    if now_ns > board.lease_until_ns:
        return LEASE_LOST
    return SERVER_LOST if now_ns > board.server_until_ns else None


class Hosted(gymnasium.Env):
    """A skill-level environment as the server sees it: the same calls, with pictures and telemetry on the side."""

    def __init__(self, env: Any, board: SharedState, spool: Path | None, record_fps: float) -> None:
        self._env, self._board, self._spool_path, self._record_fps = env, board, spool, record_fps
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.metadata, self.render_mode = env.metadata, env.render_mode
        self.cameras = (SPECTATOR, *env.observation_space["cameras"].spaces)
        self._spool: Spool | None = None
        self._owner, self._shown_s, self._sampled_s = os.getppid(), -np.inf, -np.inf
        self._interlock = Interlock(board, self._latch)
        self.governor = Governor(Envelope.of(env.robot), latch=self._interlock.stops)
        env.govern(Conductor(board, self.governor, self._interlock, self._period_over))
        self._interlock.watch()

    # What gymnasium and the closed loop call -----------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[dict, dict]:
        with self._interlock.change():
            self._sampled_s = -np.inf
            answer = self._env.reset(seed=seed, options=options)
        return self._shown(answer)

    def step(self, action: Mapping[str, Any]) -> tuple[dict, float, bool, bool, dict]:
        """See `gymnasium.Env.step`."""
        with self._interlock.until_over():
            answer = self._env.step(action)
        return self._shown(answer)

    def instruct(self, text: str) -> tuple[dict, dict]:
        """See `WorldEnv.instruct`."""
        return self._shown(self._env.instruct(text))

    def move_joints(self, targets: np.ndarray) -> tuple[dict, dict]:
        """See `SkillEnv.move_joints`."""
        with self._interlock.until_over():
            answer = self._env.move_joints(targets)
        return self._shown(answer)

    def move_tool(self, position_m: np.ndarray, jaw_yaw_rad: float) -> tuple[dict, dict]:
        """See `SkillEnv.move_tool`."""
        with self._interlock.until_over():
            answer = self._env.move_tool(position_m, jaw_yaw_rad)
        return self._shown(answer)

    def encode(self, call: Any) -> dict[str, Any]:
        """See `SkillEnv.encode`."""
        return self._env.encode(call)

    def expert_plan(self) -> list[Any]:
        """ORACLE: see `SkillEnv.expert_plan`."""
        return self._env.expert_plan()

    def snapshot(self) -> Any:
        return self._env.snapshot()

    def restore(self, snapshot: Any) -> None:
        with self._interlock.change():
            self._env.restore(snapshot)
        self._shown(None)

    @property
    def instruction(self) -> str:
        return self._env.instruction

    @property
    def is_success(self) -> bool:
        return self._env.is_success

    @property
    def is_judged(self) -> bool:
        return self._env.is_judged

    def refresh(self) -> None:
        """Publishes telemetry and pictures of the moment."""
        self._shown(None)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()
        self._env.close()

    def introduce(self) -> dict[str, Any]:
        """What the server tells clients of this robot: plain values."""
        return {**self._env.introduce(), "cameras": list(self.cameras)}

    # What happens on the side --------------------------------------------------------------------------------------

    def _latch(self) -> str | None:
        """What stops the robot: what the shared state says, or that the server's process is gone."""
        return SERVER_LOST if os.getppid() != self._owner else halted(self._board)

    def _shown(self, answer: Any) -> Any:
        """The answer, after telemetry and pictures of the moment were published."""
        self._report(self._env.robot)
        self._shown_s = -np.inf
        self._show()
        return answer

    def _period_over(self, robot: Any) -> None:
        self._report(robot)
        self._show()
        self._sample(robot)

    def _report(self, robot: Any) -> None:
        counts = self.governor.counters
        self._board.report(time_s=self._env.world.time_s, period_end_ns=time.monotonic_ns(),
                           **_readings(robot),
                           admitted=counts["admitted"], limited=counts["limited"], refused=counts["refused"])

    def _show(self) -> None:
        """Pictures of the watched cameras, where the next ones are due."""
        board, now_s = self._board, time.monotonic()
        if not board.watched or now_s - self._shown_s < 1.0 / max(board.watch_fps, 0.1):
            return
        self._shown_s = now_s
        for place, name in enumerate(self.cameras):
            if board.watched >> place & 1:
                board.show(place, self._jpeg(name))

    def _jpeg(self, camera: str) -> bytes:
        return jpeg(self._env.picture(camera, VIEW_PX.get(camera, ROBOT_VIEW_PX)))

    def _sample(self, robot: Any) -> None:
        """A row of the recording, and its pictures, at the recording's pace of simulated time."""
        time_s = self._env.world.time_s
        is_early = 0.0 <= time_s - self._sampled_s < 1.0 / self._record_fps - 1e-6  # time goes back at a restore
        if self._spool_path is None or is_early:
            return
        self._sampled_s = time_s
        if self._spool is None:
            self._spool = Spool.open(self._spool_path)
        if self._spool.fault is not None:  # the disk is full: the robot goes on
            return
        for camera in self._spool.meta.cameras:
            self._spool.frame(camera, self._jpeg(camera))
        self._spool.row(time_s=time_s, **_readings(robot))


def _readings(robot: Any) -> dict[str, Any]:
    return {name: getattr(robot, name) for name in BODY_READINGS}


def watched_bits(cameras: Sequence[str], wanted: set[str]) -> int:
    """The shared state's word for a set of camera names."""
    return sum(1 << place for place, name in enumerate(cameras) if name in wanted)
