"""What is asked becomes a right example, or is counted by why it does not."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from embodied.data import teaching
from embodied.data.collect import CollectSpec, collect
from embodied.data.dataset import Dataset, episode_path
from embodied.data.detections import detect_dataset
from embodied.data.episodes import encode_episode, read_episode
from embodied.data.examples import Examples, Jitter
from embodied.data.files import write_json
from embodied.data.queries import NUMBER, Calls, Query, Question, Refusal, TextAnswer
from embodied.data.teaching import (
    ASKED_BACK,
    NUMBERED,
    SPLIT,
    UNSEEN,
    UNSPELLED,
    UNTOLD,
    WORDS,
    describe,
    why_unsayable,
    why_unseen,
)
from embodied.planning.language import clause, parse
from envs.interface import SkillCall
from envs.skills.signatures import BOARD, KITCHEN, TABLETOP, TAMP
from tests.embodied.data.fake_env import ID
from tests.embodied.data.test_examples import make_detector

WORLDS = {"Tabletop": {}, "Tamp": {}, "TampColor": {}, "TampBuild": {"naming": "index"}, "Board": {}, "Kitchen": {}}
"""World -> options; each with what no plan can say: questions, things by number, other skills."""


@pytest.fixture(scope="module", params=WORLDS)
def world(request, tmp_path_factory):
    """(report of a collection in some world, its dataset, the examples that it gives to eyes that miss nothing)."""
    folder = tmp_path_factory.mktemp(request.param)
    options = {"image_size": 48, **WORLDS[request.param]}
    spec = CollectSpec(env_id=f"envs:embodied/{request.param}-v0", env_kwargs=options)
    report = collect(spec, folder, episodes=4, executed_fraction=0.0, workers=0)
    dataset = Dataset(folder)
    try:
        examples = Examples(dataset, detect_dataset(dataset, "perfect", make_detector, {}, workers=0))
    except ValueError as nothing:
        assert "0 of 32 queries are taught" in str(nothing)
        examples = None
    return report, dataset, examples


def test_every_query_is_kept_or_counted_by_reason(world):
    report, dataset, examples = world
    queries = [query for episode in dataset for view in episode.views for query in view.queries]
    told = json.loads((dataset.path / "card.json").read_text())
    assert told == report.card and told["queries"] == len(queries) == 32
    for card in (told, examples.card if examples else told):
        assert card["kept"] + sum(card["left_out"].values()) == 32
    assert (examples.card["kept"] if examples else 0) <= told["kept"]
    assert WORDS not in told["left_out"] or examples is None, "only tamp's table asks questions, and has answers"


def test_nothing_is_taught_that_is_not_the_answer(world):
    examples = world[2]
    if examples is None:
        return
    for place, item in enumerate(examples.items):
        plan, query = parse(examples[place].answer[1:], examples.language, objects=len(item.detected.slots)), item.query
        mentions = {name: f"obj_{slot + 1}" for slot, name in enumerate(item.detected.names)}
        match query.answer:
            case TextAnswer():
                assert plan.calls == (SkillCall("answer", (query.renumbered(mentions).answer.text,)),)
                continue
            case Refusal(reason):
                assert plan.refusal == clause(reason)
            case Calls(calls):
                assert plan.refusal is None and len(plan.calls) == len(calls)
        seen = {*item.detected.names, item.held_name}
        assert plan.calls or plan.refusal or set(query.about) <= seen, "it is done, and what shows that is in sight"


@pytest.mark.parametrize("world", ["TampBuild"], indirect=True)
def test_what_words_number_is_taught_by_the_numbers_of_the_prompt(world):
    """A scene counts from left to right, a prompt from the largest on: the words follow the prompt."""
    examples, is_renumbered = world[2], False
    for place, item in enumerate(examples.items):
        said = examples[place].prompt.segments[0].text
        asked, taught = ([int(number) - 1 for number in NUMBER.findall(text)]
                         for text in (item.query.instruction, said[:said.index("\n")]))
        assert [item.query.referrals[j] for j in asked] == [item.detected.names[j] for j in taught]
        is_renumbered |= asked != taught
    assert is_renumbered


@pytest.mark.parametrize("world", ["TampBuild"], indirect=True)
def test_numbers_may_be_put_into_words_but_where_a_color_is_asked_for(world):
    _, dataset, examples = world
    detections = detect_dataset(dataset, "perfect", make_detector, {}, workers=0)
    for referrals, is_numbered in (("words", lambda place: False), ("both", lambda place: place % 2 == 0)):
        worded = Examples(dataset, detections, referrals=referrals)
        assert [item.query.family for item in worded.items] == [item.query.family for item in examples.items]
        for place, item in enumerate(worded.items):
            asked = item.query.instruction
            if item.query.family == "color" or is_numbered(place):
                assert asked == examples.items[place].query.instruction
            else:
                assert not NUMBER.search(asked) and re.search(r"the [a-z]+ object", asked)
                assert item.query.answer == examples.items[place].query.unnumbered.answer


@pytest.mark.parametrize("world", ["TampColor"], indirect=True)
def test_questions_are_taught_to_be_answered_in_words(world):
    report, _, examples = world
    assert (report.card["queries"], report.card["kept"], report.card["left_out"]) == (32, 32, {})
    assert sum(family["queries"] for family in report.card["families"].values()) == 32
    assert (report.card["episodes"], report.card["views"]) == (4, 4)
    assert describe(report.card, "can be taught") == ["32 of 32 queries can be taught"]
    assert len(examples) and all(examples[i].answer.startswith(' answer("A: ') for i in range(len(examples)))


@pytest.mark.parametrize("name", ["TampColor", "Board", "Kitchen"])
def test_the_expert_acts_in_every_world(tmp_path, name):
    """Text as an argument, and disturbances that the world knows: no episode is given up for them."""
    spec = CollectSpec(env_id=f"envs:embodied/{name}-v0", env_kwargs={"image_size": 48}, max_calls=1, disturbance=0.5)
    assert collect(spec, tmp_path, episodes=2, executed_fraction=1.0, workers=0).quarantined == ()
    assert all(episode.acts and all(act.arguments for act in episode.acts) for episode in Dataset(tmp_path))


def query_of(*calls: tuple, **changes) -> Query:
    calls = calls or (("pick", "a"), ("place_on", "b"))
    return replace(Query("put it there", Calls(calls), "stack", about=("a", "b")), **changes)


DONE = Calls(())


@pytest.mark.parametrize(("query", "language", "why"), [
    (query_of(), TABLETOP, None),
    (query_of(answer=DONE, about=None), TABLETOP, None),
    (query_of(answer=DONE, about=None, family="grasp"), TABLETOP, UNTOLD),
    (query_of(answer=TextAnswer("A: No.")), TABLETOP, WORDS),
    (query_of(answer=TextAnswer("A: No.")), TAMP, None),
    (query_of(answer=TextAnswer("the obj_2")), TAMP, UNSPELLED),
    (query_of(instruction="the obj_1?", answer=TextAnswer("the obj_1"), referrals=("a",)), TAMP, None),
    (query_of(answer=TextAnswer("")), TAMP, UNSPELLED),
    (query_of(answer=Question("which a?")), TAMP, ASKED_BACK),
    (query_of(instruction="grasp the obj_2"), TABLETOP, NUMBERED),
    (query_of(instruction="grasp the obj_2", referrals=("a",)), TABLETOP, NUMBERED),
    (query_of(instruction="grasp the obj_2", referrals=("a", "b")), TABLETOP, None),
    (query_of(("pick", "cola")), BOARD, "takes the skill pick, which plans do not have as this world"),
    (query_of(("pick", "cola")), KITCHEN, None),
    (query_of(("push", "it there")), TABLETOP, "takes the skill push"),
    (query_of(("push", "it there")), BOARD, None),
    (query_of(answer=Refusal("I see no a"), about=()), BOARD, None)])
def test_what_no_plan_can_say_is_told_apart(query, language, why):
    found = why_unsayable(query, language)
    assert found == why or (why and why in found)


def reason(query: Query, *, missed: str = "", twice: str = "") -> str | None:
    """Why a query cannot be taught of a scene of a, b and c, where eyes miss one thing or see one in two."""
    class View:
        names, held = ("a", "b", "c"), None

    class ViewDetections:
        names = tuple(n for n in (*View.names, twice, None) if n != missed and n != "")
        slots = names

    return why_unseen(query, View, ViewDetections, None, TAMP)


def test_what_an_answer_rests_on_has_to_be_seen_once():
    told, done = query_of(answer=TextAnswer("A: No.")), query_of(answer=DONE)
    for query in (told, done, query_of(("pick", "c"), ("place_on", "a"))):
        assert reason(query) is None and reason(query, missed="b") == UNSEEN and reason(query, twice="b") == SPLIT
    assert reason(done, missed="c") is reason(told, missed="c") is None
    assert reason(query_of(answer=DONE, about=None), missed="c") == UNSEEN, "who knows what it is about?"
    assert reason(query_of(answer=Refusal("I see no d"), about=()), missed="c") is None


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Examples of painted scenes after the work, and before."""
    folder = tmp_path_factory.mktemp("done")
    collect(CollectSpec(env_id=ID, disturbance=0.0), folder, episodes=12, executed_fraction=1.0, workers=0)
    return folder


