"""One judged episode: the closed loop, watched from outside, as a plain record that fits on one JSON line.

The planner gets the observation and nothing else. `attribution_view` is read before each decision and kept from it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from embodied.evaluation.attribution import Decision, Fault, Truth, attribute_failure, is_planned
from embodied.evaluation.policies import Model, PolicyFactory, RecordingBackend, begun_plans
from embodied.evaluation.suites import PolicyName
from embodied.planning.closed_loop import Latency, Planner, Step, run
from embodied.planning.language import Plan, PlanError, object_names, parse
from embodied.planning.perception import Perception
from embodied.prompt import LOCATION_BINS
from envs.interface import ENV_IDS, Observation, Transition, world_of_tasks
from envs.skills.signatures import PlanLanguage

if TYPE_CHECKING:
    import gymnasium

Record = dict[str, Any]

_NAME = re.compile(r"obj_[0-9]+")


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """What every episode of a policy shares; plain values, so that it travels to other processes."""

    policy: PolicyName
    tasks: tuple[str, ...]
    first_seed: int
    weights: str
    env: Mapping[str, Any] = field(default_factory=dict)  # arguments of `gymnasium.make`
    max_calls: int = 20
    latency: Latency = "free"
    chat: Mapping[str, Any] = field(default_factory=dict)  # of the chat policy: arguments of `chat_agents`

    def task_of(self, seed: int) -> str:
        """The task dealt to a seed: in turn, from the first one on."""
        return self.tasks[(seed - self.first_seed) % len(self.tasks)]


def one_thread() -> None:
    """Several processes with several threads each only fight over the cores, and so do one and what else runs."""
    import torch

    torch.set_num_threads(1)


Envs = dict[tuple, "gymnasium.Env"]
"""(task, arguments) -> environment: players of one process share them, for a reset leaves nothing behind."""


class EpisodeRunner:
    """Plays the episodes of one policy, in one environment a task."""

    def __init__(self, spec: EpisodeSpec, envs: Envs | None = None, model: Model | None = None):
        """model: see `PolicyFactory`."""
        self.spec, self._envs, self._model = spec, {} if envs is None else envs, model

    def run_episode(self, seed: int, watch: Callable[[Step], None] | None = None) -> Record:
        """The record of one episode. watch: called with each step as it is done."""
        start, env = time.perf_counter(), self.env(self.spec.task_of(seed))
        planner, listener = self._factory.planner(seed, env)
        recorder, steps = EpisodeRecorder(planner, env, listener), []
        for step in run(env, recorder, seed=seed, max_calls=self.spec.max_calls, latency=self.spec.latency):
            recorder.saw(step)
            steps.append(step)
            if watch is not None:
                watch(step)
        if hasattr(planner, "finish"):  # it remembers
            planner.finish(steps[-1].end)
        record = describe(steps, recorder)
        record |= {"policy": self.spec.policy, "task": self.spec.task_of(seed), "seed": seed}
        record["timings"]["wall_s"] = time.perf_counter() - start
        return record

    def env(self, task: str) -> gymnasium.Env:
        """The environment of a task, made when first asked for; nothing privileged is in its observations."""
        key = task, json.dumps(dict(self.spec.env), sort_keys=True)
        if key not in self._envs:
            import gymnasium

            self._envs[key] = gymnasium.make(f"envs:{ENV_IDS[task]}", **self.spec.env)
        return self._envs[key]

    @cached_property
    def _factory(self) -> PolicyFactory:
        """The gallery is one and the same environment, whichever task this process played first."""
        return PolicyFactory(self.spec.policy, self.spec.weights, lambda: self.env(self.spec.tasks[0]),
                             self.spec.chat, world=world_of_tasks(self.spec.tasks), model=self._model,
                             begun=lambda: begun_plans([*map(self.env, self.spec.tasks)]))


class EpisodeRecorder:
    """A planner as seen from outside: notes the truth before each decision, what was decided, and what was decoded."""

    def __init__(self, planner: Planner, env: gymnasium.Env, listener: RecordingBackend | None):
        self._planner, self._env, self._listener = planner, env, listener
        self.decisions: list[Decision] = []
        self.plans: list[Record] = []
        self.plan_s: list[float] = []
        self.asked: list[str] = []  # questions, which nobody answers here
        self.instruction = self.understood = ""
        self._truth: Truth | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._planner, name)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        self.instruction, self._truth = instruction, self._read_truth()
        start = time.perf_counter()
        plan = self._planner.plan(instruction, observation, history)
        self.plan_s.append(time.perf_counter() - start)
        self.plans += self._decoded(plan)
        self.asked += [] if plan.question is None else [plan.question]
        self.understood = plan.understood or self.understood
        return plan

    def saw(self, step: Step) -> None:
        """Notes a step that was just done."""
        if self._truth is None or "crash" in step.info:  # a world that is gone cannot be asked
            return
        perception, done = step.plan.perception, step.transition
        finds_objects = self._listener.scene.finds_objects if self._listener else hasattr(self._planner, "understander")
        sees_objects = perception is not None and perception.memory is None and (perception.slots or finds_objects)
        seen = tuple(slot.box for slot in perception.slots) if sees_objects else None
        why = step.end or ("asked a question" if step.plan.question is not None else "")
        self.decisions.append(Decision(self._truth, done.call if done else None, done.outcome if done else None, seen,
                                       done.before if done else None, why))
        self._truth = self._read_truth()

    def _read_truth(self) -> Truth:
        return Truth.of(self._env.unwrapped.attribution_view())

    def _decoded(self, plan: Plan) -> list[Record]:
        """What the model said for this plan, each text read on its own."""
        if self._listener is None:
            return []
        decoded, self._listener.decoded = self._listener.decoded, []
        targets = self._listener.scene.targets(plan.perception or Perception(()))
        return [{"text": h.text, "is_constrained": h.is_constrained,
                 "parsed": reads(h.text, self._listener.language, set(_NAME.findall(h.text)), LOCATION_BINS),
                 "grounded": reads(h.text, self._listener.language, object_names(targets.objects), targets.locations)}
                for h in decoded]


def reads(text: str, language: PlanLanguage, names: Collection[str], bins: int) -> bool:
    """Whether a text is a plan in a language that refers to nothing but these names and locations."""
    try:
        parse(text, language, objects=names, locations=bins)
    except PlanError:
        return False
    return True


def describe(steps: Sequence[Step], recorder: EpisodeRecorder) -> Record:
    """The record of a whole episode; its timings are under "timings"."""
    last = steps[-1]
    success = last.is_success
    fault = None if success is not False else _of_physics(last) or attribute_failure(recorder.decisions)
    return {
        "instruction": recorder.instruction, "success": success, "progress": float(last.info.get("progress", 0.0)),
        "end": last.end, "calls": [_call(s) for s in steps if s.transition is not None], "replans": last.replans,
        "attribution": None if fault is None else {"component": fault.component, "reason": fault.reason},
        "planned": success if success is not False else fault.component == "skill" and is_planned(recorder.decisions),
        "plans": recorder.plans, "timings": {"plan_s": recorder.plan_s},
        # what a planner that looks back claims, by what it perceives: to be held against the truth
        **({"understood": recorder.understood} if recorder.understood else {}),
        **({"asked": recorder.asked} if recorder.asked else {}),
        **({} if last.report is None else {"self_report": last.report.holds, "said": last.report.words}),
    }


def _of_physics(last: Step) -> Fault | None:
    """The fault of an episode that ended because its world crashed: nobody's here."""
    return Fault("other", last.transition.outcome.reason) if "crash" in last.info else None


def _call(step: Step) -> Record:
    call, outcome = step.transition.call, step.transition.outcome
    return {"skill": call.skill, "arguments": [getattr(a, "words", a) for a in call.arguments],
            "status": outcome.status, "reason": outcome.reason, "duration_s": round(outcome.duration_s, 4)}


def lost(error: str, spec: EpisodeSpec, seed: int) -> Record:
    """The record of an episode that could not be played to its end: it counts as a failure."""
    reason = error.strip().splitlines()[-1][:200] if error.strip() else "unknown"
    return {"policy": spec.policy, "task": spec.task_of(seed), "seed": seed, "instruction": "",
            "success": False, "progress": 0.0, "end": f"failed: {reason}", "calls": [], "replans": 0, "plans": [],
            "attribution": {"component": "other", "reason": reason}, "timings": {"plan_s": [], "wall_s": 0.0}}

