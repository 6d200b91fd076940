"""Pairs of plans from forks: two plans of one moment, each carried out in an exact fork of its world, with what truly
followed each, and films for people who are to say which they prefer. In simulation only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from embodied.agents.imagining_agent import ImaginingAgent
from embodied.data.preferences import Pair, PairOutcome
from embodied.evaluation.futures import Future, carried_out
from embodied.planning.imagine import Candidate
from embodied.prompt import Prompt
from envs.interface import Observation, Outcome, Transition

MOST_PICTURES = 240
"""Of a film: a minute of the simulation."""


@dataclass(frozen=True, slots=True)
class ForkedPair:
    """A pair, what followed, and the films, uint8[H, W, 3] frames each, empty where none were asked for."""

    pair: Pair
    outcome: PairOutcome
    prompt: Prompt
    films: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]


@dataclass(frozen=True, slots=True)
class Reached:
    """A moment of an episode, with the world standing there."""

    instruction: str
    observation: Observation
    history: tuple[Transition, ...]
    actions: tuple[Mapping[str, Any], ...]


def forked_pairs(world: Any, agent: ImaginingAgent, *, seed: int, depth: int, most: int, ties: int, has_films: bool
                 ) -> Iterator[ForkedPair]:
    """Pairs of plans that `agent` draws at one moment of a scene: at most `most` that differ in what follows, and
    `ties` that do not; none where it draws fewer than two plans. Which comes first in a pair is drawn by the seed.

    world: skill-level, without wrappers. depth: calls of the likeliest plans that come before the moment.
    """
    reached = reach(world, agent, seed, depth)
    if reached is None:
        return
    found = [one for one in agent.candidates(reached.instruction, reached.observation, reached.history, seed)
             if one.plan.samples]
    snapshot, progress = world.snapshot(), sum(step.reward for step in reached.history)
    futures = [carried_out(world, snapshot, progress, one, None, MOST_PICTURES if has_films else 0) for one in found]
    rng, left = np.random.default_rng([seed, depth]), {True: most, False: ties}
    both = list(itertools.combinations(range(len(found)), 2))
    for number, place in enumerate(rng.permutation(len(both))):
        chosen = tuple(rng.permutation(both[place]))
        followed = [(futures[i].is_success, futures[i].progress) for i in chosen]
        is_different = followed[0] != followed[1]
        if left[is_different]:
            left[is_different] -= 1
            yield _paired(f"{seed}.{depth}.{number}", reached, seed, [found[i] for i in chosen],
                          [futures[i] for i in chosen], moment=f"{seed}.{depth}")


def reach(world: Any, agent: ImaginingAgent, seed: int, depth: int) -> Reached | None:
    """The moment of a new scene after so many calls of the likeliest plans; None where the episode ends before."""
    raw, _ = world.reset(seed=seed)
    instruction, before = raw["instruction"], Observation.from_dict(raw)
    history: list[Transition] = []
    actions: list[Mapping[str, Any]] = []
    while len(history) < depth:
        [best, *_] = agent.candidates(instruction, before, tuple(history), seed)
        if not best.plan.calls:
            return None
        for call in best.plan.calls[:depth - len(history)]:
            action = world.encode(call)
            raw, reward, terminated, truncated, info = world.step(action)
            after = Observation.from_dict(raw)
            history.append(Transition(before, call, Outcome(**info["outcome"]), after, float(reward), bool(terminated),
                                      bool(truncated)))
            actions.append(_listed(action))
            before = after
            if terminated or truncated:
                return None
    return Reached(instruction, before, tuple(history), tuple(actions))


def stand_at(world: Any, pair: Pair) -> None:
    """Have a world of the same id and keywords stand at the moment of a pair, by its seed and history."""
    world.reset(seed=pair.seed)
    spaces = world.action_space
    for action in pair.history:
        world.step({name: tuple(value) if name == "text" else np.asarray(value, spaces[name].dtype)
                    for name, value in action.items()})


def _listed(action: Mapping[str, Any]) -> dict[str, Any]:
    """An action with lists in the place of its arrays."""
    return {name: np.asarray(value).tolist() for name, value in action.items()}


def _paired(name: str, reached: Reached, seed: int, found: list[Candidate], futures: list[Future], *, moment: str
            ) -> ForkedPair:
    samples = [one.plan.samples[0] for one in found]
    pair = Pair(name, reached.instruction, seed, reached.actions, moment, (samples[0].text, samples[1].text))
    outcome = PairOutcome(name, (futures[0].is_success, futures[1].is_success),
                          (futures[0].progress, futures[1].progress))
    return ForkedPair(pair, outcome, samples[0].prompt, (futures[0].frames, futures[1].frames))
