"""The agent that understands people: words become a goal, and the goal, on the table as it is perceived, a plan, a
question, a refusal with its reason, or an answer.

Who understands words (`Understander`) sees no table; what they come to is settled by symbols measured from the images
(`embodied.planning.belief`), with the planner and the judge of `envs.goals`. No true state is read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import Protocol

import numpy as np

from embodied.agents.rescoring import rescored
from embodied.agents.scene_state import Perceive, read_scene
from embodied.planning.belief import Belief, expect, first_look, look_again
from embodied.planning.dialogue import Reading, Turn
from embodied.planning.instruction import InstructionError, clean_instruction
from embodied.planning.language import Choice, Plan, clause, refer, write
from embodied.planning.looks import without_parts
from embodied.planning.perception import Perception, held_since
from embodied.planning.possible import possible
from embodied.prompt import Slot
from envs.goals import telling
from envs.goals.choosing import choose
from envs.goals.judge import reached
from envs.goals.language import Do, Goal, If, Unclear
from envs.goals.outcome import OF_WORDS, Outcome, Question, Refusal, Task, Told, outcome_of
from envs.goals.planner import plan as plan_goal
from envs.goals.references import Trouble
from envs.goals.reporting import Report, report
from envs.goals.spelling import write as spell
from envs.goals.table import Table
from envs.interface import NamedCall, Observation, Referent, SkillCall, Transition
from envs.skills.signatures import TABLETOP_GOALS, PlanLanguage

UNANSWERED = "nobody answered my question"
OUT_OF_SIGHT = "I no longer see the {}"
UNSURE = "I am not sure that I understood you."
LEAST_SURE = 0.6
"""Below this confidence that its words were understood, an instruction is refused."""
_HAND_M = 0.06
"""From the tool, where what is held is seen."""
MOST_TURNS = 4
"""Earlier turns that whoever understands words is told."""


class Understander(Protocol):
    """Who understands words."""

    def understand(self, text: str, before: Sequence[Turn] = ()) -> Reading:
        """What the words mean, after what was said before. Raises InstructionError for words that it cannot take."""
        ...


@dataclass
class _Talk:
    """An instruction, from when it is given until another one is."""

    asked: str
    outcome: Outcome | None = None
    goal: Goal | None = None
    tables: list[Table] = field(default_factory=list)  # since its references were resolved
    question: Question | None = None  # that waits for its answer
    choices: dict[str, str] = field(default_factory=dict)  # what it may be answered with -> the name of the thing


class MindAgent:
    """A `Planner` of one robot at a time; who understands and what perceives may be shared."""

    def __init__(self, understander: Understander, perceive: Perceive, *, language: PlanLanguage = TABLETOP_GOALS,
                 least_sure: float = LEAST_SURE) -> None:
        """language: of the world's plans. least_sure: confidence below which words are refused as not understood."""
        self.understander, self.perceive, self.language, self.least_sure = understander, perceive, language, least_sure
        self._said: list[Turn] = []
        self._news: list[str] = []
        self._lock = threading.Lock()
        self._talk: _Talk | None = None
        self._belief: Belief | None = None
        self._known: tuple[Transition, ...] = ()  # the history at the last look
        self._seen: tuple[Observation, Perception] | None = None  # the last look

    @property
    def has_news(self) -> bool:
        """Whether a person has said something that no plan knows of yet."""
        return bool(self._news)

    def correct(self, text: str) -> None:
        """Take a person's word, an answer or a correction, from any thread; the next plan knows it."""
        with self._lock:
            self._news.append(text)

    def begin(self) -> None:
        """A new instruction comes, in the same scene: what was seen and said before stays known."""
        self._talk = None
        with self._lock:
            self._news.clear()

    def recall(self, turns: Sequence[Turn]) -> None:
        """Go on as if these turns had been said before."""
        self._said = list(turns)

    def plan(self, instruction: str, observation: Observation, history: Sequence[Transition] = ()) -> Plan:
        """What to do next, a question, an answer, or a refusal; never an error for what a person says."""
        start = time.perf_counter()
        between = self._look(observation, tuple(history))
        plan = self._plan(instruction, between)
        return replace(plan, perception=self._seen[1], thinking_s=time.perf_counter() - start)

    def look(self, observation: Observation, history: Sequence[Transition] = ()) -> Table:
        """The table as it is believed to be after a look."""
        self._look(observation, tuple(history))
        return self._belief.table

    def look_back(self, observation: Observation, history: Sequence[Transition] = ()) -> Report | None:
        """What to say at the end of a task: whether what was wanted holds, by what is seen now; None where nothing was
        to be done."""
        talk = self._talk
        if talk is None or not isinstance(talk.outcome, Task):
            return None
        if self._seen is None or observation is not self._seen[0]:
            talk.tables += [*self._look(observation, tuple(history)), self._belief.table]
        return report(talk.outcome.wanted, talk.tables, self._belief.unseen)

    def _see(self, now: Observation, history: Sequence[Transition], observation: Observation) -> list[Slot]:
        """What is in sight, but not in the hand now."""
        slots = possible(without_parts(self.perceive(observation)))
        if observation is not now or held_since(history, self.language) is None:
            return slots
        tool = now.tool_pose[:3]
        return [slot for slot in slots if np.linalg.norm(np.subtract(slot.box.center, tool)) > _HAND_M]

    def _plan(self, instruction: str, between: Sequence[Table]) -> Plan:
        with self._lock:
            news, self._news = self._news, []
        talk = self._talk
        if talk is None or talk.asked != instruction:
            talk, news = _Talk(instruction), [instruction, *news]
            self._talk = talk
        elif talk.question is not None and not news:
            return Plan((), refusal=UNANSWERED)
        for text in news:
            if (refused := self._hear(text, talk)) is not None:
                return refused
        if not news:
            talk.tables += [*between, self._belief.table]
        return self._answer(talk, self._seen[1])

    # Looking ---------------------------------------------------------------------------------------------------------

    def _look(self, observation: Observation, history: tuple[Transition, ...]) -> list[Table]:
        """Brings the belief up to date; the tables between the calls since the last look, by what they reported."""
        state = read_scene(partial(self._see, observation, history), observation, self.language, history)
        slots, before, known = state.perception.slots, self._belief, self._known
        self._seen, self._known = (observation, state.perception), history
        if before is None or not history:
            self._belief = first_look(slots, state.held)
            return []
        happened = [t for t in history if not any(t is old for old in known)]
        self._belief = look_again(before, slots, happened, is_holding=state.is_holding)
        return [expect(before, happened[:n]) for n in range(1, len(happened))]

    def forget(self) -> None:
        """Go on as if nothing had been seen or said."""
        self.begin()
        self._said, self._belief, self._known, self._seen = [], None, (), None

    # Hearing ---------------------------------------------------------------------------------------------------------

    def _hear(self, text: str, talk: _Talk) -> Plan | None:
        """Takes words in, and what they come to on the table; a refusal where they cannot be taken in."""
        try:
            reading = self._chosen(text, talk) or rescored(self.understander.understand(
                clean_instruction(text), self._said[-MOST_TURNS:]), self._belief.table)
        except InstructionError as error:
            talk.outcome = None
            return Plan((), refusal=clause(str(error)))
        talk.question, talk.tables = None, [self._belief.table]
        talk.goal = reading.goal if reading.goal is not None else Unclear()
        if reading.confidence < self.least_sure or reading.goal is None:
            return self._unsure(reading, talk)
        self._said.append(Turn("person", text, spell(talk.goal)))
        talk.outcome = outcome_of(talk.goal, self._belief.table)
        return None

    def _unsure(self, reading: Reading, talk: _Talk) -> Plan:
        """The refusal of words that were not surely understood. Where the likeliest reading could not be done anyway,
        it is refused for that reason, and the hint says that the reading is a guess: nothing moves either way, and the
        person hears what the robot took the words for."""
        talk.outcome = Refusal("unclear")
        if reading.why_not is not None:
            return self._said_of(_refusal(reading.why_not), talk)
        hint = f"Did you mean: {telling.tell(reading.goal)}?" if isinstance(reading.goal, Do | If) else ""
        guess = outcome_of(talk.goal, self._belief.table)
        if isinstance(guess, Refusal) and guess.reason not in OF_WORDS:
            talk.outcome, hint = guess, f"{UNSURE} {hint}".strip()
        return self._refuse(talk, hint)

    def _chosen(self, text: str, talk: _Talk) -> Reading | None:
        """The goal once a question was answered in the very words that it offered; None for any other words."""
        name = talk.choices.get(_folded(text)) if talk.question is not None else None
        if name is None or name not in self._belief.table.things:
            return None
        goal = choose(talk.goal, talk.question.about, name, self._belief.table)
        return None if goal is None else Reading(goal)

    # Answering -------------------------------------------------------------------------------------------------------

    def _answer(self, talk: _Talk, perception: Perception) -> Plan:
        outcome, table = talk.outcome, talk.tables[0] if talk.tables else self._belief.table
        if outcome is None:
            return Plan((), refusal=telling.why_not(Refusal("unclear")))
        if isinstance(outcome, Refusal):
            return self._refuse(talk)
        if isinstance(outcome, Question):
            return self._ask(talk, outcome, table, perception)
        if isinstance(outcome, Told):
            names = outcome.answer if isinstance(outcome.answer, tuple) else ()
            answer = Plan((), answer=telling.say(outcome, table), about=self._pointed_at(names, perception))
            return self._said_of(answer, talk)
        return self._act(talk, outcome, perception)

    def _ask(self, talk: _Talk, question: Question, table: Table, perception: Perception) -> Plan:
        words = telling.which(question.about, question.options, table)
        replies = [f"the {part}" for part in telling.tell_apart(question.options, table)]
        self._said.append(Turn("robot", words))
        talk.question = question
        talk.choices = {_folded(reply): name for reply, name in zip(replies, question.options, strict=True)
                        if replies.count(reply) == 1}
        choices = tuple(Choice(reply, next(iter(self._pointed_at([name], perception)), None))
                        for reply, name in zip(replies, question.options, strict=True))
        about = tuple(choice.thing for choice in choices if choice.thing is not None)
        return self._said_of(Plan((), question=words, about=about, choices=choices), talk)

    def _refuse(self, talk: _Talk, hint: str = "") -> Plan:
        return self._said_of(replace(_refusal(telling.why_not(talk.outcome)), hint=hint), talk)

    def _act(self, talk: _Talk, task: Task, perception: Perception) -> Plan:
        """The calls that are left on the table as it is believed to be now."""
        aim, now = task.wanted, self._belief.table
        try:
            calls = plan_goal(now, aim, reached=[reached(way, talk.tables) for way in aim.ways])
        except Trouble as trouble:
            return self._said_of(_refusal(telling.why_not(Refusal(trouble.reason, trouble.about))), talk)
        hidden = set(now.things) - set(self._belief.places)  # in the hand, or covered: planned for once it is in sight
        shown = tuple(takewhile(lambda call: hidden.isdisjoint(call[1:]), calls))
        needed = [n for call in calls for n in call[1:] if n in self._belief.unseen]
        needed += [n for n in calls[0][1:] if n in hidden] if calls and not shown else []
        if needed:
            return self._said_of(_refusal(OUT_OF_SIGHT.format(needed[0])), talk)
        unknown = next((skill for skill, *_ in calls if skill not in self.language.skills), None)
        if unknown is not None:
            return self._said_of(_refusal(f"I cannot {unknown.replace('_', ' ')} things here"), talk)
        plan = Plan(tuple(self._pointed(call, perception) for call in shown))
        return self._said_of(replace(plan, text=write(plan)), talk)

    def _pointed(self, call: NamedCall, perception: Perception) -> SkillCall:
        """A call whose things are told where they were measured."""
        skill, *values = call
        parameters = self.language.skills[skill].parameters
        return SkillCall(skill, tuple(
            self._referent(value, perception) if parameter.kind == "object" else value
            for value, parameter in zip(values, parameters, strict=True)))

    def _referent(self, name: str, perception: Perception) -> Referent:
        return refer(self._belief.object_name(name), perception.slots[self._belief.places[name]])

    def _pointed_at(self, names: Sequence[str], perception: Perception) -> tuple[Referent, ...]:
        """Things that are in sight, told where they were measured."""
        return tuple(self._referent(name, perception) for name in names if name in self._belief.places)

    def _said_of(self, plan: Plan, talk: _Talk) -> Plan:
        return replace(plan, understood=spell(talk.goal) if talk.goal is not None else "", outcome=talk.outcome)


def _refusal(reason: str) -> Plan:
    plan = Plan((), refusal=clause(reason))
    return replace(plan, text=write(plan))


def _folded(text: str) -> str:
    """Words as answers are compared: small letters, no article, no marks around them."""
    return " ".join(text.casefold().split()).strip(" .,!?'\"").removeprefix("the ")
