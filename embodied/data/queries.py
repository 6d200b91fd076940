"""What is asked about a view, and the right answer to it: calls, words, a refusal, or a question in return.

Queries are kept, and come from worlds, as flat records of plain values (`envs.experts.queries`, whose "asks" they are);
`query_of` reads those of every format, and `record_of` writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from envs.interface import NamedCall

NUMBER = re.compile(r"\bobj_([0-9]+)\b")
"""How words refer to a thing by its number."""


def spoken(text: str) -> str:
    """A text with its numbers as texts of plans spell them: obj 2."""
    return NUMBER.sub(r"obj \1", text)


Referrals = Literal["numbers", "words", "both"]
"""How what numbers things is worded in training: as it is, with words in the place of the numbers where it has some, or
every other one so."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What is left to do: skills with their arguments, things by their true names; () = it is done already."""

    calls: tuple[NamedCall, ...]
    any_order: bool = False  # pick-and-place pairs may change places
    told: str | None = None  # the same in words, where the world has some


@dataclass(frozen=True, slots=True)
class TextAnswer:
    """Words that answer a question about the view."""

    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why what is asked for cannot be done, a clause."""

    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be known before anything can be done: "which red block do you mean?"."""

    text: str


Answer = Calls | TextAnswer | Refusal | Question


@dataclass(frozen=True, slots=True)
class Query:
    """An instruction or question about a view, and its answer from the state of that view.

    family: the task or question family it is of. about: names of what has to be seen for the answer to be right, beside
    those in its calls; None where nobody told, as in episodes of format 1. referrals: the names of what its words call
    obj_1, obj_2 ...; () where they number nothing. words: what may stand in the place of those numbers, "red object".
    """

    instruction: str
    answer: Answer
    family: str
    about: tuple[str, ...] | None = None
    referrals: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def numbered(self) -> frozenset[str]:
        """Names of the things that the instruction speaks of by number; of a number that is nobody's, the number."""
        return frozenset(self._called(match) for match in NUMBER.finditer(self.instruction))

    def renumbered(self, mentions: Mapping[str, str]) -> Query:
        """The query with other words for what it numbers; in an answer in words, as texts of plans spell them.

        mentions: name -> what it is called now. Raises KeyError for a number that is nobody's, and for something
        without a name now.
        """
        def put(text: str) -> str:
            return NUMBER.sub(lambda match: mentions[self._called(match)], text)

        answer = self.answer
        if isinstance(answer, TextAnswer):
            answer = TextAnswer(spoken(put(answer.text)))
        elif isinstance(answer, Calls) and answer.told:  # for people; it may tell of what has no name now
            answer = replace(answer, told=NUMBER.sub(lambda match: mentions.get(self._called(match), match[0]),
                                                     answer.told))
        return replace(self, instruction=put(self.instruction), answer=answer)

    @property
    def unnumbered(self) -> Query:
        """The query with words in the place of its numbers; itself where it has none."""
        if not self.words:
            return self
        return replace(self.renumbered(dict(zip(self.referrals, self.words, strict=True))), referrals=(), words=())

    def _called(self, match: re.Match[str]) -> str:
        number = int(match[1])
        return self.referrals[number - 1] if 1 <= number <= len(self.referrals) else match[0]

    @property
    def calls(self) -> tuple[NamedCall, ...]:
        """The calls of its answer; () where that is none."""
        return self.answer.calls if isinstance(self.answer, Calls) else ()


def query_of(record: Mapping[str, Any]) -> Query:
    """The query of a record: a label of a world, or what was kept of one in an episode."""
    about = record.get("about")
    numbered = ("referrals", "words") if NUMBER.search(record["instruction"]) else ()
    return Query(record["instruction"], _answer_of(record), record["task"], None if about is None else tuple(about),
                 **{key: tuple(record.get(key) or ()) for key in numbered})


def _answer_of(record: Mapping[str, Any]) -> Answer:
    if record.get("question") is not None:
        return Question(record["question"])
    if record["refusal"] is not None:
        return Refusal(record["refusal"])
    if record.get("is_question"):
        return TextAnswer(record.get("answer") or "")
    return Calls(_calls(record["calls"]), bool(record["any_order"]), record.get("answer"))


def _calls(calls: Sequence[Sequence[Any]]) -> tuple[NamedCall, ...]:
    return tuple((skill, *arguments_of(arguments)) for skill, *arguments in calls)


def arguments_of(arguments: Sequence[str | float | None]) -> tuple[str | float, ...]:
    """The arguments of a recorded call; up to format 2, one without any had a None or an empty text for one."""
    return () if list(arguments) in ([None], [""]) else tuple(arguments)


def words_of(answer: Answer) -> str:
    """An answer for people: what is said, or the calls, things by their names."""
    match answer:
        case Calls():
            return answer.told or "; ".join(f"{skill}({', '.join(map(str, rest))})" for skill, *rest in answer.calls)
        case Refusal(reason):
            return f"no: {reason}"
    return answer.text


def gist(answer: Answer) -> str:
    """What an answer comes to, whatever it is about: yes, no, red, left, a number of calls, a refusal or a question."""
    match answer:
        case Calls(calls):
            return f"{len(calls)} calls"
        case TextAnswer(text):
            return gist_of_words(text)
    return "a refusal" if isinstance(answer, Refusal) else "a question"


def gist_of_words(text: str) -> str:
    """The same of an answer in words: its yes or no, else its last word but for "of the table"."""
    words = re.findall(r"[a-z]+", text.removeprefix("A:").lower().replace("of the table", ""))
    return words[0] if words[:1] in (["yes"], ["no"]) else words[-1] if words else ""


def record_of(query: Query) -> dict[str, Any]:
    """The record of a query, as `query_of` reads it."""
    answer = query.answer
    acted = answer if isinstance(answer, Calls) else Calls(())
    record = {"task": query.family, "instruction": query.instruction, "calls": acted.calls,
              "any_order": acted.any_order, "refusal": answer.reason if isinstance(answer, Refusal) else None,
              "about": query.about, "is_question": isinstance(answer, TextAnswer),
              "answer": answer.text if isinstance(answer, TextAnswer) else acted.told}
    return {**record, **({"question": answer.text} if isinstance(answer, Question) else {}),
            **({"referrals": query.referrals, "words": query.words} if query.referrals else {})}
