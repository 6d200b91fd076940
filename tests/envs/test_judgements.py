"""Affordance and failure as questions: what is asked is true, and neither skill nor a constant answer tells."""

import collections

import gymnasium
import pytest

from envs.experts.judgements import NO, YES

WORLDS = ("Tabletop", "Tamp", "Kitchen")


def labelled(world, **options):
    options = {"image_size": 32, "cameras": (), "labels": 12, "questions": ["affordance", "failure"], **options}
    return gymnasium.make(f"envs:embodied/{world}-v0", **options)


def of(info, family):
    return [query for query in info["labels"]["asks"] if query["task"] == family]


@pytest.mark.parametrize("world", WORLDS)
def test_as_much_is_possible_as_is_not(world):
    env, answers, words = labelled(world), collections.Counter(), []
    for seed in range(8):
        asked = of(env.reset(seed=seed)[1], "affordance")
        answers.update(query["answer"] for query in asked)
        words += [query["instruction"] for query in asked]
        assert len(asked) <= 6 and all(query["is_question"] and not query["calls"] for query in asked)
    env.close()
    assert set(answers) == {YES, NO} and abs(answers[YES] - answers[NO]) <= 8
    assert all(" the " in text for text in words)


def test_what_is_said_to_be_possible_is_what_the_judge_says():
    env = labelled("Tamp", naming="index")
    seen = set()
    for seed in range(8):
        info, unwrapped = env.reset(seed=seed)[1], env.unwrapped
        table = unwrapped._view()
        for query in of(info, "affordance"):
            number = int(query["instruction"].partition("obj_")[2].split()[0].rstrip("?"))
            name = query["referrals"][number - 1]
            assert (query["answer"] == YES) == (not table.above(name)) and query["words"][number - 1].split()[0] in name
            seen.add(query["answer"])
    env.close()
    assert seen == {YES, NO}


@pytest.mark.parametrize("world", ["Tabletop", "TampBuild", "Kitchen", "Board"])
def test_the_last_call_is_asked_about_once_there_was_one(world):
    env, answers = labelled(world, perturbations=0.6, questions=["failure"]), set()
    for seed in range(6):
        info = env.reset(seed=seed)[1]
        assert of(info, "failure") == []
        plan = env.unwrapped.expert_plan()
        for _ in range(3):
            if not plan:
                break
            info = env.step(env.unwrapped.encode(plan[0]))[-1]
            [asked] = of(info, "failure")
            assert asked["answer"] == (YES if info["labels"]["last"][1] is None else NO)
            if plan[0].skill == "pick" and world != "Kitchen":
                assert (asked["answer"] == YES) == (env.unwrapped.held_name == plan[0].named[1]), "by what is held"
            answers.add(asked["answer"])
            plan = env.unwrapped.expert_plan()
    env.close()
    assert YES in answers and (NO in answers or world == "Kitchen")


def test_a_world_asks_of_judgements_alone_where_it_has_no_other_families():
    env = labelled("Tabletop", labels=4)
    asked = env.reset(seed=0)[1]["labels"]["asks"]
    env.close()
    assert len(asked) == 4 and 1 <= sum(query["task"] == "affordance" for query in asked) < 4
