"""What a robot remembers at each view of an episode, as when it acts, with the true names."""

from __future__ import annotations

from dataclasses import replace

from embodied.data.detections import ViewDetections
from embodied.data.episodes import Act, View
from embodied.planning.memory import Look, Memory


class Remembering:
    """The memory of one episode, view by view; `embodied.planning.memory.recall` is the same at run time."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._names: dict[int, str | None] = {}

    def after(self, view: View, act: Act | None, detected: ViewDetections) -> ViewDetections:
        """What is remembered at a view that `act` led to, as detections."""
        if act is not None:
            self.memory = self.memory.act(act.skill, list(map(str, act.arguments)), is_done=act.status == "done",
                                          held=view.held)
        self._names |= {id(slot): name for slot, name in zip(detected.slots, detected.names, strict=True)}
        look = detected.look or Look(None)
        self.memory = self.memory.see(replace(look, slots=look.slots and detected.slots))
        names = tuple(self._names[id(slot)] for slot in self.memory.things)
        return ViewDetections(self.memory.things, names, look)
