"""How a world is seen in an episode: from where, looking how, and how truly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from envs.robots.arm import UnreachableError
from envs.robots.robot import Robot
from envs.sensors.appearance import Appearance, Look
from envs.sensors.realism import Realism, Reality, capture
from envs.world.images import Picture, View
from envs.world.world import World


class Senses:
    """What realism and appearance make of a world's cameras and motors, an episode after the other; nothing where both
    are off."""

    def __init__(self, realism: Realism | Mapping[str, float] | None,
                 appearance: Appearance | Mapping[str, str] | None, *, is_table: bool) -> None:
        """Raises ValueError for dials and families that are not known, and for an appearance where it is no table that
        cameras and arm stand before."""
        self._realism, self._appearance = Realism.of(realism), Appearance.of(appearance)
        if not (is_table or self._appearance.is_off):
            raise ValueError("appearance: expected none in this world, got one; it is for those whose cameras and arm "
                             "stand before a table, such as 'tabletop'")
        self._reality: Reality | None = None
        self._look: Look | None = None

    def begin(self, world: World, robot: Robot, cameras: Sequence[str], rng: np.random.Generator) -> None:
        """A new episode, drawn by rng, of which nothing is drawn where all is off; its scene is in the world. cameras:
        the names of all that there are, so that what becomes of one hangs on no other being looked through."""
        if not self._realism.is_off:
            self._reality = Reality(self._realism, int(rng.integers(2**62)), cameras)
            robot.shake(self._realism.joint_noise_rad, self._reality.rng)
        if not self._appearance.is_off:
            self._look = Look(self._appearance, int(rng.integers(2**62)))
            self._look.add_distractors(world)
            if (tool := self._look.tool()) is not None:
                _put_tool(robot, *tool)

    def views(self, views: Mapping[str, View]) -> Mapping[str, View]:
        """Where cameras stand in this episode, of where they usually do."""
        return views if self._look is None else self._look.views(views)

    def capture(self, world: World, views: Mapping[str, View], size_px: int) -> dict[str, Picture]:
        """Camera name -> what it sees now, from views of this episode."""
        return capture(world, views, size_px, self._reality, None if self._look is None else self._look.painted)

    def picture(self, world: World, view: View, size_px: tuple[int, int]) -> Picture:
        """What is seen from a view, for people: in the look of this episode, and truly. size_px: height, width."""
        picture = world.picture(view, *size_px)
        return picture if self._look is None else self._look.painted(world, picture, view)

    @property
    def noise(self) -> Any:
        """The state of what differs from image to image, to go back to; None where nothing does."""
        return self._reality.rng.bit_generator.state if self._reality else None

    @noise.setter
    def noise(self, state: Any) -> None:
        if self._reality is not None:
            self._reality.rng.bit_generator.state = state


def _put_tool(robot: Robot, position_m: tuple[float, float, float], jaw_yaw_rad: float) -> None:
    """The tool to a place, pointing down, from one moment to the next; it stays where that is out of reach."""
    try:
        robot.place(robot.solve_down(position_m, jaw_yaw_rad))
    except UnreachableError:
        return
