"""Episodes that learning from outcomes reads: what a sampling agent decided, what each decision led to, and, where that
is asked for, what the moment was worth before it: by the expert's count of what is left, or by how forks of it end.

`make_rollouts` is what the workers of `embodied.distributed.rollouts` build.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from embodied.agents.backends.local import drawing_at
from embodied.agents.language_agent import LanguageAgent
from embodied.agents.shipped import load_agent
from embodied.planning.closed_loop import Moment, Planner, Step, run
from embodied.planning.declaration import world_of
from embodied.planning.language import Plan
from embodied.prompt import Sample
from envs.interface import Observation, Transition

if TYPE_CHECKING:
    import gymnasium

End = Literal["success", "terminated", "truncated", "done", "answered", "refused", "failed"]
"""Why an episode ended, as `planning.closed_loop.Step.end` begins."""

_FORK_DRAWS = 2**20
"""Draws of forks are numbered from here on, so that none repeats one of the episodes themselves."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One plan: all that the model was asked for until it stood, and the reward of the calls that followed it."""

    samples: tuple[Sample, ...]
    reward: float
    state: str = ""  # of the moment: equal where the world and all that happened in it are the same to the bit
    progress: float = 0.0  # of the task at that moment, 0..1
    cost_to_go: float | None = None  # calls that the expert would still make there. ORACLE
    fork_value: float | None = None  # mean reward of forks of that moment, played on by the same policy
    value: float | None = None  # of that moment, as a critic has it


@dataclass(frozen=True, slots=True)
class Rollout:
    """An episode. seed: of its scene. draw: which of the episodes of that scene; another one draws other plans."""

    seed: int
    draw: int
    decisions: tuple[Decision, ...]
    progress: float  # 0..1
    is_success: bool | None  # None where nobody judges
    end: str
    calls: int = 0  # of skills, those of its forks among them
    cost_to_go: float | None = None  # calls that the expert would still make at the end. ORACLE

    @property
    def end_kind(self) -> End:
        """Why it ended, without the words."""
        return self.end.split(":")[0]


@dataclass(frozen=True, slots=True)
class Noted:
    """A moment at which a plan was made, and a snapshot of its world where forks of it are wanted."""

    moment: Moment
    cost_to_go: float | None
    snapshot: Any = None


@dataclass
class Watched:
    """A planner before each plan of which somebody takes a note."""

    planner: Planner
    note: Callable[[str, Observation, Sequence[Transition]], None]

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition], *,
             seed: int | None = None) -> Plan:
        self.note(instruction, observation, history)
        drawn = {} if seed is None else {"seed": seed}
        return self.planner.plan(instruction, observation, history, **drawn)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.planner, name)


