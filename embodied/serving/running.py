"""One instruction carried out: the closed loop in the session's thread, told to whoever watches as it goes."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from embodied.planning import closed_loop
from embodied.planning.closed_loop import Planner, Step
from embodied.planning.language import Plan
from embodied.planning.spoken import meaning
from embodied.prompt import Slot
from embodied.serving.inference_server import BusyError, CancelledError
from embodied.serving.overlay import box_values, objects_of
from embodied.serving.remembered import remembered
from envs.goals.reporting import Report
from envs.interface import Observation, Referent, SkillCall, Transition
from envs.skills.signatures import PlanLanguage

Tell = Callable[..., None]
"""(type of event, **content)."""

STOPPED = "stopped"


class Corrections:
    """People's words for one run, from any thread: each that it takes in is heard by the run before that may end."""

    def __init__(self) -> None:
        self._lock, self._words, self._is_closed = threading.Lock(), list[str](), False

    def put(self, text: str) -> bool:
        """Whether the run will hear the word."""
        with self._lock:
            if not self._is_closed:
                self._words.append(text)
            return not self._is_closed

    def take(self, *, is_last: bool = False) -> list[str]:
        """What was said since the last time. is_last: where that is nothing, no more is taken in, for the run ends."""
        with self._lock:
            words, self._words = self._words, []
            self._is_closed |= is_last and not words
            return words

    def close(self) -> None:
        """No more is taken in: the run was stopped."""
        with self._lock:
            self._is_closed = True


@dataclass(slots=True)
class Run:
    """An instruction and what became of it."""

    instruction: str
    client: str
    run_id: str = field(default_factory=lambda: f"r_{secrets.token_hex(6)}")
    end: str | None = None
    is_success: bool | None = None
    understood: dict[str, str] | None = None  # what the words were last taken to mean
    report: Report | None = None  # what the planner says of it, by what it perceives
    steps: list[dict[str, Any]] = field(default_factory=list)
    hint: str = ""
    plans: int = 0
    prompt_tokens: int = 0  # that the local planner read, over all plans
    completion_tokens: int = 0
    attempt: int = 0  # at the plan that is being made: answers before this one were turned down
    corrections: Corrections = field(default_factory=Corrections)

    def begin_attempt(self) -> None:
        """Counts one more answer to what is being planned."""
        self.attempt += 1

    def as_dict(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "instruction": self.instruction, "end": self.end, "is_success": self.is_success,
                "steps": list(self.steps), "hint": self.hint, "plans": self.plans, "understood": self.understood,
                "self_report": reported(self.report)}


class ToldPlanner:
    """A planner whose thinking and plans are told; the objects that it saw are kept for whoever refers to them."""

    def __init__(self, planner: Planner, run: Run, tell: Tell, saw: Callable[[Observation, Sequence[Slot]], None], *,
                 roams: bool = False):
        """roams: whether its robot drives about, and what it remembers is for the most part out of sight."""
        self._planner, self._run, self._tell, self._saw, self._roams = planner, run, tell, saw, roams

    @property
    def has_news(self) -> bool:
        """Whether a planner that people talk to was told something since its last plan."""
        return bool(getattr(talker(self._planner), "has_news", False))

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition]) -> Plan:
        self._run.attempt = 0
        self._tell("thinking", run_id=self._run.run_id)
        plan = self._planner.plan(instruction, observation, history)
        self._run.plans += 1
        self._run.hint = plan.hint
        self._run.understood = meaning(plan) or self._run.understood
        self._run.prompt_tokens += plan.prompt_tokens
        self._run.completion_tokens += plan.answer_tokens
        slots = () if plan.perception is None or self._roams else plan.perception.slots
        memory = plan.perception.memory if plan.perception is not None and self._roams else None
        self._saw(observation, slots)
        self._tell("plan", run_id=self._run.run_id, **told(plan), objects=objects_of(slots, observation),
                   memory=None if memory is None else remembered(memory, observation))
        return plan

    def look_back(self, observation: Observation, history: Sequence[Transition]) -> Report | None:
        """What a planner that looks back says at the end; a run that is over is none the worse where it cannot."""
        return self._asked("look_back", observation, history)

    def doubts(self, history: Sequence[Transition]) -> bool:
        """Whether a planner that judges its own calls takes the last one for a failure."""
        return bool(self._asked("doubts", history))

    def _asked(self, what: str, *about: Any) -> Any:
        """What the planner says beside its plans; None where it says no such thing, or cannot now."""
        ask = getattr(talker(self._planner), what, None)
        try:
            return None if ask is None else ask(*about)
        except (BusyError, CancelledError):
            return None


