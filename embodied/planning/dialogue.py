"""What people and the robot said, as the sentence that a language model reads before it writes a goal.

    put the red block in the bowl
    in(the red block, the bowl)
    robot: which bowl, the blue one or the white one?
    the white one
    in(the red block, the white bowl)          <- what the model is to write, of the language of `envs.goals`

Each thing that was said is a line, in small letters; a goal stands under the words that it was taken from. A line's end
says that a goal comes: one token of SmolLM2's, where "Goal:" on a line of its own would be three.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from embodied.prompt import Prompt, Text
from envs.goals.language import Goal

MOST_CHARACTERS = 8000
"""Of all that is said in one sentence; longer ones are refused."""

_QUOTES = dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4`"), "'") | dict.fromkeys(
    map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb"), '"')
_ROBOT = "robot: "


class DialogueError(ValueError):
    """Words that no sentence can carry: none at all, or too many."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Something that was said earlier. goal: the text of the goal that a person's words were taken for, None: none."""

    speaker: Literal["person", "robot"]
    text: str
    goal: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was understood. goal: None where nothing was, for the reason in why_not, a clause for people, where that is
    known. confidence: probability that it is what was meant. text: of the goal as it was written. alternatives: what
    else was likely."""

    goal: Goal | None
    confidence: float = 1.0
    text: str = ""
    alternatives: tuple[Reading, ...] = ()
    why_not: str | None = None


def read_turn(values: Mapping[str, Any]) -> Turn:
    """The turn of {"person": text, "goal": text} or {"robot": text}. Raises ValueError for anything else."""
    speakers = [key for key in ("person", "robot") if isinstance(values.get(key), str)]
    goal = values.get("goal")
    if len(speakers) != 1 or not (goal is None or isinstance(goal, str)) or set(values) - {"person", "robot", "goal"}:
        raise ValueError(f'turn: expected {{"person": text, "goal": text}} or {{"robot": text}}, got {dict(values)}')
    return Turn(speakers[0], values[speakers[0]], goal)


def said(text: str) -> str:
    """The text in one spelling, on one line: compatibility forms folded, small letters, straight quotes, nothing that
    takes no place. Raises DialogueError where nothing is left."""
    folded = unicodedata.normalize("NFKC", text.translate(_QUOTES))
    kept = "".join("" if unicodedata.category(c) == "Cf" else " " if unicodedata.category(c)[0] in "CZ" else c
                   for c in folded)
    line = " ".join(kept.lower().split())
    if not line:
        raise DialogueError("nothing was said")
    return line


def write_dialogue(text: str, before: Sequence[Turn] = ()) -> Prompt:
    """The sentence after which the goal of `text` is written. before: earlier turns, oldest first.

    Raises DialogueError for a text without anything in it, or more in all than `MOST_CHARACTERS`.
    """
    lines = [line for turn in before for line in _lines(turn)] + [said(text)]
    whole = "\n".join(lines) + "\n"
    if len(whole) > MOST_CHARACTERS:
        raise DialogueError(f"{len(whole)} characters were said, the limit is {MOST_CHARACTERS}")
    return Prompt((Text(whole),))


def _lines(turn: Turn) -> list[str]:
    if turn.speaker == "robot":
        return [_ROBOT + said(turn.text)]
    return [said(turn.text), *([] if turn.goal is None else [goal_line(turn.goal)])]


def goal_line(goal: str) -> str:
    """The text of a goal as it is learned and written: words in quotes, too, in small letters."""
    return goal.lower()
