"""Goals in words: every construct has words, texts mean one goal, splits share no words of their own."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import numpy as np
import pytest

from envs.goals import spoiling
from envs.goals.combinations import fits_split
from envs.goals.language import Cannot, Do, Nothing, Unclear
from envs.goals.normal import normal
from envs.goals.outcome import can_do, outcome_of
from envs.goals.sampling import SHARES as KINDS_OF_GOALS
from envs.goals.sampling import draw
from envs.goals.scenes import table_of
from envs.goals.spelling import read, write
from envs.tasks import phrasings
from envs.tasks.wordings import card, chinese_shapes, chinese_words, idle
from envs.tasks.wordings.chinese import Chinese
from envs.tasks.wordings.draws import Draws
from envs.tasks.wordings.forms import gerund, participle, plural
from envs.tasks.wordings.grammar import expand
from envs.tasks.wordings.keeping import Sieve
from envs.tasks.wordings.lexicon import COLORS, rows, shared_out
from envs.tasks.wordings.lines import SHARES, Maker
from envs.tasks.wordings.noise import known, mistyped
from envs.tasks.wordings.people import People
from envs.tasks.wordings.saying import say
from envs.tasks.wordings.scened import scened
from envs.tasks.wordings.shapes import SHAPED, SHAPES, Shapes
from envs.tasks.wordings.talk import Talk
from envs.tasks.wordings.voice import Style, Voice
from envs.tasks.wordings.writing import MOST_TURNS, lines, written

CONSTRUCTS = (
    "in(the red block, the blue bowl)", "on(the red block, the blue block)", "on(the red block, table)",
    "beside(a block, the bowl)", "left_of(the red block, the blue bowl)", "right_of(both red block, the bowl)",
    "at(all block, left)", "at(2 block, middle)", "held(the biggest block)", "not in(the red block, the blue bowl)",
    "not on(all block, the red block)", "keep(all block)", "not at(the red block, right)", "not held(the red block)",
    "not on(the red block, table)", "not beside(the red block, the bowl)",
    "in(the red block, the bowl) then on(the red block, table) then held(the red block)",
    "in(all block, the bowl [same color])", "in(a block, each bowl)",
    "in(the red block but red block [in blue bowl], the blue bowl)", 'in(the "banana", the bowl)',
    'in(the "black" block, the bowl)', "if there_is(a red block): held(the red block)",
    "in(the thing [alone], the bowl [empty])",
    "if not more(block, bowl): in(a block, a bowl) else: keep(both red block); not in(the block, the bowl)",
    "on(all block [in blue bowl], table)", "in(the highest block [under a thing], the bowl [holding 2 block])",
    "in(the lowest small block [right of bowl], the farthest bowl [nearest both red block])",
    "on(the block [on table], the block)", "tell count(red block)", "tell whether not in(a block, the bowl)",
    "tell where(the block [left of bowl])", "tell color(the bowl)", "tell what(thing [in blue bowl])",
    "tell whether more(red block, blue block)", "tell what(bowl [holding red block])", 'cannot "wash"', "nothing",
    "unclear", "on(the blue block, the white block) then on(the red block, the blue block)",
)


@pytest.mark.parametrize("text", CONSTRUCTS)
def test_every_construct_is_worded(text: str):
    goal = read(text)
    rng = np.random.default_rng(0)
    said = {say(goal, None, rng).text for _ in range(12)}
    assert all(said) and len(said) > 6
    if not isinstance(goal, Cannot | Nothing | Unclear):
        assert all(say(goal, None, rng, language="zh").text for _ in range(4))


@pytest.mark.parametrize("kind", KINDS_OF_GOALS)
def test_goals_of_the_sampler_are_worded(kind: str):
    rng = np.random.default_rng(1)
    for _ in range(6):
        drawn = draw(rng, kind=kind)
        assert say(drawn.goal, drawn.table, rng).text


def test_the_same_seed_gives_the_same_lines():
    one, two, three = ([line.plain() for line in lines(120, "train", seed)] for seed in (3, 3, 4))
    assert one == two and one != three
    assert not {line["text"] for line in one} & {line["text"] for line in (x.plain() for x in lines(60, "test", 3))}


def test_lines_are_goals_in_the_normal_form_of_what_training_may_see():
    kinds = set()
    for line in lines(1500, "train", 5):
        kinds.add(line.kind)
        assert line.text.strip() and read(write(line.goal)) == line.goal == normal(line.goal)
        assert fits_split(line.goal, "train") and len(line.text) < 1000
        assert all(read(turn["goal"]) for turn in line.before if "goal" in turn)
    assert kinds == set(SHARES)


def test_no_text_means_two_goals():
    goals = defaultdict(set)
    for number, line in enumerate(lines(6000, "train", 6)):
        goals[line.text.lower(), json.dumps(line.before)].add(write(line.goal))
        assert number < 6000
    assert max(map(len, goals.values())) == 1


def test_some_lines_come_after_turns_that_have_nothing_to_do_with_them():
    made = list(lines(3000, "train", 8))
    maker = Maker(np.random.default_rng([8, 0]))
    alone = {line.text for line in (maker.line() for _ in range(4500)) if not line.before}
    after = [line for line in made if line.before and line.text in alone]
    assert 0.1 < len(after) / len(made) < 0.25 and all(len(line.before) <= MOST_TURNS for line in after)
    assert not [line for line in after if line.kind == "ambiguous"]
    assert {turn["person"] for line in after for turn in line.before if "person" in turn} & {m.text for m in made}


def test_written_lines_are_of_training():
    shared = [shared_out(rows(row)[1]) for row in COLORS.values()]
    held = {word for parts in shared for split in ("validation", "test") for word in parts[split]}
    made = list(written("train", 3))
    assert made[:50] == list(written("train", 3))[:50]
    assert len(made) > 10_000 and {line.kind for line in made} <= set(SHARES)
    for line in made:
        assert read(write(line.goal)) == line.goal and fits_split(line.goal, "train"), line.text
        assert not [word for word in held if f" {word} " in f" {line.text.lower()} "], line.text


def test_splits_share_no_word_or_pattern_of_their_own():
    assert card.overlap() == 0
    for split in card.SPLITS:
        assert card.counted_words(split) > 80 and card.counted_syntaxes(split) > 200


def test_words_of_another_split_are_not_said():
    own = {word for row in COLORS.values() for word in shared_out(rows(row)[1])["test"]}
    texts = [line.text.lower() for line in lines(1500, "train", 7)]
    assert not [text for text in texts for word in own if f" {word} " in text]
    goal = read("in(the red block, the blue bowl)")
    unseen = [say(goal, None, np.random.default_rng(number), unseen=True).text for number in range(40)]
    assert sum(any(word in text.lower() for word in own) for text in unseen) > 30


def test_typing_errors_spare_what_a_goal_copies_and_make_no_other_word():
    draws = Draws(np.random.default_rng(0))
    for _ in range(300):
        text = mistyped(draws, "put the banana next to the purple block", count=2, spare=frozenset({"banana"}))
        assert "banana" in text or "banan" in text.replace(" ", "")
        assert not set(text.split()) & known() - {"put", "the", "banana", "next", "to", "purple", "block"}


def test_words_that_a_goal_quotes_stand_in_the_text():
    rng = np.random.default_rng(2)
    for _ in range(40):
        assert "spoon" in say(read('in(the "spoon", the bowl)'), None, rng).text.lower().replace(" ", "")
        assert "juggle" in say(read('cannot "juggle"'), None, rng).text.lower()


def test_a_sieve_keeps_what_is_read_back():
    meant = read("held(the red block)")
    sieve = Sieve(lambda text: meant if "red" in text else None)
    goals = [("lift the red one", meant), ("Lift the red one!", meant), ("lift it", meant), ("@@@@@@@ a", meant),
             ("red in bowl", read("nothing"))]
    assert [sieve.keep(text, goal) for text, goal in goals] == [True, False, False, False, False]
    assert sieve.counts == {"kept": 1, "repeat": 1, "not understood": 1, "unreadable": 1, "another goal": 1}


def test_forms_of_words():
    assert [gerund(v) for v in ("put", "place", "drop", "lift", "tie", "position")] == [
        "putting", "placing", "dropping", "lifting", "tying", "positioning"]
    assert [participle(v) for v in ("put", "drop", "stick", "carry", "move")] == [
        "put", "dropped", "stuck", "carried", "moved"]
    assert [plural(n) for n in ("dish", "box", "cube", "die")] == ["dishes", "boxes", "cubes", "dice"]


def test_a_pattern_that_is_not_closed_is_refused():
    with pytest.raises(ValueError, match="closing"):
        expand("(put|place <x>", Draws(np.random.default_rng(0)))


def test_a_step_is_one_text_and_a_split_has_a_name():
    with pytest.raises(ValueError, match="split"):
        next(lines(1, "dev", 0))
    assert isinstance(next(lines(1, "train", 0)).text, str) and isinstance(read("held(a block)"), Do)


def test_what_an_exception_leaves_out_is_said():
    rng = np.random.default_rng(3)
    for text in ("in(all block but red block, the bowl [same color])", "not in(all block but red block, the bowl)"):
        goal = read(text)
        said = [say(goal, None, rng, Style(typos=0.0, rare=0.0)).text.lower() for _ in range(40)]
        assert all("red" in words for words in said)


def test_bowls_that_are_empty_are_counted():
    rng = np.random.default_rng(4)
    goal = read("tell whether there_is(2 red bowl [empty])")
    assert not [t for t in (say(goal, None, rng, Style(typos=0.0)).text.lower() for _ in range(30)) if " is empty" in t]


# Shapes --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", sorted({name for row in SHAPES.values() for name in row}))
def test_a_shape_draws_goals_with_their_words(name):
    maker = Maker(np.random.default_rng(8), "train")
    shapes = Shapes(Talk(Voice(maker.draws)), maker.people)
    for _ in range(12):
        text, goal = getattr(shapes, name)()
        assert text.strip() and not re.search(r"@|<\w+>", text)
        assert read(write(normal(goal))) == normal(goal)


@pytest.mark.parametrize("name", sorted({name for row in chinese_shapes.SHAPES.values() for name in row}))
def test_a_shape_in_mandarin_draws_goals_with_their_words(name):
    draws = Draws(np.random.default_rng(9))
    shapes = chinese_shapes.ChineseShapes(Chinese(Voice(draws)), People(draws, is_chinese=True))
    for _ in range(8):
        text, goal = getattr(shapes, f"_{name}")()
        assert text.strip() and not re.search(r"@|<\w+>", text)
        assert read(write(normal(goal))) == normal(goal)


def test_shapes_are_of_kinds_that_there_are():
    assert set(SHAPES) | set(chinese_shapes.SHAPES) <= set(SHARES) and set(SHAPED) == set(SHAPES)


def test_the_families_phrasings_mean_what_the_families_ask_for():
    maker = Maker(np.random.default_rng(6))
    shapes = Shapes(Talk(Voice(maker.draws)), maker.people)
    for _ in range(30):
        text, goal = shapes.familiar_tower()
        form, roles = phrasings.understand(text)
        low, middle, high = (f"the {roles[role]}" for role in ("low", "middle", "high"))
        assert form == "tower" and write(goal) == f"on({middle}, {low}) then on({high}, {middle})"
        text, goal = shapes.familiar_sort()
        assert phrasings.understand(text) == ("sort", {}) and write(goal) == "in(all block, the bowl [same color])"
        text, goal = shapes.familiar()
        form, roles = phrasings.understand(text)
        assert write(goal) == f"{form}(the {roles['block']}, the {roles['bowl' if form == 'in' else 'base']})"


def test_what_it_cannot_do_is_none_of_what_it_can():
    verbs = [verb for row in (idle.VERBS, idle.BARE_VERBS, chinese_words.VERBS)
             for part in rows(row) for verb in part]
    assert verbs and not [verb for verb in (*verbs, *spoiling.VERBS) if can_do(verb)]


# With scenes ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("combinations", ["train", "test"])
def test_wordings_with_scenes_are_what_the_suite_plays(combinations):
    drawn = list(scened(20, "train", 5, combinations=combinations))
    assert drawn == list(scened(20, "train", 5, combinations=combinations))
    for item in drawn:
        goal = read(item["goal"])
        assert fits_split(goal, combinations)
        outcome_of(goal, table_of(item["scene"]))
        assert item["text"].strip()


def test_kinds_that_are_asked_for_come_in_turn():
    drawn = list(scened(4, "train", 5, kinds=("missing", "fact")))
    assert sorted(item["kind"] for item in drawn) == ["fact", "fact", "missing", "missing"]
