"""A talk with a mind in a demo: scenes that suit the words, what people say, and whether that came about.

    replies='["the left one", "@1 no, the other one", "now take it out again"]'

An entry answers the next question; one that begins with @N is said while it works, once N calls are done; what is left
when all is done is the next turn. At a terminal a person types all that.
"""

from __future__ import annotations

import json
import queue
import re
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embodied.planning.language import Plan
from envs.goals.judge import progress
from envs.goals.language import Goal
from envs.goals.outcome import Task, Told, outcome_of
from envs.goals.scene_spec import read_scene
from envs.goals.scenes import draw_scene, table_of
from envs.goals.spelling import read
from envs.goals.table import Table

DRAWS = 300
"""Scenes that are looked at for one in which there is something to do."""
_LATER = re.compile(r"@(\d+)\s+(.*)", re.DOTALL)


def suited_scene(goal: Goal | None, seed: int) -> list[dict]:
    """A drawn scene in which a goal comes to something to do, or to an answer; any where none is found, or where
    nothing was understood. The same seed gives the same one."""
    first = draw_scene(np.random.default_rng([seed, 0]))
    for number in range(DRAWS if goal is not None else 0):
        scene = draw_scene(np.random.default_rng([seed, number]))
        outcome = outcome_of(goal, table_of(scene))
        if isinstance(outcome, Told) or (isinstance(outcome, Task) and outcome.calls):
            return scene
    return first


def scene_in(path: str) -> list[dict]:
    """The scene that a JSON file tells. Raises ValueError for a file that is none."""
    try:
        scene = json.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        example = '[{"name": "red block", "at": [2, 1]}, ..]'
        raise ValueError(f"scene={path}: expected a JSON file such as {example}, {error}") from None
    read_scene(scene)
    return scene


class Person:
    """Who talks to the demo: a list of replies, or lines that are typed at a terminal."""

    def __init__(self, replies: Sequence[str], *, is_typing: bool = False) -> None:
        self._replies, self._typed = deque(replies), queue.Queue[str | None]()
        self._is_typing = is_typing
        if is_typing:
            threading.Thread(target=self._listen, daemon=True, name="terminal").start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._typed.put(line.strip())
        self._typed.put(None)

    def answer(self) -> str | None:
        """What is said to a question; None where nobody is there to say it."""
        if self._is_typing:
            print("your answer: ", end="", flush=True)
            return self._typed.get()
        return _plain(self._replies.popleft()) if self._replies else None

    def interjections(self, calls: int) -> list[str]:
        """What is said while it works. calls: how many it has done since it was told what to do."""
        said: list[str] = []
        while self._is_typing and not self._typed.empty() and (line := self._typed.get()):
            said.append(line)
        while self._replies and (later := _LATER.fullmatch(self._replies[0])) and int(later[1]) <= calls:
            said.append(later[2])
            self._replies.popleft()
        return said

    def next_turn(self) -> str | None:
        """What is said once all is done; None where that was all."""
        if self._is_typing:
            print("anything else? (Enter ends) ", end="", flush=True)
            return self._typed.get() or None
        return _plain(self._replies.popleft()) if self._replies else None


def _plain(entry: str) -> str:
    later = _LATER.fullmatch(entry)
    return entry if later is None else later[2]


class UnderstoodJudge:
    """Whether what was understood came about, by the true state. PRIVILEGED: the planner hears nothing of it."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self.begin()

    def begin(self) -> None:
        """A new turn begins."""
        self._goal, self._tables = "", list[Table]()

    def heard(self, plan: Plan) -> None:
        """A plan was made: from here on counts what it took the words for."""
        if plan.understood and plan.understood != self._goal:
            self._goal, self._tables = plan.understood, [self._env.true_table()]

    def acted(self) -> None:
        """A call is over."""
        if self._goal:
            self._tables.append(self._env.true_table())

    @property
    def verdict(self) -> bool | None:
        """Whether it holds now; None where nothing was to be done, or nothing was understood."""
        outcome = outcome_of(read(self._goal), self._tables[0]) if self._goal else None
        return progress(outcome.wanted, self._tables) >= 1.0 if isinstance(outcome, Task) else None


def options_of(instruction: str, scene: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The options of a reset that makes a told scene."""
    return {"instruction": instruction, "scene": [dict(thing) for thing in scene]}
