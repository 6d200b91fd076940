"""The closed loop: look, plan, act, look again. Demonstrations, evaluation and rollouts are this one generator."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from embodied.planning.language import Plan
from embodied.planning.observation_check import fault
from embodied.prompt import Sample
from envs.goals.reporting import Report
from envs.interface import Observation, Outcome, Referent, SkillCall, Transition
from envs.skills.signatures import TABLETOP, PlanLanguage

if TYPE_CHECKING:
    import gymnasium

Replan = Literal["placing", "failure", "step"]
REPLANS: tuple[Replan, ...] = ("placing", "failure", "step")
"""When to look again before a plan is over: after each placing (and what was put down elsewhere, where the plan goes on
with it) and failure, only after a failure, or every call."""

Latency = Literal["free", "charged"]
LATENCIES: tuple[Latency, ...] = ("free", "charged")
"""Whether thinking takes none of the world's time, or as much as it takes."""


MAX_QUESTIONS = 4
"""Plans of one episode that may be questions: a planner that only ever asks is not asked again."""


class Planner(Protocol):
    """Whoever decides: a language agent, an oracle, a baseline.

    One that draws its plans by chance may take `seed` (int) by name, so that the same seed gives the same plan; `run`
    gives it where it was told to. A planner that people talk to may have `has_news` (bool): true when it was told
    something since its last plan. What is left of that plan is then dropped, and it is asked again before the next. One
    that can say how things stand has `look_back(observation, history)`, asked when an episode ends in which it acted:
    a `Report`, or None where it has nothing to say. One that judges its own calls has `doubts(history)`, asked after
    each call that its controller calls done while more of its plan is left: true when that looks as if it had failed,
    and what is left is dropped.
    """

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition]) -> Plan:
        """What to do next, given all that happened in this episode (nothing at its start)."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the loop: at most one call and its transition. The last step of an episode says why it ended.

    A step without transition or end carries a question, `plan.question`: whoever reads the steps answers the planner
    (`correct(text)` of an agent that talks) before taking the next one.

    end: None while the episode goes on, else "success" (judged so), "terminated", "truncated", "done" (the plan says
    so), "answered: <words>", "refused: <clause>" or "failed: <clause>" (a bad observation, a crashed world, too many
    failures, out of calls).
    """

    index: int
    plan: Plan
    is_new_plan: bool
    transition: Transition | None  # None: no call was carried out in this step
    info: Mapping[str, Any]
    replans: int = 0  # plans made in the episode after its first
    end: str | None = None
    report: Report | None = None  # of the last step: what a planner that looks back says, by what it perceives

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What the model was asked for in this step; none where it follows a plan that was made before."""
        return self.plan.samples if self.is_new_plan else ()

    @property
    def is_success(self) -> bool | None:
        """Whether the goal is met now; None where nobody judges that: the environment does not understand the whole
        instruction, or knows no goals."""
        is_judged = "is_success" in self.info and self.info.get("is_judged", True)
        return bool(self.info["is_success"]) if is_judged else None

    @property
    def ending(self) -> str:
        """How the episode ended, in words for people; "" while it goes on."""
        return "" if self.end is None else ending(self.end, self.is_success)


def ending(end: str, is_success: bool | None) -> str:
    """An end in words that claim no more than was checked: that a planner says "done" is no success. is_success: None
    where nobody judges."""
    if end != "done":
        return end
    return {True: "success", False: "done, but the goal is not reached", None: "done, but not judged"}[is_success]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where an episode stands when its planner is asked. Beside a snapshot of its world it is what an episode can go on
    from, as often as one likes, see `run`."""

    instruction: str
    observation: Observation
    history: tuple[Transition, ...]
    info: Mapping[str, Any]  # as of the last step
    plans: int  # that were made before


@dataclass(frozen=True, slots=True)
class EpisodeSummary:
    """How one episode went."""

    is_success: bool | None  # None: nobody judges; see `Step.is_success`
    progress: float  # 0..1
    calls: int
    failures: int  # calls that did not end as "done"
    replans: int
    end: str
    thinking_s: float  # wall time of all planning
    acting_s: float  # simulated time of all skills


