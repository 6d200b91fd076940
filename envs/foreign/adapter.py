"""Anybody's gymnasium environment with a goal and a picture, as one whose action is a skill call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from envs.actions import FAR_M, ActionError, CallActions
from envs.foreign.description import Foreign, Reading
from envs.foreign.expert import remaining_calls
from envs.foreign.image_check import picture_fault
from envs.foreign.skills import SKILLS, Command, Hand, Motion
from envs.foreign.words import asks_for, instruction
from envs.guard import fault
from envs.interface import Box, Camera, Outcome, Referent, SkillCall
from envs.names import unknown
from envs.skills.signatures import FOREIGN, PlanLanguage
from envs.spaces import MAX_INSTRUCTION_CHARACTERS, observation_space

_SETTLE_S = 0.4
_LEAST_WAY_M = 0.05  # progress over a shorter way is measured as if it were this long
_UNKNOWN = Camera(np.eye(3), np.eye(4))
Arguments = tuple[Box | str | float, ...]


class BrokenWorldError(RuntimeError):
    """The benchmark handed out something that cannot be trusted; the message is a clause."""


class ForeignEnv(gymnasium.Env):
    """action: a call of one of the robot's skills, as `envs.actions` spells it, without pixels. Whatever comes is
    answered by an Outcome.

    The observation is ours: `Observation.from_dict` reads it. Depth is all zeros (no return), joint_pos is the opening
    of the fingers alone, and a camera that the description does not know has identity matrices.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 2}  # noqa: RUF012  one frame a call

    def __init__(self, foreign: Foreign, *, image_size: int = 192, render_mode: str | None = None) -> None:
        """foreign: the benchmark's description. image_size: pixels of the square image."""
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
        grasping = {"pick", "place_at", "place_on"} & {*foreign.skills}
        if grasping and not foreign.can_rise:
            raise ValueError(f"{foreign.name}: expected a tool that can rise for {sorted(grasping)}; else leave them "
                             "out of its skills")
        self.foreign, self.render_mode, self._image_size = foreign, render_mode, image_size
        self.language = PlanLanguage(tuple(FOREIGN.skills[name] for name in foreign.skills), (foreign.camera_name,))
        self.actions = CallActions(self.language.signatures)
        self.observation_space = observation_space((foreign.camera_name,), image_size, 1)
        self.action_space = self.actions.space
        self.benchmark: gymnasium.Env | None = None
        self._reading: Reading | None = None
        self.hand, self.instruction = Hand(can_rise=foreign.can_rise), ""
        self.is_judged = True
        """Whether the instruction asks for the benchmark's goal; where it does not, nobody can say of success."""
        self._watcher: Callable[[np.ndarray], None] | None = None
        self._watch_steps = 1

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[dict, dict]:
        """A new scene: the benchmark's own scene of that seed. options: "instruction" replaces the wording, not the
        goal: any text but a wording of this goal is judged by nobody (`is_judged`), and never counts as fulfilled."""
        super().reset(seed=seed)
        text = _read_options(options)
        self._renew()
        self.hand, self._steps, self._broken = Hand(can_rise=self.foreign.can_rise), 0, None
        self._has_ended = self._is_cut = False
        self._reading, self._frame = None, np.zeros((self._image_size, self._image_size, 3), np.uint8)
        self._is_success, self._progress, self.instruction, self.is_judged = False, 0.0, "", True
        try:
            self._begin(int(self.np_random.integers(2**31)) if seed is None else seed)
        except BrokenWorldError as broken:
            self._broken, self._reading, self._is_success = str(broken), None, False
        if text is not None:
            self._set_instruction(text)
        return self._observe(), self._info()

    def _set_instruction(self, text: str) -> None:
        """Takes a text as the instruction, which is judged where it asks for the benchmark's goal."""
        self.instruction = text
        self.is_judged = self._reading is not None and asks_for(text, self._reading, "pick" in self.actions.skills)
        self._progress = self._measure()

    def _renew(self) -> None:
        """A benchmark as good as new: simulators keep traces of earlier episodes (contacts, solver caches)."""
        if self.benchmark is not None:
            self.benchmark.close()
        self.benchmark = self.foreign.make(self._image_size)

    def _begin(self, seed: int) -> None:
        self._take(*self.benchmark.reset(seed=seed))
        self._target_m, self.hand.width_m = self._reading.tool_m.copy(), self._reading.width_m
        self._stay(_SETTLE_S)  # some benchmarks let their things fall
        self._ways_m = self._distances_m()
        self.instruction = instruction(self._reading, "pick" in self.actions.skills, self.np_random)
        self._progress = self._measure()
        self._photograph()

    def step(self, action: Mapping[str, Any]) -> tuple[dict, float, bool, bool, dict]:
        call = self._parse(action)
        first = self._steps
        try:
            outcome = call if isinstance(call, Outcome) else self._do(*call)
            self._photograph()
        except BrokenWorldError as broken:
            self._broken = str(broken)
            outcome = Outcome("failed", self._broken, 0.0)
        before, self._progress = self._progress, self._measure()
        report = {"status": outcome.status, "reason": outcome.reason,
                  "duration_s": (self._steps - first) / self.foreign.hz}
        return (self._observe(), self._progress - before, self.is_success or self._has_ended,
                self._broken is not None or self._is_cut, {**self._info(), "outcome": report})

    def _do(self, skill: str, arguments: Arguments) -> Outcome:
        """How a skill went; what it leaves comes to rest."""
        motion = SKILLS[skill](self._reading, self.hand, *arguments)
        outcome = self._run(motion, round(self.actions.skills[skill].timeout_s * self.foreign.hz))
        self._stay(_SETTLE_S)
        return outcome

    def _run(self, motion: Motion, most_steps: int) -> Outcome:
        advance, reading = next, motion
        for _ in range(most_steps):
            try:
                command = advance(reading)
            except StopIteration as end:
                return end.value
            self._advance(command)
            if self._is_over:
                return Outcome("done" if self._is_success else "failed", "the benchmark ended the episode", 0.0)
            advance, reading = motion.send, self._reading
        return Outcome("timeout", "the motion took too long", 0.0)

    def _advance(self, command: Command) -> None:
        """One step of the benchmark."""
        self._target_m, self.hand.width_m = command.tool_m, command.width_m
        motion = command.tool_m - self._reading.tool_m
        length = float(np.linalg.norm(motion))
        motion = motion * min(1.0, self.foreign.stride_m / max(length, 1e-9))
        observation, reward, terminated, truncated, info = self.benchmark.step(
            self.foreign.action(self._reading, motion, command.width_m))
        self._steps += 1
        if not np.isfinite(reward):
            raise BrokenWorldError("nonfinite: reward")
        self._take(observation, info)
        self._has_ended, self._is_cut = bool(terminated) and not self.foreign.steps_past_success, bool(truncated)
        self._show()

    def _take(self, observation: Mapping[str, np.ndarray], info: Mapping[str, Any]) -> None:
        """Reads an observation of the benchmark's. Raises BrokenWorldError."""
        trouble = fault(self.benchmark.observation_space, observation)
        if trouble is not None:
            raise BrokenWorldError(trouble)
        self._reading = self.foreign.read(observation)
        if (name := self._reading.misnamed()) is not None:
            raise ValueError(f"{self.foreign.name}: expected objects called otherwise than the tool and its goals, got "
                             f"{name!r}; give it a name of its own in `read`")
        self._is_success = bool(info.get("is_success", False))

    @property
    def _is_over(self) -> bool:
        """Whether the benchmark takes no more steps."""
        return self._has_ended or self._is_cut or self._broken is not None

    def _stay(self, seconds: float) -> None:
        """Keeps tool and fingers as they are. Raises BrokenWorldError."""
        for _ in range(round(seconds * self.foreign.hz)):
            if not self._is_over:
                self._advance(Command(self._target_m, self.hand.width_m))

    def hold(self, seconds: float) -> None:
        """Lets so much simulated time pass: the planner thinks, the world goes on. A world that breaks meanwhile says
        so at the next step."""
        try:
            self._stay(seconds)
        except BrokenWorldError as broken:
            self._broken = str(broken)

    def encode(self, call: SkillCall) -> dict[str, Any]:
        """The action of a call; what is named alone is where the benchmark's observation says (`Reading.named`).

        Raises ValueError for a skill that the robot has not, for arguments that are not its own, and for a name of
        nothing that is there: the message has the names that are known.
        """
        return self.actions.encode(replace(call, arguments=tuple(map(self._measured, call.arguments))))

    def _measured(self, argument: Referent | str | float) -> Referent | str | float:
        is_named = isinstance(argument, Referent) and argument.box is None and argument.pixel is None
        if not is_named:
            return argument
        if self._reading is None:
            raise ValueError(f"expected a scene to find {argument.words!r} in, got none; reset first")
        known = self._reading.named()
        if argument.words not in known:
            raise ValueError(unknown(argument.words, known, what="thing"))
        return replace(argument, box=known[argument.words])

    def _parse(self, action: Mapping[str, Any]) -> tuple[str, Arguments] | Outcome:
        """Skill and arguments of an action, or how it is refused."""
        if self._is_over:
            return Outcome("failed", self._broken or "the benchmark has ended the episode", 0.0)
        try:
            call = self.actions.decode(action)
        except ActionError as error:
            return Outcome("refused", str(error), 0.0)
        arguments = tuple(a.box if isinstance(a, Referent) else a for a in call.arguments)
        if not all(_is_near(a) for a in arguments if isinstance(a, Box)):
            return Outcome("refused", "the place is not within a metre", 0.0)
        return call.skill, arguments

    def _distances_m(self) -> dict[str, float]:
        """Name -> way from a thing to its goal."""
        return {name: float(np.linalg.norm(np.subtract(self._reading.where(name).center, goal.center)))
                for name, goal in self._reading.goals.items()}

    @property
    def is_success(self) -> bool:
        """Whether the benchmark says that its goal is met, and the instruction asks for that goal."""
        return self.is_judged and self._is_success

    def _measure(self) -> float:
        """Progress in [0, 1]: 1 when the benchmark says that its goal is met, else the mean share of the ways to the
        goals that is behind the things, below 1; 0 where nobody judges."""
        if self._reading is None or self._is_success or not self.is_judged:
            return float(self.is_success)
        shares = [1.0 - way / max(self._ways_m[name], _LEAST_WAY_M) for name, way in self._distances_m().items()]
        return float(min(0.99, np.mean(np.clip(shares, 0.0, 1.0)))) if shares else 0.0

    def _photograph(self) -> None:
        """Raises BrokenWorldError."""
        frame = self.benchmark.render()
        if (trouble := picture_fault(frame)) is not None:
            raise BrokenWorldError(trouble)
        self._frame = frame

    def _observe(self) -> dict[str, Any]:
        """Our Dict observation; not numbers for a scene that never could be read, so that no planner takes it up."""
        name, size, reading = self.foreign.camera_name, self._image_size, self._reading
        tool = np.full(3, np.nan) if reading is None else reading.tool_m
        width = np.array([0.0 if reading is None else reading.width_m])
        camera = self._camera()
        return {"rgb": {name: _resized(self._frame, size)}, "depth": {name: np.zeros((size, size), np.float32)},
                "cameras": {name: {"intrinsics": camera.intrinsics, "pose": camera.pose}},
                "joint_pos": width, "gripper_width_m": width.copy(),
                "time_s": np.array([self._steps / self.foreign.hz]),
                "tool_pose": np.concatenate([tool, self.foreign.tool_quaternion]).astype(np.float64),
                "instruction": self.instruction}

    def _camera(self) -> Camera:
        """Calibration of the square image."""
        height, width = self._frame.shape[:2]
        known = self.foreign.camera(height, width) or _UNKNOWN
        scale = np.diag([self._image_size / width, self._image_size / height, 1.0])
        return Camera(scale @ known.intrinsics, known.pose.copy())

    def _info(self) -> dict[str, Any]:
        return {"is_success": self.is_success, "is_judged": self.is_judged, "progress": self._progress,
                "task": self.foreign.name}

    @property
    def reading(self) -> Reading:
        """What the benchmark's last sound observation says: where things are and should be."""
        return self._reading

    def expert_plan(self) -> list[SkillCall]:
        """The calls that are left to do. ORACLE by our rules, though it reads only what the benchmark hands to any
        player: objects and goals are in its observation. None for an instruction that is not judged."""
        if self._is_success or self._reading is None or not self.is_judged:
            return []
        return remaining_calls(self.foreign, self._reading, self.hand.held is not None)

    def render(self) -> np.ndarray | None:
        """uint8[H, W, 3]: the benchmark's own picture; None without a render mode."""
        return self._frame.copy() if self.render_mode == "rgb_array" else None

    def watch(self, callback: Callable[[np.ndarray], None] | None, fps: float = 10,
              size: tuple[int, int] | None = None) -> None:
        """Calls back with frames uint8[H, W, 3] at fps of simulated time; None stops it. size: taken for the sake of
        callers of `SkillEnv.watch`; the frames are the benchmark's own."""
        self._watcher, self._watch_steps = callback, max(1, round(self.foreign.hz / fps))

    def _show(self) -> None:
        if self._watcher is not None and self._steps % self._watch_steps == 0:
            self._photograph()
            self._watcher(self._frame)

    def close(self) -> None:
        if self.benchmark is not None:
            self.benchmark.close()
            self.benchmark = None


def _is_near(box: Box) -> bool:
    """Whether every number of a box is finite and within reach of these worlds."""
    return all(abs(value) <= FAR_M for value in (*box.center, *box.size, box.yaw))


def _resized(frame: np.ndarray, size_px: int) -> np.ndarray:
    """uint8[size, size, 3]: the nearest pixel of each."""
    rows, columns = (((np.arange(size_px) + 0.5) * n / size_px).astype(int) for n in frame.shape[:2])
    return np.ascontiguousarray(frame[rows[:, None], columns])


def _read_options(options: Mapping[str, Any] | None) -> str | None:
    """The replacing instruction, checked."""
    options = dict(options or {})
    text = options.pop("instruction", None)
    if options:
        raise ValueError(f"options: expected only 'instruction', got {sorted(options)}; the scene is the benchmark's")
    if text is not None and (not isinstance(text, str) or len(text) > MAX_INSTRUCTION_CHARACTERS):
        raise ValueError(f"instruction: expected text of at most {MAX_INSTRUCTION_CHARACTERS} characters, got "
                         f"{type(text).__name__}")
    return text
