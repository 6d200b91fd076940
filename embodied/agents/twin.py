"""A twin of the table that an agent perceives: the same things where they were measured, in a world of its own, where
plans can be tried before one is carried out.

It is built of the agent's perception alone. What it says of a plan is a guess: of things that were not seen, or not
where they are, it knows nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import gymnasium

from embodied.planning.belief import Belief, first_look
from embodied.planning.imagine import Foresight
from embodied.planning.language import Plan
from embodied.planning.perception import Perception
from envs.goals.retelling import told_again
from envs.goals.scene_spec import SceneError
from envs.interface import Box, Referent, SkillCall

_MOVED_M = 0.01  # less is of perception, which aimed at the thing


class TableTwin:
    """A `Twin` of a tabletop, in this process. Looks through no camera."""

    def __init__(self, env_id: str = "envs:embodied/Tabletop-v0", *, shift_m: tuple[float, float] = (0.0, 0.0),
                 **options: Any) -> None:
        """shift_m: along x and y, by which all of it is wrong, for measuring what a wrong twin costs. options: keywords
        of the world, such as robot."""
        self.world = gymnasium.make(env_id, cameras=(), **options).unwrapped
        self.shift_m = shift_m

    def foresee(self, instruction: str, perception: Perception, plans: Sequence[Plan]) -> list[Foresight] | None:
        """See `planning.imagine.Twin`."""
        belief = first_look(perception.slots)
        try:
            scene = told_again(self._shifted(belief).table, self._yaws(belief, perception))
            _, info = self.world.reset(seed=0, options={"scene": scene, "instruction": instruction})
        except SceneError:
            return None
        if not info["is_judged"]:
            return None
        moment = self.world.snapshot()
        names = {perception.slots[place].box: name for name, place in belief.places.items()}
        return [self._tried(info["progress"], moment, plan.calls, names) for plan in plans]

    def close(self) -> None:
        self.world.close()

    def _tried(self, before: float, moment: Any, calls: Sequence[SkillCall], names: Mapping[Box, str]) -> Foresight:
        """names: of the things, by where they were measured."""
        self.world.restore(moment)
        began = {name: self.world.world.box(name) for name in names.values()}
        along, failures = [], 0
        for call in calls:
            *_, info = self.world.step(self.world.encode(self._measured_anew(call, names, began)))
            along.append(info["progress"])
            failures += info["outcome"]["status"] != "done"
        return Foresight(before, along[-1] if along else before, failures, tuple(along))

    def _measured_anew(self, call: SkillCall, names: Mapping[Box, str], began: Mapping[str, Box]) -> SkillCall:
        """The call, pointed at where things stand in the twin now, of those that were moved there: whoever plans looks
        again before the calls that follow. began: where they stood at first."""

        def now(argument: Any) -> Any:
            name = names.get(argument.box) if isinstance(argument, Referent) else None
            if name is None:
                return argument
            box = self.world.world.box(name)
            return replace(argument, box=box) if math.dist(box.center, began[name].center) > _MOVED_M else argument

        return replace(call, arguments=tuple(map(now, call.arguments)))

    def _shifted(self, belief: Belief) -> Belief:
        """The belief with everything moved by `shift_m`."""
        if self.shift_m == (0.0, 0.0):
            return belief
        things = {name: replace(t, x=t.x + self.shift_m[0], y=t.y + self.shift_m[1])
                  for name, t in belief.table.things.items()}
        return replace(belief, table=replace(belief.table, things=things))

    def _yaws(self, belief: Belief, perception: Perception) -> dict[str, float]:
        """Of what is in sight, rad."""
        return {name: perception.slots[place].box.yaw for name, place in belief.places.items()}