def run(env: gymnasium.Env, planner: Planner, *, seed: int | None, options: Mapping[str, Any] | None = None,
        latency: Latency = "free", max_calls: int = 20, max_failures: int = 8,
        replan: Replan = "placing", history: Sequence[Transition] = (), sampling_seed: int | None = None,
        moment: Moment | None = None) -> Iterator[Step]:
    """The steps of one episode, the last one with `end` set; closing the generator stops it between two calls.

    env: a skill-level environment of the caller's. seed: of the scene, None to go on in the present one, with the
    instruction options["instruction"], and the goal options["goal"] where there is one. options: of `env.reset`.
    history: what happened in this scene before. latency: "free" lets the world wait while the planner thinks;
    "charged" lets it go on for each plan's thinking_s of simulated time, by the environment's `hold(seconds)`.
    max_calls, max_failures: skill calls, and failed ones, after which it gives up; one that ran out of time is none
    where the next one goes on with it.
    sampling_seed: None leaves seeds to the planner; a number gives each plan one of its own (`plan_seed`), so that the
    same number repeats an episode, and another draws another one of the same scene. moment: of an episode of this scene
    that is gone on from, in a world that stands there (`env.unwrapped.restore`): nothing is reset, `seed` is the
    scene's, and options and history are the moment's.
    """
    if latency not in LATENCIES:
        raise ValueError(f"run: expected latency one of {LATENCIES}, got {latency!r}")
    if latency == "charged" and not hasattr(env.unwrapped, "hold"):
        raise ValueError(f'run: expected an environment with hold(seconds) for latency "charged", got {env}; '
                         f'choose "free"')
    if replan not in REPLANS:
        raise ValueError(f"run: expected replan one of {REPLANS}, got {replan!r}")
    if sampling_seed is not None and "seed" not in inspect.signature(planner.plan).parameters:
        raise ValueError(f"run: expected a planner whose plan takes seed, for sampling_seed={sampling_seed}, got "
                         f"{type(planner).__name__}; leave sampling_seed out")
    rollout = _Rollout(env, planner, max_calls, max_failures, replan, latency, sampling_seed, seed or 0,
                       history=list(history))
    return rollout.steps(seed, options) if moment is None else rollout.steps_from(moment)


def plan_seed(sampling_seed: int, seed: int, plan: int) -> int:
    """The seed of one plan, 0 .. 2**31 - 1. seed: of its episode's scene. plan: its place in the episode, from 0 on."""
    return int(np.random.SeedSequence([sampling_seed, seed, plan]).generate_state(1)[0] >> 1)


