"""The expert of the task-and-motion-planning table, and the judge of plans that are told in words. ORACLE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from envs.experts import oracle
from envs.experts.affordances import simulate
from envs.experts.queries import declined
from envs.goals.language import TABLE
from envs.goals.table import Table
from envs.interface import NamedCall
from envs.tasks import tamp, tamp_words
from envs.tasks.scene import COLORS
from envs.tasks.tamp import TampScene
from envs.world import World


def remaining_calls(world: World, scene: TampScene, held: str | None) -> list[NamedCall]:
    """Every call that is left to do: the answer, or what moves blocks."""
    if scene.answer:
        return [("answer", tamp_words.answer_sentence(scene.task, scene.roles, scene.answer, scene.namer))]
    return oracle.remaining_calls(world, scene, held)


def _neighbour(table: Table) -> str:
    """Something on the table beside which what is held can be put down; itself where there is nothing."""
    return next(iter(table.under), table.held)


def plan_text(calls: Sequence[NamedCall], namer: tamp_words.Namer = tamp_words.by_color,
              held: str | None = None) -> str:
    """A plan in the paper's words: "First grasp the orange object and place it on the table, then grasp ...".

    held: what the hand holds before the first call.
    """
    steps: list[tuple[str, str | None]] = [(held, None)] if held and calls else []
    for skill, name in calls:
        if skill == "pick":
            steps.append((name, None))
        else:
            steps[-1] = (steps[-1][0], TABLE if skill == "put_down_beside" else name)
    return tamp_words.plan_sentence(steps, held, namer)


def is_valid_plan(table: Table, scene: TampScene, text: str) -> bool:
    """Whether a plan told in the paper's words can be done from a table and grants the instruction: any plan, not one
    string.

    Things are named as the scene names them: "the red object", or "the obj_2".
    """
    try:
        end = simulate(table, _calls(table, scene, text))
    except ValueError:
        return False
    return all(target.is_met(end) for target in scene.goal)


def _calls(table: Table, scene: TampScene, text: str) -> list[NamedCall]:
    """The calls that a text tells. Raises ValueError where it tells none that make sense."""
    steps, calls, called, held = tamp_words.plan_steps(text), [], _called(scene), table.held
    if steps is None or not {word for _, *words in steps for word in words} <= {*called, TABLE, ""}:
        raise ValueError(f"expected a plan such as 'First grasp the red object', got {text!r}")
    for verb, thing, where in steps:
        if verb == "grasp":
            calls.append(("pick", called[thing]))
        elif called[thing] != held:
            raise ValueError(f"expected to place what is held, {held!r}, got {text!r}")
        if where:
            calls.append(_release(simulate(table, calls), called, where))
        held = called[thing] if not where else None
    return calls


def _release(table: Table, called: dict[str, str], where: str) -> NamedCall:
    return ("put_down_beside", _neighbour(table)) if where == TABLE else ("place_on", called[where])


def _called(scene: TampScene) -> dict[str, str]:
    """What words of a scene call a thing -> its name; any color, for a plan may name what is not there."""
    names = scene.names if scene.naming == "index" else [f"{color} block" for color in COLORS]
    return {scene.namer(name): name for name in names}


def sample_queries(world: World, scene: TampScene, rng: np.random.Generator, count: int, held: str | None,
                   instruction: str, questions: Sequence[str] = ()) -> list[dict[str, Any]]:
    """`count` questions and instructions about one table, the scene's own first: records as of
    `queries.sample_queries`, each with an "answer": the paper's sentence, for an instruction the plan in words.
    questions: the families to draw from, with answers drawn first, so that none is the better guess; all of them, as
    they come, where none is named."""
    table, task = oracle.read(world, scene, held), tamp.TampTask(scene.task)
    queries = [_record(table, scene, instruction)]
    while len(queries) < count:
        other = _another(world, scene, rng, questions)
        queries.append(_record(table, other, task.instruction(other, rng)))
    return queries[:count]


def _another(world: World, scene: TampScene, rng: np.random.Generator, questions: Sequence[str]) -> TampScene:
    """Another question about the same table."""
    found = tamp.questions(str(rng.choice(questions or tamp.QUESTIONS)), world, scene)
    if not found:  # too few things are left on the table
        return scene
    if questions:
        answers = sorted({asked.answer for asked in found})
        wanted = answers[int(rng.integers(len(answers)))]
        found = [asked for asked in found if asked.answer == wanted]
    return found[int(rng.integers(len(found)))]


def _record(table: Table, scene: TampScene, instruction: str) -> dict[str, Any]:
    gone = next((name for name in _named(scene) if name not in table.things), None)
    if gone is not None:
        return {**declined(scene.task, instruction, f"I see no {gone}"), "answer": None, "referrals": list(scene.names)}
    calls = [] if scene.answer else oracle.plan(table, scene.goal)
    told = (tamp_words.answer_sentence(scene.task, scene.roles, scene.answer, scene.namer) if scene.answer
            else plan_text(calls, scene.namer, table.held))
    return {"task": scene.task, "instruction": instruction, "calls": [list(call) for call in calls],
            "any_order": False, "refusal": None, "is_question": bool(scene.answer), "answer": told,
            "about": _about(table, scene), "referrals": list(scene.names)}


def _about(table: Table, scene: TampScene) -> list[str]:
    """What has to be seen for the answer: what is named; of a question that singles something out, everything."""
    return _named(scene) or [name for name in scene.names if name in table.things]


def _named(scene: TampScene) -> list[str]:
    """The things that a question or instruction names."""
    return [name for role, name in scene.roles.items() if role != "extreme"]