class Rollouts:
    """Plays an episode for each ticket, `seed * group + draw`, always with the same agent in the same environment. A
    negative one, `-1 - seed`, is the episode of that scene by the likeliest plans, without chance."""

    def __init__(self, agent: LanguageAgent, env: gymnasium.Env, *, group: int = 1, counts_calls: bool = False,
                 forks: int = 0, **settings: Any) -> None:
        """agent: whose backend samples. group: episodes of each scene that may be asked for. counts_calls: the expert's
        calls that are left are told of each moment. ORACLE. forks: episodes that go on from each moment, whose mean
        reward is its value; 0: none. Their plans are drawn anew, and are not told. settings: as of `run`."""
        self.agent, self.env, self.group, self.settings = agent, env, group, settings
        self.counts_calls, self.forks = counts_calls, forks

    def __call__(self, ticket: int) -> Rollout:
        if hasattr(self.agent, "backend"):
            self.agent.backend.forget(is_seen_kept=True)  # or its numbers hang on the episodes before
        if ticket < 0:
            with drawing_at(self.agent.backend, 0.0):
                return self._play(-1 - ticket, 0, is_measured=False)
        return self._play(*divmod(ticket, self.group), is_measured=True)

    def load_weights(self, content: bytes | str | Path, version: int) -> None:
        """Go on with other weights, between two episodes; samples carry their version."""
        self.agent.backend.load_weights(content, version)

    def _play(self, seed: int, draw: int, *, is_measured: bool) -> Rollout:
        """is_measured: whether its moments are valued, and what is left of them counted."""
        noted: list[Noted] = []
        planner = Watched(self.agent, lambda *told: noted.append(self._note(*told, len(noted), is_measured)))
        steps = list(run(self.env, planner, seed=seed, sampling_seed=draw, **self.settings))
        last = steps[-1]
        found = [replace(decision, state=state_key(seed, note.moment.history, self.env.unwrapped.encode),
                         progress=note.moment.info["progress"], cost_to_go=note.cost_to_go)
                 for decision, note in zip(decisions(steps), noted, strict=True)] if noted else []
        ended = Rollout(seed, draw, tuple(found), float(last.info.get("progress", 0.0)), last.is_success, last.end,
                        sum(step.transition is not None for step in steps),
                        self._calls_left() if is_measured else None)
        return self._valued(ended, noted) if self.forks and is_measured else ended

    def _note(self, instruction: str, observation: Observation, history: Sequence[Transition], plans: int,
              is_measured: bool) -> Noted:
        world, history = self.env.unwrapped, tuple(history)
        info = {"progress": sum(step.reward for step in history),
                **{name: getattr(world, name) for name in ("is_success", "is_judged") if hasattr(world, name)}}
        moment = Moment(instruction, observation, history, info, plans)
        if not is_measured:
            return Noted(moment, None)
        return Noted(moment, self._calls_left(), world.snapshot() if self.forks else None)

    def _calls_left(self) -> float | None:
        """What the expert would still do; as many calls as an episode has where it knows no way on."""
        if not self.counts_calls:
            return None
        world = self.env.unwrapped
        calls = len(world.expert_plan())
        return float(calls) if calls or world.is_success else float(self.settings.get("max_calls", 20))

    def _valued(self, ended: Rollout, noted: Sequence[Noted]) -> Rollout:
        """The episode with the mean reward of forks of its moments."""
        found, calls = [], ended.calls
        for place, (decision, note) in enumerate(zip(ended.decisions, noted, strict=True)):
            forks = [self._fork(ended, place, note, number) for number in range(self.forks)]
            found.append(replace(decision, fork_value=float(np.mean([sum(rewards) for rewards in forks]))))
            calls += sum(map(len, forks))
        return replace(ended, decisions=tuple(found), calls=calls)

    def _fork(self, ended: Rollout, place: int, note: Noted, number: int) -> list[float]:
        """The rewards of the calls from a moment on, of plans drawn anew."""
        self.env.unwrapped.restore(note.snapshot)
        draw = _FORK_DRAWS * (1 + ended.draw) + self.forks * place + number
        steps = run(self.env, self.agent, seed=ended.seed, sampling_seed=draw, moment=note.moment, **self.settings)
        return [step.transition.reward for step in steps if step.transition is not None]


def state_key(seed: int, history: Sequence[Transition], encode: Callable[[Any], Mapping[str, Any]]) -> str:
    """What tells a moment of a scene: worlds of one seed in which the same calls were made, to the bit, are the same to
    the bit. encode: a call as an action, arrays by name."""
    digest = hashlib.sha256(str(seed).encode())
    for step in history:
        for name, value in sorted(encode(step.call).items()):
            digest.update(name.encode() + np.asarray(value).tobytes())
    return digest.hexdigest()[:24]


def decisions(steps: Iterable[Step]) -> tuple[Decision, ...]:
    """The plans of an episode, each with the rewards until the next one."""
    found: list[Decision] = []
    for step in steps:
        if step.is_new_plan or not found:
            found.append(Decision(step.samples, 0.0))
        reward = 0.0 if step.transition is None else step.transition.reward
        found[-1] = replace(found[-1], reward=found[-1].reward + reward)
    return tuple(found)


def make_rollouts(weights: str, env_id: str, *, env: Mapping[str, Any] | None = None, temperature: float = 1.0,
                  group: int = 1, counts_calls: bool = False, forks: int = 0, agent: Mapping[str, Any] | None = None,
                  **settings: Any) -> Rollouts:
    """What a worker process calls with each ticket. weights: a planner's, by shipped name or
    folder, version 0 until others come. Raises ValueError for a mind's, which samples no plans.

    env: arguments of `gymnasium.make`, whose limit of calls gives way to that of `settings`, max_calls. counts_calls,
    forks: see `Rollouts`. agent: as of `LanguageAgent`. settings: as of `run`.
    """
    import gymnasium

    world = gymnasium.make(env_id, **(env or {}))
    planner = load_agent(weights, world=world_of(world.unwrapped.language.taught), temperature=temperature,
                         takes_weights=True, **(agent or {}))
    planner.backend.version = 0
    return Rollouts(planner, world.unwrapped, group=group, counts_calls=counts_calls, forks=forks, **settings)
