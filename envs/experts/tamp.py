"""The expert of the task-and-motion-planning table, and the judge of plans that are told in words. ORACLE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.experts import planner
from envs.experts.oracle import read_state
from envs.experts.symbols import Call, State, simulate
from envs.tasks import tamp, tamp_words
from envs.tasks.scene import COLORS
from envs.tasks.tamp import TampScene
from envs.world import World

_STEP = re.compile(r"grasp the (\w+) object(?:,? and place it on the (?:(table)|(\w+) object))?")


def remaining_calls(world: World, scene: TampScene, held: str | None) -> list[Call]:
    """Skill and argument of every call that is left to do: the answer, or what moves blocks."""
    if scene.answer:
        return [("answer", tamp_words.answer_sentence(scene.task, scene.roles, scene.answer))]
    return plan(read_state(world, scene, held), scene)


def plan(state: State, scene: TampScene) -> list[Call]:
    """The rest of the plan for a wish, [] when it is granted or its block is gone."""
    if scene.task == "build":
        return planner.plan(state, scene.goal)
    target, calls = scene.roles["a"], []
    while state.held != target and state.is_present(target):
        above = state.above(target)
        if state.held:
            calls.append(("put_down_beside", next(n for n in state.under if n != state.held)))
        else:
            calls.append(("pick", next((n for n in above if not state.above(n)), target)))
        state = simulate(state, calls[-1:])
    return calls


def plan_text(calls: Sequence[Call], namer: tamp_words.Namer = tamp_words.by_color) -> str:
    """A plan in the paper's words: "First grasp the orange object and place it on the table, then grasp ...". What is
    held at its beginning, which the paper has not, is "it" as well: "First place it on the table, then ..."."""
    steps: list[str] = []
    for skill, name in calls:
        if skill == "pick":
            steps.append(f"grasp the {namer(name)}")
            continue
        placing = f"place it on the {'table' if skill == 'put_down_beside' else namer(name)}"
        steps[-1:] = [f"{steps[-1]} and {placing}"] if steps else [placing]
    return f"A: First {', then '.join(steps)}." if steps else "A: Nothing is left to do."


def is_valid_plan(state: State, scene: TampScene, text: str) -> bool:
    """Whether a plan told in the paper's words can be done from a state and grants the wish: any plan, not one string.

    Things are named by color ("the red object").
    """
    for color, _, base in _STEP.findall(text.lower()):
        if color not in COLORS or (base and base not in COLORS):
            return False
    try:
        end = simulate(state, _calls(state, text))
    except ValueError:
        return False
    return end.held == scene.roles["a"] if scene.task == "grasp" else all(end.holds(r) for r in scene.goal)


def _calls(state: State, text: str) -> list[Call]:
    """The calls that a text tells. Raises ValueError where it tells none."""
    calls: list[Call] = []
    for color, table, base in _STEP.findall(text.lower()):
        block = f"{color} block"
        calls.append(("pick", block))
        if table:
            calls.append(("put_down_beside", next((n for n in state.under if n != block), block)))
        elif base:
            calls.append(("place_on", f"{base} block"))
    if not calls:
        raise ValueError(f"expected a plan such as 'First grasp the red object', got {text!r}")
    return calls


def sample_asks(world: World, scene: TampScene, rng: np.random.Generator, count: int, held: str | None,
                instruction: str) -> list[dict[str, Any]]:
    """`count` questions and wishes about one table, the scene's own first: records as of `asks.sample_asks`, each with
    an "answer": the paper's sentence, for a wish the plan in words."""
    state, task = read_state(world, scene, held), tamp.TampTask(scene.task)
    asks = [_record(state, scene, instruction)]
    while len(asks) < count:
        other = _another(world, scene, rng)
        asks.append(_record(state, other, task.instruction(other, rng)))
    return asks[:count]


def _another(world: World, scene: TampScene, rng: np.random.Generator) -> TampScene:
    """Another question about the same table."""
    name = str(rng.choice(tamp.QUESTIONS))
    found = tamp.questions(name, world, scene.names)
    roles, answer = found[int(rng.integers(len(found)))]
    return TampScene(scene.entities, name, roles, answer)


def _record(state: State, scene: TampScene, instruction: str) -> dict[str, Any]:
    calls = [] if scene.answer else plan(state, scene)
    told = tamp_words.answer_sentence(scene.task, scene.roles, scene.answer) if scene.answer else plan_text(calls)
    return {"task": scene.task, "instruction": instruction, "calls": [list(call) for call in calls],
            "any_order": False, "refusal": None, "answer": told}
