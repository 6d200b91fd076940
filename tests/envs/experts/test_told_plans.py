"""The judge of plans told in words: whatever can be done and grants the instruction is accepted, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.experts.affordances import simulate, why_not
from envs.experts.oracle import plan
from envs.experts.tamp import is_valid_plan, plan_text
from envs.goals.language import TABLE
from envs.goals.table import Table
from envs.goals.wanted import Target
from envs.interface import NamedCall
from envs.tasks import tamp_words
from envs.tasks.scene import COLORS, Entity
from envs.tasks.tamp import TampScene
from tests.envs.tables import GONE, table_of

BLOCKS = tuple(f"{color} block" for color in list(COLORS)[:5])
ENTITIES = tuple(Entity(name, "block", name.split()[0], (0.04, 0.04, 0.04)) for name in BLOCKS)
SKILLS = ("pick", "place_on", "put_down_beside")
Step = tuple[str, str | None]
"""What is grasped and where it goes, as a plan is told."""


def grasp(name: str, naming: str) -> TampScene:
    return TampScene(ENTITIES, (Target(name, "held", None),), "grasp", {"a": name}, naming=naming)


@st.composite
def tables(draw: st.DrawFn, may_hold: bool = True) -> Table:
    """Blocks on the table, on each other or gone, perhaps one in the hand."""
    blocks = draw(st.permutations(BLOCKS))
    under: dict[str, str] = {}
    for i, block in enumerate(blocks):
        clear = [b for b in blocks[:i] if b not in under.values() and under[b] != GONE]
        under[block] = draw(st.sampled_from([TABLE, TABLE, *clear, *([GONE] if i else [])]))
    clear = [b for b in blocks if b not in under.values() and under[b] != GONE]
    held = draw(st.sampled_from([None, *clear])) if may_hold else None
    return table_of({b: carrier for b, carrier in under.items() if b != held}, (), held)


@st.composite
def walks(draw: st.DrawFn, start: Table) -> tuple[NamedCall, ...]:
    """Up to eight calls, each possible after those before."""
    calls: list[NamedCall] = []
    for _ in range(draw(st.integers(0, 8))):
        now = simulate(start, calls)
        possible = [(skill, name) for skill in SKILLS for name in BLOCKS if why_not(now, skill, name) is None]
        if not possible:
            break
        calls.append(draw(st.sampled_from(possible)))
    return tuple(calls)


@st.composite
def instructions(draw: st.DrawFn, end: Table) -> TampScene | None:
    """An instruction that holds in the end, under either naming; None where nothing can be wished for."""
    naming = draw(st.sampled_from(tamp_words.NAMINGS))
    pairs = [(upper, lower) for upper, lower in end.under.items() if lower in end.under]
    options = [TampScene(ENTITIES, (Target(a, "on", b),), "build", {"a": a, "b": b}, naming=naming) for a, b in pairs]
    options += [grasp(end.held, naming)] if end.held else []
    return draw(st.sampled_from(options)) if options else None


def is_granted(start: Table, scene: TampScene, steps: list[Step]) -> bool:
    """Whether steps can be done from an empty hand and grant the instruction: plain simulation, no words."""
    now = start
    try:
        for name, goes_to in steps:
            now = simulate(now, [("pick", name)])
            if goes_to == TABLE:
                other = next((b for b in BLOCKS if b != name and b in now.things), name)
                now = simulate(now, [("put_down_beside", other)])
            elif goes_to:
                now = simulate(now, [("place_on", goes_to)])
    except ValueError:
        return False
    return now.held == scene.roles["a"] if scene.task == "grasp" else all(t.is_met(now) for t in scene.goal)


def steps_of(calls: tuple[NamedCall, ...]) -> list[Step]:
    steps: list[Step] = []
    for skill, name in calls:
        if skill == "pick":
            steps.append((name, None))
        else:
            steps[-1] = (steps[-1][0], TABLE if skill == "put_down_beside" else name)
    return steps


@given(st.data())
def test_every_walk_that_ends_in_the_goal_is_accepted(data: st.DataObject):
    start = data.draw(tables())
    calls = data.draw(walks(start))
    scene = data.draw(instructions(simulate(start, calls)))
    if scene is not None:
        text = plan_text(calls, scene.namer, start.held)
        assert is_valid_plan(start, scene, text), text


@given(st.data())
def test_a_plan_with_steps_dropped_or_swapped_is_accepted_where_it_still_works(data: st.DataObject):
    start = data.draw(tables(may_hold=False))
    calls = data.draw(walks(start))
    scene = data.draw(instructions(simulate(start, calls)))
    steps = steps_of(calls)
    if scene is None or not steps:
        return
    i, j = (data.draw(st.integers(0, len(steps) - 1)) for _ in range(2))
    dropped = steps[:i] + steps[i + 1:]
    swapped = [steps[j if k == i else i if k == j else k] for k in range(len(steps))]
    kept = [(name, None if k == i else goes_to) for k, (name, goes_to) in enumerate(steps)]
    for changed in (dropped, swapped, kept):
        text = tamp_words.plan_sentence(changed, None, scene.namer)
        assert is_valid_plan(start, scene, text) == is_granted(start, scene, changed), text


@given(st.data())
def test_the_experts_own_plan_is_accepted_from_any_table(data: st.DataObject):
    start, naming = data.draw(tables()), data.draw(st.sampled_from(tamp_words.NAMINGS))
    present = [name for name in BLOCKS if name in start.things]
    a, b = [*data.draw(st.permutations(present)), None][:2]
    scenes = [grasp(a, naming)]
    scenes += [TampScene(ENTITIES, (Target(a, "on", b),), "build", {"a": a, "b": b}, naming=naming)] if b else []
    for scene in scenes:
        assert is_valid_plan(start, scene, plan_text(plan(start, scene.goal), scene.namer, start.held))


STANDING = table_of({"red block": TABLE, "green block": "red block", "blue block": TABLE}, ())
RED = grasp("red block", "index")


@pytest.mark.parametrize(("text", "is_valid"), [
    ("A: First grasp the obj_2 and place it on the table, then grasp the obj_1.", True),
    ("first grasp the obj_2, and place it on the obj_3, and then grasp the obj_1", True),
    ("A: First grasp the green object and place it on the table, then grasp the red object.", False),
    ("A: First grasp the obj_2 and place it on the floor, then grasp the obj_1.", False),
    ("A: First grasp the obj_2 and eat it, then grasp the obj_1.", False),
    ("A: First grasp the obj_2 and place it on the table, then grasp the obj_9.", False),
    ("A: First place the obj_2 on the table, then grasp the obj_1.", False),
    ("A: Nothing is left to do.", False), ("", False), ("obj_1", False)])
def test_numbers_are_read_where_numbers_are_spoken_and_every_step_counts(text, is_valid):
    assert is_valid_plan(STANDING, RED, text) is is_valid
