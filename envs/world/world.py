"""A table with things on it, in one private PyBullet client; time is counted in physics steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from envs.interface import Box
from envs.names import unknown
from envs.world import shapes
from envs.world.articulation import TOUCH_M, Articulation
from envs.world.client import Client
from envs.world.graphics import Graphics
from envs.world.images import Picture, View, take
from envs.world.moments import BodyState, WorldState
from envs.world.table import TABLES

_REST_SPEED_M_S = 0.004
_LEFT_PERIODS = 3  # untouched for so long and slow: it was let go and has come to rest
_REST_STEPS = 12  # this many slow steps in a row count as rest: a thing at the top of its bounce is slow for one only


Scenery = Callable[[Client], int]
"""Builds what never moves in a new client, and returns the body id of what things stand on, named "table"."""


Maker = Callable[[Client, np.ndarray, np.ndarray], int]
"""(client, position m, quaternion): id of a new body there."""


class World:
    """Bodies by name on a ground whose top is z = 0. Not safe to share between threads."""

    def __init__(self, physics_hz: int = 240, scenery: Scenery | None = None, is_memoryless: bool = False,
                 graphics: Graphics | None = None) -> None:
        """scenery: the table where none is given. is_memoryless: pairs of near bodies are found by comparing all with
        all. Bullet's tree of them, made for crowds, is tended a little a step, so that what it finds, and who wakes
        whom, depends on scenes long gone."""
        self.physics_hz = physics_hz
        self._is_memoryless = is_memoryless
        self.steps = 0
        self.graphics = graphics or Graphics()
        self._scenery = scenery or TABLES[self.graphics.looks]
        self.client = Client(self.graphics.renderer)
        self._advance = self.client.stepSimulation
        self._bodies: dict[str, int] = {}
        self._sizes: dict[str, np.ndarray] = {}
        self._makers: dict[str, Maker] = {}
        self._awake: dict[str, int] = {}  # what must not sleep -> control periods since the robot touched it
        self._frictions: dict[str, float] = {}  # as made, of what was given another
        self._keepsakes: dict[str, Any] = {}
        self._robot: Articulation | None = None
        self._fixtures: dict[str, Articulation] = {}  # jointed things that stay where they are: drawers, doors
        self._build()

    def _build(self) -> None:
        c = self.client
        if self._is_memoryless:
            c.resetSimulation(c.RESET_USE_SIMPLE_BROADPHASE)
        c.setTimeStep(1.0 / self.physics_hz)
        c.setPhysicsEngineParameter(deterministicOverlappingPairs=1, solverResidualThreshold=1e-5)
        c.setGravity(0.0, 0.0, -9.81)
        self._table = self._scenery(c)
        self._bowl_shapes = shapes.create_bowl_shapes(c)
        self._empty_state = c.saveState()

    def reset(self) -> None:
        """Empties the table and puts the robot, if one was added, back to where it was when it was added."""
        for jointed in self._jointed():
            jointed.rewind()
        self._remove_bodies()
        self._bodies.clear()
        self._sizes.clear()
        self._makers.clear()
        self._awake.clear()
        self._frictions.clear()
        self._forget()
        self.steps = 0

    def _forget(self) -> None:
        """The state of the empty world, of which nothing remembers an earlier scene."""
        self.client.restoreState(self._empty_state)
        for jointed in self._jointed():
            jointed.forget_contacts()

    def add_robot(self, urdf: str, joints: Sequence[str], start: np.ndarray) -> Articulation:
        """The one robot of this world, loaded from URDF text; it outlives resets. joints: what positions follow."""
        if self._robot is not None:
            raise ValueError("expected a world without robot, got one that has one; make another World")
        self._robot = Articulation(self.client, urdf, joints, start, is_forgetful=self._is_memoryless)
        return self._robot

    def add_fixture(self, name: str, urdf: str, joints: Sequence[str], friction_n: float) -> Articulation:
        """Furniture with joints of its own, loaded from URDF text; it outlives resets. friction_n: what its joints
        (at 0 in an empty world) resist being moved with."""
        if name in self._fixtures:
            raise ValueError(f"expected a new fixture, got {name!r} which the world has already; choose another name")
        self._fixtures[name] = Articulation(self.client, urdf, joints, np.zeros(len(joints)))
        self._fixtures[name].brake(friction_n)
        self.keep_as_empty()
        return self._fixtures[name]

    def keepsake(self, name: str, make: Callable[[], Any]) -> Any:
        """What was made under that name for this world's client, made now if it was not: shapes outlive resets."""
        if name not in self._keepsakes:
            self._keepsakes[name] = make()
        return self._keepsakes[name]

    def _jointed(self) -> list[Articulation]:
        return [*([self._robot] if self._robot is not None else []), *self._fixtures.values()]

    def fixture_pos(self, name: str) -> np.ndarray:
        """float64[J]: joints of a fixture, rad or m. PRIVILEGED: for experts, judging and labels."""
        return self._fixture(name).positions()

    def set_fixture(self, name: str, positions: np.ndarray) -> None:
        """Puts a fixture's joints, at rest, to positions float64[J]: for arranging scenes and for perturbations."""
        self._fixture(name).place(positions)

    def _fixture(self, name: str) -> Articulation:
        if name not in self._fixtures:
            raise ValueError(f"expected a fixture of {list(self._fixtures)}, got {name!r}; add_fixture() makes one")
        return self._fixtures[name]

    def robot_link_pose(self, link: str) -> np.ndarray:
        """float64[7]: position m and quaternion of a link of the robot. Raises ValueError without a robot."""
        if self._robot is None:
            raise ValueError("expected a world with a robot, got none; add_robot() first")
        return self._robot.link_pose(link)

    def gripped_name(self) -> str | None:
        """Name of what the robot squeezes between its pads. PRIVILEGED."""
        return self.name_of({self._robot.gripped} - {None}) if self._robot else None

    def keep_as_empty(self) -> None:
        """Makes the present state the one that reset() returns to; call it when the robot is complete."""
        self.client.removeState(self._empty_state)
        self._empty_state = self.client.saveState()

    def close(self) -> None:
        """Frees the client; harmless when repeated."""
        self.client.close()

    def spawn_block(self, name: str, *, side_m: float, rgb: tuple[float, float, float], xy: tuple[float, float],
                    bottom_z_m: float = 0.0, yaw_rad: float = 0.0) -> None:
        """Adds a cube whose lower face is at bottom_z_m."""
        position, quaternion = _upright(xy, bottom_z_m + side_m / 2, yaw_rad)
        self.spawn(name, lambda client, *pose: shapes.create_block(client, side_m, rgb, *pose), size=(side_m,) * 3,
                   position=position, quaternion=quaternion)

    def spawn_bowl(self, name: str, *, rgb: tuple[float, float, float], xy: tuple[float, float],
                   yaw_rad: float = 0.0) -> None:
        """Adds a bowl that stands on the table."""
        position, quaternion = _upright(xy, shapes.BOWL_HEIGHT_M / 2, yaw_rad)
        width = 2 * shapes.BOWL_OUTER_RADIUS_M
        self.spawn(name, lambda client, *pose: shapes.create_bowl(client, self._bowl_shapes, rgb, *pose),
                   size=(width, width, shapes.BOWL_HEIGHT_M), position=position, quaternion=quaternion)

    def spawn(self, name: str, make: Maker, *, size: tuple[float, float, float], position: np.ndarray,
              quaternion: np.ndarray) -> None:
        """Adds a thing of any kind. size: full extents in the body's frame, m."""
        if name in self._bodies or name in ("table", "robot"):
            raise ValueError(f"expected a new name, got {name!r} which the world has already; call reset() first")
        self._bodies[name] = make(self.client, np.asarray(position), np.asarray(quaternion))
        self._sizes[name] = np.array(size)
        self._makers[name] = make

    def _remove_bodies(self) -> None:
        bodies = list(self._bodies.values())
        for body in bodies[::-1] if self._is_memoryless else bodies:  # last in, first out: the next get the same slots
            self.client.removeBody(body)

    def _body(self, name: str) -> int:
        if name == "table":
            return self._table
        if name not in self._bodies:
            raise ValueError(unknown(name, self._bodies, what="body"))
        return self._bodies[name]

    def names(self) -> list[str]:
        """Names of what was spawned, in that order."""
        return list(self._bodies)

    def pose(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Centre float64[3] m and quaternion float64[4]; a bowl's centre is the middle of its height."""
        position, quaternion = self.client.getBasePositionAndOrientation(self._body(name))
        return np.array(position), np.array(quaternion)

    def offset_m(self, a: str, b: str) -> float:
        """Between the centres of two bodies, seen from above."""
        where = self.client.getBasePositionAndOrientation
        (ax, ay, _), (bx, by, _) = where(self._body(a))[0], where(self._body(b))[0]
        return math.hypot(ax - bx, ay - by)

    def size(self, name: str) -> np.ndarray:
        """float64[3]: full extents in the body's own frame, m."""
        self._body(name)
        return self._sizes[name].copy()

    def speed(self, name: str) -> float:
        """Of the body's centre, m/s."""
        return math.hypot(*self.client.getBaseVelocity(self._body(name))[0])

    def move(self, name: str, position: np.ndarray, quaternion: np.ndarray) -> None:
        """Puts a body elsewhere at rest, awake, from one moment to the next: for perturbations and tests."""
        c, body = self.client, self._body(name)
        c.resetBasePositionAndOrientation(body, list(position), list(quaternion))
        c.resetBaseVelocity(body, [0.0] * 3, [0.0] * 3)
        for other in (name, *(o for o in self._bodies if o != name and self.is_touching(name, o))):
            if other not in self._awake:
                c.changeDynamics(self._bodies[other], -1, activationState=c.ACTIVATION_STATE_WAKE_UP)

    def set_friction(self, name: str, lateral: float | None) -> None:
        """Gives a body another lateral friction, or with None the one it was made with. A snapshot does not keep it."""
        body = self._body(name)
        made = self._frictions.setdefault(name, self.client.getDynamicsInfo(body, -1)[1])
        self.client.changeDynamics(body, -1, lateralFriction=made if lateral is None else lateral)

    def is_touching(self, a: str, b: str) -> bool:
        """Whether two bodies are in contact; either may be "table"."""
        contacts = self.client.getContactPoints(self._body(a), self._body(b))
        return any(contact[8] < TOUCH_M for contact in contacts)

    def robot_touches(self, name: str) -> bool:
        """Whether any link of the robot is in contact with the body."""
        if self._robot is None:
            return False
        return any(c[8] < TOUCH_M for c in self.client.getContactPoints(self._robot.body, self._body(name)))

    def robot_gap_m(self, name: str, most_m: float) -> float:
        """Between the surfaces of the robot and of a body; most_m when they are farther apart. PRIVILEGED."""
        points = self.client.getClosestPoints(self._robot.body, self._body(name), most_m) if self._robot else ()
        return min((float(p[8]) for p in points), default=most_m)

    def box(self, name: str) -> Box:
        """The true upright box around a body. ORACLE: for experts, judging and labels, never for skills."""
        position, quaternion = self.pose(name)
        turn = np.array(self.client.getMatrixFromQuaternion(quaternion)).reshape(3, 3)
        axis = turn[:, int(np.argmin(np.abs(turn[2])))]  # the body axis that lies flattest gives the heading
        yaw = (np.arctan2(axis[1], axis[0]) + np.pi / 4) % (np.pi / 2) - np.pi / 4
        return Box(tuple(position.tolist()), tuple(self._sizes[name].tolist()), float(yaw))

    def picture(self, view: View, height_px: int, width_px: int) -> Picture:
        """What a camera sees now."""
        if self.graphics.has_shadows:
            view = replace(view, has_shadow=True)
        return take(self.client, view, height_px, width_px)

    def body_indices(self) -> dict[int, int]:
        """Body id in a Picture -> index into names(). PRIVILEGED: for labels."""
        return {body: index for index, body in enumerate(self._bodies.values())}

    def fixed_bodies(self) -> list[int]:
        """Ids of what is neither a named thing nor the robot: the scenery, in the order it was built."""
        others = {*self._bodies.values(), self._robot.body if self._robot else -1}
        every = (self.client.getBodyUniqueId(i) for i in range(self.client.getNumBodies()))
        return sorted(body for body in every if body not in others)

    def name_of(self, bodies: set[int]) -> str | None:
        """The first name whose body is among the ids. PRIVILEGED."""
        return next((name for name, body in self._bodies.items() if body in bodies), None)

    def step(self, count: int = 1) -> None:
        """Advances physics by count steps."""
        for _ in range(count):
            self._advance()
        self.steps += count

    @property
    def time_s(self) -> float:
        """Simulated: steps / physics_hz."""
        return self.steps / self.physics_hz

    def doze(self) -> None:
        """Puts what rests untouched by the robot to sleep: it costs nothing, and stacks do not creep (friction that is
        solved to a residual lets them slide 1 mm a second), until something wakes it by contact."""
        for name in self._bodies:
            if not self.robot_touches(name) and self._is_at_rest(name):
                self._put_to_sleep(name)

    def tend(self) -> None:
        """Once a control period: bars from sleep what the robot touches and all that leans on it, because Bullet puts a
        slowly carried thing to sleep two seconds after its last haste, in mid-air; lets sleep what it left at rest."""
        touched = self._touched_by_robot()
        for name in [n for n in self._bodies if n not in self._awake and n in touched]:
            self._keep_awake(name)
        for name in list(self._awake):
            self._awake[name] = 0 if name in touched else self._awake[name] + 1
            if self._awake[name] >= _LEFT_PERIODS and self._is_at_rest(name):
                self._put_to_sleep(name)

    def _touched_by_robot(self) -> set[str]:
        """Names of everything that `robot_touches`, by one question to Bullet instead of one for each."""
        if self._robot is None:
            return set()
        bodies = {c[2] for c in self.client.getContactPoints(bodyA=self._robot.body) if c[8] < TOUCH_M}
        return {name for name, body in self._bodies.items() if body in bodies}

    def _keep_awake(self, name: str) -> None:
        """Bars a body and all that touches it from sleep."""
        if name in self._awake:
            return
        self._awake[name] = 0
        self.client.changeDynamics(self._bodies[name], -1,
                                   activationState=self.client.ACTIVATION_STATE_DISABLE_SLEEPING)
        for other in self._bodies:
            if self.is_touching(name, other):
                self._keep_awake(other)

    def _put_to_sleep(self, name: str) -> None:
        self.client.changeDynamics(self._bodies[name], -1, activationState=self.client.ACTIVATION_STATE_SLEEP)
        self._awake.pop(name, None)

    def _is_at_rest(self, name: str) -> bool:
        """Whether a body is slow and lies on something, so not at the top of a bounce."""
        return self.speed(name) < _REST_SPEED_M_S and bool(self.client.getContactPoints(self._bodies[name]))

    def snapshot(self) -> WorldState:
        """The present moment, to go back to. What follows, in this very world too, is bit-identical to what follows
        `restore`: both begin with new bodies, since Bullet saves neither its broadphase nor who sleeps nor turned
        inertias, and a state that it restored goes another way than the original (0.1 mm off within 50 ms)."""
        robot = self._robot.snapshot() if self._robot else None
        gripped = self.name_of({robot.grip[0]}) if robot and robot.grip else None
        bodies = tuple(self._body_state(name, body) for name, body in self._bodies.items())
        fixtures = tuple(fixture.snapshot() for fixture in self._fixtures.values())
        state = WorldState(bodies, tuple(self._awake.items()), self.steps, robot, gripped, fixtures)
        self.restore(state)
        return state

    def _body_state(self, name: str, body: int) -> BodyState:
        c = self.client
        asleep = c.ACTIVATION_STATE_SLEEP if self._is_at_rest(name) else c.ACTIVATION_STATE_WAKE_UP
        activation = c.ACTIVATION_STATE_DISABLE_SLEEPING if name in self._awake else asleep
        return BodyState(name, c.getBasePositionAndOrientation(body), c.getBaseVelocity(body), activation)

    def restore(self, state: WorldState) -> None:
        """Goes back to a snapshot. Raises ValueError when its things are not those of the present scene."""
        if [body.name for body in state.bodies] != self.names():
            raise ValueError("restore: expected the things of the snapshot, got others; take a snapshot after reset()")
        self._remove_bodies()
        self._forget()
        for name, pose, _, _ in state.bodies:
            self._bodies[name] = self._makers[name](self.client, *pose)
        self._put_back(state)
        for body in self._bodies.values():  # Bullet looks for no contacts between two that sleep
            self.client.changeDynamics(body, -1, activationState=self.client.ACTIVATION_STATE_WAKE_UP)
        self.client.stepSimulation()  # finds the contacts, which sensors and judges read
        self._put_back(state)
        self.steps, self._awake = state.steps, dict(state.awake)

    def _put_back(self, state: WorldState) -> None:
        """Poses, speeds and wakefulness of everything."""
        c = self.client
        for name, pose, velocity, activation in state.bodies:
            c.resetBasePositionAndOrientation(self._bodies[name], *pose)
            c.resetBaseVelocity(self._bodies[name], *velocity)
            c.changeDynamics(self._bodies[name], -1, activationState=activation)
        if self._robot is not None and state.robot is not None:
            self._robot.restore(state.robot, self._bodies.get(state.gripped))
        for fixture, kept in zip(self._fixtures.values(), state.fixtures, strict=True):
            fixture.restore(kept, None)

    def settle(self, max_s: float = 1.0) -> bool:
        """Steps until everything has come to rest; whether it did within max_s of simulated time."""
        slow_steps = 0
        for _ in range(int(max_s * self.physics_hz)):
            self.step()
            slow = all(self.speed(name) < _REST_SPEED_M_S for name in self._bodies)
            slow_steps = slow_steps + 1 if slow else 0
            if slow_steps >= _REST_STEPS:
                return True
        return False


def _upright(xy: tuple[float, float], z_m: float, yaw_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Position float64[3] and quaternion float64[4] of an upright body."""
    return np.array([xy[0], xy[1], z_m]), np.array([0.0, 0.0, np.sin(yaw_rad / 2), np.cos(yaw_rad / 2)])