def talker(planner: Planner) -> Any:
    """Who decides, behind whoever checks plans."""
    return getattr(planner, "planner", planner)


def told(plan: Plan) -> dict[str, Any]:
    """A plan as an event carries it."""
    chances = _chances(plan)
    calls = [{"skill": call.skill, "arguments": list(call.named[1:]), "probability": chance}
             for call, chance in zip(plan.calls, chances, strict=True)]
    return {"text": plan.text.strip(), "calls": calls, "refusal": plan.refusal, "hint": plan.hint,
            "question": plan.question, "choices": choices_of(plan), "answer": plan.answer, "understood": meaning(plan),
            "probability": _total(plan), "thinking_s": round(plan.thinking_s, 4)}


def choices_of(plan: Plan) -> list[dict[str, Any]]:
    """What a question may be answered with: words, and the object that they choose, where it is in sight."""
    return [{"reply": choice.reply, **_pointed(choice.thing)} for choice in plan.choices]


def _pointed(thing: Referent | None) -> dict[str, Any]:
    if thing is None or thing.box is None:
        return {"object": None, "box": None, "camera": None, "pixel": None}
    return {"object": thing.words, "box": box_values(thing.box), "camera": thing.camera,
            "pixel": None if thing.pixel is None else [int(v) for v in thing.pixel]}


def reported(report: Report | None) -> dict[str, Any] | None:
    """A report as events carry it."""
    return None if report is None else {"holds": report.holds, "words": report.words}


def _total(plan: Plan) -> float | None:
    """Probability of the whole answer, None where nobody knows."""
    if plan.sample is None or not plan.sample.masked_log_probs:
        return None
    return round(math.exp(sum(plan.sample.masked_log_probs)), 4)


def _chances(plan: Plan) -> list[float | None]:
    """Probability of each call: of its share of the tokens, by the separators between calls."""
    if plan.sample is None or len(plan.sample.masked_log_probs) < 2 or not plan.calls:
        return [None] * len(plan.calls)
    pieces = plan.sample.pieces
    if len(pieces) != len(plan.sample.masked_log_probs):
        return [None] * len(plan.calls)
    chances, total = [], 0.0
    for piece, log_prob in zip(pieces, plan.sample.masked_log_probs, strict=True):
        total += log_prob
        if ";" in piece:
            chances.append(round(math.exp(total), 4))
            total = 0.0
    return [*chances, *[None] * len(plan.calls)][:len(plan.calls)]


