"""The expert of the task-and-motion-planning table, and the judge of plans that are told in words. ORACLE."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from envs.experts import judgements, oracle
from envs.experts.affordances import simulate
from envs.experts.judgements import JUDGEMENTS
from envs.experts.queries import declined
from envs.goals.language import TABLE
from envs.goals.table import Table
from envs.goals.wanted import Target
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


def is_right(world: World, scene: TampScene, held: str | None, query: Mapping[str, Any],
             said: str | Sequence[NamedCall]) -> bool:
    """Whether an answer to a label is right: words that answer the question as the label does, or calls, any, that can
    be done and grant the instruction."""
    if isinstance(said, str) or query["is_question"]:
        return isinstance(said, str) and query["is_question"] and _is_same_answer(query, said)
    try:
        end = simulate(oracle.read(world, scene, held), said)
    except (ValueError, KeyError):
        return False
    return query["refusal"] is None and all(Target(*target).is_met(end) for target in query["goal"])


def _is_same_answer(query: Mapping[str, Any], said: str) -> bool:
    if query["task"] in JUDGEMENTS:
        return judgements.understood(said) == judgements.understood(query["answer"])
    given = tamp_words.understood(query["task"], said)
    return given is not None and given == tamp_words.understood(query["task"], query["answer"])


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
    questions: the families to draw from, with answers drawn first, so that none is the better guess, and none asked
    twice, so that a small table may have fewer; all questions, as they come, where none is named."""
    table = oracle.read(world, scene, held)
    others = (_different(table, world, scene, rng, count - 1, questions, instruction) if questions else
              (_another(world, scene, rng) for _ in range(count - 1)))
    return [_record(table, scene, instruction), *(_record(table, *other) for other in others)][:count]


Asked = tuple[TampScene, str]
"""The scene with a question or instruction, and its words."""


def _another(world: World, scene: TampScene, rng: np.random.Generator) -> Asked:
    """Another question about the same table."""
    found = tamp.questions(str(rng.choice(tamp.QUESTIONS)), world, scene)
    other = found[int(rng.integers(len(found)))] if found else scene  # too few things may be left on the table
    return other, tamp.TampTask(scene.task).instruction(other, rng)


def _different(table: Table, world: World, scene: TampScene, rng: np.random.Generator, count: int,
               families: Sequence[str], instruction: str) -> Iterator[Asked]:
    """At most `count` others about the same table, no two of the same words, nor of those of the scene's own: a family
    is drawn, then an answer, then who is asked about, and how. Of yes and no there are as many."""
    left = [_by_answer(table, family, [(other, words) for other in tamp.asked(family, world, scene)
                                       for words in tamp.wordings(other) if words != instruction], rng)
            for family in dict.fromkeys(families)]
    for _ in range(count):
        left = [there for groups in left if (there := [group for group in groups if group])]
        if not left:
            return
        groups = left[int(rng.integers(len(left)))]
        group = groups[int(rng.integers(len(groups)))]
        yield group.pop(int(rng.integers(len(group))))


def _by_answer(table: Table, family: str, asked: Sequence[Asked], rng: np.random.Generator) -> list[list[Asked]]:
    """What a family asks, grouped: questions by their answer, instructions by whether something has to be cleared
    first. Of yes and no there are as many, drawn; none where all answers are the same."""
    groups: dict[str, list[Asked]] = {}
    for other, words in asked:
        is_covered = not other.answer and any(table.above(name) for name in _named(other))
        groups.setdefault(other.answer or ("covered" if is_covered else "free"), []).append((other, words))
    if not tamp.is_yes_or_no(family):
        return list(groups.values())
    fewest = min(map(len, groups.values())) if len(groups) > 1 else 0
    return [[group[at] for at in rng.permutation(len(group))[:fewest]] for group in groups.values()]


def _record(table: Table, scene: TampScene, instruction: str) -> dict[str, Any]:
    gone = next((name for name in _named(scene) if name not in table.things), None)
    if gone is not None:
        return {**declined(scene.task, instruction, f"I see no {gone}"), "answer": None, **scene.referred(scene.task)}
    calls = [] if scene.answer else oracle.plan(table, scene.goal)
    told = (tamp_words.answer_sentence(scene.task, scene.roles, scene.answer, scene.namer) if scene.answer
            else plan_text(calls, scene.namer, table.held))
    return {"task": scene.task, "instruction": instruction, "calls": [list(call) for call in calls],
            "any_order": False, "refusal": None, "is_question": bool(scene.answer), "answer": told,
            "about": _about(table, scene), "goal": [[t.thing, t.relation, t.place] for t in scene.goal],
            **scene.referred(scene.task)}


def _about(table: Table, scene: TampScene) -> list[str]:
    """What has to be seen for the answer: what is named; of a question that singles something out, everything."""
    return _named(scene) or [name for name in scene.names if name in table.things]


def _named(scene: TampScene) -> list[str]:
    """The things that a question or instruction names."""
    return [name for role, name in scene.roles.items() if role != "extreme"]
