"""Wordings with the outcomes that are right: one JSON object a line, read and checked before anything is played.

    {"text": "pop the crimson cube in the blue dish", "scene": [{"name": "red block", "at": [1, 1]}, ...],
     "goal": "in(the red block, the blue bowl)"}

text: what a person says. scene: what is on the table then (docs/goals.md). One of goal: what they want, in the goal
language; question: names of the things between which the robot has to ask; refusal: the reason for which it has to
decline. Optional: before, earlier turns; kind, for counts; id; outcome and what belongs to it, held against the goal.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.goals.answers import Answer
from envs.goals.language import Goal
from envs.goals.outcome import Outcome, Question, Refusal, Task, Told, outcome_of
from envs.goals.scene_spec import SceneError, read_scene, table_of
from envs.goals.spelling import GoalError, read
from envs.goals.table import Table

FIXED = Path(__file__).parent / "wordings"
SETS = tuple(sorted(path.stem for path in FIXED.glob("*.jsonl")))
"""Names of the sets that come with the package."""
SECRET = ("test", "chinese", "questions")
"""Sets that judge: no result of a single one of their wordings is written down."""
REASONS = ("missing", "too_few", "cannot_move", "no_container", "no_base", "conflict", "cannot_do", "unclear",
           "nothing")
_KEYS = {"text", "scene", "goal", "question", "refusal", "before", "kind", "id", "outcome", "options", "reason",
         "about", "answer"}
_OUTCOMES = {Task: "plan", Question: "question", Refusal: "refusal", Told: "answer"}


def is_secret(path: Path) -> bool:
    """Whether a file is one of the sets of which only counts are to be read."""
    return path.stem in SECRET and path.resolve().parent == FIXED.resolve()


class ItemError(ValueError):
    """A line that is no wording with its outcome: which line, what was expected, what came."""


@dataclass(frozen=True, slots=True)
class Item:
    """A wording. goal: None where the right outcome is told without one."""

    id: str
    kind: str
    text: str
    scene: tuple[Mapping[str, Any], ...]
    goal: Goal | None
    outcome: Outcome  # on the table as the scene tells it
    before: tuple[Mapping[str, str], ...] = ()

    @property
    def ending(self) -> str:
        """"plan", "question", "refusal" or "answer"."""
        return _OUTCOMES[type(self.outcome)]


def path_of(wordings: str) -> Path:
    """The file of a set that comes with the package, by name, or of one's own, by path. Raises ValueError."""
    if wordings in SETS:
        return FIXED / f"{wordings}.jsonl"
    path = Path(wordings)
    if not path.is_file():
        raise ValueError(f"wordings: expected one of {', '.join(SETS)} or a file, got {wordings!r}")
    return path


def path_to_show(wordings: str) -> Path:
    """As `path_of`; ValueError for a set that judges, too, of whose words nothing may be printed or fitted."""
    if is_secret(path := path_of(wordings)):
        raise ValueError(f"wordings: expected a development set or a file of your own, got {wordings}, which judges: "
                         f"embodied evaluate suite=language wordings={wordings}")
    return path


def load_items(path: Path) -> list[Item]:
    """Every wording of a file. Raises ItemError for the first line that is none."""
    lines = [(n, line) for n, line in enumerate(path.read_text("utf-8").splitlines(), start=1) if line.strip()]
    if not lines:
        raise ItemError(f"{path}: expected a wording a line, got an empty file")
    return [_item(line, n, f"{path.name}, line {n}") for n, line in lines]


def _item(line: str, number: int, where: str) -> Item:
    try:
        told = json.loads(line)
    except ValueError as error:
        raise ItemError(f"{where}: expected a JSON object, got {line[:40]!r} ({error})") from error
    if not isinstance(told, dict) or not isinstance(told.get("text"), str) or not isinstance(told.get("scene"), list):
        raise ItemError(f"{where}: expected an object with text and scene, got {line[:60]!r}")
    if unknown := set(told) - _KEYS:
        raise ItemError(f"{where}: expected keys among {', '.join(sorted(_KEYS))}, got {', '.join(sorted(unknown))}")
    try:
        table = table_of(read_scene(told["scene"]))
        goal = read(told["goal"]) if "goal" in told else None
        outcome = outcome_of(goal, table) if goal is not None else _told_outcome(told, table)
    except (GoalError, SceneError, ItemError) as error:
        raise ItemError(f"{where}: {error}") from error
    _check(told, outcome, where)
    return Item(str(told.get("id", number)), str(told.get("kind", "own")), told["text"], tuple(told["scene"]), goal,
                outcome, tuple(told.get("before", ())))


def _told_outcome(told: Mapping[str, Any], table: Table) -> Outcome:
    if "question" in told:
        unknown = [name for name in told["question"] if name not in table.things]
        if unknown or len(told["question"]) < 2:
            raise ItemError(f"expected two or more things of the scene in question, got {told['question']!r}")
        return Question("", tuple(told["question"]))
    if told.get("refusal") not in REASONS:
        raise ItemError(f"expected goal, question or refusal (one of {', '.join(REASONS)}), got "
                        f"{told.get('refusal')!r}")
    return Refusal(told["refusal"])


def _check(told: Mapping[str, Any], outcome: Outcome, where: str) -> None:
    """Raises ItemError where what the line says of the outcome is not what its goal comes to on its scene."""
    found = _OUTCOMES[type(outcome)]
    if told.get("outcome", found) != found:
        raise ItemError(f"{where}: the goal comes to a {found} on this scene, the line says {told['outcome']!r}")
    if isinstance(outcome, Question) and set(told.get("options", outcome.options)) != {*outcome.options}:
        raise ItemError(f"{where}: the question is between {outcome.options}, the line says {told['options']}")
    if isinstance(outcome, Refusal) and told.get("reason", outcome.reason) != outcome.reason:
        raise ItemError(f"{where}: the refusal's reason is {outcome.reason!r}, the line says {told['reason']!r}")
    if isinstance(outcome, Told) and "answer" in told and spelled(told["answer"]) != spelled(outcome.answer):
        raise ItemError(f"{where}: the answer is {outcome.answer!r}, the line says {told['answer']!r}")


def spelled(answer: Answer | list | str) -> str | dict[str, str] | tuple[str, ...]:
    """An answer in one spelling: "yes", "2", "red", names in order, or a place."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, list | tuple):
        return tuple(sorted(answer)) if len(answer) != 1 else answer[0]
    return dict(answer) if isinstance(answer, Mapping) else str(answer)
