"""SayCan as a way of decoding: each next skill is scored by language x affordance, and the best one is done."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from embodied.agents.affordance import LIKELY, affordance
from embodied.agents.backends.local import LocalBackend
from embodied.agents.language_agent import NOTHING_IN_SIGHT, TOO_LONG, TRIES, read_instruction
from embodied.agents.scene_state import SceneState, read_scene
from embodied.planning.language import Plan, ground, object_names, write
from embodied.planning.looks import Scene
from embodied.planning.perception import last_failure
from embodied.planning.scene import write_prompt
from embodied.planning.understanding import UnclearPolicy, judge, refuse, refused, turned_down
from embodied.planning.wording import ParsedInstruction, read
from embodied.prompt import Prompt, PromptTooLongError
from envs.interface import Observation, Referent, SkillCall, Transition
from envs.skills.signatures import PlanLanguage

Scoring = Literal["saycan", "language", "affordance"]
SCORINGS: tuple[Scoring, ...] = ("saycan", "language", "affordance")
"""Both factors, or one alone: what each is worth shows where the other is left out."""


@dataclass(frozen=True, slots=True)
class Option:
    """A next step: a skill on objects, a skill without any, or (skill None) that nothing is left to do."""

    skill: str | None
    names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What a plan that begins so begins with. Cut before the bracket: what follows that is the next step's."""
        if self.skill is None:
            return " done()"
        return f" {self.skill}({', '.join(self.names)}" if self.names else f" {self.skill}()"


@dataclass(frozen=True, slots=True)
class Scored:
    """An option and its two factors, each in [0, 1]."""

    option: Option
    said: float  # p(step | sentence), among the options
    can: float  # chance that it works here

    def score(self, scoring: Scoring) -> float:
        return {"saycan": self.said * self.can, "language": self.said, "affordance": self.can}[scoring]


class SayCanAgent:
    """A `Planner` that plans one step at a time: the step with the highest score, greedily."""

    def __init__(self, backend: LocalBackend, *, scoring: Scoring = "saycan",
                 unclear: UnclearPolicy | None = refuse) -> None:
        """unclear: as of `LanguageAgent`. Raises ValueError for a model that names no objects."""
        if scoring not in SCORINGS or not backend.scene.finds_objects:
            raise ValueError(f"SayCanAgent: expected scoring one of {SCORINGS} and a model that names objects, got "
                             f"{scoring!r} and {type(backend.scene).__name__}")
        self.backend, self.scoring, self.unclear, self.language = backend, scoring, unclear, backend.language

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        """The one step to do next, or that nothing is left to do; a refusal where there is nothing to choose from."""
        start = time.perf_counter()
        plan = self._plan(instruction, observation, history)
        return replace(plan, thinking_s=time.perf_counter() - start)

    def _plan(self, instruction: str, observation: Observation, history: Sequence[Transition]) -> Plan:
        instruction = read_instruction(self.backend, instruction)
        if isinstance(instruction, Plan):
            return instruction
        state = read_scene(self.backend.perceive, observation, self.language, history)
        if not state.perception.slots and not state.is_holding:
            return Plan((), refusal=NOTHING_IN_SIGHT, perception=state.perception)
        prompt = write_prompt(instruction, state.perception, held=state.held, is_holding=state.is_holding,
                              last_failure=last_failure(history))
        try:
            scored = self.score(prompt, state)
        except PromptTooLongError as error:
            return Plan((), refusal=TOO_LONG, perception=state.perception, hint=str(error))
        best = sorted(scored, key=lambda s: -s.score(self.scoring))[:1 if self.unclear is None else TRIES]
        plans = [_plan_of(s.option, state) for s in best]
        return plans[0] if self.unclear is None else self._judged(plans, state, read(instruction), state.scene(history))

    def _judged(self, plans: Sequence[Plan], state: SceneState, parsed: ParsedInstruction, scene: Scene) -> Plan:
        """The first of the plans that nothing speaks against, else a refusal."""
        plan = turned_down(parsed, scene, self.unclear)
        if plan is not None:
            return replace(plan, perception=state.perception)
        vetoes = [judge(plan, parsed, scene, self.language, is_whole=False) for plan in plans]
        fitting = next((plan for plan, veto in zip(plans, vetoes, strict=True) if veto is None), None)
        return fitting or refused(plans[0], vetoes[0], parsed, scene)

    def score(self, prompt: Prompt, state: SceneState) -> list[Scored]:
        """Every option of the scene with its two factors. Raises PromptTooLongError."""
        options = options_in(state, self.language)
        log_probs = np.array(self.backend.log_probabilities(prompt, [o.text for o in options]))
        said = np.exp(log_probs - log_probs.max())
        return [Scored(o, float(p), self._can(o, state)) for o, p in zip(options, said / said.sum(), strict=True)]

    def _can(self, option: Option, state: SceneState) -> float:
        """Chance that an option works here; that nothing is left to do can always be said."""
        return LIKELY if option.skill is None else affordance(self.language.skills[option.skill], option.names, state)


def _plan_of(option: Option, state: SceneState) -> Plan:
    """The plan of one step, or of none."""
    if option.skill is None:
        return Plan((), text=write(Plan(())), perception=state.perception)
    plan = Plan((SkillCall(option.skill, tuple(map(Referent, option.names))),))
    return replace(ground(plan, state.perception), text=write(plan))


def options_in(state: SceneState, language: PlanLanguage) -> list[Option]:
    """Every step that can be written in a scene, possible or not, but those with words or numbers: they have no end."""
    names = object_names(len(state.perception.slots))
    acting = [Option(s.name, chosen) for s in language.signatures if all(p.kind == "object" for p in s.parameters)
              for chosen in itertools.permutations(names, len(s.parameters))]
    return [*acting, Option(None)]
