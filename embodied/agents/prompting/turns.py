"""The conversation put to a chat model: manner, worked examples, and the present moment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from embodied.agents.backends.chat_reply import Message
from embodied.agents.prompting.library import ReplyFormat, manner, quote
from embodied.agents.prompting.memory import Note
from embodied.planning.language import Plan
from embodied.planning.scene import REASON_LIMIT
from envs.interface import Box, Referent, Transition
from envs.skills.signatures import TABLETOP, PlanLanguage

EXAMPLES_FILE = Path(__file__).parent / "examples.json"
"""Moments of the expert's episodes on training seeds, written by scripts/chat_examples.py."""

MOST_TOLD = 10
"""Calls of an episode, and sentences of a dialogue, that a prompt repeats: the last ones."""
SAID_LIMIT = 500
"""Most characters of one thing that a person said."""


PERSON = "the person"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence of the dialogue of an episode. who: "you" (the planner) or `PERSON`."""

    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Moment:
    """What the last message tells. scene: lines of text. picture: a data URL beside them."""

    instruction: str
    scene: str
    history: Sequence[Transition] = ()
    looks: Mapping[Box, str] = field(default_factory=dict)  # how what earlier calls meant looked
    said: Sequence[Utterance] = ()
    notes: Sequence[Note] = ()
    picture: str | None = None

    def __str__(self) -> str:
        parts = [f"Instruction: {quote(self.instruction)}", self.scene, *self._told()]
        return "\n".join(parts)

    def _told(self) -> list[str]:
        """The parts that are there only when there is something to tell."""
        parts = []
        if self.history:
            parts += ["Done so far:", *(self._call_line(t) for t in self.history[-MOST_TOLD:])]
        if self.said:
            parts += ["Said in this episode, the newest last; the person's words go before the instruction:",
                      *(f"- {s.who}: {quote(s.text, SAID_LIMIT)}" for s in self.said[-MOST_TOLD:])]
        if self.notes:
            parts += ["You remember of earlier episodes, in other scenes:", *map(str, self.notes)]
        return parts

    def _call_line(self, done: Transition) -> str:
        words = ", ".join(quote(self._look(a), 100) for a in done.call.arguments)
        reason = f", {quote(done.outcome.reason, REASON_LIMIT)}" if done.outcome.status != "done" else ""
        return f"- {done.call.skill} {words}: {done.outcome.status}{reason}"

    def _look(self, argument: Any) -> str:
        """Names like obj_3 mean another thing in each scene; looks last."""
        if not isinstance(argument, Referent):
            return str(argument)
        return self.looks.get(argument.box, "something") if argument.box is not None else argument.words


@dataclass(frozen=True, slots=True)
class Example:
    """One worked moment: what was told, and what was answered."""

    told: str
    thought: str
    calls: tuple[tuple[str, Mapping[str, str]], ...]  # skill and its arguments by name

    def as_json(self) -> str:
        """The answer as JSON text."""
        calls = [{"skill": skill, "arguments": dict(arguments)} for skill, arguments in self.calls]
        return json.dumps({"thought": self.thought, "calls": calls})


@cache
def shipped_examples(language: PlanLanguage) -> tuple[Example, ...]:
    """The examples that came with the package, for languages that can say all that the tabletop's can."""
    if any(s not in language.signatures for s in TABLETOP.signatures):
        return ()
    entries = json.loads(EXAMPLES_FILE.read_text(encoding="utf-8"))["examples"]
    return tuple(Example(e["told"], e["thought"], tuple((c["skill"], c["arguments"]) for c in e["calls"]))
                 for e in entries)


def conversation(moment: Moment, language: PlanLanguage, *, reply: ReplyFormat,
                 examples: Sequence[Example] = ()) -> list[Message]:
    """The messages of a request. The part that never changes comes first, so that endpoints can keep it computed."""
    turns: list[Message] = [{"role": "system", "content": manner(language, reply)}]
    for number, example in enumerate(examples, start=1):
        turns.append({"role": "user", "content": example.told})
        turns += _called(example, number) if reply == "tools" else [
            {"role": "assistant", "content": example.as_json()}]
    if moment.picture is None:
        return [*turns, {"role": "user", "content": str(moment)}]
    picture = {"type": "image_url", "image_url": {"url": moment.picture}}
    return [*turns, {"role": "user", "content": [{"type": "text", "text": str(moment)}, picture]}]


def _called(example: Example, number: int) -> list[Message]:
    """An answer by tools, and the word that ends each of them, which the API asks for."""
    made = [*example.calls] or [("done", {})]
    calls = [{"id": f"example_{number}_{i}", "type": "function",
              "function": {"name": skill, "arguments": json.dumps(dict(arguments))}}
             for i, (skill, arguments) in enumerate(made)]
    said: Message = {"role": "assistant", "content": example.thought, "tool_calls": calls}
    return [said, *({"role": "tool", "tool_call_id": c["id"], "content": "accepted"} for c in calls)]


def complaint(plan_error: str) -> Message:
    """What a model is told after an answer that was no plan."""
    return {"role": "user", "content": f"Nothing of that was done: {quote(plan_error, 400)}. Reply "
                                       "again, with the whole plan and nothing else."}


def arguments_by_name(plan: Plan, language: PlanLanguage) -> list[tuple[str, dict[str, str | float]]]:
    """Skill and named arguments of each call, as replies spell them."""
    return [(c.skill, {p.name: getattr(a, "words", a)
                       for p, a in zip(language.skills[c.skill].parameters, c.arguments, strict=True)})
            for c in plan.calls]
