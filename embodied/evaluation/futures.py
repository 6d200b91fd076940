"""The futures of one moment: the likeliest plans of a planner, each carried out in a fork of the same world, beside
what a twin of the perceived world said would come of it. In simulation only: nobody can fork a real table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodied.agents.imagining_agent import ImaginingAgent
from embodied.planning.belief import first_look
from embodied.planning.imagine import Candidate, Foresight
from embodied.planning.language import Plan
from envs.interface import Observation

FRAME_PX = (180, 240)
"""Height and width of a picture."""
FILMED_FPS = 4.0
"""Pictures of a second of the simulation."""


@dataclass(frozen=True, slots=True)
class Future:
    """What came of a plan. frames: uint8[H, W, 3] each, the last one of the end."""

    plan: Plan
    probability: float | None  # of its words, by the policy; None where no model was asked
    foresight: Foresight | None  # of the twin
    progress: float  # of the task at the end, 0..1
    is_success: bool
    calls: tuple[str, ...]  # in words: "pick red block"
    outcomes: tuple[str, ...]  # of each: "done", or "failed, the gripper closed on nothing"
    frames: tuple[np.ndarray, ...]


@dataclass(frozen=True, slots=True)
class Futures:
    """A moment and what may follow it, the likeliest first. frame: uint8[H, W, 3], of the moment."""

    instruction: str
    frame: np.ndarray
    futures: tuple[Future, ...]
    is_judged: bool  # whether the world can say of this instruction that it is followed


def futures_of(world: Any, agent: ImaginingAgent, *, seed: int, options: dict[str, Any], most: int, pictures: int
               ) -> Futures:
    """The futures of a new scene's first moment. world: skill-level, without wrappers, made to render FRAME_PX.
    options: of its reset, with the instruction. most: plans at most. pictures: of each, with its end."""
    raw, info = world.reset(seed=seed, options=options)
    instruction, observation = raw["instruction"], Observation.from_dict(raw)
    found = agent.candidates(instruction, observation, (), seed)[:most]
    plans = [one.plan for one in found]
    foreseen: Sequence[Foresight | None] = agent.foresee(instruction, plans) or [None] * len(plans)
    moment, frame = world.snapshot(), world.render()
    told = tuple(carried_out(world, moment, info["progress"], one, foresight, pictures)
                 for one, foresight in zip(found, foreseen, strict=True))
    return Futures(instruction, frame, told, bool(info["is_judged"]))


def carried_out(world: Any, moment: Any, progress: float, candidate: Candidate, foresight: Foresight | None,
                pictures: int) -> Future:
    """What comes of a plan from that moment on. progress: of the task then, 0..1. pictures: frames that are kept; 0:
    nothing is drawn."""
    world.restore(moment)
    frames: list[np.ndarray] = []
    if pictures:
        world.watch(frames.append, fps=FILMED_FPS, size=FRAME_PX)
    outcomes, called = [], _called(candidate.plan)
    for call in candidate.plan.calls:
        *_, info = world.step(world.encode(call))
        report, progress = info["outcome"], info["progress"]
        outcomes.append(report["status"] if report["status"] == "done" else f"{report['status']}, {report['reason']}")
    world.watch(None)
    is_success = bool(world.is_success)
    probability = float(np.exp(candidate.log_prob)) if candidate.plan.samples else None
    calls = tuple(" ".join(called.get(word, word) for word in map(str, call.named)).replace("_", " ")
                  for call in candidate.plan.calls)
    kept = (*_spread(frames, pictures - 1), world.render()) if pictures else ()
    return Future(candidate.plan, probability, foresight, float(is_success) or progress, is_success, calls,
                  tuple(outcomes), kept)


def _called(plan: Plan) -> dict[str, str]:
    """What plans call things -> what they look like: obj_3 -> blue bowl."""
    if plan.perception is None:
        return {}
    belief = first_look(plan.perception.slots)
    return {belief.object_name(name): name for name in belief.places}


def _spread(frames: Sequence[np.ndarray], count: int) -> list[np.ndarray]:
    """So many of the frames, evenly; fewer where there are."""
    if len(frames) <= count:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, count + 1)[1:].round().astype(int)
    return [frames[place] for place in places]
