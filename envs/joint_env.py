"""A domain as gymnasium environments: what both levels share, and the level whose action is joint targets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from envs.domains import find_domain
from envs.domains.domain import Domain, Task
from envs.interface import Observation
from envs.names import unknown
from envs.options import Options, read_options
from envs.robots.robot import Governor, MotionStoppedError, NonFiniteTargetError, Robot
from envs.sensors.appearance import Appearance
from envs.sensors.body_sense import observation
from envs.sensors.cameras import calibrations as calibrations_of
from envs.sensors.realism import Realism
from envs.sensors.senses import Senses
from envs.spaces import observation_space
from envs.world.graphics import Graphics
from envs.world.images import Picture, View
from envs.world.moments import WorldState
from envs.world.world import World

_IMAGE_SIZES_PX = (16, 1024)  # far beyond, TinyRenderer takes the whole process down

_LONGEST_HOLD_S = 600.0
_NO_KEYWORDS = {"self", "args", "kwargs", "variant"}
_AFTER_ARM = ("finger_1", "finger_2", "base_x", "base_y", "base_yaw")
_ROUNDING = 1e-6  # rad or m: targets come in single precision


@dataclass(frozen=True)
class Snapshot:
    """A moment of an episode."""

    world: WorldState
    remembered: Mapping[str, Any]


class WorldEnv(gymnasium.Env):
    """A robot in the world of a domain, one scene of a task a reset. Levels add what an action is."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012  gymnasium's own convention

    def __init__(self, domain: str = "tabletop", task: str | None = None, *, image_size: int = 192,
                 render_mode: str | None = None, privileged: bool = False, render_size: tuple[int, int] = (480, 640),
                 min_objects: int | None = None, max_objects: int | None = None, cameras: Sequence[str] | None = None,
                 robot: str | None = None, realism: Realism | Mapping[str, float] | None = None,
                 appearance: Appearance | Mapping[str, str] | None = None, renderer: str = "tiny", looks: str = "light",
                 shadows: bool = False, smooth: bool = False, **variant: str) -> None:
        """domain: a name of `envs.interface.DOMAINS`. task: one of its tasks, or None for one drawn at each reset.
        robot: one of the domain's `robots`, or None for its own. realism, appearance: dials and families, all off by
        default; see `Senses`. cameras: those that are observed, None for all of the domain; what nobody observes is not
        rendered. renderer, looks, shadows: see `envs.world.graphics`; pixels of two renderers differ, so datasets
        record which one made them. smooth: skills keep what they command inside the robot's acceleration limits too,
        and take a little longer. variant: one of the domain's `variants`, such as naming="index" on the tamp table."""
        _check(image_size, render_mode, render_size)
        self.render_mode = render_mode
        self.domain = find_domain(domain)
        self._tasks = _tasks_of(self.domain, self.domain.tasks_as(variant, self.keywords()), task)
        fewest, most = self.domain.objects
        self._counts = {"min_objects": fewest if min_objects is None else min_objects,
                        "max_objects": most if max_objects is None else max_objects}
        self._image_size, self._render_size = image_size, tuple(render_size)
        self._is_privileged = privileged
        self._graphics = Graphics(renderer, looks, shadows)
        self._make_robot = _maker_of(self.domain, robot)
        self._is_smooth, self._governor = bool(smooth), None
        self._build()
        self._senses = Senses(realism, appearance, is_table=self.domain.is_table)
        self._observed = _cameras_of(self.domain.views(self.robot), cameras)
        self.observation_space = observation_space(self._observed, image_size, len(self.robot.joint_pos),
                                                   self.domain.entity_names if privileged else ())
        self.scene: Any = None
        self.instruction = ""
        self._task: Task = self._tasks[0]
        self._progress = 0.0
        self.is_judged = True
        """Whether the goal is what the whole instruction asks for; where it is not, nobody can say of success."""

    made_with: Mapping[str, Any] | None = None
    """The arguments that it was made with, where `gymnasium.make` made it."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Another environment of the same arguments, before its first reset: an episode is not carried along. Raises
        TypeError where nobody noted the arguments."""
        if self.made_with is None:
            raise TypeError(f"{type(self).__name__}: expected one of gymnasium.make to be pickled, got one that was "
                            "made directly; make it by its id")
        return _made_anew, (type(self), dict(self.made_with))

    @classmethod
    def keywords(cls) -> set[str]:
        """Names of all arguments that this level can be made with, variants aside."""
        levels = [level for level in cls.__mro__ if issubclass(level, WorldEnv)]
        return {name for level in levels for name in inspect.signature(level.__init__).parameters} - _NO_KEYWORDS

    @property
    def renderer(self) -> str:
        """Which renderer makes the observations."""
        return self._graphics.renderer

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[dict, dict]:
        """A new scene. options: "require" names entities that must be there, "instruction" and "goal" replace what is
        to be done, as `instruct` does. "scene" tells the whole scene in place of a drawn one (`envs.goals.scene_spec`);
        without a goal and an instruction nothing is to be done there, and nobody judges. Raises ValueError, with
        nothing built, for options that cannot be had."""
        told = read_options(options, self.domain)
        super().reset(seed=seed)
        self._clear()
        self.is_judged = True
        self._arrange(told)
        self.instruction = self._task.instruction(self.scene, self.np_random)
        self._seed_of_labels = int(self.np_random.integers(2**62))
        self._senses.begin(self.world, self.robot, tuple(self.domain.views(self.robot)), self.np_random)
        if told.says_what_to_do:
            self._set_instruction(told)
        self._begin()
        self._progress = self._measure()
        return self._observe(), self._info()

    def _arrange(self, told: Options) -> None:
        """The task of the episode and its scene: drawn, or as they were told."""
        if told.scene is not None:
            self._task = self.domain.told
            self.scene = self._task.arrange_told(self.world, self.np_random, told.scene)
            return
        self._task = self._tasks[int(self.np_random.integers(len(self._tasks)))]
        self.scene = self._task.arrange(self.world, self.np_random, require=told.require, **self._counts)

    def instruct(self, text: str, goal: str | None = None) -> tuple[dict, dict]:
        """Another instruction for the present scene. goal: what it asks for, in the goal language, resolved on the
        table as it is now. Without one, and where the whole of the text is one of the known phrasings, the goal follows
        it; any other is judged by nobody: info["is_judged"] is False, its progress stays 0 and it never counts as
        fulfilled. Returns what `reset` returns, of this moment."""
        told = read_options({"instruction": text, "goal": goal}, self.domain)
        self._witness()
        self.scene = self._task.as_it_is(self.world, self.scene)
        self._set_instruction(told)
        self._progress = self._measure()
        return self._observe(), self._info()

    def _set_instruction(self, told: Options) -> None:
        """Takes a goal, or a text that the goal follows, as what is to be done; or nobody judges it."""
        if told.goal is not None:
            self._task = self.domain.told
            self.scene = self._task.aim(self.world, self.scene, told.goal, self.robot.held_name())
            self.instruction, self.is_judged = told.goal, self.scene.is_judged
        if told.instruction is not None:
            self.instruction = told.instruction
        if told.goal is None:
            scene = self._task.retarget(self.scene, self.instruction)
            self.is_judged, self.scene = scene is not None, scene or self.scene

    def _witness(self) -> None:
        """What has come about is kept with the scene, where goals have an order."""
        if self.domain.told is not None:
            self.scene = self.domain.told.witness(self.world, self.scene, self.robot.held_name())

    def introduce(self) -> dict[str, Any]:
        """The robot in plain values: its name, its joints' names and limits (rad or m), how often it takes a target."""
        low, high = self.robot.limits()
        names = tuple(getattr(self.robot.config, "joints", ()))
        named = [*names, *_AFTER_ARM[:len(low) - len(names)]] if names else [f"joint_{i + 1}" for i in range(len(low))]
        return {"robot": self.robot.config.name, "joint_names": named, "joint_low": low.tolist(),
                "joint_high": high.tolist(), "control_hz": self.robot.config.control_hz}

    def picture(self, camera: str, size_px: tuple[int, int]) -> np.ndarray:
        """uint8[H, W, 3]: what the "spectator", or a camera of the robot's, sees now, for people to look at; no part of
        the episode. size_px: height, width. Raises ValueError for an unknown camera."""
        if camera == "spectator":
            return self._spectate(size_px)
        [name] = _cameras_of(self.domain.views(self.robot), [camera])
        return self._senses.picture(self.world, self._views(name)[name], size_px).rgb

    def _build(self) -> None:
        """A new world with its robot. Resets go back to its empty state, and only what stands in it is made anew."""
        self.world = self.domain.make_world(self._graphics)
        self.robot = self._make_robot(self.world)
        self.robot.is_smooth, self.robot.governor = self._is_smooth, self._governor
        self._resets_left = self.domain.resets_per_world

    def govern(self, governor: Governor | None) -> None:
        """From now on every joint target passes this governor on its way to physics; None takes it away."""
        self._governor = self.robot.governor = governor

    def _clear(self) -> None:
        """Robot and world to where every scene begins."""
        if not self._resets_left:
            self.world.close()
            self._build()
        self._resets_left -= 1
        self.world.reset()
        self.robot.reset()

    def _begin(self) -> None:
        """For levels that remember something from step to step."""

    def _observe(self) -> dict[str, Any]:
        """The Dict observation, and its typed view in `self.seen`."""
        views = self._views(*self._observed)
        self.pictures = self._capture(views)
        calibrations = calibrations_of(views, self._image_size, self.renderer)
        self.seen = observation(self.robot, self.pictures, calibrations, self.world.time_s)
        seen = _as_dict(self.seen, self.instruction)
        if self._is_privileged:
            seen["entities"] = {name: self._pose(name) for name in self.domain.entity_names}
        return seen

    def _views(self, *names: str) -> dict[str, View]:
        """Camera name -> where it stands now, of the cameras of these names."""
        known = self._senses.views(self.domain.views(self.robot)) if names else {}
        return {name: view for name, view in known.items() if name in names}

    def _capture(self, views: Mapping[str, View], size_px: int | None = None) -> dict[str, Picture]:
        """Camera name -> what it sees now. size_px: as observations are where None."""
        return self._senses.capture(self.world, views, size_px or self._image_size)

    def _pose(self, name: str) -> np.ndarray:
        """float32[10]: position, quaternion, size; zeros for what is not there. PRIVILEGED."""
        if name not in self.world.names():
            return np.zeros(10, dtype=np.float32)
        return np.concatenate([*self.world.pose(name), self.world.size(name)]).astype(np.float32)

    def _info(self) -> dict[str, Any]:
        return {"is_success": self.is_success, "is_judged": self.is_judged, "progress": self._progress,
                "task": self.scene.task}

    @property
    def is_success(self) -> bool:
        """Whether the goal is met, as the domain counts it."""
        return self.is_judged and self.domain.is_success(self._progress, self.robot, self.scene)

    def _reward(self) -> float:
        """Change of progress since it was last asked for; an episode's rewards sum to its progress."""
        self._witness()
        before, self._progress = self._progress, self._measure()
        return self._progress - before

    def _measure(self) -> float:
        """Progress of the task now, in [0, 1]; 0 where nobody judges it."""
        return self._task.progress(self.world, self.scene) if self.is_judged else 0.0

    def render(self) -> np.ndarray | None:
        """uint8[H, W, 3]: what a person beside the robot sees; None without a render mode."""
        return self._spectate(self._render_size) if self.render_mode == "rgb_array" else None

    def _spectate(self, size_px: tuple[int, int]) -> np.ndarray:
        """uint8[H, W, 3], shadows included."""
        return self.world.picture(self.domain.spectator, *size_px).rgb

    def hold(self, seconds: float) -> None:
        """Keeps the robot where it is for so much simulated time, to whole control periods: the planner thinks, the
        world goes on. Nothing is looked at: a plan is about what was seen before it. Raises ValueError for a time that
        is not in [0, 600] s."""
        if not 0.0 <= seconds <= _LONGEST_HOLD_S:
            raise ValueError(f"hold: expected seconds in [0, {_LONGEST_HOLD_S}], got {seconds}; a planner that takes "
                             f"longer needs a deadline of its own")
        self.world.doze()
        for _ in range(round(seconds * self.robot.config.control_hz)):
            self._stay()

    def _stay(self) -> None:
        """One control period in which the robot stays where it is, even where its governor lets no command pass."""
        try:
            self.robot.follow(self.robot.setpoint)
        except MotionStoppedError:
            for _ in range(self.world.physics_hz // self.robot.config.control_hz):
                self.world.step()
            self.world.tend()

    def snapshot(self) -> Snapshot:
        """The present moment of the episode, to fork it from; valid until the next reset. Wrappers keep their own."""
        return Snapshot(self.world.snapshot(), self._remembered())

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to a snapshot of this environment and scene: what follows is bit-identical to what followed it."""
        self.world.restore(snapshot.world)
        self._remember(snapshot.remembered)

    def _remembered(self) -> dict[str, Any]:
        """What the episode keeps beside robot and world; levels add theirs."""
        return {"setpoint": self.robot.setpoint.copy(), "progress": self._progress, "seen": self.seen,
                "instruction": (self.instruction, self.scene, self.is_judged),
                "pictures": self.pictures, "rng": self.np_random.bit_generator.state, "noise": self._senses.noise}

    def _remember(self, kept: Mapping[str, Any]) -> None:
        self.robot.setpoint = kept["setpoint"].copy()
        self._progress, self.seen, self.pictures = kept["progress"], kept["seen"], kept["pictures"]
        self.instruction, self.scene, self.is_judged = kept["instruction"]
        self.np_random.bit_generator.state = kept["rng"]
        self._senses.noise = kept["noise"]

    def close(self) -> None:
        self.world.close()


class JointEnv(WorldEnv):
    """action: float32[J] joint targets (angles rad, finger openings m), one control period each.

    Targets beyond position or speed limits are cut to them. One that is not finite, or that the governor stops, moves
    nothing and is refused.
    info["limited"] counts the joints whose targets were cut.
    """

    def __init__(self, domain: str = "tabletop", task: str | None = None, **kwargs: Any) -> None:
        super().__init__(domain, task, **kwargs)
        low, high = self.robot.limits()
        self.action_space = gymnasium.spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        try:
            self.robot.follow(action)
            limited = _cut(self.robot.setpoint - action)
            report = {"status": "done", "reason": _reason(limited)}
        except (NonFiniteTargetError, MotionStoppedError) as error:
            self._stay()
            limited, report = 0, {"status": "refused", "reason": self._why_refused(error)}
        reward, info = self._reward(), self._info()
        info["outcome"] = {**report, "duration_s": 1.0 / self.robot.config.control_hz}
        info["limited"] = limited
        return self._observe(), reward, info["is_success"], False, info

    def _why_refused(self, error: Exception) -> str:
        if isinstance(error, MotionStoppedError):
            return str(error)
        return f"the joint target is not {self.robot.setpoint.size} finite numbers"


def _made_anew(level: type[WorldEnv], made_with: dict[str, Any]) -> WorldEnv:
    env = level(**made_with)
    env.made_with = made_with
    return env


def _cut(short: np.ndarray) -> int:
    """How many joints were told to go further than they may: by short float[J], rad or m."""
    return int(np.count_nonzero(np.abs(short) > _ROUNDING)) if short.dot(short) > _ROUNDING**2 else 0


def _reason(cut: int) -> str:
    return f"{cut} joint target{'s' * (cut > 1)} beyond a limit, cut to it" if cut else ""


def _tasks_of(domain: Domain, tasks: Mapping[str, Task], name: str | None) -> list[Task]:
    """All tasks of a domain, or the named one, which may be the one that is told. Raises ValueError for an unknown
    name."""
    if name is None:
        return list(tasks.values())
    if domain.told is not None and name == domain.told.name:
        return [domain.told]
    if name not in tasks:
        raise ValueError(unknown(name, tasks, what="task"))
    return [tasks[name]]


def _cameras_of(known: Iterable[str], names: Sequence[str] | None) -> tuple[str, ...]:
    """All cameras, or the named ones, in the order they are known by. Raises ValueError for an unknown name."""
    known = tuple(known)
    for name in names or ():
        if name not in known:
            raise ValueError(unknown(name, known, what="cameras"))
    return known if names is None else tuple(name for name in known if name in names)


def _maker_of(domain: Domain, robot: str | None) -> Callable[[World], Robot]:
    """What makes the named robot, or the domain's own. Raises ValueError for an unknown name."""
    if robot is None:
        return domain.make_robot
    if robot not in domain.robots:
        raise ValueError(unknown(robot, domain.robots, what="robot",
                                 otherwise="leave it out for the one that belongs here"))
    return domain.robots[robot]


def _as_dict(seen: Observation, instruction: str) -> dict[str, Any]:
    body = {"joint_pos": seen.joint_pos, "tool_pose": seen.tool_pose, "time_s": np.array([seen.time_s]),
            "gripper_width_m": np.array([seen.gripper_width_m]), "instruction": instruction}
    if not seen.cameras:
        return body
    calibration = {n: {"intrinsics": c.intrinsics.copy(), "pose": c.pose.copy()} for n, c in seen.cameras.items()}
    return {"rgb": dict(seen.rgb), "depth": dict(seen.depth), "cameras": calibration, **body}


def _check(image_size: int, render_mode: str | None, render_size: tuple[int, int]) -> None:
    low, high = _IMAGE_SIZES_PX
    if not all(low <= size <= high for size in (image_size, *render_size)):
        raise ValueError(f"image sizes: expected pixels in [{low}, {high}], got {image_size} and {render_size}")
    if render_mode not in (None, "rgb_array"):
        raise ValueError(f"render_mode: expected None or 'rgb_array', got {render_mode!r}")
