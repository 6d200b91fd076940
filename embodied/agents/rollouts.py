"""Episodes that learning from outcomes reads: what a sampling agent decided, and what each decision led to.

`make_rollouts` is what the workers of `embodied.distributed.rollouts` build.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embodied.agents.language_agent import LanguageAgent
from embodied.agents.shipped import load_agent
from embodied.planning.closed_loop import Step, run
from embodied.planning.declaration import world_of
from embodied.prompt import Sample

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, slots=True)
class Decision:
    """One plan: all that the model was asked for until it stood, and the reward of the calls that followed it."""

    samples: tuple[Sample, ...]
    reward: float


@dataclass(frozen=True, slots=True)
class Rollout:
    """An episode. seed: of its scene. draw: which of the episodes of that scene; another one draws other plans."""

    seed: int
    draw: int
    decisions: tuple[Decision, ...]
    progress: float  # 0..1
    is_success: bool | None  # None where nobody judges
    end: str


class Rollouts:
    """Plays an episode for each ticket, `seed * group + draw`, always with the same agent in the same environment."""

    def __init__(self, agent: LanguageAgent, env: gymnasium.Env, *, group: int = 1, **settings: Any) -> None:
        """agent: whose backend samples. group: episodes of each scene that may be asked for. settings: as of `run`."""
        self.agent, self.env, self.group, self.settings = agent, env, group, settings

    def __call__(self, ticket: int) -> Rollout:
        seed, draw = divmod(ticket, self.group)
        steps = list(run(self.env, self.agent, seed=seed, sampling_seed=draw, **self.settings))
        last = steps[-1]
        return Rollout(seed, draw, decisions(steps), float(last.info.get("progress", 0.0)), last.is_success, last.end)

    def load_weights(self, content: bytes | str | Path, version: int) -> None:
        """Go on with other weights, between two episodes; samples carry their version."""
        self.agent.backend.load_weights(content, version)


def decisions(steps: Iterable[Step]) -> tuple[Decision, ...]:
    """The plans of an episode, each with the rewards until the next one."""
    found: list[Decision] = []
    for step in steps:
        if step.is_new_plan or not found:
            found.append(Decision(step.samples, 0.0))
        reward = 0.0 if step.transition is None else step.transition.reward
        found[-1] = Decision(found[-1].samples, found[-1].reward + reward)
    return tuple(found)


def make_rollouts(weights: str, env_id: str, *, env: Mapping[str, Any] | None = None, temperature: float = 1.0,
                  group: int = 1, agent: Mapping[str, Any] | None = None, **settings: Any) -> Rollouts:
    """What a worker process calls with each ticket. weights: a planner's, by shipped name or
    folder, version 0 until others come. Raises ValueError for a mind's, which samples no plans.

    env: arguments of `gymnasium.make`. agent: as of `LanguageAgent`. settings: as of `run`.
    """
    import gymnasium

    world = gymnasium.make(env_id, **(env or {}))
    planner = load_agent(weights, world=world_of(world.unwrapped.language.taught), temperature=temperature,
                         takes_weights=True, **(agent or {}))
    planner.backend.version = 0
    return Rollouts(planner, world, group=group, **settings)