class ToldEnv:
    """What the closed loop acts in: the session's world, each call told as it begins."""

    def __init__(self, env: Any, language: PlanLanguage, run: Run, tell: Tell) -> None:
        self.language = language
        self._env, self._run, self._tell, self._calls = env, run, tell, 0

    @property
    def unwrapped(self) -> ToldEnv:
        return self

    def instruct(self, text: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        return self._env.instruct(text)

    def encode(self, call: SkillCall) -> Mapping[str, Any]:
        action = self._env.encode(call)
        self._tell("step", run_id=self._run.run_id, place=self._calls, skill=call.skill, arguments=list(call.named[1:]))
        self._calls += 1
        return action

    def step(self, action: Mapping[str, Any]) -> tuple:
        return self._env.step(action)


FEW_CALLS, MANY_CALLS = 20, 60
"""Calls of a run at most, and of one in a world whose instructions may take many."""


@dataclass
class Conduct:
    """What a run needs of its session."""

    env: Any
    language: PlanLanguage
    """What plans can say in it."""
    planner: Planner
    tell: Tell
    saw: Callable[[Observation, Sequence[Slot]], None]
    halted: Callable[[], str | None]
    """Why nothing may move now."""
    answer_s: float = 120.0
    """How long a question waits for its answer, wall time."""
    max_calls: int = FEW_CALLS


def carry_out(run: Run, conduct: Conduct, history: list[Transition]) -> None:
    """`run` says how it ended, history holds what was done too."""
    instruction = run.instruction
    while instruction is not None:
        instruction = _follow(run, instruction, conduct, history)
    if hasattr(talker(conduct.planner), "finish"):
        talker(conduct.planner).finish(run.end or STOPPED)  # for its memory across episodes
    conduct.tell("end", run_id=run.run_id, end=run.end, is_success=run.is_success, self_report=reported(run.report))


def _follow(run: Run, instruction: str, conduct: Conduct, history: list[Transition]) -> str | None:
    """The instruction that takes the place of this one, None when the run is over."""
    env = ToldEnv(conduct.env, conduct.language, run, conduct.tell)
    planner = ToldPlanner(conduct.planner, run, conduct.tell, conduct.saw, roams=conduct.language.roams)
    steps = closed_loop.run(env, planner, seed=None, options={"instruction": instruction},
                            history=_carried_over(history, conduct.language), max_calls=conduct.max_calls,
                            replan="placing")
    try:
        for step in steps:
            _note(step, run, conduct, history)
            if (reason := conduct.halted()) is not None:
                run.end, run.hint = STOPPED, f"stopped by {reason}"
                return None
            is_over = step.end is not None
            words = _answer(step, run, conduct) if _is_question(step) else run.corrections.take(is_last=is_over)
            left = _heed(words, instruction, conduct) if words else None
            if left is not None and (is_over or not _talks(conduct.planner)):
                return left
            if is_over:
                _end(step, run, conduct)
    except CancelledError:
        run.end, run.hint = STOPPED, f"stopped by {conduct.halted() or 'whoever asked'}"
    except BusyError as error:
        if words := run.corrections.take(is_last=True):
            return _heed(words, instruction, conduct)
        run.end, run.hint = "failed: the planner is overloaded", str(error)
    return None


def _carried_over(history: Sequence[Transition], language: PlanLanguage) -> list[Transition]:
    """What the next instruction has to know of what was done before: what a hand took, what a robot that drives about
    saw; nothing where there is neither. Old failures would be taken for its own."""
    if not language.grasping and not language.roams:
        return []
    return [transition for transition in history if transition.outcome.status == "done"]


def _talks(planner: Planner) -> bool:
    return hasattr(talker(planner), "correct")


def _heed(words: Sequence[str], instruction: str, conduct: Conduct) -> str:
    """The instruction once people's words are known: the newest of them, or the same, of which a planner that talks
    has heard more."""
    if not _talks(conduct.planner):
        return words[-1]
    for word in words:
        talker(conduct.planner).correct(word)
    return instruction


def _is_question(step: Step) -> bool:
    return step.transition is None and step.end is None and step.plan.question is not None


def _answer(step: Step, run: Run, conduct: Conduct) -> list[str]:
    """A person's answer to a question; none where it does not come in time, or the robot is stopped."""
    conduct.tell("question", run_id=run.run_id, text=step.plan.question, choices=choices_of(step.plan))
    deadline_s = time.monotonic() + conduct.answer_s
    while time.monotonic() < deadline_s and conduct.halted() is None:
        if words := run.corrections.take():
            return words
        time.sleep(0.05)
    return []


def _note(step: Step, run: Run, conduct: Conduct, history: list[Transition]) -> None:
    if step.transition is None:
        return
    history.append(step.transition)
    done = step.transition
    report = {"skill": done.call.skill, "arguments": list(done.call.named[1:]), "status": done.outcome.status,
              "reason": done.outcome.reason, "duration_s": round(done.outcome.duration_s, 3)}
    run.steps.append(report)
    conduct.tell("outcome", run_id=run.run_id, place=len(run.steps) - 1, **report)


def _end(step: Step, run: Run, conduct: Conduct) -> None:
    run.end, run.report = step.end, step.report
    run.is_success = None if "crash" in step.info else step.is_success
