"""What a session knows of its world: what was seen last, whatever moved it."""

from __future__ import annotations

from embodied.serving.world import World


class Seen:
    """An environment that sees how many steps there were."""

    def __init__(self) -> None:
        self.steps = 0

    def step(self, action):
        self.steps += 1
        return {"steps": self.steps}, 0.0, False, False, {}

    def snapshot(self) -> int:
        return self.steps

    def restore(self, moment: int) -> None:
        self.steps = moment


def test_the_last_observation_is_that_of_now():
    """A run steps the world without its session: what is looked for afterwards is looked for in what is there then."""
    world = World()
    world.env = Seen()
    world.step({})
    moment = world.snapshot()
    world.step({})
    assert world.raw == {"steps": 2}
    world.restore(moment)
    assert world.raw == {"steps": 1} and world.env.steps == 1
