"""Instructions: their mixture, their plans, and the words of their refusals."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

from envs.experts import remaining_calls, sample_queries
from envs.experts.affordances import simulate
from envs.experts.oracle import plan, read
from envs.skills.signatures import TABLETOP
from envs.tasks import TASKS, UNKNOWN_WORDS, VOCABULARY, Scene, make_task
from envs.tasks.meaning import goal_of
from envs.tasks.phrasings import understand, words
from envs.world import World

REASON = re.compile(r"[A-Za-z0-9 ,'-]{1,80}")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def tables(world: World, count: int) -> Iterator[tuple[Scene, int]]:
    for seed in range(count):
        world.reset()
        yield make_task(TASKS[seed % len(TASKS)]).arrange(world, np.random.default_rng(seed)), seed


def queries_of(world: World, scene: Scene, seed: int, held: str | None = None, count: int = 20) -> list[dict]:
    return sample_queries(world, scene, np.random.default_rng(seed), count, held, "do as I say")


def clear_block(world: World, scene: Scene) -> str:
    state = read(world, scene, None)
    return next(name for name in scene.named("block") if not state.above(name))


def test_the_first_is_the_scenes_own(world: World):
    for scene, seed in tables(world, 10):
        queries = queries_of(world, scene, seed)
        assert len(queries) == 20 and len(queries_of(world, scene, seed, count=1)) == 1
        assert (queries[0]["task"], queries[0]["instruction"], queries[0]["refusal"]) == (scene.task, "do as I say",
                                                                                          None)
        assert [tuple(call) for call in queries[0]["calls"]] == remaining_calls(world, scene, None)


@pytest.mark.parametrize("is_holding", [False, True])
def test_every_plan_reaches_what_was_asked_for(world: World, is_holding: bool):
    for scene, seed in tables(world, 10):
        held = clear_block(world, scene) if is_holding else None
        before = read(world, scene, held)
        for query in queries_of(world, scene, seed, held)[1:]:
            if query["refusal"] is None:
                goal = goal_of(*understand(query["instruction"]), scene.names)
                after = simulate(before, [tuple(call) for call in query["calls"]])
                assert after.held is None and all(target.is_met(after) for target in goal)
                assert all(skill in TABLETOP.skills and name in scene.names for skill, name in query["calls"])


def test_an_answer_says_what_it_rests_on(world: World):
    finished = 0
    for scene, seed in tables(world, 20):
        for query in queries_of(world, scene, seed)[1:]:
            assert query["is_question"] is False and set(query["about"]) <= set(scene.names)
            if query["refusal"] is None and (query["task"] != "sort" or not query["calls"]):
                goal = goal_of(*understand(query["instruction"]), scene.names)
                assert set(query["about"]) == {name for t in goal for name in (t.thing, t.place)}
                finished += not query["calls"]
    assert finished > 10


def test_refusals_are_readable_and_deserved(world: World):
    reasons = collections.Counter()
    for scene, seed in tables(world, 25):
        for query in queries_of(world, scene, seed)[1:]:
            spoken = words(query["instruction"])
            if query["refusal"] is None:
                assert set(spoken) <= VOCABULARY
                continue
            assert REASON.fullmatch(query["refusal"]) and query["calls"] == [] and query["any_order"] is False
            kind, subject = query["refusal"].rsplit(" ", 2)[0], query["refusal"].split(" ")
            reasons[kind] += 1
            if kind == "I see no":
                assert " ".join(subject[-2:]) not in scene.names and subject[-2] in spoken
            if subject[-1] in UNKNOWN_WORDS:
                assert subject[-1] in spoken
    assert len(reasons) == 4, reasons  # absent, unknown word, a bowl to move, nothing to sort
    assert reasons["I see no"] > sum(reasons.values()) / 3


def test_the_mixture_is_wide(world: World):
    tasks, lengths, refused, total = collections.Counter(), collections.Counter(), 0, 0
    for scene, seed in tables(world, 30):
        for query in queries_of(world, scene, seed)[1:]:
            total += 1
            refused += query["refusal"] is not None
            if query["refusal"] is None:
                tasks[query["task"]] += 1
                lengths[len(query["calls"])] += 1
    assert 0.11 < refused / total < 0.20
    assert all(tasks[task] > 0.1 * total for task in TASKS), tasks
    assert all(lengths[n] > 0.01 * total for n in (0, 2, 4, 6)), lengths


def test_any_order_is_for_loose_pairs_alone(world: World):
    seen = collections.Counter()
    for scene, seed in tables(world, 25):
        before = read(world, scene, None)
        for query in queries_of(world, scene, seed):
            seen[query["any_order"]] += 1
            if query["any_order"]:
                calls = [tuple(call) for call in query["calls"]]
                backwards = [c for i in range(len(calls) - 2, -1, -2) for c in calls[i:i + 2]]
                assert query["task"] == "sort" and simulate(before, backwards) == simulate(before, calls)
    assert seen[True] > 30 and seen[False] > 30


def test_what_is_in_hand_is_mostly_what_is_asked_for(world: World):
    about, first = 0, collections.Counter()
    for scene, seed in tables(world, 20):
        held = clear_block(world, scene)
        granted = [a for a in queries_of(world, scene, seed, held)[1:] if a["refusal"] is None and a["task"] != "sort"]
        about += sum(held in understand(a["instruction"])[1].values() for a in granted) / len(granted)
        first.update(a["calls"][0][0] for a in granted)
    assert about / 20 > 0.5
    assert min(first["place_in"], first["place_on"], first["put_down_beside"]) > 20


def test_same_generator_same_instructions(world: World):
    for scene, seed in tables(world, 3):
        assert queries_of(world, scene, seed) == queries_of(world, scene, seed)
        assert queries_of(world, scene, seed) != queries_of(world, scene, seed + 1)


def test_an_instruction_about_what_fell_off_is_declined(world: World):
    world.reset()
    scene = make_task("put_in_bowl").arrange(world, np.random.default_rng(0))
    world.client.resetBasePositionAndOrientation(world._bodies[scene.goal[0].thing], [0.5, 0.0, -0.5], [0, 0, 0, 1])
    query = queries_of(world, scene, 0)[0]
    assert query["refusal"] == f"I see no {scene.goal[0].thing}" and query["calls"] == []
    assert all(plan(read(world, scene, None), scene.goal) == [] for _ in range(2))


@pytest.mark.parametrize(("seed", "scene"), [
    (4, [{"name": "purple bowl", "at": [1, 2]}, {"name": "yellow bowl", "at": [4, 3]},
         {"name": "blue block", "at": [3, 3]}, {"name": "blue block 2", "at": [2, 1]},
         {"name": "yellow block", "on": "blue block 2"}, {"name": "cyan block", "at": [1, 3]},
         {"name": "yellow block 2", "on": "cyan block"}]),
    (240, [{"name": "red bowl", "at": [3, 3]}, {"name": "red block", "size": "big", "in": "red bowl"},
           {"name": "purple block", "at": [4, 1]}, {"name": "white block", "at": [4, 2]},
           {"name": "red block 2", "on": "white block"},
           {"name": "purple block 2", "size": "small", "on": "purple block"}]),
])
def test_a_buried_block_that_is_the_only_one_to_speak_of_is_no_fault(seed, scene):
    env = gymnasium.make("envs:embodied/Tabletop-v0", labels=8, image_size=16)
    _, info = env.reset(seed=seed, options={"scene": scene, "instruction": "stand by"})
    assert len(info["labels"]["asks"]) == 8
    env.close()