def _goal(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The goal of another instruction, for those environments that can be told one."""
    return (options["goal"],) if options and options.get("goal") is not None else ()


def language_in(env: gymnasium.Env) -> PlanLanguage:
    """What plans can say in a skill-level environment: `env.unwrapped.language`; the tabletop's, where it has none."""
    return getattr(env.unwrapped, "language", TABLETOP)


def play(env: gymnasium.Env, planner: Planner, *, seed: int, **settings: Any) -> EpisodeSummary:
    """How one whole episode went; settings as in `run`."""
    return summarize(run(env, planner, seed=seed, **settings))


def summarize(steps: Iterable[Step]) -> EpisodeSummary:
    """How an episode went; raises ValueError when its last step has no `end`."""
    steps = list(steps)
    if not steps or steps[-1].end is None:
        raise ValueError("summarize: expected a whole episode, got one without an end; exhaust run() first")
    last, outcomes = steps[-1], [s.transition.outcome for s in steps if s.transition is not None]
    return EpisodeSummary(
        is_success=last.is_success, progress=float(last.info.get("progress", 0.0)),
        calls=len(outcomes), failures=sum(o.status != "done" for o in outcomes), replans=last.replans, end=last.end,
        thinking_s=sum(s.plan.thinking_s for s in steps if s.is_new_plan),
        acting_s=sum(o.duration_s for o in outcomes))


@dataclass
class _Rollout:
    """What one run of the loop remembers."""

    env: gymnasium.Env
    planner: Planner
    max_calls: int
    max_failures: int
    replan: Replan
    latency: Latency
    sampling_seed: int | None = None
    seed: int = 0  # of the scene
    plan: Plan = field(default_factory=lambda: Plan(()))
    todo: list[SkillCall] = field(default_factory=list)
    history: list[Transition] = field(default_factory=list)
    failures: int = 0
    plans: int = 0
    questions: int = 0
    instruction: str = ""
    calls: int = 0
    language: PlanLanguage = field(init=False)

    def __post_init__(self) -> None:
        self.language = language_in(self.env)

    def steps(self, seed: int | None, options: Mapping[str, Any] | None) -> Iterator[Step]:
        raw, info = self._begin(seed, dict(options) if options else None)
        trouble = fault(raw)
        if trouble is not None:
            yield Step(0, self.plan, False, None, info, end=f"failed: {trouble}")
            return
        self.instruction = raw["instruction"]
        yield from self._turns(Observation.from_dict(raw), info)

    def steps_from(self, moment: Moment) -> Iterator[Step]:
        self.instruction, self.plans, self.history = moment.instruction, moment.plans, list(moment.history)
        self.calls, self.failures = len(self.history), sum(map(self._is_failure, self.history))
        yield from self._turns(moment.observation, moment.info)

    def _turns(self, observation: Observation, info: Mapping[str, Any]) -> Iterator[Step]:
        index, end = 0, None
        while end is None:
            is_new = self._decide(observation)
            step = self._act(observation) if self.todo else Step(0, self.plan, True, None, info, end=self._idle())
            observation = step.transition.after if step.transition else observation
            step = replace(step, index=index, is_new_plan=is_new, replans=self.plans - 1,
                           report=self._report(step, observation))
            yield step
            end, info, index = step.end, step.info, index + 1

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The first observation and its info: of a new scene, or of the present one under a new instruction."""
        if seed is None:
            return self.env.unwrapped.instruct((options or {})["instruction"], *_goal(options))
        return self.env.reset(seed=seed, options=options)

    def _decide(self, observation: Observation) -> bool:
        """Whether the planner was asked: it is when nothing is left to follow, and when it was told something."""
        if self.todo and not getattr(self.planner, "has_news", False):
            return False
        drawn = {} if self.sampling_seed is None else {"seed": plan_seed(self.sampling_seed, self.seed, self.plans)}
        self.plan = self.planner.plan(self.instruction, observation, tuple(self.history), **drawn)
        self.todo, self.plans = list(self.plan.calls), self.plans + 1
        if self.latency == "charged":
            self.env.unwrapped.hold(self.plan.thinking_s)
        return True

    def _act(self, before: Observation) -> Step:
        call = self.todo.pop(0)
        raw, reward, terminated, truncated, info = self.env.step(self.env.unwrapped.encode(call))
        trouble = fault(raw) or (None if math.isfinite(reward) else "nonfinite reward")
        if trouble is not None:
            return Step(0, self.plan, False, None, info, end=f"failed: {trouble}")
        transition = Transition(before, call, Outcome(**info["outcome"]), Observation.from_dict(raw), float(reward),
                                bool(terminated), bool(truncated))
        self._remember(transition, raw["instruction"])
        return Step(0, self.plan, False, transition, info, end=self._end(transition, info))

    def _report(self, step: Step, seen: Observation) -> Report | None:
        """What the planner says of an episode that it ended, or acted in, by what is seen at its end."""
        look_back = getattr(self.planner, "look_back", None)
        is_blind = "crash" in step.info or (step.transition is None and bool(step.plan.calls))  # a bad observation
        if step.end is None or look_back is None or is_blind or not (self.calls or step.plan.is_done):
            return None
        return look_back(seen, tuple(self.history))

    def _remember(self, transition: Transition, instruction: str) -> None:
        """Records a transition, and drops the rest of the plan when it is time to look again."""
        self.history.append(transition)
        self.calls += 1
        self.instruction = instruction
        is_done = transition.outcome.status == "done"
        self.failures += self._is_failure(transition)
        is_placed = self.replan == "placing" and (
            transition.call.skill in self.language.placing or self._is_let_go_elsewhere(transition.call))
        if not is_done or is_placed or self.replan == "step" or self._is_doubted():
            self.todo.clear()

    def _is_failure(self, transition: Transition) -> bool:
        """Whether a call failed; one that ran out of time did not where the next one may go on with it."""
        skill = self.language.skills.get(transition.call.skill)
        goes_on = transition.outcome.status == "timeout" and skill is not None and skill.goes_on
        return transition.outcome.status != "done" and not goes_on

    def _is_doubted(self) -> bool:
        """Whether the planner takes the last call for a failure, where more of its plan is left."""
        doubts = getattr(self.planner, "doubts", None)
        if not self.todo or doubts is None:
            return False
        start = time.perf_counter()
        is_doubted = doubts(tuple(self.history))
        if self.latency == "charged":
            self.env.unwrapped.hold(time.perf_counter() - start)
        return is_doubted

    def _is_let_go_elsewhere(self, call: SkillCall) -> bool:
        """Whether a call has put down, away from where the plan saw it, a thing that the rest of the plan points at."""
        if call.skill not in self.language.releasing:
            return False
        done = self.plan.calls[:len(self.plan.calls) - len(self.todo)]
        moved = next((c.arguments[0] for c in reversed(done) if c.skill in self.language.grasping), None)
        return isinstance(moved, Referent) and any(moved in later.arguments for later in self.todo)

    def _end(self, transition: Transition, info: Mapping[str, Any]) -> str | None:
        if transition.terminated:
            return "success" if info.get("is_success") else "terminated"
        if "crash" in info:  # of an isolated world
            return f"failed: {transition.outcome.reason}"
        if transition.truncated:
            return "truncated"
        if self.failures >= self.max_failures:
            return f"failed: {self.failures} calls failed, the last one because {transition.outcome.reason}"
        return "failed: out of calls" if self.calls >= self.max_calls else None

    def _idle(self) -> str | None:
        """Why the episode ends with a plan that has no calls; None when it is a question, and not one too many."""
        if self.plan.answer is not None:
            return f"answered: {self.plan.answer}"
        if self.plan.question is None:
            return "done" if self.plan.refusal is None else f"refused: {self.plan.refusal}"
        self.questions += 1
        return "refused: it only asks questions" if self.questions > MAX_QUESTIONS else None
