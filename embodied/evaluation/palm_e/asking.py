"""Asks a planner about still scenes, and about scenes in which something was just done. The world judges each answer;
the planner gets the observation, the words and what happened alone.

Departures from the paper: a plan is calls, which the world judges as it judges words; one question of each family is
asked of a scene, so that no two of a cell are about one picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.agents.eyes import Seeing, true_eyes
from embodied.agents.judgement import chance_of_yes
from embodied.agents.language_agent import LanguageAgent
from embodied.data.queries import Query, Referrals, query_of, words_of
from embodied.evaluation.attribution import match
from embodied.evaluation.episode import one_thread
from embodied.evaluation.palm_e.tables import JUDGED
from embodied.evaluation.policies import PolicyFactory
from embodied.evaluation.suites import PolicyName
from embodied.planning.closed_loop import Planner
from embodied.planning.language import words_said
from envs.interface import Observation, Outcome, Transition

if TYPE_CHECKING:
    import gymnasium

STILL_ID, ACTED_ID = "envs:embodied/Tamp-v0", "envs:embodied/TampBuild-v0"
STILL = ("color", "where", "below", "possible", "grasp", "build", "affordance")
"""Families that are asked about a still scene."""
ACTED = ("failure",)
"""Families that are asked after a call in which something may have gone wrong."""
PERTURBED = 1.0
"""Share of those calls that something happens in where it can: a third of them fail, about."""
MOST_CALLS = 3

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AskSpec:
    """Who is asked what; plain values. env: arguments of `gymnasium.make`. referrals: how words refer to things."""

    policy: PolicyName
    weights: str
    families: tuple[str, ...]
    referrals: Referrals = "words"
    env: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_acted(self) -> bool:
        """Whether a call is made before anything is asked."""
        return any(family in ACTED for family in self.families)


def make_askers(specs: Sequence[Mapping[str, Any]]) -> Callable[[int], Record]:
    """A function from `spec * STRIDE + seed` to the record of a scene, for a worker process."""
    from embodied.evaluation.jobs import STRIDE

    one_thread()
    askers = [Asker(AskSpec(**{**spec, "families": tuple(spec["families"])})) for spec in specs]
    return lambda key: askers[key // STRIDE].ask(key % STRIDE)


class Asker:
    """Asks one policy about one scene after the other."""

    def __init__(self, spec: AskSpec) -> None:
        self.spec = spec
        self._labels: dict[float, Mapping[str, Any]] = {}  # of the present scene, by the time of the observation

    @cached_property
    def env(self) -> gymnasium.Env:
        """The labelled world."""
        import gymnasium

        options = {"naming": "index", "questions": list(self.spec.families), "labels": 64, **self.spec.env}
        if self.spec.is_acted:
            return gymnasium.make(ACTED_ID, perturbations=PERTURBED, **options)
        return gymnasium.make(STILL_ID, **options)

    @cached_property
    def _factory(self) -> PolicyFactory:
        return PolicyFactory(self.spec.policy, self.spec.weights, lambda: self.env, world="tamp")

    def ask(self, seed: int) -> Record:
        """{"seed", "asked": [{"family", "instruction", "truth", "said", "right", "plan_s"}]}: the first question of
        each family that the scene has; of what is judged also "p_yes", see `chance_of_yes`."""
        make = None if self.spec.policy == "oracle" else self._factory.planner  # which may look at other scenes first
        raw, info, history = self._scene(seed)
        records = self._first_of_each(info["labels"]["asks"])
        if make is None:
            return {"seed": seed, "asked": [self._told(record) for record in records]}
        planner = self._seeing(make(seed, self.env)[0])
        asked = (self._answered(planner, raw, history, record) for record in records)
        return {"seed": seed, "asked": [told for told in asked if told is not None]}

    def _seeing(self, planner: Planner) -> Planner:
        """The planner with the simulator's masks for eyes, where it was taught by these. PRIVILEGED."""
        if not isinstance(planner, LanguageAgent) or not getattr(planner.backend, "is_privileged", False):
            return planner
        return LanguageAgent(Seeing(planner.backend, true_eyes(self._labels)))

    def close(self) -> None:
        """Let go of the world, where one was made."""
        if "env" in self.__dict__:
            self.env.close()

    def picture(self, seed: int) -> np.ndarray:
        """uint8[H, W, 3]: what the front camera sees of a scene when it is asked about."""
        return Observation.from_dict(self._scene(seed)[0]).rgb["front"]

    def _scene(self, seed: int) -> tuple[Mapping[str, Any], Mapping[str, Any], list[Transition]]:
        """The observation and the infos of a scene, and what happened there."""
        raw, info = self.env.reset(seed=seed)
        self._labels = {Observation.from_dict(raw).time_s: info["labels"]}
        return self._acted(raw, info, seed) if self.spec.is_acted else (raw, info, [])

    def _told(self, record: Mapping[str, Any]) -> Record:
        """The label itself, judged: what the questions and the judge are worth. PRIVILEGED."""
        answer = self.env.unwrapped.expert_answer(record)
        return {"family": record["task"], "instruction": record["instruction"], "truth": record["answer"],
                "said": record["answer"], "right": self.env.unwrapped.is_right(record, answer), "plan_s": 0.0}

    def _first_of_each(self, records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        first: dict[str, Mapping[str, Any]] = {}
        for record in records:
            if record["task"] in self.spec.families:
                first.setdefault(record["task"], record)
        return list(first.values())

    def _acted(self, raw: Mapping[str, Any], info: Mapping[str, Any], seed: int
               ) -> tuple[Mapping[str, Any], Mapping[str, Any], list[Transition]]:
        """The scene after one to three calls of the expert, and what happened; `MOST_CALLS` at most."""
        history: list[Transition] = []
        for _ in range(int(np.random.default_rng([seed, 1]).integers(1, MOST_CALLS + 1))):
            plan = self.env.unwrapped.expert_plan()
            if not plan:
                break
            before = Observation.from_dict(raw)
            raw, reward, terminated, truncated, info = self.env.step(self.env.unwrapped.encode(plan[0]))
            after = Observation.from_dict(raw)
            self._labels[after.time_s] = info["labels"]
            history.append(Transition(before, plan[0], Outcome(**info["outcome"]), after, float(reward),
                                      bool(terminated), bool(truncated)))
            if terminated:
                break
        return raw, info, history

    def _answered(self, planner: Planner, raw: Mapping[str, Any], history: Sequence[Transition],
                  record: Mapping[str, Any]) -> Record | None:
        """What the planner says to one label, and whether that is right; None where that numbers things and the planner
        sees none."""
        observation, unwrapped = Observation.from_dict(raw), self.env.unwrapped
        query = self._worded(query_of(record), planner, observation)
        if query.numbered and isinstance(planner, LanguageAgent) and not planner.scene.finds_objects:
            return None
        plan = planner.plan(query.instruction, observation, without_reported_failure(history))
        answer = words_said(plan, unwrapped.language)
        is_right = plan.refusal is None and unwrapped.is_right(record, plan.calls if answer is None else answer)
        told = {"family": record["task"], "instruction": query.instruction, "truth": words_of(query.answer),
                "said": answer or plan.refusal or plan.text.strip(), "right": is_right, "plan_s": plan.thinking_s}
        if record["task"] in JUDGED and isinstance(planner, LanguageAgent):
            known = without_reported_failure(history)
            told["p_yes"] = chance_of_yes(planner, query.instruction, observation, known)
        return told

    def _worded(self, query: Query, planner: Planner, observation: Observation) -> Query:
        """The query in the words that the spec wants; what it still numbers, by the numbers of the prompt. A thing that
        is not in sight has the number 0."""
        query = query if self.spec.referrals == "numbers" else query.unnumbered
        if not query.numbered:
            return query
        slots = planner.read_scene(observation).perception.slots if hasattr(planner, "read_scene") else ()
        boxes = self.env.unwrapped.attribution_view()["boxes"]
        seen = {match(slot.box, boxes): number for number, slot in enumerate(slots, start=1)}
        return query.renumbered({name: f"obj_{seen.get(name, 0)}" for name in query.numbered})


def without_reported_failure(history: Sequence[Transition]) -> tuple[Transition, ...]:
    """What happened, without the last calls of which a controller said that they failed: whether one did is what is
    asked, and is to be seen."""
    done = [place for place, transition in enumerate(history, start=1) if transition.outcome.status == "done"]
    return tuple(history[:done[-1] if done else 0])
