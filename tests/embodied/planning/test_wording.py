"""What is recognised of an instruction: every phrasing that planners are taught, and words in other orders."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embodied.planning.instruction import clean_instruction
from embodied.planning.wording import ParsedInstruction, is_known, read
from envs.tasks.phrasings import PHRASINGS, VOCABULARY, say, understand
from envs.tasks.scene import COLORS
from tests.envs.tasks.test_phrasings import roles_of

WANTED = {"in": [("block", "in", "bowl")], "on": [("block", "on", "base")],
          "tower": [("middle", "on", "low"), ("high", "on", "middle")]}


def goals(parsed: ParsedInstruction) -> list[str]:
    """The only way that an instruction may mean, in words."""
    return [f"{g.moved.words} {g.role} {g.destination.words}" for g in parsed.ways[0]] if len(parsed.ways) == 1 else []


@given(form=st.sampled_from(list(PHRASINGS)), seed=st.integers(0, 2**32 - 1),
       colors=st.lists(st.sampled_from(list(COLORS)), min_size=3, max_size=3, unique=True))
def test_what_planners_are_taught_is_read_whole(form: str, seed: int, colors: list[str]):
    roles = roles_of(form, colors)
    parsed = read(say(form, roles, np.random.default_rng(seed)))
    assert parsed.is_clear and len(parsed.ways) == 1
    if form == "sort":
        assert [(g.is_matched, g.moved.kind, g.moved.count) for g in parsed.ways[0]] == [(True, "block", None)]
        return
    found = [(*g.moved.colors, g.role, *g.destination.colors) for g in parsed.ways[0]]
    assert sorted(found) == sorted((roles[a].split()[0], role, roles[b].split()[0]) for a, role, b in WANTED[form])


CASES = (str, str.upper, str.title, str.swapcase, str.capitalize)
FRAMES = ("{}", "{}.", "{}!!!", "{} ...", "\u201c{}\u201d", '"{}"', "'{}'", "\u2018{}.\u2019", "({})", "  {}\u2014",
          "\u2013 {} !")
MARKS = ("", "", ",", " \u2013", " -", ";", ".", ":", "!", '"', "'", " (")


@given(form=st.sampled_from(list(PHRASINGS)), seed=st.integers(0, 2**32 - 1), case=st.sampled_from(CASES),
       colors=st.lists(st.sampled_from(list(COLORS)), min_size=3, max_size=3, unique=True),
       frame=st.sampled_from(FRAMES), hyphen=st.booleans())
def test_what_the_world_understands_whole_in_any_spelling_is_read_whole(form, seed, case, colors, frame, hyphen: bool):
    text = say(form, roles_of(form, colors), np.random.default_rng(seed))
    text = frame.format(case(re.sub(r"(\w) (block|cube|bowl|dish)\b", r"\1-\2", text) if hyphen else text))
    assert understand(text) is not None
    assert read(clean_instruction(text)).is_clear, clean_instruction(text)


@given(form=st.sampled_from(list(PHRASINGS)), seed=st.integers(0, 2**32 - 1), where=st.integers(0, 30),
       colors=st.lists(st.sampled_from(list(COLORS)), min_size=3, max_size=3, unique=True),
       mark=st.sampled_from(MARKS), extra=st.sampled_from(["", "", "not", "no", "never", "I", "red", "and", "please"]))
def test_what_world_and_judge_both_read_whole_they_read_alike(form, seed, where, colors, mark: str, extra: str):
    """Wherever a mark or a word more stands: neither takes a text for another instruction than the other does."""
    words = say(form, roles_of(form, colors), np.random.default_rng(seed)).split()
    text = " ".join([*words[:where], *filter(None, [extra]), *words[where:]])
    at = text.find(" ", where * 3)
    text = text if at < 0 else f"{text[:at]}{mark}{text[at:]}"
    understood, parsed = understand(text), read(clean_instruction(text))
    if understood is not None and parsed.is_clear and understood[0] != "sort":
        roles = understood[1]
        assert len(parsed.ways) == 1
        found = [(*g.moved.colors, g.role, *g.destination.colors) for g in parsed.ways[0]]
        assert sorted(found) == sorted((roles[a].split()[0], role, roles[b].split()[0])
                                       for a, role, b in WANTED[understood[0]]), text


def test_it_knows_the_words_that_planners_are_taught():
    assert all(is_known(word) for word in VOCABULARY)


@pytest.mark.parametrize(("text", "expected"), [
    ("on the red block I would like the green block", ["green block on red block"]),
    ("into the blue bowl goes the red cube", ["red cube in blue bowl"]),
    ("the green block should sit below the red block", ["red block to green block"]),
    ("put the red block and the green block in the blue bowl", ["red block in blue bowl", "green block in blue bowl"]),
    ("put the red and the green block in the blue bowl", ["red in blue bowl", "green block in blue bowl"]),
    ("put the red block in the blue bowl, then put it on the green one",
     ["red block in blue bowl", "red block on green one"]),
    ("take the red block from the white bowl and put it on the green block", ["red block on green block"]),
    ("put the red block on the top of the green block", ["red block on green block"]),
    ("put the red block in the white bowl, not in the blue one", ["red block in white bowl"]),
    ("stack red on green", ["red on green"]), ("put a block in any bowl", ["block in bowl"])])
def test_what_shall_go_where(text: str, expected: list[str]):
    assert goals(read(text)) == expected and read(text).is_clear


@pytest.mark.parametrize("text", [
    "", "tidy up", "put the red block", "in the blue bowl", "put it in the blue bowl", "red block blue bowl",
    "put the red block by the blue bowl", "put the red block in the blue bowl and the white bowl",
    "put the red block in the blue bowl on the green block", "do not put the red block in the blue bowl",
    "The purple; block should go into the red bowl.", "put the yellow - block in the orange bowl",
    "stack the red block on, top of the green block and the blue block onto the red block",
    "build a tower from top to, bottom: the yellow cube, the blue block, the orange block",
    "put the crimson block in the blue bowl", "put the red spoon in the blue bowl", "the red block = the blue bowl",
    "put the red block or the green block in the blue bowl", "put the red block in every bowl", "stack the blocks",
    "put each block in a bowl of another color", "take each block from the bowl of its color", "build a tower",
    "sort the blocks by color into the blue bowl", "stack the blocks of the same color", "a bored block in a sunbowl"])
def test_what_is_not_read_whole_is_not_clear(text: str):
    assert not read(text).is_clear


THERE = "the red block in the blue bowl"


@pytest.mark.parametrize("text", [
    f"you should not, please, put {THERE}", f"you can not put {THERE}", f"you can't put {THERE}",
    f"i do not want to put {THERE}", f"i want to put {THERE}, not you", f"you can put {THERE}, no",
    f"i never want to put {THERE}", f"put {THERE}; no, not the red block", f"put {THERE}. don't.",
    f"i need {THERE}, you should not move the red block", f"put {THERE}? no.", f"put {THERE}, then not",
    f"no no, put {THERE}", f"avoid the blue bowl: put {THERE}", f"put {THERE}, not a block",
    "put a block in the blue bowl, not the red one"])
def test_what_takes_back_any_of_the_words_is_not_clear(text: str):
    assert read(f"put {THERE}").is_clear and not read(text).is_clear


@pytest.mark.parametrize("text", [
    f"i like {THERE}", "should the red block be in the blue bowl?", f"i put {THERE}", f"you put {THERE}",
    f"the robot put {THERE}", f"can i put {THERE}?", f"would you like {THERE}?", f"{THERE}?", f"this put {THERE}",
    "the red block can go in the blue bowl", "the red block goes in the blue bowl?", f"you can put {THERE}?",
    "the red block should be in the blue bowl by now", f"thanks, i like it: {THERE}", f"i like to put {THERE}",
    f"put the green block in the white bowl. i like {THERE}", f"i wanted to put {THERE}", f"i can put {THERE}",
    f"you would put {THERE}", f"you want to put {THERE}", f"would you like to put {THERE}", f"it can put {THERE}",
    f"do i want to put {THERE}?", f"should i put {THERE}", f"we could put {THERE}", f"this you can put {THERE}",
    f"you could have put {THERE}", f"if you can put {THERE}", f"i want to know if you can put {THERE}",
    f"you can put {THERE} if you like", f"you can put {THERE} by now", f"you can see that i put {THERE}",
    f"she says you can put {THERE}", f"i want {THERE} and you can see it"])
def test_statements_and_questions_ask_for_nothing(text: str):
    assert not read(text).is_clear


@pytest.mark.parametrize("text", [
    f"you can put {THERE}", f"i want to put {THERE}", f"i would like to put {THERE}", f"you could put {THERE}, please",
    f"we need to put {THERE}", f"i would like you to put {THERE}", f"could you please put {THERE}",
    f"now you can put {THERE}", "the red block you can put in the blue bowl",
    "you can take the red block and put it in the blue bowl", f"could you put {THERE} please?",
    f"i would like {THERE}", f"we need {THERE}", f"i want you to put {THERE}", f"you should put {THERE}",
    f"hey robot, would you put {THERE}, please? thanks.", f"put {THERE}, could you?", f"no, put {THERE}", THERE,
    f"put {THERE}?", f"put put {THERE}", "the red block belongs in the blue bowl", f"robot, {THERE}",
    f"avoid the green block, put {THERE}", "in the blue bowl belongs the red block"])
def test_other_ways_to_ask_are_clear(text: str):
    parsed = read(text)
    assert parsed.is_clear and [(*g.moved.colors, *g.destination.colors) for g in parsed.goals] == [("red", "blue")]


@pytest.mark.parametrize(("text", "words", "count"), [
    ("every block", "block", None), ("the blocks", "blocks", None), ("all of the red blocks", "red blocks", None),
    ("a block", "block", 1), ("two blocks", "blocks", 2), ("one of the blocks", "blocks", 1), ("3 dishes", "dishes", 3),
    ("both the red block", "red block", 1), ("the red ones", "red ones", None)])
def test_of_how_many_things_words_speak(text: str, words: str, count: int | None):
    assert [(m.words, m.count) for m in read(text).mentions] == [(words, count)]


@pytest.mark.parametrize(("text", "negated"), [
    ("don't move the red block", [True]), ("no, the red block", [False]),
    ("the red block, not the green block", [False, True]),
    ("never put the red block in the blue bowl", [True, True]), ("put nothing: the red block", [False])])
def test_what_a_negation_reaches(text: str, negated: list[bool]):
    assert [m.is_negated for m in read(text).mentions] == negated


def test_a_tower_without_an_order_may_stand_in_any():
    assert len(read("build a tower of the red block, the green block and the blue block").ways) == 6


@given(st.text(max_size=120))
def test_any_text_can_be_read(text: str):
    assert isinstance(read(text), ParsedInstruction)