def examples_of(folder, name: str) -> Examples:
    dataset = Dataset(folder)
    return Examples(dataset, detect_dataset(dataset, name, make_detector, {}, workers=0), jitter=Jitter(drop=1.0))


def test_jitter_never_drops_what_an_answer_rests_on(done):
    examples, dropped = examples_of(done, "perfect"), Counter()
    for place, item in enumerate(examples.items):
        for seed in range(8):
            names = examples.jittered(place, np.random.default_rng(seed)).names
            assert set(item.query.about) - {item.held_name} <= set(names)
            dropped[not item.query.calls] += len(names) < len(item.detected.names) + (item.held is not None)
    assert dropped[True] > 20 and dropped[False] > 20  # other things do go


def test_of_older_episodes_that_are_done_jitter_drops_nothing_that_is_there(done, tmp_path):
    """They do not tell what their queries are about."""
    for seed in range(12):
        episode = read_episode(episode_path(done, seed))
        views = tuple(replace(v, queries=tuple(replace(q, about=None) for q in v.queries)) for v in episode.views)
        path = episode_path(tmp_path, seed)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_episode(replace(episode, views=views)))
    write_json(tmp_path / "dataset.json", json.loads((done / "dataset.json").read_text()) | {"format": 1})
    examples = examples_of(tmp_path, "perfect")
    finished = [i for i, item in enumerate(examples.items) if item.query.answer == DONE]
    assert finished and len(examples) == len(examples_of(done, "perfect"))
    for place in finished:
        names = examples.jittered(place, np.random.default_rng(0)).names
        assert len(names) == len(examples.items[place].detected.names)


def test_what_is_left_out_is_counted_where_nothing_else_is(done):
    dataset = Dataset(done)
    blind = detect_dataset(dataset, "blind", make_detector, {"missed": "red block"}, workers=0)
    card = Examples(dataset, blind).card
    assert set(card["left_out"]) <= {UNSEEN, teaching.HAND} and 0 < card["kept"] < card["queries"]
